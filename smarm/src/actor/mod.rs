//! Actors: thread actors, which are closures that run once on stacks of their own; servers, which are state and a mailbox.
//!
//! | file | what |
//! |---|---|
//! | `builder`, `job`, `join`, `scope` | thread actors |
//! | `traits`, `options` | what `#[smarm::actor]` implements and says |
//! | `start`, `server`, `context`, `plans` | a server's life |
//! | `mailbox`, `actor_ref`, `call`, `result`, `delivery`, `recipient`, `dead_letters` | its messages |
//! | `exit` | how both kinds end |

#[cfg(not(loom))]
mod actor_ref;
#[cfg(not(loom))]
mod arms;
#[cfg(not(loom))]
mod builder;
#[cfg(not(loom))]
mod call;
#[cfg(not(loom))]
mod context;
#[cfg(not(loom))]
mod dead_letters;
#[cfg(not(loom))]
mod delivery;
#[cfg(not(loom))]
mod exit;
#[cfg(not(loom))]
mod interval;
#[cfg(not(loom))]
mod job;
#[cfg(not(loom))]
mod join;
mod mailbox;
#[cfg(not(loom))]
mod options;
#[cfg(not(loom))]
mod plans;
#[cfg(not(loom))]
mod recipient;
#[cfg(not(loom))]
mod result;
#[cfg(not(loom))]
mod scope;
#[cfg(not(loom))]
mod server;
#[cfg(not(loom))]
mod start;
#[cfg(not(loom))]
mod traits;

#[cfg(not(loom))]
mod api {
    pub use super::actor_ref::{ActorInfo, ActorRef, ActorState};
    pub use super::arms::JoinServer;
    pub use super::builder::{Builder, spawn};
    pub use super::call::{CallError, ReplyTo, received};
    pub use super::context::Ctx;
    pub use super::dead_letters::dead_letters;
    pub use super::delivery::Timer;
    pub(crate) use super::exit::install_panic_hook;
    pub(crate) use super::job::{Options, Prepared};
    pub use super::join::JoinHandle;
    pub use super::mailbox::Overflow;
    pub use super::options::ServerOptions;
    pub use super::recipient::Recipient;
    pub use super::result::{ResultLike, cast_result, failed_casts, flat};
    pub use super::scope::{Scope, ScopedJoinHandle, scope};
    pub use super::start::{Build, Reserved, StartError, reserve, start, start_with};
    pub use super::traits::{
        Actor, Down, Handle, every_argument_and_reply_must_be_send, the_state_of_an_actor_must_be_send,
    };
}
#[cfg(not(loom))]
pub use api::*;
