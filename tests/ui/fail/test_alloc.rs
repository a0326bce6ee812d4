#[smarm::test(alloc = false)]
fn ends() {}

fn main() {}
