#[smarm::main(alloc = true)]
fn main() {}
