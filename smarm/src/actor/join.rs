//! Waiting for an actor's end.

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use super::job::{self, Header};
use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::task::park;
use crate::task::preempt::checkpoint;
use crate::task::slot::{SlotRef, slot_of};
use crate::task::wait::{self, WaitKind};
use crate::task::{self, current};

/// The right to wait for an actor and to have its result; what [`spawn`](crate::spawn) returns.
///
/// Dropping it detaches the actor: it runs on, and its result is dropped where it ends.
pub struct JoinHandle<T> {
    header: NonNull<Header>,
    pid: Pid,
    result: PhantomData<fn() -> T>,
}

// SAFETY: the handle gives away a `T` that another thread made, so `T` must be `Send`; the block's other parts are atomic.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: by reference it only reads atomics.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// The header is that of a launched actor with results of this type, and this is its only handle.
    pub(super) unsafe fn new(header: NonNull<Header>, pid: Pid) -> Self {
        Self { header, pid, result: PhantomData }
    }

    fn header(&self) -> &Header {
        // SAFETY: the block lives until the actor has ended and this handle is gone.
        unsafe { self.header.as_ref() }
    }

    /// Waits for the actor's end and returns its result.
    ///
    /// May park; on a plain thread it blocks. An actor that has not started yet runs next on the caller's worker: chains and trees
    /// of spawn and join go depth first.
    ///
    /// # Errors
    ///
    /// Why the actor ended without a result: [`ExitReason::Panicked`] with the panic's message and payload, or
    /// [`ExitReason::Killed`]. [`ExitReason::Unwinding`] if the actor has not ended and the caller is unwinding: then it does not wait,
    /// and detaches the actor.
    pub fn join(self) -> Result<T, ExitReason> {
        checkpoint();
        self.join_and_pass_kill_on(|| ())
    }

    /// The same; `on_kill` is called once if the caller is killed meanwhile and masks that.
    pub(crate) fn join_and_pass_kill_on(self, on_kill: impl FnOnce()) -> Result<T, ExitReason> {
        if !self.header().is_done() {
            self.wait(on_kill)?;
        }
        let header = self.header;
        core::mem::forget(self);
        // SAFETY: it has ended, and the handle is gone.
        unsafe { job::take_result(header) }
    }

    #[inline(always)]
    fn wait(&self, on_kill: impl FnOnce()) -> Result<(), ExitReason> {
        let mut on_kill = Some(on_kill);
        let slot = current::waiter();
        let header = self.header();
        header.wait.used_by(slot.runtime());
        while !header.is_done() {
            if park::may_not_wait(slot, "`join`") {
                return Err(ExitReason::Unwinding);
            }
            park::deliver_kill(slot);
            if slot.state.is_killed()
                && let Some(on_kill) = on_kill.take()
            {
                on_kill();
            }
            let me = slot.pid();
            if header.register(me) {
                if !header.has_own_thread() {
                    task::run_next(slot, self.pid);
                }
                let edge = wait::Edge::to(slot, self.pid);
                // Who waits for a lock in a cycle that this closes looks again, and gives up.
                wait::lock_waiters_in_cycle(slot, self.pid).into_iter().for_each(park::unpark);
                park::park(slot, self.wait_kind(slot), Some(&header.wait), None);
                drop(edge);
                header.deregister(me);
            }
        }
        Ok(())
    }

    /// How a report of who waits for whom sees this wait. The actor has not ended, so its slot is still its own.
    fn wait_kind(&self, slot: SlotRef) -> WaitKind {
        let same_runtime = slot_of(self.pid).runtime() == slot.runtime();
        if same_runtime { WaitKind::Join } else { WaitKind::Elsewhere }
    }

    /// The name of the actor.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether the actor has ended, so that `join` returns at once. Never parks.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.header().is_done()
    }

    /// Drops the handle; whether this dropped the result of an actor that had panicked.
    pub(super) fn detach(self) -> bool {
        let header = self.header;
        core::mem::forget(self);
        // SAFETY: the handle is gone.
        unsafe { job::detach(header) }
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // SAFETY: the handle is gone afterwards.
        unsafe { job::detach(self.header) };
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("pid", &self.pid).finish_non_exhaustive()
    }
}
