struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[call]
    #[skip]
    pub fn add(&mut self) {}
}

fn main() {}
