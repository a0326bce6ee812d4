struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[call]
    #[cast]
    pub fn add(&mut self) {}
}

fn main() {}
