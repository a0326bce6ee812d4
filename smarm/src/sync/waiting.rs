//! The wait itself, the same for all of this module: before it, the park, and who leaves.
//!
//! 1. [`begin`]: may it wait at all? Nothing is registered yet, so here a kill is delivered at once.
//! 2. The caller registers: a node in a queue.
//! 3. [`Wait::until`]: look, park, and from the start. When the time is up or a kill is due, the look is told so, and takes the node out, or
//!    finds that it was granted: what was granted is returned, and the kill comes at the next safe point.
//!
//! A wait for a lock that has an owner looks for a cycle of owners too, before each park ([`Wait::until_owned`]). It always has an end, so
//! a report of a deadlock (`sched::quiet`), which asks that no deadline is pending, is never about such a lock. A join that closes a
//! cycle later wakes those in it, who look again.

use crate::sys::atomic::AtomicU64;
use std::time::Duration;

use super::error::LockError;
use crate::sys::clock;
use crate::task::park::{self, Wake};
use crate::task::slot::SlotRef;
use crate::task::wait::{LockEdge, WaitKind, WaitObject};

/// How long a lock is waited for unless the call says otherwise: long enough for any section that should be under a lock.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// What a look says.
pub(super) enum Look {
    /// It was granted, and the node is out.
    Granted,
    Waiting,
    /// The node is out.
    Left,
}

/// What a wait is for, and how long it may last.
#[derive(Clone, Copy)]
pub(super) struct Wait<'a> {
    pub(super) slot: SlotRef,
    pub(super) kind: WaitKind,
    /// For a report of a deadlock; waits without limit have one.
    pub(super) object: Option<&'a WaitObject>,
    /// `None`: without limit.
    pub(super) timeout: Option<Duration>,
}

/// Delivers a kill that is due. With nothing registered.
///
/// # Errors
///
/// If the actor is unwinding.
#[inline]
pub(super) fn begin(slot: SlotRef, call: &str) -> Result<(), LockError> {
    if park::may_not_wait(slot, call) {
        return Err(LockError::unwinding());
    }
    park::deliver_kill(slot);
    Ok(())
}

impl Wait<'_> {
    /// Looks and parks until `look` ends the wait. Its argument: whether to leave.
    pub(super) fn until(self, mut look: impl FnMut(bool) -> Look) -> Result<(), LockError> {
        let deadline_ns = self.timeout.map(clock::deadline_after);
        let mut killed = false;
        let mut wake = Wake::Unparked;
        loop {
            match look(killed || wake == Wake::TimedOut) {
                Look::Granted => return Ok(()),
                Look::Waiting => {}
                Look::Left => {
                    if killed {
                        park::deliver_kill(self.slot);
                    }
                    return Err(LockError::timeout(self.timeout.unwrap_or(Duration::MAX)));
                }
            }
            wake = park::park(self.slot, self.kind, self.object, deadline_ns);
            killed = park::kill_is_due(self.slot);
        }
    }

    /// The same for a lock whose owner stands in this word; leaves too if that is the caller, or waits for it.
    pub(super) fn until_owned(
        self,
        owner: &AtomicU64,
        mut look: impl FnMut(bool) -> Look,
    ) -> Result<(), LockError> {
        let edge = LockEdge::to(self.slot, owner);
        let mut cycle = None;
        let waited = self.until(|gives_up| {
            cycle = edge.cycle();
            look(gives_up || cycle.is_some())
        });
        drop(edge);
        waited.map_err(|error| cycle.map_or(error, LockError::deadlock))
    }
}
