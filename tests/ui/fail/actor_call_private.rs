struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[call]
    fn flush(&mut self) {}
}

fn main() {}
