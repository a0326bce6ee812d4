//! What goes wrong between a supervisor and its children.

use core::fmt;
use std::error::Error;
use std::sync::Arc;

use crate::actor::CallError;
use crate::exit::ExitReason;

/// Why a supervisor has ended: there were more restarts than its intensity allows. Its [`ExitReason`] is an
/// [`Error`](ExitReason::Error) with this inside; in OTP it is `shutdown`, which tells nobody why, and which a transient supervisor's own supervisor
/// takes for an orderly end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GaveUp {
    /// The child whose end was one too many.
    pub child: String,
    /// The ends that led there, one in a line.
    pub history: String,
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "child '{}' has ended once too often: {}", self.child, self.history)
    }
}

impl Error for GaveUp {}

/// Why a supervisor could not start: the first child that could not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NotStarted {
    /// Which child.
    pub child: String,
    /// Why.
    pub reason: ExitReason,
}

impl NotStarted {
    pub(super) fn into_reason(self) -> ExitReason {
        ExitReason::Error(Arc::new(self))
    }
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "child '{}' could not be started: {}", self.child, self.reason)
    }
}

impl Error for NotStarted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.reason)
    }
}

/// Why a supervisor did not do what it was asked to do with a child.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChildError {
    /// It has no such child.
    NotFound,
    /// It has a child of that id already.
    AlreadyPresent,
    /// The child runs: stop it first.
    Running,
    /// The child has ended, and is about to be restarted.
    Restarting,
    /// The child ended before it had begun.
    #[non_exhaustive]
    NotStarted {
        /// Why.
        reason: ExitReason,
    },
    /// It has as many children as it may have.
    #[non_exhaustive]
    TooMany {
        /// How many.
        most: usize,
    },
    /// The child cannot be significant.
    #[non_exhaustive]
    NotSignificant {
        /// Why, and what to write instead.
        objection: &'static str,
    },
    /// The supervisor has ended, or could not be asked.
    Supervisor(CallError),
}

impl ChildError {
    pub(super) fn into_reason(self) -> ExitReason {
        ExitReason::Error(Arc::new(self))
    }
}

impl From<CallError<ChildError>> for ChildError {
    fn from(error: CallError<ChildError>) -> Self {
        error.into_reply().unwrap_or_else(ChildError::Supervisor)
    }
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("the supervisor has no such child"),
            Self::AlreadyPresent => f.write_str(
                "the supervisor has a child of that id: choose another one, or delete or restart that child",
            ),
            Self::Running => f.write_str("the child runs: terminate it first"),
            Self::Restarting => f.write_str("the child is about to be restarted: terminate it first"),
            Self::NotStarted { reason } => write!(f, "the child could not be started: {reason}"),
            Self::TooMany { most } => write!(f, "the supervisor has as many children as it may have: {most}"),
            Self::NotSignificant { objection } => f.write_str(objection),
            Self::Supervisor(error) => write!(f, "the supervisor could not be asked: {error}"),
        }
    }
}

impl Error for ChildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotStarted { reason } => Some(reason),
            Self::Supervisor(error) => Some(error),
            _ => None,
        }
    }
}
