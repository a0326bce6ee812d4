//! References to supervisors.

use core::any::type_name;
use core::fmt;
use core::panic::Location;
use std::any::Any;

use super::child::Child;
use super::error::ChildError;
use super::info::{ChildCounts, ChildInfo};
use super::seed::Seed;
use super::tree::{Started, TreeHandle, TreeMsg};
use crate::actor::{ActorRef, CallError, Handle, LookupError, RegisterError, register};
use crate::exit::ExitReason;
use crate::pid::Pid;

/// What both kinds of handles have.
macro_rules! verbs {
    ($handle:ident) => {
        impl $handle {
            pub(super) fn new(tree: TreeHandle) -> Self {
                Self { tree }
            }

            /// The name of the supervisor. Never parks.
            #[must_use]
            pub fn pid(&self) -> Pid {
                self.tree.pid()
            }

            /// Its children, in the order of their starts. May park.
            ///
            /// # Errors
            ///
            /// If the supervisor has ended.
            pub fn which_children(&self) -> Result<Vec<ChildInfo>, CallError> {
                self.tree.which_children()
            }

            /// How many children it has. May park.
            ///
            /// # Errors
            ///
            /// If the supervisor has ended.
            pub fn count_children(&self) -> Result<ChildCounts, CallError> {
                self.tree.count_children()
            }

            /// Asks the supervisor to stop its children, and to end. Returns at once; [`join`](Self::join) waits.
            pub fn stop(&self) {
                self.tree.stop();
            }

            /// Asks the supervisor to end now. Its children are stopped as always.
            pub fn kill(&self) {
                self.tree.kill();
            }

            /// Gives the supervisor a name by which [`whereis`](crate::whereis) finds it; see
            /// [`ActorRef::register`](crate::ActorRef::register). Never parks.
            ///
            /// # Errors
            ///
            /// If another server has the name, or this one already, or if the supervisor has ended.
            ///
            /// # Panics
            ///
            /// On a plain thread that has not [entered](crate::RuntimeHandle::enter) a runtime.
            #[track_caller]
            pub fn register(&self, name: &str) -> Result<(), RegisterError> {
                register(self, name)
            }

            /// Waits for the end of the supervisor, and so of all its children; tells why it ended. May park.
            pub fn join(&self) -> ExitReason {
                self.tree.join()
            }
        }

        impl Handle for $handle {
            type Msg = TreeMsg;

            fn __new(actor: ActorRef<TreeMsg>) -> Self {
                Self { tree: TreeHandle::__new(actor) }
            }

            fn actor(&self) -> &ActorRef<TreeMsg> {
                self.tree.actor()
            }
        }

        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.tree.fmt(f)
            }
        }
    };
}

/// A reference to a running [`Supervisor`](super::Supervisor). Cheap to clone; valid over restarts of the supervisor.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SupervisorHandle {
    tree: TreeHandle,
}

verbs!(SupervisorHandle);

impl SupervisorHandle {
    /// The handle of a child: of a server, or of a supervisor ([`SupervisorHandle`], [`DynamicSupervisorHandle`]); for a thread actor, its [`Pid`].
    ///
    /// The handle of a child stays valid over its restarts; the `Pid` does not. May park.
    ///
    /// # Errors
    ///
    /// If there is no such child, or it does not run, or the supervisor has ended; if its handle is of another type.
    pub fn child<H: Any + Send>(&self, id: impl Into<String>) -> Result<H, LookupError> {
        let found = self.tree.find(id.into()).ok().flatten().ok_or(LookupError::NotFound)?;
        let registered = found.type_name;
        let wrong = |_| LookupError::WrongType { registered, asked: type_name::<H>() };
        found.what.downcast().map(|handle| *handle).map_err(wrong)
    }

    /// Adds a child, after the others, and starts it. May park. Its name.
    ///
    /// # Errors
    ///
    /// If there is a child of that id, if it cannot be started (then it is not added), or if the supervisor has ended.
    pub fn start_child(&self, child: Child) -> Result<Pid, ChildError> {
        Ok(self.tree.start_child(child)?.0)
    }

    /// Stops a child, and waits for its end. It stays in the list, and is not restarted but by [`restart_child`](Self::restart_child), or with its
    /// group. May park.
    ///
    /// # Errors
    ///
    /// If there is no such child, or the supervisor has ended.
    pub fn terminate_child(&self, id: impl Into<String>) -> Result<(), ChildError> {
        Ok(self.tree.terminate_child(id.into())?)
    }

    /// Starts a child that does not run; its handles are new ones. May park. Its name.
    ///
    /// # Errors
    ///
    /// If there is no such child, if it runs or cannot be started, or if the supervisor has ended.
    pub fn restart_child(&self, id: impl Into<String>) -> Result<Pid, ChildError> {
        Ok(self.tree.restart_child(id.into())?.0)
    }

    /// Forgets a child that does not run. May park.
    ///
    /// # Errors
    ///
    /// If there is no such child, if it runs, or if the supervisor has ended.
    pub fn delete_child(&self, id: impl Into<String>) -> Result<(), ChildError> {
        Ok(self.tree.delete_child(id.into())?)
    }
}

/// A reference to a running [`DynamicSupervisor`](super::DynamicSupervisor). Cheap to clone; valid over restarts of the supervisor.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DynamicSupervisorHandle {
    tree: TreeHandle,
}

verbs!(DynamicSupervisorHandle);

impl DynamicSupervisorHandle {
    /// Starts a child, made as [`Child::new`] says. May park. Its handle; for a thread actor, its name.
    ///
    /// # Errors
    ///
    /// If there are as many children as there may be, if this one cannot be started, or if the supervisor has ended.
    #[track_caller]
    pub fn start_child<R: Seed<K>, K>(
        &self,
        make: impl FnMut() -> R + Send + 'static,
    ) -> Result<R::Started, ChildError> {
        Ok(downcast(self.tree.start_dynamic(R::source(make, Location::caller()))?))
    }

    /// Starts a child with settings of its own. May park. Its name.
    ///
    /// # Errors
    ///
    /// As [`start_child`](Self::start_child), and if there is a child of that id.
    pub fn start(&self, child: Child) -> Result<Pid, ChildError> {
        Ok(self.tree.start_child(child)?.0)
    }

    /// Stops a child, waits for its end, and forgets it. May park.
    ///
    /// # Errors
    ///
    /// If there is no such child, or the supervisor has ended.
    pub fn terminate_child(&self, pid: Pid) -> Result<(), ChildError> {
        Ok(self.tree.terminate_pid(pid)?)
    }
}

fn downcast<T: Any>((_, found): Started) -> T {
    match found.what.downcast() {
        Ok(started) => *started,
        Err(_) => unreachable!("a source gives what its seed says"),
    }
}
