//! Why a lock was not taken.

use core::fmt;
use std::error::Error;
use std::time::Duration;

use crate::pid::Pid;

/// A lock was not taken, or a wait of this module was not satisfied; what a wait gives back instead of its result.
///
/// | asks | is true if |
/// |---|---|
/// | [`is_timeout`](Self::is_timeout) | the time was up: 30 s, unless the call says otherwise |
/// | [`is_deadlock`](Self::is_deadlock) | it could never come: whoever has it waits for the caller, or is the caller |
/// | [`is_unwinding`](Self::is_unwinding) | the actor is unwinding, and would have had to wait |
///
/// ```
/// let lock = smarm::Mutex::new(1);
/// let held = lock.lock().unwrap();
/// assert!(lock.lock().unwrap_err().is_deadlock()); // by its owner: at once
/// drop(held);
/// assert_eq!(*lock.lock().unwrap(), 1);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockError(Cause);

/// The name that a wait with a timeout gives its error; the same type.
pub type LockTimeout = LockError;

#[derive(Clone, PartialEq, Eq, Debug)]
enum Cause {
    Timeout(Duration),
    /// Who waits for whom; the first one is the caller.
    Deadlock(Box<[Pid]>),
    Unwinding,
}

impl LockError {
    #[cold]
    pub(super) fn timeout(after: Duration) -> Self {
        Self(Cause::Timeout(after))
    }

    #[cold]
    pub(super) fn deadlock(cycle: Box<[Pid]>) -> Self {
        Self(Cause::Deadlock(cycle))
    }

    #[cold]
    pub(super) fn unwinding() -> Self {
        Self(Cause::Unwinding)
    }

    /// Whether the time was up.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.0, Cause::Timeout(_))
    }

    /// Whether it could never come: whoever has the lock waits for the caller, maybe over others, or is the caller.
    #[must_use]
    pub fn is_deadlock(&self) -> bool {
        matches!(self.0, Cause::Deadlock(_))
    }

    /// Whether the actor is unwinding, and would have had to wait.
    #[must_use]
    pub fn is_unwinding(&self) -> bool {
        matches!(self.0, Cause::Unwinding)
    }
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Timeout(after) => write!(f, "not acquired within {after:?}"),
            Cause::Deadlock(cycle) => {
                f.write_str("it would never be acquired: ")?;
                cycle.iter().try_for_each(|pid| write!(f, "actor {pid} waits for "))?;
                write!(f, "actor {}", cycle[0])
            }
            Cause::Unwinding => f.write_str("not waited for: the actor is unwinding"),
        }
    }
}

impl Error for LockError {}
