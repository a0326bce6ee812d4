#[smarm::main]
fn main() -> Result<(), std::fmt::Error> {
    5
}
