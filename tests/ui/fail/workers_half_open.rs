#[smarm::main(workers = 1..4)]
fn main() {}
