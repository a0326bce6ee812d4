struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub const fn get(&self) -> u64 {
        self.n
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    let _: u64 = c.get().unwrap();
}
