#[smarm::test(signals = false)]
fn ends() {}

fn main() {}
