#[smarm::main(timeslice_cycles = "100us")]
fn main() {}
