struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[on_exit]
    fn bye(self) {}
}

fn main() {}
