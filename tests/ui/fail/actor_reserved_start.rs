struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn start(&mut self) {
        self.n = 0;
    }
}

fn main() {}
