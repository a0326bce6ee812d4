#[smarm::main]
fn main() {
    std::fs::read("there")?;
}
