#[smarm::test(watchdog = "0s")]
fn ends() {}

fn main() {}
