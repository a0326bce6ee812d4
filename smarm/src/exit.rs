//! Why an actor ended.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Why an actor ended, as its joiners see it.
///
/// Cheap to clone. Erlang's cousin is the exit reason, which may be any term; here an arbitrary one travels as
/// [`Error`](ExitReason::Error).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExitReason {
    /// It returned.
    Normal,
    /// It was asked to end because its runtime, or its supervisor, ends.
    Shutdown,
    /// It was killed.
    Killed,
    /// It panicked.
    Panicked(PanicInfo),
    /// It failed with an error.
    Error(Arc<dyn Error + Send + Sync>),
    /// There was no such actor (any more).
    NoProc,
    /// Nothing is known of the actor: the *caller* is unwinding, and a wait inside a destructor that runs while its actor
    /// unwinds is given up instead of switching to another actor.
    Unwinding,
}

impl ExitReason {
    /// Whether this is [`ExitReason::Normal`].
    #[must_use]
    pub fn is_normal(&self) -> bool {
        matches!(self, Self::Normal)
    }

    /// Whether this is [`ExitReason::Unwinding`]: the caller was unwinding, so it did not wait.
    #[must_use]
    pub fn is_unwinding(&self) -> bool {
        matches!(self, Self::Unwinding)
    }

    /// The panic, if the actor panicked.
    #[must_use]
    pub fn panic(&self) -> Option<&PanicInfo> {
        match self {
            Self::Panicked(info) => Some(info),
            _ => None,
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Killed => f.write_str("killed"),
            Self::Panicked(info) => write!(f, "panicked: {info}"),
            Self::Error(error) => write!(f, "error: {error}"),
            Self::NoProc => f.write_str("no such actor"),
            Self::Unwinding => f.write_str("not waited for: the caller is unwinding"),
        }
    }
}

impl Error for ExitReason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Error(error) => Some(&**error),
            _ => None,
        }
    }
}

/// What is known of a panic that ended an actor: its message, its place, and, for the first who asks, its payload.
#[derive(Clone)]
pub struct PanicInfo {
    record: Arc<PanicRecord>,
}

struct PanicRecord {
    message: String,
    place: Option<String>,
    payload: Mutex<Option<Box<dyn Any + Send>>>,
}

/// The text of a payload that is neither a `&str` nor a `String`.
const OPAQUE_PAYLOAD: &str = "a payload that is not a string";

impl PanicInfo {
    pub(crate) fn new(payload: Box<dyn Any + Send>, place: Option<String>) -> Self {
        let message = payload_message(&*payload).to_owned();
        Self { record: Arc::new(PanicRecord { message, place, payload: Mutex::new(Some(payload)) }) }
    }

    /// The panic's message; a fixed text if the payload is neither a `&str` nor a `String`.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.record.message
    }

    /// Where it happened, as `file:line:column`. `None` if the panic hook that records it was replaced, or if the unwinding was
    /// begun by [`std::panic::resume_unwind`], which calls no hook.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        self.record.place.as_deref()
    }

    /// The payload. A panic has many witnesses and one payload: the first who asks gets it, on whichever clone.
    #[must_use]
    pub fn take_payload(&self) -> Option<Box<dyn Any + Send>> {
        // A poisoned lock is fine: nothing here can leave the option half-written.
        self.record.payload.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The text of a panic's payload.
pub(crate) fn payload_message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        OPAQUE_PAYLOAD
    }
}

impl fmt::Debug for PanicInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PanicInfo").field("message", &self.message()).field("place", &self.place()).finish()
    }
}

impl fmt::Display for PanicInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            Some(place) => write!(f, "{} at {place}", self.message()),
            None => f.write_str(self.message()),
        }
    }
}
