use std::rc::Rc;

struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn get(&self) -> Result<u64, Rc<str>> {
        Ok(self.n)
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    let _ = c.get();
}
