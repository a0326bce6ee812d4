//! Thread actors: closures that run once, each on its own stack.

mod builder;
mod exit;
mod job;
mod join;
mod scope;

pub use builder::{Builder, spawn};
pub(crate) use exit::install_panic_hook;
pub(crate) use job::{Options, Prepared};
pub use join::JoinHandle;
pub use scope::{Scope, ScopedJoinHandle, scope};
