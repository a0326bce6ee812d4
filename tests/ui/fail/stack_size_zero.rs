#[smarm::main(root_stack_size = 0)]
fn main() {}
