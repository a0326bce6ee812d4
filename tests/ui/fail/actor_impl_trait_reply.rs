struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn all(&self) -> impl Iterator<Item = u64> {
        0..self.n
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    for n in c.all().unwrap() {
        let _: u64 = n;
    }
}
