#[smarm::main(workers)]
fn main() {}
