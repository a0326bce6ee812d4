//! How long a child may take to stop.

use core::time::Duration;

/// As in OTP.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How a supervisor stops a child. Default: [`Timeout`](Self::Timeout) of 5 s.
///
/// A child that is asked to stop handles nothing more, runs its `#[on_exit]`, and ends with
/// [`ExitReason::Shutdown`](crate::ExitReason::Shutdown). Erlang's cousin is `shutdown` in a child specification (`brutal_kill`, a number of
/// milliseconds, `infinity`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Shutdown {
    /// It is killed at once.
    Brutal,
    /// It is asked to stop, and killed if it has not ended after this long.
    Timeout(Duration),
    /// It is asked to stop, and waited for as long as it takes. For supervisors, whose children have time limits of their own; a child that
    /// never ends keeps its supervisor from ending.
    Infinity,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::Timeout(DEFAULT_TIMEOUT)
    }
}

impl Shutdown {
    /// Whether the child is asked before it is killed.
    pub(super) fn asks(self) -> bool {
        self != Self::Brutal
    }

    /// When the child is killed, if it is to be stopped at this time; `None`: never.
    pub(super) fn kill_at_ns(self, now_ns: u64) -> Option<u64> {
        match self {
            Self::Brutal => Some(now_ns),
            Self::Timeout(timeout) => {
                let timeout_ns = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
                Some(now_ns.saturating_add(timeout_ns))
            }
            Self::Infinity => None,
        }
    }
}
