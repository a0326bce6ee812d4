struct Counter;

#[smarm::preemptible]
impl Drop for Counter {
    fn drop(&mut self) {}
}

fn main() {
    drop(Counter);
}
