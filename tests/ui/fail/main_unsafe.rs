#[smarm::main]
unsafe fn main() {}
