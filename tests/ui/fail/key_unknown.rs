#[smarm::main(wokers = 2)]
fn main() {}
