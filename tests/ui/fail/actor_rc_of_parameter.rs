use std::rc::Rc;

struct Cell<T> {
    value: Vec<T>,
}

#[smarm::actor]
impl<T> Cell<T> {
    pub fn put(&mut self, value: Rc<T>) {
        let _ = value;
    }
}

fn main() {}
