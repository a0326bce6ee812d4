struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn name<'a>(&'a self) -> u64 {
        self.n
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    let _ = c.name();
}
