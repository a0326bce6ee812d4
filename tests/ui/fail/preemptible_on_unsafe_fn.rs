#[smarm::preemptible]
unsafe fn one() -> u8 {
    1
}

fn main() {
    unsafe { one() };
}
