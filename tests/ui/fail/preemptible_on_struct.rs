#[smarm::preemptible]
struct Counter;

fn main() {
    let _ = Counter;
}
