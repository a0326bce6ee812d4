#[smarm::main]
#[smarm::main]
fn main() {}
