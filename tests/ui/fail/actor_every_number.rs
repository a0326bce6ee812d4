struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[every(5)]
    fn tick(&mut self) {}
}

fn main() {}
