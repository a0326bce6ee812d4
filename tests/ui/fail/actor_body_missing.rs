struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn add(&mut self, by: u64);

    pub fn get(&self) -> u64 {
        self.n
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.add(1);
    let _: u64 = c.get().unwrap();
}
