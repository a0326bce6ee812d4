#[smarm::main(signals = "SIGTERM")]
fn main() {}
