struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[on_start]
    fn begin(&mut self, why: &smarm::ExitReason) {
        let _ = why;
    }
}

fn main() {}
