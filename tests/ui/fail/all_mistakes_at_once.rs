#[smarm::main(wokers = 2, stack_size = "big", alloc_interval = 0)]
fn main() {
    let text: &str = 5;
}
