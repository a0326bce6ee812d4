//! What ends a process, and what must not: each in a process of its own, looked at from outside.

mod alloc_switch;
#[cfg(smarm_chaos)]
mod chaos;
mod exit_codes;
mod kills;
mod limits;
mod overflow;
mod panics;
mod regressions;
mod reports;
mod signals;

/// As `#[smarm::main]` makes it.
#[global_allocator]
static ALLOC: smarm::Alloc = smarm::Alloc::system();
