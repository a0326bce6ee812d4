struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[on_start]
    async fn begin(&mut self) {}
}

fn main() {}
