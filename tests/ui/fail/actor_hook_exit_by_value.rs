struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[on_exit]
    fn bye(&mut self, why: smarm::ExitReason) {
        let _ = why;
    }
}

fn main() {}
