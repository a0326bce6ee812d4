use std::rc::Rc;

struct Counter {
    n: Rc<u64>,
}

#[smarm::actor]
impl Counter {
    pub fn get(&self) -> u64 {
        *self.n
    }
}

fn main() {}
