struct Counter {
    n: u64,
}

#[smarm::actor(mailbx = unbounded, timeout = 5)]
impl Counter {
    pub fn rename(&mut self, name: &str) {
        self.n += name.len() as u64;
    }

    pub async fn get(&self) -> &u64 {
        &self.n
    }

    pub fn join<T>(&mut self, (a, b): (T, u8)) {
        let _ = (a, b);
    }

    #[on_stop]
    fn bye(&mut self) {}

    pub fn keep(&mut self, value: std::rc::Rc<u8>) {
        let _ = value;
    }

    pub fn good(&self) -> u64 {
        let n: u64 = "five";
        n
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.rename("x");
    let _ = c.get().map(|n| *n);
    c.join((1, 2));
    c.keep(std::rc::Rc::new(1));
    let _: u64 = c.good().unwrap();
}
