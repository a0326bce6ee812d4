//! What ends a process, and what must not: each in a process of its own, looked at from outside.

mod alloc_switch;
mod exit_codes;
mod limits;
mod overflow;
mod regressions;
mod reports;

/// As `#[smarm::main]` makes it.
#[global_allocator]
static ALLOC: smarm::Alloc = smarm::Alloc::system();
