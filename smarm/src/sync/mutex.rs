//! The mutex: a lock, and what it guards.

use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use super::error::LockError;
use super::raw::{Owner, RawLock};
use super::waiting::DEFAULT_TIMEOUT;
use crate::task::wait::WaitKind;

/// A value that one actor or plain thread at a time may use; who waits for it parks, and its worker runs others.
///
/// Works in actors of any runtime and on plain OS threads, which it blocks. It may be held over a wait: the others park too, and no
/// worker is blocked, as it could be by a `std` lock. For state with a life of its own a [server](macro@crate::actor) is better.
///
/// **Every wait has an end**: 30 s, or what [`lock_timeout`](Self::lock_timeout) says. A wait that could never end because the owner waits
/// for the caller, by locks, calls and joins in any mixture, is an error at once, and so is locking it twice.
///
/// **Order.** A lock that is free goes to whoever comes first, which may be one who did not wait (*barging*). The one that has waited longest
/// is woken when it is released, and keeps its place if it comes too late; once it has waited for 1 ms, a release hands the lock over to
/// it, so from there on the order is strictly that of arrival.
///
/// **No poisoning.** An actor that panics or is killed releases its locks while it unwinds, and the next one gets the value as it is. A
/// kill may come at any safe point, so poisoning by kills would make each shutdown a failure of those who share a lock; and the
/// panic is not lost, it reaches who joins. Where a half-made change must not be seen, make it in one step at the end, or keep
/// the value in a server, which ends with its state.
///
/// The guard is not `Send`: the lock is released where it was taken. Erlang has no cousin: there nothing is shared. In `std` it is
/// [`std::sync::Mutex`], which blocks the thread and waits for ever.
///
/// ```
/// use smarm::{Mutex, scope};
///
/// let total = smarm::run(|| {
///     let sum = Mutex::new(0);
///     scope(|s| {
///         for n in 1..=4 {
///             let sum = &sum;
///             s.spawn(move || *sum.lock().unwrap() += n);
///         }
///     });
///     sum.into_inner()
/// });
/// assert_eq!(total, 10);
/// ```
pub struct Mutex<T: ?Sized> {
    raw: RawLock,
    value: UnsafeCell<T>,
}

// SAFETY: who owns it may take the value out.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: the lock lets one at a time use the value, on whatever thread.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
// A panic may leave the value half changed, as in any lock without poisoning; that is the user's to know.
impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

impl<T> Mutex<T> {
    /// Makes a mutex that nobody has locked. Never parks; allocates nothing.
    ///
    /// ```
    /// static HITS: smarm::Mutex<u32> = smarm::Mutex::new(0);
    /// *HITS.lock().unwrap() += 1;
    /// ```
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self { raw: RawLock::new(), value: UnsafeCell::new(value) }
    }

    /// The value. Never parks: nobody else can have it.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Takes the lock; waits up to 30 s while somebody else has it. A safe point. May park, on any thread.
    ///
    /// # Errors
    ///
    /// If it was not free in time; if its owner is the caller, or waits for the caller; if the actor is unwinding and would have had to
    /// wait. See [`LockError`].
    ///
    /// # Panics
    ///
    /// Inside [`no_preempt`](crate::no_preempt) and [`forbid_yield`](crate::forbid_yield), if it would have to wait.
    #[inline]
    pub fn lock(&self) -> Result<MutexGuard<'_, T>, LockError> {
        self.lock_timeout(DEFAULT_TIMEOUT)
    }

    /// Takes the lock; waits up to `timeout` while somebody else has it. A safe point. May park, on any thread.
    ///
    /// # Errors
    ///
    /// As for [`lock`](Self::lock).
    ///
    /// # Panics
    ///
    /// As [`lock`](Self::lock) does.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let lock = smarm::Mutex::new(());
    /// let held = lock.lock().unwrap();
    /// std::thread::scope(|s| {
    ///     let other = s.spawn(|| lock.lock_timeout(Duration::from_millis(1)).map(drop));
    ///     assert!(other.join().unwrap().unwrap_err().is_timeout());
    /// });
    /// ```
    #[inline]
    pub fn lock_timeout(&self, timeout: Duration) -> Result<MutexGuard<'_, T>, LockError> {
        self.raw.lock(WaitKind::Lock, timeout).map(|owner| self.guard(owner))
    }

    /// Takes the lock if nobody has it. Never parks, and is no safe point.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.raw.try_lock().map(|owner| self.guard(owner))
    }

    /// The value. Never parks: nobody else can have the mutex.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline(always)]
    fn guard(&self, owner: Owner) -> MutexGuard<'_, T> {
        MutexGuard { mutex: self, owner, not_send: PhantomData }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    /// Shows the value if the mutex is free. Never parks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(value) => shown.field("value", &&*value),
            None => shown.field("value", &format_args!("<locked>")),
        };
        shown.finish()
    }
}

/// The right to use what a [`Mutex`] guards. Dropped, it releases the lock; that never parks.
///
/// Not `Send`: it belongs to the actor or thread that took it. `Sync`, if the value is.
#[must_use = "a guard that is dropped at once guards nothing"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    owner: Owner,
    /// Invariant: the owner in the word is who has the guard.
    not_send: PhantomData<*const ()>,
}

// SAFETY: by reference it gives away references to the value only.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Which mutex it is of.
    pub(super) fn mutex(&self) -> &'a Mutex<T> {
        self.mutex
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held, so nobody else uses the value.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.raw.unlock(self.owner);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
