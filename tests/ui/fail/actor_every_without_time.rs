struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[every]
    fn tick(&mut self) {}
}

fn main() {}
