struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[on_linked_exit]
    fn lost(&mut self) {}
}

fn main() {}
