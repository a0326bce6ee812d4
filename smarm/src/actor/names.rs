//! Names of servers.

use core::fmt;
use core::marker::PhantomData;
use std::error::Error;

use super::actor_ref::ActorRef;
use super::registry::{self, HandleType};
use super::traits::Handle;
use crate::pid::Pid;

impl<M: 'static> ActorRef<M> {
    /// Gives the server a name by which [`whereis`] finds it, in the runtime of the caller, or in the one that this thread has
    /// [entered](crate::RuntimeHandle::enter). Never parks. Erlang's cousin is `register/2`; here a server may have several names.
    ///
    /// The name is the server's until [`unregister`](Self::unregister), or until its end: it is free again when [`join`](Self::join) returns and,
    /// if the server has no supervisor, when links and monitors hear of the end. A server that its supervisor restarts keeps its names. Who
    /// finds the server by its name gets a handle with the call timeout of this reference. The name counts as a handle, so a server that
    /// stops when its last handle is dropped (`stop_on_drop`) does not before it has lost its name.
    ///
    /// # Errors
    ///
    /// If another server has the name, or this one already, or if the server has ended.
    ///
    /// # Panics
    ///
    /// On a plain thread that has not entered a runtime.
    ///
    /// ```
    /// use smarm::RegisterError;
    ///
    /// #[derive(Default)]
    /// pub struct Counter { n: u64 }
    /// #[smarm::actor]
    /// impl Counter {
    ///     pub fn add(&mut self, by: u64) -> u64 { self.n += by; self.n }
    /// }
    ///
    /// smarm::run(|| {
    ///     Counter::default().start().actor().register("hits").unwrap();
    ///     let hits = smarm::whereis::<CounterHandle>("hits").unwrap();
    ///     assert_eq!(hits.add(2).unwrap(), 2);
    ///
    ///     let other = Counter::default().start();
    ///     let error = other.actor().register("hits").unwrap_err();
    ///     assert!(matches!(error, RegisterError::Taken { holder, .. } if holder == hits.pid()));
    /// });
    /// ```
    #[track_caller]
    pub fn register(&self, name: &str) -> Result<(), RegisterError> {
        registry::in_force("`register`", |registry| registry.add_name(name, self, None))
    }

    /// Takes a name away from the server. False if it did not have it. Never parks. Erlang's cousin is `unregister/1`.
    ///
    /// # Panics
    ///
    /// On a plain thread that has not [entered](crate::RuntimeHandle::enter) a runtime.
    #[track_caller]
    pub fn unregister(&self, name: &str) -> bool {
        registry::in_force("`unregister`", |registry| registry.free_name(name, self.core().identity()))
    }
}

/// Gives a server a name; only by a handle of this type it will be found. For supervisors, of whom two kinds take the same messages.
#[track_caller]
pub(crate) fn register<H: Handle>(handle: &H, name: &str) -> Result<(), RegisterError> {
    let handle_type = Some(HandleType::of::<H>());
    registry::in_force("`register`", |registry| registry.add_name(name, handle.actor(), handle_type))
}

/// Finds a server by its name, in the runtime of the caller, or in the one that this thread has
/// [entered](crate::RuntimeHandle::enter). Never parks. Erlang's cousin is `whereis/1`.
///
/// The server may end at any time, also right after it was found: then its handle says so, as any handle does.
///
/// # Errors
///
/// If no server has the name, or one whose handle is of another type.
///
/// # Panics
///
/// On a plain thread that has not entered a runtime.
///
/// ```
/// use smarm::LookupError;
///
/// pub struct Clock;
/// #[smarm::actor]
/// impl Clock {
///     pub fn now(&self) -> u64 { 12 }
/// }
///
/// smarm::run(|| {
///     let clock = Clock.start();
///     clock.actor().register("clock").unwrap();
///     smarm::spawn(|| assert_eq!(smarm::whereis::<ClockHandle>("clock").unwrap().now().unwrap(), 12)).join().unwrap();
///
///     clock.stop();
///     clock.join();
///     assert_eq!(smarm::whereis::<ClockHandle>("clock"), Err(LookupError::NotFound));
/// });
/// ```
#[track_caller]
pub fn whereis<H: Handle>(name: &str) -> Result<H, LookupError> {
    registry::in_force("`whereis`", |registry| registry.find(name))
}

/// All names of servers, in order: of the runtime of the caller, or of the one that this thread has
/// [entered](crate::RuntimeHandle::enter). Never parks; out of date at once. Erlang's cousin is `registered/0`.
///
/// # Panics
///
/// On a plain thread that has not entered a runtime.
///
/// ```
/// # pub struct Clock;
/// # #[smarm::actor] impl Clock { pub fn now(&self) -> u64 { 12 } }
/// smarm::run(|| {
///     let clock = Clock.start();
///     clock.actor().register("wall").unwrap();
///     clock.actor().register("clock").unwrap();
///     assert_eq!(smarm::registered(), ["clock", "wall"]);
/// });
/// ```
#[must_use]
#[track_caller]
pub fn registered() -> Vec<String> {
    registry::in_force("`registered`", |registry| registry.names())
}

/// A name together with the type of the handle that is behind it: written once, as a static, and used by all who share it.
///
/// ```
/// pub struct Db;
/// #[smarm::actor]
/// impl Db {
///     pub fn rows(&self) -> u64 { 7 }
/// }
///
/// static DB: smarm::Name<DbHandle> = smarm::Name::new("db");
///
/// smarm::run(|| {
///     DB.register(&Db.start()).unwrap();
///     assert_eq!(DB.get().unwrap().rows().unwrap(), 7);
/// });
/// ```
pub struct Name<H> {
    name: &'static str,
    handle: PhantomData<fn() -> H>,
}

impl<H> Name<H> {
    /// The name; nobody has it by that.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, handle: PhantomData }
    }

    /// As it is written.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.name
    }
}

impl<H: Handle> Name<H> {
    /// Finds the server that has the name now; see [`whereis`]. Never parks.
    ///
    /// # Errors
    ///
    /// If no server has the name, or one whose handle is of another type.
    ///
    /// # Panics
    ///
    /// On a plain thread that has not [entered](crate::RuntimeHandle::enter) a runtime.
    #[track_caller]
    pub fn get(&self) -> Result<H, LookupError> {
        whereis(self.name)
    }

    /// Gives a server the name; see [`ActorRef::register`]. Never parks.
    ///
    /// # Errors
    ///
    /// If another server has the name, or this one already, or if the server has ended.
    ///
    /// # Panics
    ///
    /// On a plain thread that has not [entered](crate::RuntimeHandle::enter) a runtime.
    #[track_caller]
    pub fn register(&self, handle: &H) -> Result<(), RegisterError> {
        register(handle, self.name)
    }
}

impl<H> Clone for Name<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Name<H> {}

impl<H> fmt::Debug for Name<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Name").field(&self.name).finish()
    }
}

/// Why a server did not get a name.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another server has the name.
    #[non_exhaustive]
    Taken {
        /// What was asked for.
        name: String,
        /// Who has it.
        holder: Pid,
    },
    /// The server has the name already.
    #[non_exhaustive]
    AlreadyRegistered {
        /// What was asked for.
        name: String,
    },
    /// The server has ended.
    #[non_exhaustive]
    Ended {
        /// What was asked for.
        name: String,
        /// Who has ended.
        pid: Pid,
    },
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { name, holder } => write!(f, "the name {name:?} belongs to actor {holder}"),
            Self::AlreadyRegistered { name } => write!(f, "the actor has the name {name:?} already"),
            Self::Ended { name, pid } => write!(f, "actor {pid} has ended, and cannot get the name {name:?}"),
        }
    }
}

impl Error for RegisterError {}

/// Why nothing was found by a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LookupError {
    /// Nobody has the name.
    NotFound,
    /// What has the name is of another type.
    WrongType {
        /// What type it is of, as [`type_name`](core::any::type_name) writes it.
        registered: &'static str,
        /// What type was asked for.
        asked: &'static str,
    },
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("nobody has this name"),
            Self::WrongType { registered, asked } => {
                write!(f, "the name belongs to a `{registered}`, and a `{asked}` was asked for")
            }
        }
    }
}

impl Error for LookupError {}
