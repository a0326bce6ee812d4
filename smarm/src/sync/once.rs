//! What happens once: a cell, and a call.

use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

use super::error::LockError;
use super::raw::{Owner, RawLock};
use super::value::Value;
use super::waiting::DEFAULT_TIMEOUT;
use crate::task::wait::WaitKind;

/// A cell whose value is written once, by whoever needs it first; the others wait meanwhile.
///
/// Works in actors of any runtime and on plain OS threads. The initialiser may park. If it panics or is killed, the cell stays
/// empty, and the next one tries. `std`'s cousin is [`std::sync::OnceLock`], which blocks the thread.
///
/// ```
/// use smarm::sync::OnceCell;
///
/// static CONFIG: OnceCell<String> = OnceCell::new();
/// smarm::run(|| {
///     assert_eq!(CONFIG.get_or_init(|| "first".into()).unwrap(), "first");
///     assert_eq!(CONFIG.get_or_init(|| "second".into()).unwrap(), "first");
/// });
/// ```
pub struct OnceCell<T> {
    lock: RawLock,
    value: Value<T>,
}

// SAFETY: who owns it may take the value out.
unsafe impl<T: Send> Send for OnceCell<T> {}
// SAFETY: one thread writes the value, under the lock; then all read it.
unsafe impl<T: Send + Sync> Sync for OnceCell<T> {}
// A panic in an initialiser leaves the cell empty.
impl<T: UnwindSafe> UnwindSafe for OnceCell<T> {}
impl<T: UnwindSafe + RefUnwindSafe> RefUnwindSafe for OnceCell<T> {}

/// Holds the lock of a cell.
struct Held<'a>(&'a RawLock, Owner);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.unlock(self.1);
    }
}

impl<T> OnceCell<T> {
    /// Makes an empty cell. Never parks; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { lock: RawLock::new(), value: Value::new() }
    }

    /// The value, if there is one. Never parks, and is no safe point.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value; if there is none, that of `init`, or of another's initialiser, for which it waits up to 30 s. A safe point if there is no
    /// value. May park, on any thread.
    ///
    /// # Errors
    ///
    /// If another's initialiser was not done in time, waits for the caller, or is the caller (an initialiser that needs its own cell);
    /// or if the actor is unwinding and would have had to wait. See [`LockError`].
    ///
    /// # Panics
    ///
    /// If `init` does; then the cell is empty still. Inside [`no_preempt`](crate::no_preempt) and [`forbid_yield`](crate::forbid_yield), if it
    /// would have to wait.
    #[inline]
    pub fn get_or_init(&self, init: impl FnOnce() -> T) -> Result<&T, LockError> {
        match self.get() {
            Some(value) => Ok(value),
            None => self.init(init),
        }
    }

    #[cold]
    fn init(&self, init: impl FnOnce() -> T) -> Result<&T, LockError> {
        let _held = Held(&self.lock, self.lock.lock(WaitKind::Once, DEFAULT_TIMEOUT)?);
        if self.get().is_none() {
            let value = init();
            // SAFETY: the lock is held, and there was no value. `init` could not get the lock, so there is none now.
            unsafe { self.value.set(value) };
        }
        Ok(self.get().expect("just written, or found"))
    }

    /// Writes the value. Never parks, and is no safe point.
    ///
    /// # Errors
    ///
    /// The new value, if there is one, or somebody is about to make one.
    pub fn set(&self, value: T) -> Result<(), T> {
        let Some(owner) = self.lock.try_lock() else { return Err(value) };
        let _held = Held(&self.lock, owner);
        if self.get().is_some() {
            return Err(value);
        }
        // SAFETY: the lock is held, and there was no value.
        unsafe { self.value.set(value) };
        Ok(())
    }

    /// The value, if there is one. Never parks: nobody else can have the cell.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Takes the value out; the cell is empty again. Never parks.
    pub fn take(&mut self) -> Option<T> {
        self.value.take()
    }

    /// The value, if there is one. Never parks.
    #[must_use]
    pub fn into_inner(mut self) -> Option<T> {
        self.value.take()
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("OnceCell");
        match self.get() {
            Some(value) => shown.field(value),
            None => shown.field(&format_args!("<empty>")),
        };
        shown.finish()
    }
}

/// Something that is done once, by whoever comes first; the others wait until it is done. See [`OnceCell`].
///
/// `std`'s cousin is [`std::sync::Once`], which a panic poisons; this one has the next one try.
///
/// ```
/// static SET_UP: smarm::sync::Once = smarm::sync::Once::new();
/// SET_UP.call_once(|| println!("once")).unwrap();
/// SET_UP.call_once(|| unreachable!()).unwrap();
/// assert!(SET_UP.is_completed());
/// ```
#[derive(Debug, Default)]
pub struct Once {
    done: OnceCell<()>,
}

impl Once {
    /// Makes one that has not happened. Never parks; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { done: OnceCell::new() }
    }

    /// Calls `f` unless a call has returned already; waits for another's call, up to 30 s. A safe point, if none has returned. May park, on any
    /// thread.
    ///
    /// # Errors
    ///
    /// As for [`OnceCell::get_or_init`].
    ///
    /// # Panics
    ///
    /// As [`OnceCell::get_or_init`] does.
    #[inline]
    pub fn call_once(&self, f: impl FnOnce()) -> Result<(), LockError> {
        self.done.get_or_init(f).copied()
    }

    /// Whether a call has returned. Never parks.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.done.get().is_some()
    }
}
