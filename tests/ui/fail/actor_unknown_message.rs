struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn add(&mut self, by: u64) {
        self.n += by;
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.substract(1);
}
