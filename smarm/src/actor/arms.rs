//! Joins in a `select!`.
//!
//! The arm of a thread actor's join only looks: the macro takes the result by the handle itself, which that uses up. So an arm that was not
//! chosen has left the handle as it was, and the compiler knows.

use core::cell::Cell;
use core::fmt;

use super::actor_ref::ActorRef;
use super::join::JoinHandle;
use super::scope::ScopedJoinHandle;
use super::traits::Handle;
use crate::exit::ExitReason;
use crate::task::choice::{Alternative, Arm, Choosable, Waiter};
use crate::task::current;
use crate::task::select::{Register, Source};
use crate::task::wait::WaitObject;

/// An arm of `select!` that joins a thread actor.
pub struct JoinArm<'a, T> {
    handle: &'a JoinHandle<T>,
    /// Whether both are of one runtime.
    is_neighbour: bool,
    unwinding: Cell<bool>,
}

/// A thread actor has ended; or it was not waited for.
#[derive(Debug)]
pub struct JoinWon {
    unwinding: bool,
}

impl<T> JoinHandle<T> {
    #[doc(hidden)]
    pub fn join_in_select(&self) -> JoinArm<'_, T> {
        let is_neighbour = self.is_of(current::runtime());
        JoinArm { handle: self, is_neighbour, unwinding: Cell::new(false) }
    }

    #[doc(hidden)]
    #[expect(clippy::needless_pass_by_value, reason = "it says that the wait is over")]
    pub fn join_won(self, won: JoinWon) -> Result<T, ExitReason> {
        if won.unwinding { Err(ExitReason::Unwinding) } else { self.into_result() }
    }
}

impl<T> ScopedJoinHandle<'_, T> {
    #[doc(hidden)]
    pub fn join_in_select(&self) -> JoinArm<'_, T> {
        self.handle().join_in_select()
    }

    #[doc(hidden)]
    pub fn join_won(self, won: JoinWon) -> Result<T, ExitReason> {
        self.into_handle().join_won(won)
    }
}

impl<T> Source<Waiter> for JoinArm<'_, T> {
    fn register(&self, waiter: Waiter) -> Register {
        let header = self.handle.header();
        header.wait.used_by(waiter.slot.runtime());
        if header.register(waiter.pid) { Register::Waits } else { Register::Ready }
    }

    fn deregister(&self, waiter: Waiter) {
        self.handle.header().deregister(waiter.pid);
    }
}

impl<T> Alternative for JoinArm<'_, T> {
    fn attempt(&self) -> bool {
        self.handle.is_finished()
    }

    fn give_up(&self) {
        self.unwinding.set(true);
    }

    fn object(&self) -> Option<&WaitObject> {
        self.is_neighbour.then(|| &self.handle.header().wait)
    }
}

impl<T> Arm for JoinArm<'_, T> {
    type Won = JoinWon;

    fn chosen(self) -> JoinWon {
        JoinWon { unwinding: self.unwinding.get() }
    }

    fn alternative(&self) -> Choosable<'_> {
        Choosable(self)
    }
}

impl<T> fmt::Debug for JoinArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinArm").field("pid", &self.handle.pid()).finish_non_exhaustive()
    }
}

// ---- servers ----------------------------------------------------------------------------------------------------------

/// An arm of `select!` that joins a server.
pub struct ServerArm<'a, M> {
    server: &'a ActorRef<M>,
    reason: Cell<Option<ExitReason>>,
}

impl<M> ActorRef<M> {
    #[doc(hidden)]
    pub fn join_in_select(&self) -> ServerArm<'_, M> {
        ServerArm { server: self, reason: Cell::new(None) }
    }

    #[doc(hidden)]
    pub fn join_won(&self, reason: ExitReason) -> ExitReason {
        reason
    }
}

/// The same for generated handles, whose own names are the user's.
pub trait JoinServer: Handle {
    #[doc(hidden)]
    fn join_in_select(&self) -> ServerArm<'_, Self::Msg> {
        self.actor().join_in_select()
    }

    #[doc(hidden)]
    fn join_won(&self, reason: ExitReason) -> ExitReason {
        reason
    }
}

impl<H: Handle> JoinServer for H {}

impl<M> Source<Waiter> for ServerArm<'_, M> {
    fn register(&self, waiter: Waiter) -> Register {
        if self.server.core().await_end(waiter.pid) { Register::Waits } else { Register::Ready }
    }

    fn deregister(&self, waiter: Waiter) {
        self.server.core().leave_end(waiter.pid);
    }
}

impl<M> Alternative for ServerArm<'_, M> {
    fn attempt(&self) -> bool {
        let reason = self.server.core().final_reason();
        let has_ended = reason.is_some();
        self.reason.set(reason);
        has_ended
    }

    fn give_up(&self) {
        self.reason.set(Some(ExitReason::Unwinding));
    }

    /// A signal may always stop a server.
    fn object(&self) -> Option<&WaitObject> {
        None
    }
}

impl<M> Arm for ServerArm<'_, M> {
    type Won = ExitReason;

    fn chosen(self) -> ExitReason {
        self.reason.take().expect("an arm that has won has a result")
    }

    fn alternative(&self) -> Choosable<'_> {
        Choosable(self)
    }
}

impl<M> fmt::Debug for ServerArm<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerArm").field("server", self.server).finish_non_exhaustive()
    }
}
