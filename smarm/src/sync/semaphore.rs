//! The semaphore.

use core::fmt;
use core::ptr::NonNull;
use std::time::Duration;

use super::error::LockError;
use super::permits::{Look, Permits, Taker};
use super::waiting::{self, Wait};
use crate::pid::Pid;
use crate::task::current;
use crate::task::park;
use crate::task::preempt::checkpoint;
use crate::task::wait::{WaitKind, WaitObject};

/// A number of permits that are taken and given back: at most so many do something at a time.
///
/// Works in actors of any runtime and on plain OS threads, which it blocks. **Strictly in order**: who comes later waits behind who waits
/// already, even for fewer permits. Permits have no owner: they may be given back by somebody else, and [`add_permits`](Self::add_permits)
/// makes new ones, so a semaphore can also count what has come.
///
/// A wait has no limit unless it is given one: permits may be worked with for long. One that is certainly in vain is reported
/// ([`Deadlock`](crate::runtime::Deadlock)). An actor that is killed while it waits has taken nothing. Erlang's cousin would be a process that
/// counts; `std` has none.
///
/// ```
/// use smarm::{scope, sync::Semaphore};
///
/// smarm::run(|| {
///     let two_at_a_time = Semaphore::new(2);
///     scope(|s| {
///         for _ in 0..10 {
///             s.spawn(|| {
///                 let _permit = two_at_a_time.acquire(1).unwrap();
///                 smarm::yield_now(); // some work
///             });
///         }
///     });
///     assert_eq!(two_at_a_time.available(), 2);
/// });
/// ```
pub struct Semaphore {
    permits: Permits<Pid>,
    wait: WaitObject,
}

impl Semaphore {
    /// Makes a semaphore with so many permits. Never parks.
    #[must_use]
    pub fn new(permits: usize) -> Self {
        Self { permits: Permits::new(permits), wait: WaitObject::made_by(current::runtime()) }
    }

    /// Takes `count` permits; waits, without limit, until there are as many and nobody waits for longer. A safe point. May park, on any
    /// thread.
    ///
    /// # Errors
    ///
    /// If the actor is unwinding and would have had to wait.
    ///
    /// # Panics
    ///
    /// Inside [`no_preempt`](crate::no_preempt) and [`forbid_yield`](crate::forbid_yield), if it would have to wait.
    pub fn acquire(&self, count: usize) -> Result<Permit<'_>, LockError> {
        self.acquire_within(count, None)
    }

    /// Takes `count` permits, but waits no longer than `timeout`. A safe point. May park, on any thread.
    ///
    /// # Errors
    ///
    /// If there were not as many in time, or if the actor is unwinding and would have had to wait.
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire) does.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let empty = smarm::sync::Semaphore::new(0);
    /// assert!(empty.acquire_timeout(1, Duration::from_millis(1)).unwrap_err().is_timeout());
    /// ```
    pub fn acquire_timeout(&self, count: usize, timeout: Duration) -> Result<Permit<'_>, LockError> {
        self.acquire_within(count, Some(timeout))
    }

    /// Takes `count` permits if there are as many and nobody waits. Never parks, and is no safe point.
    #[must_use]
    pub fn try_acquire(&self, count: usize) -> Option<Permit<'_>> {
        self.wait.used_by(current::runtime());
        self.permits.try_take(count).then(|| self.permit(count))
    }

    /// Makes `count` more permits. Never parks.
    ///
    /// # Panics
    ///
    /// If there would be more free permits than a `usize` counts.
    pub fn add_permits(&self, count: usize) {
        self.wait.used_by(current::runtime());
        let granted = self.permits.add(count).expect("more permits than a `usize` counts");
        granted.into_iter().for_each(park::unpark);
    }

    /// How many permits are free now. Never parks.
    #[must_use]
    pub fn available(&self) -> usize {
        self.permits.free()
    }

    fn permit(&self, count: usize) -> Permit<'_> {
        Permit { semaphore: self, count }
    }

    fn acquire_within(&self, count: usize, timeout: Option<Duration>) -> Result<Permit<'_>, LockError> {
        checkpoint();
        self.wait.used_by(current::runtime());
        if !self.permits.try_take(count) {
            self.wait_for(count, timeout)?;
        }
        Ok(self.permit(count))
    }

    #[cold]
    fn wait_for(&self, count: usize, timeout: Option<Duration>) -> Result<(), LockError> {
        let slot = current::waiter();
        waiting::begin(slot, "`acquire` of a semaphore")?;
        let mut node = Taker::new(slot.pid(), count);
        let node = NonNull::from(&mut node);
        // SAFETY: new, and in place until a look has said that it is in no queue.
        if let Look::Acquired = unsafe { self.permits.enter(count, node) } {
            return Ok(());
        }
        let wait = Wait { slot, kind: WaitKind::Semaphore, object: Some(&self.wait), timeout };
        // SAFETY: entered above.
        wait.until(|gives_up| match unsafe { self.permits.look(node, gives_up) } {
            Look::Acquired => waiting::Look::Granted,
            Look::Waiting => waiting::Look::Waiting,
            Look::Left(others) => {
                others.into_iter().for_each(park::unpark);
                waiting::Look::Left
            }
        })
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("available", &self.available()).finish_non_exhaustive()
    }
}

/// Permits of a [`Semaphore`]. Dropped, they go back; that never parks. `Send`.
#[must_use = "permits that are dropped at once limit nothing"]
#[derive(Debug)]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

impl Permit<'_> {
    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Keeps them from going back: there are so many fewer from now on.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.add_permits(self.count);
    }
}
