#[smarm::main(workers = 2 stack_size = "1M")]
fn main() {}
