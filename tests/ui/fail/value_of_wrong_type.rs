#[smarm::main(deadlock = 5 + 5)]
fn main() {}
