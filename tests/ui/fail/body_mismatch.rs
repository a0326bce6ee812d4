#[smarm::main]
fn main() {
    let text: &str = 5;
}
