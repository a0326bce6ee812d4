//! One error type for each operation. A message that was not sent comes back.

use std::error::Error;
use std::fmt;

/// Why nothing could be sent or received, for the operations that wait without limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    Disconnected,
    Unwinding,
}

/// The message could not be sent: the receiver is gone, or the sender is unwinding and would have had to wait.
///
/// Field 0 is the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T, pub(crate) Cause);

impl<T> SendError<T> {
    pub(crate) fn disconnected(message: T) -> Self {
        Self(message, Cause::Disconnected)
    }

    pub(crate) fn unwinding(message: T) -> Self {
        Self(message, Cause::Unwinding)
    }

    /// The message.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// Whether the actor is unwinding and would have had to wait. Otherwise the receiver is gone.
    pub fn is_unwinding(&self) -> bool {
        self.1 == Cause::Unwinding
    }
}

/// The message could not be sent at once.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError<T> {
    /// There is no room now.
    Full(T),
    /// The receiver is gone.
    Disconnected(T),
}

impl<T> TrySendError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(message) | Self::Disconnected(message) => message,
        }
    }

    /// Whether there is no room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the receiver is gone.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }
}

/// The message could not be sent in time.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendTimeoutError<T> {
    /// There was no room until the timeout.
    Timeout(T),
    /// The receiver is gone.
    Disconnected(T),
    /// The actor is unwinding and would have had to wait.
    Unwinding(T),
}

impl<T> SendTimeoutError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        match self {
            Self::Timeout(message) | Self::Disconnected(message) | Self::Unwinding(message) => message,
        }
    }

    /// Whether there was no room in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// Whether the receiver is gone.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }

    /// Whether the actor is unwinding and would have had to wait.
    pub fn is_unwinding(&self) -> bool {
        matches!(self, Self::Unwinding(_))
    }
}

/// Nothing will come: the channel is empty and all senders are gone, or the receiver is unwinding and would have had to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecvError(pub(crate) Cause);

impl RecvError {
    /// Of a wait without a limit.
    pub(crate) fn from_wait(error: RecvTimeoutError) -> Self {
        Self(if error.is_unwinding() { Cause::Unwinding } else { Cause::Disconnected })
    }

    /// Whether the actor is unwinding and would have had to wait. Otherwise all senders are gone.
    #[must_use]
    pub fn is_unwinding(&self) -> bool {
        self.0 == Cause::Unwinding
    }
}

/// Nothing has come yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TryRecvError {
    /// The channel is empty now.
    Empty,
    /// The channel is empty and all senders are gone.
    Disconnected,
}

/// Nothing came in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RecvTimeoutError {
    /// The channel was empty until the timeout.
    Timeout,
    /// The channel is empty and all senders are gone.
    Disconnected,
    /// The actor is unwinding and would have had to wait.
    Unwinding,
}

impl RecvTimeoutError {
    /// Whether the channel was empty until the timeout.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout)
    }

    /// Whether all senders are gone.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected)
    }

    /// Whether the actor is unwinding and would have had to wait.
    #[must_use]
    pub fn is_unwinding(&self) -> bool {
        matches!(self, Self::Unwinding)
    }
}

const NO_RECEIVER: &str = "sending on a channel without a receiver";
const NO_SENDERS: &str = "receiving on an empty channel without senders";
const SEND_UNWINDING: &str = "not sent: the actor is unwinding and would have had to wait";
const RECV_UNWINDING: &str = "not received: the actor is unwinding and would have had to wait";

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_unwinding() { SEND_UNWINDING } else { NO_RECEIVER })
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_full() { "sending on a full channel" } else { NO_RECEIVER })
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "timed out waiting for room in a channel",
            Self::Disconnected(_) => NO_RECEIVER,
            Self::Unwinding(_) => SEND_UNWINDING,
        })
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_unwinding() { RECV_UNWINDING } else { NO_SENDERS })
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "receiving on an empty channel",
            Self::Disconnected => NO_SENDERS,
        })
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "timed out waiting for a message",
            Self::Disconnected => NO_SENDERS,
            Self::Unwinding => RECV_UNWINDING,
        })
    }
}

// The messages need not be `Debug`: `unwrap` must work on a channel of anything.

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendError({:?}, ..)", self.1)
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_full() { "Full(..)" } else { "Disconnected(..)" })
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "Timeout(..)",
            Self::Disconnected(_) => "Disconnected(..)",
            Self::Unwinding(_) => "Unwinding(..)",
        })
    }
}

impl<T> Error for SendError<T> {}
impl<T> Error for TrySendError<T> {}
impl<T> Error for SendTimeoutError<T> {}
impl Error for RecvError {}
impl Error for TryRecvError {}
impl Error for RecvTimeoutError {}
