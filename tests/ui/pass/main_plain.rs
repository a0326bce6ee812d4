#[smarm::main]
fn main() {
    assert_eq!(6 * 7, 42);
}
