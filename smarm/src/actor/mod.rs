//! Actors: thread actors, which are closures that run once on stacks of their own; servers, which are state and a mailbox.
//!
//! | file | what |
//! |---|---|
//! | `builder`, `job`, `join`, `scope`, `together` | thread actors |
//! | `traits`, `options` | what `#[smarm::actor]` implements and says |
//! | `start`, `server`, `context`, `plans` | a server's life |
//! | `bonds`, `links`, `monitor`, `signals` | who hears of an end |
//! | `mailbox`, `actor_ref`, `call`, `call_future`, `alarm`, `result`, `delivery`, `recipient`, `dead_letters` | its messages |
//! | `names`, `group`, with `registry`, `places` | how servers are found |
//! | `exit` | how both kinds end |

#[cfg(not(loom))]
mod actor_ref;
#[cfg(not(loom))]
mod alarm;
#[cfg(not(loom))]
mod arms;
#[cfg(not(loom))]
mod bonds;
#[cfg(not(loom))]
mod builder;
#[cfg(not(loom))]
mod call;
#[cfg(not(loom))]
mod call_future;
#[cfg(not(loom))]
mod context;
#[cfg(not(loom))]
mod dead_letters;
#[cfg(not(loom))]
mod delivery;
#[cfg(not(loom))]
mod exit;
#[cfg(not(loom))]
mod group;
#[cfg(not(loom))]
mod interval;
#[cfg(not(loom))]
mod job;
#[cfg(not(loom))]
mod join;
#[cfg(not(loom))]
mod links;
mod mailbox;
#[cfg(not(loom))]
mod monitor;
#[cfg(not(loom))]
mod names;
#[cfg(not(loom))]
mod options;
#[cfg(not(loom))]
mod places;
#[cfg(not(loom))]
mod plans;
#[cfg(not(loom))]
mod recipient;
#[cfg(not(loom))]
mod registry;
#[cfg(not(loom))]
mod result;
#[cfg(not(loom))]
mod scope;
#[cfg(not(loom))]
mod server;
#[cfg(not(loom))]
mod signals;
#[cfg(not(loom))]
mod start;
#[cfg(not(loom))]
mod together;
#[cfg(not(loom))]
mod traits;

#[cfg(not(loom))]
mod api {
    pub use super::actor_ref::{ActorInfo, ActorRef, ActorState};
    pub use super::arms::JoinServer;
    pub(crate) use super::bonds::Keeper;
    pub use super::bonds::bonds;
    pub(crate) use super::builder::spawn_kept;
    pub use super::builder::{Builder, spawn, spawn_linked, spawn_monitored};
    pub use super::call::{CallError, ReplyTo, received};
    pub use super::call_future::{CallFuture, Calls, FlatCallFuture};
    pub use super::context::{Ctx, MonitorRef};
    pub use super::dead_letters::dead_letters;
    pub use super::delivery::Timer;
    pub use super::exit::exit;
    pub(crate) use super::exit::install_panic_hook;
    pub use super::group::{Group, GroupEvent};
    pub(crate) use super::job::{Options, Prepared};
    pub use super::join::JoinHandle;
    pub use super::links::{Exit, Exits, link, send_exit, trap_exit, unlink};
    pub use super::mailbox::Overflow;
    pub use super::monitor::{Monitor, monitor};
    pub(crate) use super::names::register;
    pub use super::names::{LookupError, Name, RegisterError, registered, whereis};
    pub use super::options::ServerOptions;
    pub use super::recipient::Recipient;
    pub use super::result::{ResultLike, cast_result, failed_casts, flat};
    pub use super::scope::{Scope, ScopedJoinHandle, scope};
    pub(crate) use super::server::{Kept, Terms};
    pub use super::signals::{Signal, signals};
    pub use super::start::{Build, Reserved, StartError, reserve, start, start_linked, start_with};
    pub(crate) use super::start::{Tell, Told, start_telling, tell};
    pub use super::together::{Together, race, racer};
    pub use super::traits::{
        Actor, Down, Handle, every_argument_and_reply_must_be_send, the_state_of_an_actor_must_be_send,
    };
}
#[cfg(not(loom))]
pub use api::*;
