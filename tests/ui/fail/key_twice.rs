#[smarm::main(workers = 1, workers = 2)]
fn main() {}
