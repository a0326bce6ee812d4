#[smarm::main(alloc = 1)]
fn main() {}
