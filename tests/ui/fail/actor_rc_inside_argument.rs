struct Shared {
    inner: std::rc::Rc<u8>,
}

struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn put(&mut self, value: Option<Shared>) {
        let _ = value;
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.put(None);
}
