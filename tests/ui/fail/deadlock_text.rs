#[smarm::main(deadlock = "fail")]
fn main() {}
