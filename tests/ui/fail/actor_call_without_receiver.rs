struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[call]
    pub fn new() -> Self {
        Self { n: 0 }
    }
}

fn main() {}
