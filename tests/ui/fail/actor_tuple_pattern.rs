struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn add(&mut self, (a, b): (u64, u64)) {
        self.n += a + b;
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.add((1, 2));
}
