#[smarm::main]
extern "C" fn main() {}
