//! The condition variable.
//!
//! A waiter is in the queue before it releases its mutex, so a notification by who takes the mutex next finds it. A waiter
//! that was notified and does not return with the mutex (killed, or the mutex not to be had) notifies the next one in its place.

use core::fmt;
use core::mem;
use core::ptr::NonNull;
use std::sync::PoisonError;
use std::time::Duration;

use super::error::LockError;
use super::mutex::MutexGuard;
use super::queue::{Node, Queue};
use super::waiting::{self, Look, Wait};
use crate::pid::Pid;
use crate::sys::{atomic, clock};
use crate::task::current;
use crate::task::park;
use crate::task::preempt::checkpoint;
use crate::task::section::Section;
use crate::task::wait::{WaitKind, WaitObject};

/// Whether a wait with a timeout ended by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was up before a notification came.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

/// Waits for something that others change under a [`Mutex`](super::Mutex), and tell of.
///
/// Works in actors of any runtime and on plain OS threads, which it blocks. Notifications go to those who wait, in the order in which they came,
/// and are not kept. A wait may return without one: look again, or use [`wait_while`](Self::wait_while).
///
/// The wait has no limit unless it is given one; taking the mutex again afterwards has the mutex's, 30 s. An actor that is killed while
/// it waits unwinds *without* the mutex, and passes a notification on that it had got. Between actors a
/// [channel](mod@crate::channel) is most often clearer. `std`'s cousin is [`std::sync::Condvar`].
///
/// ```
/// use smarm::{Mutex, scope, sync::Condvar};
///
/// smarm::run(|| {
///     let (ready, changed) = (Mutex::new(false), Condvar::new());
///     scope(|s| {
///         s.spawn(|| {
///             *ready.lock().unwrap() = true;
///             changed.notify_one();
///         });
///         let ready = changed.wait_while(ready.lock().unwrap(), |ready| !*ready).unwrap();
///         assert!(*ready);
///     });
/// });
/// ```
pub struct Condvar {
    queue: atomic::Mutex<Queue<Pid, ()>>,
    wait: WaitObject,
}

/// A notification that is passed on unless it is used.
struct Notified<'a>(&'a Condvar);

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Condvar {
    /// Makes a condition variable for which nobody waits. Never parks.
    #[must_use]
    pub fn new() -> Self {
        Self { queue: atomic::Mutex::new(Queue::new()), wait: WaitObject::made_by(current::runtime()) }
    }

    fn queue(&self) -> atomic::MutexGuard<'_, Queue<Pid, ()>> {
        self.wait.used_by(current::runtime());
        // Nothing panics while it is held but an allocation failure, which leaves it as it was.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Releases the mutex, waits for a notification, and takes the mutex again. A safe point. May park, on any thread.
    ///
    /// # Errors
    ///
    /// If the mutex could not be taken again (see [`Mutex::lock`](super::Mutex::lock)), or if the actor is unwinding. The mutex is released
    /// then.
    ///
    /// # Panics
    ///
    /// Inside [`no_preempt`](crate::no_preempt) and [`forbid_yield`](crate::forbid_yield).
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> Result<MutexGuard<'a, T>, LockError> {
        self.wait_within(guard, None).map(|(guard, _)| guard)
    }

    /// The same, again and again, while the condition holds. May park, on any thread.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait) does, if the condition holds.
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> Result<MutexGuard<'a, T>, LockError> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Releases the mutex, waits for a notification, but no longer than `timeout`, and takes the mutex again. A safe point. May park, on any
    /// thread.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait); that the time is up is none.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait) does.
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> Result<(MutexGuard<'a, T>, WaitTimeoutResult), LockError> {
        self.wait_within(guard, Some(timeout))
    }

    /// The same, again and again, while the condition holds, but no longer than `timeout` in all. The result says whether the condition
    /// held when the time was up. A safe point, if the condition holds. May park, on any thread.
    ///
    /// ```
    /// use smarm::{Mutex, scope, sync::Condvar};
    /// use std::time::Duration;
    ///
    /// smarm::run(|| {
    ///     let (jobs, changed) = (Mutex::new(0), Condvar::new());
    ///     scope(|s| {
    ///         s.spawn(|| {
    ///             *jobs.lock().unwrap() += 1;
    ///             changed.notify_one();
    ///         });
    ///         let minute = Duration::from_secs(60);
    ///         let waited = changed.wait_timeout_while(jobs.lock().unwrap(), minute, |jobs| *jobs == 0);
    ///         let (jobs, result) = waited.unwrap();
    ///         assert_eq!((*jobs, result.timed_out()), (1, false));
    ///     });
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait); that the time is up is none.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait) does, if the condition holds.
    pub fn wait_timeout_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> Result<(MutexGuard<'a, T>, WaitTimeoutResult), LockError> {
        let deadline_ns = clock::deadline_after(timeout);
        loop {
            if !condition(&mut guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            let left_ns = deadline_ns.saturating_sub(clock::now_ns());
            if left_ns == 0 {
                return Ok((guard, WaitTimeoutResult(true)));
            }
            guard = self.wait_timeout(guard, Duration::from_nanos(left_ns))?.0;
        }
    }

    /// Wakes the one who has waited longest, if somebody waits. Never parks.
    pub fn notify_one(&self) {
        let granted = self.queue().grant_first();
        granted.into_iter().for_each(park::unpark);
    }

    /// Wakes all who wait. Never parks.
    pub fn notify_all(&self) {
        let granted: Vec<Pid> = {
            let _section = Section::begin(); // allocates under the lock
            let mut queue = self.queue();
            core::iter::from_fn(|| queue.grant_first()).collect()
        };
        granted.into_iter().for_each(park::unpark);
    }

    fn wait_within<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Option<Duration>,
    ) -> Result<(MutexGuard<'a, T>, WaitTimeoutResult), LockError> {
        checkpoint();
        let slot = current::waiter();
        waiting::begin(slot, "`wait` on a condition variable")?;
        let mutex = guard.mutex();
        let mut node = Node::new(slot.pid(), ());
        let node = NonNull::from(&mut node);
        // SAFETY: new, and in place until `until` returns or unwinds, which it does after a look has said that it is in no queue. What
        // is in between, the release of a mutex, neither returns early nor unwinds.
        unsafe { self.queue().push(node) };
        drop(guard);
        let wait = Wait { slot, kind: WaitKind::Condvar, object: Some(&self.wait), timeout };
        let waited = wait.until(|gives_up| {
            let mut queue = self.queue();
            // SAFETY: pushed above.
            if unsafe { queue.is_granted(node) } {
                return Look::Granted;
            }
            if !gives_up {
                return Look::Waiting;
            }
            // SAFETY: it was not granted, so it is in the queue.
            unsafe { queue.remove(node) };
            Look::Left
        });
        let notified = waited.is_ok().then(|| Notified(self));
        let guard = mutex.lock()?;
        mem::forget(notified);
        Ok((guard, WaitTimeoutResult(waited.is_err())))
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condvar { .. }")
    }
}
