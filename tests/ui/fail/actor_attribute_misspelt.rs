struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[casts]
    pub fn add(&mut self) {}
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.add();
}
