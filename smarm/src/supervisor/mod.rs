//! Supervision: what is restarted when a child ends, how often, how soon, and how children are stopped. OTP's words, with OTP's meaning.
//!
//! ```
//! use smarm::supervisor::{Child, Restart, Supervisor};
//! use std::time::Duration;
//!
//! pub struct Db { rows: Vec<String> }
//! #[smarm::actor]
//! impl Db {
//!     pub fn open() -> std::io::Result<Self> { Ok(Self { rows: Vec::new() }) }
//!     pub fn add(&mut self, row: String) -> usize { self.rows.push(row); self.rows.len() }
//! }
//!
//! smarm::run(|| {
//!     let supervisor = Supervisor::rest_for_one()
//!         .intensity(3, Duration::from_secs(5))
//!         .child(Child::new("db", Db::open))
//!         .child(Child::new("log", || println!("a thread actor")).restart(Restart::Transient))
//!         .start()
//!         .unwrap();
//!     let db = supervisor.child::<DbHandle>("db").unwrap();
//!     assert_eq!(db.add("one".into()).unwrap(), 1);
//!     supervisor.stop();
//!     assert!(supervisor.join().is_normal());
//! });
//! ```
//!
//! | file | what |
//! |---|---|
//! | `options`, `child`, `seed` | supervisors to be, and their children |
//! | `tree`, `tether` | the server that supervises, and what binds a life to it |
//! | `handle`, `info`, `error` | what others have of it |
//! | `restart` | whether a child is restarted |
//! | `strategy` | which others are stopped and restarted with it, in which order |
//! | `intensity` | when restarts are too many |
//! | `backoff` | how long to wait before a restart |
//! | `shutdown` | how long a child may take to stop |
//! | `auto` | when a supervisor ends because its children have |
//!
//! The last six are plain functions of plain data: no actor, no clock.

mod auto;
mod backoff;
mod child;
mod error;
mod handle;
mod info;
mod intensity;
mod options;
mod restart;
mod seed;
mod shutdown;
mod strategy;
#[cfg(test)]
mod tests;
mod tether;
mod tree;

pub use auto::AutoShutdown;
pub use backoff::Backoff;
pub use child::Child;
pub use error::{ChildError, GaveUp, NotStarted};
pub use handle::{DynamicSupervisorHandle, SupervisorHandle};
pub use info::{ChildCounts, ChildInfo};
pub use options::{DynamicSupervisor, Supervisor};
pub use restart::Restart;
pub use seed::{ChildKind, Seed};
pub use shutdown::Shutdown;
