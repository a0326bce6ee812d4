#[smarm::preemptible]
const fn one() -> u8 {
    1
}

fn main() {
    one();
}
