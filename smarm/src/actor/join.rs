//! Waiting for an actor's end.

use core::fmt;
use core::marker::PhantomData;
use core::ops::ControlFlow;
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

    pub(super) fn header(&self) -> &Header {
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
    /// [`ExitReason::Killed`]; [`ExitReason::Shutdown`], if the end of its runtime ended it, and the caller is not of that runtime, or
    /// [knows](crate::wait_for_shutdown) of it. [`ExitReason::Unwinding`] if the actor has not ended and the caller is unwinding: then it does not wait,
    /// and detaches the actor.
    pub fn join(self) -> Result<T, ExitReason> {
        checkpoint();
        let result = self.join_while(|| ControlFlow::Continue(None));
        if let Err(ExitReason::Shutdown) = result {
            park::give_in(current::waiter());
        }
        result
    }

    /// The same, but `look` is asked before each park: until when, in nanoseconds, or whether to give up. Then the actor is detached, and the
    /// result is that of one that was killed.
    pub(crate) fn join_while(
        self,
        look: impl FnMut() -> ControlFlow<(), Option<u64>>,
    ) -> Result<T, ExitReason> {
        if !self.header().is_done() {
            self.wait(look)?;
        }
        self.into_result()
    }

    /// The result of an actor that has ended.
    pub(super) fn into_result(self) -> Result<T, ExitReason> {
        assert!(self.is_finished(), "only an actor that has ended has a result");
        let header = self.header;
        core::mem::forget(self);
        // SAFETY: it has ended, and the handle is gone.
        unsafe { job::take_result(header) }
    }

    #[inline(always)]
    fn wait(&self, mut look: impl FnMut() -> ControlFlow<(), Option<u64>>) -> Result<(), ExitReason> {
        let slot = current::waiter();
        let header = self.header();
        header.wait.used_by(slot.runtime());
        // For as long as it waits, also while a wake for no reason is looked at: a call that came in between would miss it.
        let _edge = wait::Edge::to(slot, self.pid);
        while !header.is_done() {
            if park::may_not_wait(slot, "`join`") {
                return Err(ExitReason::Unwinding);
            }
            park::deliver_kill_alone(slot);
            let ControlFlow::Continue(deadline_ns) = look() else {
                return Err(ExitReason::Killed);
            };
            let me = slot.pid();
            if header.register(me) {
                if !header.has_own_thread() {
                    task::run_next(slot, self.pid);
                }
                // Who waits for a lock in a cycle that this closes looks again, and gives up. Most often the other one does not wait.
                if wait::waits(self.pid) {
                    wait::lock_waiters_in_cycle(slot, self.pid).into_iter().for_each(park::unpark);
                }
                let kind = self.wait_kind(slot);
                park::park(slot, kind, Some(&header.wait), deadline_ns);
                header.deregister(me);
                // A shutdown does not end the wait for one whom it has asked, too.
                if kind != WaitKind::Join && !header.is_done() {
                    park::deliver_kill(slot);
                }
            }
        }
        Ok(())
    }

    /// How a report of who waits for whom sees this wait. The actor has not ended, so its slot is still its own.
    fn wait_kind(&self, slot: SlotRef) -> WaitKind {
        if self.is_of(slot.runtime()) { WaitKind::Join } else { WaitKind::Elsewhere }
    }

    /// Whether the actor, if it has not ended, is of this runtime.
    pub(super) fn is_of(&self, runtime: u32) -> bool {
        slot_of(self.pid).runtime() == runtime
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

    /// Asks the actor to end; see [`kill`](crate::kill()). Never parks, and does not wait: [`join`](Self::join) does.
    ///
    /// ```
    /// smarm::run(|| {
    ///     let idler = smarm::spawn(|| smarm::sleep(std::time::Duration::MAX));
    ///     idler.kill();
    ///     assert!(matches!(idler.join(), Err(smarm::ExitReason::Killed)));
    /// });
    /// ```
    pub fn kill(&self) {
        park::kill(self.pid);
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
