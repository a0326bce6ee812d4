use std::time::Duration;

use smarm::runtime::Deadlock;

const SLICE: u64 = 300_000;

#[smarm::main(
    workers = 1..=4,
    alloc_interval = 64 * 2,
    timeslice_cycles = SLICE,
    stack_size = "512K",
    root_stack_size = 1 << 20,
    deadlock = Deadlock::Fail,
    shutdown_timeout = Duration::from_millis(100),
    stall_after = "20ms",
    spares = 0,
    blocking_threads = 8,
    on_stall = |stall| eprintln!("{stall}"),
    alloc = false,
    signals = false,
    crate = ::smarm,
)]
fn main() {}
