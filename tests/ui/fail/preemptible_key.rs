#[smarm::preemptible(crat = smarm)]
fn one() {}

fn main() {
    one();
}
