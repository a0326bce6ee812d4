//! What an actor can wait for, as a report of who waits for what sees it.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::pid::Pid;

/// The kinds of things an actor waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WaitKind {
    Receive,
    Send,
    OneshotReceive,
    Join(Option<Pid>),
    Scope,
    Sleep,
    /// Another runtime's end, or anything else that is not of this runtime.
    Elsewhere,
}

impl fmt::Display for WaitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receive => f.write_str("recv on a channel"),
            Self::Send => f.write_str("send on a full channel"),
            Self::OneshotReceive => f.write_str("recv on a oneshot"),
            Self::Join(Some(pid)) => write!(f, "join of {pid}"),
            Self::Join(None) => f.write_str("join"),
            Self::Scope => f.write_str("the actors of its scope"),
            Self::Sleep => f.write_str("sleep"),
            Self::Elsewhere => f.write_str("something outside its runtime"),
        }
    }
}

/// The part of a channel, a join cell, a lock that tells whether somebody outside the runtime may still act on it.
///
/// A wait is certainly in vain only if all who could end it are actors of the same runtime that wait themselves. So each object
/// remembers, in one sticky bit, that it was ever made, cloned or used by a plain thread or by an actor of another runtime.
#[derive(Debug)]
pub(crate) struct WaitObject {
    /// The runtime of the thread that made it; 0 for a plain thread.
    runtime: u32,
    outside: AtomicBool,
}

impl WaitObject {
    /// An object made by code of this runtime; 0 for a plain thread.
    pub(crate) fn made_by(runtime: u32) -> Self {
        Self { runtime, outside: AtomicBool::new(runtime == 0) }
    }

    /// Remembers that code of this runtime used it.
    #[inline]
    pub(crate) fn used_by(&self, runtime: u32) {
        if runtime != self.runtime {
            self.used_outside();
        }
    }

    #[cold]
    fn used_outside(&self) {
        // Ordering: Relaxed. Sticky; the report is made only when nothing has happened for a second.
        self.outside.store(true, Ordering::Relaxed);
    }

    /// Whether somebody outside the runtime may still act on it.
    pub(crate) fn is_shared_outside(&self) -> bool {
        // Ordering: Relaxed. See `used_outside`.
        self.outside.load(Ordering::Relaxed)
    }
}
