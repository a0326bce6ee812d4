struct Counter {
    n: u64,
}

#[smarm::actor]
unsafe impl Counter {}

fn main() {
    let _ = Counter { n: 1 }.n;
}
