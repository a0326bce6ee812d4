struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn rename(&mut self, name: Option<&str>) {
        self.n += name.map_or(0, str::len) as u64;
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.rename(Some("x"));
}
