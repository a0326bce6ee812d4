struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn get1(&self) -> u64 {
        self.n
    }

    pub fn get_1(&self) -> u64 {
        self.n
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    let _ = (c.get1(), c.get_1());
}
