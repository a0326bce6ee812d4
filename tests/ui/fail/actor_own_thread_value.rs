struct Counter {
    n: u64,
}

#[smarm::actor(own_thread = true)]
impl Counter {
    pub fn get(&self) -> u64 {
        self.n
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    let _: Result<u64, smarm::CallError> = c.get();
}
