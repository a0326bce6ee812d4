//! Supervision: what is restarted when a child ends, how often, how soon, and how children are stopped. OTP's words, with OTP's meaning.
//!
//! | file | what |
//! |---|---|
//! | `restart` | whether a child is restarted |
//! | `strategy` | which others are stopped and restarted with it, in which order |
//! | `intensity` | when restarts are too many |
//! | `backoff` | how long to wait before a restart |
//! | `shutdown` | how long a child may take to stop |
//! | `auto` | when a supervisor ends because its children have |
//!
//! All of it is plain functions of plain data: no actor, no clock.
#![cfg_attr(not(test), expect(dead_code, reason = "the server that uses these is to come"))]

mod auto;
mod backoff;
mod intensity;
mod restart;
mod shutdown;
mod strategy;
#[cfg(test)]
mod tests;

pub use auto::AutoShutdown;
pub use backoff::Backoff;
pub use restart::Restart;
pub use shutdown::Shutdown;
