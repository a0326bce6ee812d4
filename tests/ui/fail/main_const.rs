#[smarm::main]
const fn main() {}
