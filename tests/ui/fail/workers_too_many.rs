#[smarm::main(workers = 4096)]
fn main() {}
