#[smarm::main(stack_size = "9M")]
fn main() {}
