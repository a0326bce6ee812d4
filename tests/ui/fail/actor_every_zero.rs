struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[every("0s")]
    fn tick(&mut self) {}
}

fn main() {}
