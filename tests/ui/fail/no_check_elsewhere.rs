#[smarm::preemptible]
fn one() {
    #[no_check]
    let _ = 1;
}

fn main() {
    one();
}
