//! What ends a process, and what must not: each in a process of its own, looked at from outside.

#[cfg(smarm_chaos)]
mod chaos;
mod exit_codes;
mod kills;
mod limits;
mod overflow;
mod panics;
mod regressions;
mod reports;
