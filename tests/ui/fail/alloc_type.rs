#[smarm::main(alloc = std::alloc::System)]
fn main() {}
