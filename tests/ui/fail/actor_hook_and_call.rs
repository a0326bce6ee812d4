struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[on_start]
    #[call]
    pub fn begin(&mut self) {}
}

fn main() {}
