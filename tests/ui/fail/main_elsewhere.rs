#[smarm::main]
fn start() {}
