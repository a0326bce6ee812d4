#[smarm::main]
fn main<T>() {}
