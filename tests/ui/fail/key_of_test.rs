#[smarm::main(watchdog = "5s")]
fn main() {}
