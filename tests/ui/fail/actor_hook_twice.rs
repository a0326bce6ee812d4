struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[on_exit]
    fn bye(&mut self) {}

    #[on_exit]
    fn good_bye(&mut self) {}
}

fn main() {}
