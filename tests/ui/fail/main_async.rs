#[smarm::main]
async fn main() {}
