struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn start() -> Self {
        Self { n: 0 }
    }
}

fn main() {}
