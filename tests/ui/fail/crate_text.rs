#[smarm::main(crate = "smarm")]
fn main() {}
