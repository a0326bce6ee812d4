struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn add(&mut self, all: impl Iterator<Item = u64>) {
        self.n += all.sum::<u64>();
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.add([1, 2].into_iter());
}
