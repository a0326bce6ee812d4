struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn add(&mut self, all: &[u64]) {
        self.n += all.len() as u64;
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.add(&[1]);
}
