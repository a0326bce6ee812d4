//! Who runs next, and where.
//!
//! ```text
//!   spawn ─▶ deque ─┐                 ┌─▶ settle: parked, yielded, ended
//!   wake ─▶ LIFO slot, woken ring ─▶ find ─▶ execute ─┘
//!   wake from elsewhere ─▶ inbox ─┘ ▲
//!   plain threads ─▶ injector ──────┘
//! ```
//!
//! | file | what |
//! |---|---|
//! | `worker` | the loop, and what the actors on it ask for |
//! | `deque`, `inbox`, `injector` | the queues, by who may push and who may take |
//! | `idle` | one worker's sleep and wake |
//! | `quiet` | nothing can happen any more: the end of a run, deadlocks |
//! | `shutdown` | how far the shutdown of a runtime is |
//! | `crew` | the workers of a runtime: regular, spare, own |
//! | `blocking` | threads for blocking code |
//! | `stall` | what is told of an actor that keeps its worker |
//! | `supplies` | free slots and stacks at a worker's hand |
//! | `timers`, `replies` | a worker's deadlines |
//! | `monitor` | looks after workers that cannot look themselves |
//! | `shared`, `stats` | what the workers of a runtime have in common |

#[cfg(not(loom))]
mod blocking;
#[cfg(not(loom))]
mod crew;
pub(crate) mod deque;
pub(crate) mod idle;
pub(crate) mod inbox;
#[cfg(not(loom))]
pub(crate) mod injector;
#[cfg(not(loom))]
pub(crate) mod monitor;
#[cfg(not(loom))]
pub(crate) mod quiet;
#[cfg(not(loom))]
mod replies;
#[cfg(not(loom))]
pub(crate) mod shared;
#[cfg(not(loom))]
pub(crate) mod shutdown;
#[cfg(not(loom))]
pub(crate) mod stall;
#[cfg(not(loom))]
pub(crate) mod stats;
#[cfg(not(loom))]
mod supplies;
#[cfg(not(loom))]
mod timers;
#[cfg(not(loom))]
pub(crate) mod worker;

#[cfg(not(loom))]
mod host;
#[cfg(not(loom))]
pub(crate) use host::{Host, spawn_outside};
