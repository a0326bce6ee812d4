struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[on_start]
    fn begin<T>(&mut self) {}
}

fn main() {}
