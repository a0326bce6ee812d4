#[smarm::main(workers = 4..=2)]
fn main() {}
