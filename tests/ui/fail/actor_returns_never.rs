struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn fail(&mut self) -> ! {
        panic!()
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.fail();
}
