struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[cast]
    pub fn get(&self) -> u64 {
        self.n
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.get();
}
