struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[call(deep)]
    pub fn get(&self) -> u64 {
        self.n
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    let _ = c.get();
}
