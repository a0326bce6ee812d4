struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn fill(&mut self, buffer: &mut Vec<u8>) {
        buffer.push(self.n as u8);
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.fill(&mut Vec::new());
}
