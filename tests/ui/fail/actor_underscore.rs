struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn add(&mut self, _: u64) {
        self.n += 1;
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.add(1);
}
