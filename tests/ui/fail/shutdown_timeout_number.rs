#[smarm::main(shutdown_timeout = 5)]
fn main() {}
