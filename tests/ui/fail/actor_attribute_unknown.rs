struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[on_stop]
    fn bye(&mut self) {}
}

fn main() {}
