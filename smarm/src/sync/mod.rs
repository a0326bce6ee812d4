//! Locks that park the actor, not the thread.
//!
//! | | what | a wait ends by itself after | order | told at once of |
//! |---|---|---|---|---|
//! | [`Mutex`] | one at a time uses a value | 30 s | barging; strict after 1 ms | a cycle of owners |
//! | [`RwLock`] | many read it, or one changes it | 30 s | strict | a cycle of writers |
//! | [`OnceCell`], [`Once`] | one makes a value, the others wait for it | 30 s | as `Mutex` | a cycle of initialisers |
//! | [`Semaphore`] | so many permits | never | strict | |
//! | [`Condvar`] | something changed under a mutex | never | first come, first notified | |
//! | [`Barrier`] | so many meet | never | | |
//!
//! All work in actors of any runtime and on plain OS threads, also with each other; a wait parks the actor, or blocks the plain thread. What is
//! held by an owner has a limit to each wait; each other wait has one if the call says so (`.._timeout`), and is reported if it is
//! certainly in vain ([`Deadlock`](crate::runtime::Deadlock)).
//!
//! Waits are safe points: an actor that was killed unwinds out of them, and leaves nothing behind; what it had been given goes to the next one.
//! Releasing, notifying and `try_..` never park. While an actor *unwinds*, nothing switches: what is free is taken, and what would have
//! to wait is an error whose [`is_unwinding`](LockError::is_unwinding) is true. Nothing is poisoned: see [`Mutex`].

#[cfg(not(loom))]
mod barrier;
#[cfg(not(loom))]
mod condvar;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod mutex;
#[cfg(not(loom))]
mod once;
mod permits;
mod queue;
#[cfg(not(loom))]
mod raw;
#[cfg(not(loom))]
mod rwlock;
#[cfg(not(loom))]
mod semaphore;
mod value;
#[cfg(not(loom))]
mod waiting;
mod word;

#[cfg(not(loom))]
pub use barrier::{Barrier, BarrierWaitResult};
#[cfg(not(loom))]
pub use condvar::{Condvar, WaitTimeoutResult};
#[cfg(not(loom))]
pub use error::{LockError, LockTimeout};
#[cfg(not(loom))]
pub use mutex::{Mutex, MutexGuard};
#[cfg(not(loom))]
pub use once::{Once, OnceCell};
#[cfg(not(loom))]
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
#[cfg(not(loom))]
pub use semaphore::{Permit, Semaphore};
