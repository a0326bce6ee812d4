struct Counter {
    n: u64,
}

#[smarm::actor]
impl Default for Counter {
    fn default() -> Self {
        Self { n: 0 }
    }
}

fn main() {
    let _ = Counter::default().n;
}
