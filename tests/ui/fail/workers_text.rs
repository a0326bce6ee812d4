#[smarm::main(workers = "two")]
fn main() {}
