struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn rename(&mut self, name: &str) {
        self.n += name.len() as u64;
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.rename("x");
}
