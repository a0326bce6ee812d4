#[smarm::test]
fn adds(left: u8) {}

fn main() {}
