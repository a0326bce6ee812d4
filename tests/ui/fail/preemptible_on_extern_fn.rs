#[smarm::preemptible]
extern "C" fn one() -> u8 {
    1
}

fn main() {
    one();
}
