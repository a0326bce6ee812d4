#[smarm::main(alloc_interval = 0)]
fn main() {}
