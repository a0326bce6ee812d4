#[smarm::actor]
pub enum Counter {
    One,
}

fn main() {
    let _ = Counter::One;
}
