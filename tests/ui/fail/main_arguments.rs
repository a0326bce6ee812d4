#[smarm::main]
fn main(arguments: Vec<String>) {}
