struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[on_exit]
    #[on_exit]
    fn bye(&mut self) {
        self.n = 0;
    }
}

fn main() {}
