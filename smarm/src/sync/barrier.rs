//! The barrier.
//!
//! Who comes and finds the others there grants them all, and is the leader; everybody else queues up. Who leaves is out of the queue, and
//! counts no more.

use core::fmt;
use core::ptr::NonNull;
use std::sync::PoisonError;
use std::time::Duration;

use super::error::LockError;
use super::queue::{Node, Queue};
use super::waiting::{self, Look, Wait};
use crate::pid::Pid;
use crate::sys::atomic;
use crate::task::current;
use crate::task::park;
use crate::task::preempt::checkpoint;
use crate::task::section::Section;
use crate::task::wait::{WaitKind, WaitObject};

/// Whether the caller was the last one to come to a [`Barrier`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// True for one of those who meet: the last one to come.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

/// A place where `n` actors or plain threads meet: each waits until all are there. It can be used again and again.
///
/// The wait has no limit unless it is given one; one that is certainly in vain is reported
/// ([`Deadlock`](crate::runtime::Deadlock)). Who leaves before all are there, killed or because its time is up, does not count any more: another one
/// has to come in its place. `std`'s cousin is [`std::sync::Barrier`].
///
/// ```
/// use smarm::{scope, sync::Barrier};
///
/// smarm::run(|| {
///     let barrier = Barrier::new(3);
///     scope(|s| {
///         let meet = || barrier.wait().unwrap().is_leader();
///         let others = [s.spawn(meet), s.spawn(meet)];
///         let me = meet();
///         let leaders = others.map(|other| other.join().unwrap());
///         assert_eq!(leaders.into_iter().chain([me]).filter(|leads| *leads).count(), 1);
///     });
/// });
/// ```
pub struct Barrier {
    count: usize,
    state: atomic::Mutex<State>,
    wait: WaitObject,
}

struct State {
    waiting: usize,
    queue: Queue<Pid, ()>,
}

impl Barrier {
    /// Makes a barrier for `count`; 0 counts as 1. Never parks.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let state = State { waiting: 0, queue: Queue::new() };
        Self { count, state: atomic::Mutex::new(state), wait: WaitObject::made_by(current::runtime()) }
    }

    fn state(&self) -> atomic::MutexGuard<'_, State> {
        // Nothing panics while it is held but an allocation failure, which leaves it as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, without limit, until all are there. A safe point. May park, on any thread.
    ///
    /// # Errors
    ///
    /// If the actor is unwinding and would have had to wait.
    ///
    /// # Panics
    ///
    /// Inside [`no_preempt`](crate::no_preempt) and [`forbid_yield`](crate::forbid_yield), if it would have to wait.
    pub fn wait(&self) -> Result<BarrierWaitResult, LockError> {
        self.wait_within(None)
    }

    /// Waits until all are there, but no longer than `timeout`. A safe point. May park, on any thread.
    ///
    /// # Errors
    ///
    /// If not all were there in time, or if the actor is unwinding and would have had to wait.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait) does.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<BarrierWaitResult, LockError> {
        self.wait_within(Some(timeout))
    }

    /// Whether the caller is the last one: then the others go on.
    fn lead(&self, mut state: atomic::MutexGuard<'_, State>) -> bool {
        if state.waiting + 1 < self.count {
            return false;
        }
        state.waiting = 0;
        let _section = Section::begin(); // allocates under the lock
        let granted: Vec<Pid> = core::iter::from_fn(|| state.queue.grant_first()).collect();
        drop(state);
        granted.into_iter().for_each(park::unpark);
        true
    }

    fn wait_within(&self, timeout: Option<Duration>) -> Result<BarrierWaitResult, LockError> {
        checkpoint();
        self.wait.used_by(current::runtime());
        if self.lead(self.state()) {
            return Ok(BarrierWaitResult(true));
        }
        let slot = current::waiter();
        waiting::begin(slot, "`wait` at a barrier")?;
        let mut node = Node::new(slot.pid(), ());
        let node = NonNull::from(&mut node);
        let mut state = self.state();
        if state.waiting + 1 >= self.count {
            let led = self.lead(state);
            debug_assert!(led, "all are there");
            return Ok(BarrierWaitResult(led));
        }
        state.waiting += 1;
        // SAFETY: new, and in place until `until` returns or unwinds, which it does after a look has said that it is in no queue.
        unsafe { state.queue.push(node) };
        drop(state);
        let wait = Wait { slot, kind: WaitKind::Barrier, object: Some(&self.wait), timeout };
        let waited = wait.until(|gives_up| {
            let mut state = self.state();
            // SAFETY: pushed above.
            if unsafe { state.queue.is_granted(node) } {
                return Look::Granted;
            }
            if !gives_up {
                return Look::Waiting;
            }
            // SAFETY: it was not granted, so it is in the queue.
            unsafe { state.queue.remove(node) };
            state.waiting -= 1;
            Look::Left
        });
        waited.map(|()| BarrierWaitResult(false))
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").field("count", &self.count).finish_non_exhaustive()
    }
}
