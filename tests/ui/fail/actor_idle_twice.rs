struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[idle("1s")]
    fn rest(&mut self) {}

    #[idle("2s")]
    fn sleep(&mut self) {}
}

fn main() {}
