#[smarm::actor]
fn count() {}

fn main() {
    count();
}
