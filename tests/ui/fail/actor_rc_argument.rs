use std::rc::Rc;

struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn put(&mut self, value: Rc<u8>) {
        self.n += u64::from(*value);
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.put(Rc::new(1));
    c.put(Rc::new(2));
}
