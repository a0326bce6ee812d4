#[smarm::main(4)]
fn main() {}
