#[smarm::actor]
struct Counter {
    n: u64,
}

fn main() {
    let _ = Counter { n: 1 }.n;
}
