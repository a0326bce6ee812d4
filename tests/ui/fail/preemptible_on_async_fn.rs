#[smarm::preemptible]
async fn one() -> u8 {
    1
}

fn main() {
    drop(one());
}
