struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn add<T: Into<u64>>(&mut self, by: T) {
        self.n += by.into();
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.add(1_u8);
    c.add::<u16>(1);
}
