//! Whether a child is restarted.

use crate::exit::ExitReason;

/// Whether a supervisor restarts a child that has ended by itself. Default: [`Permanent`](Self::Permanent).
///
/// | the child ended with | `Permanent` | `Transient` | `Temporary` |
/// |---|---|---|---|
/// | [`Normal`](ExitReason::Normal), [`Shutdown`](ExitReason::Shutdown) | is restarted | rests | is forgotten |
/// | any other reason | is restarted | is restarted | is forgotten |
///
/// A child that rests is still known to its supervisor, and runs again when a sibling's end restarts the whole group. A temporary child is
/// never restarted, also when a sibling's end has stopped it.
///
/// Erlang's cousin is `restart` in a child specification, with the same words and the same meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// If it did not end as it should.
    Transient,
    /// Never.
    Temporary,
}

impl Restart {
    /// Whether a child that has ended by itself with this reason is restarted.
    pub(super) fn restarts_after(self, reason: &ExitReason) -> bool {
        match self {
            Self::Permanent => true,
            Self::Transient => !is_orderly(reason),
            Self::Temporary => false,
        }
    }

    /// Whether the supervisor forgets a child that has ended and is not restarted; if not, it rests.
    pub(super) fn is_forgotten(self) -> bool {
        self == Self::Temporary
    }
}

/// Whether an actor that ended so did what it should. A reason that is not known here is an accident.
pub(super) fn is_orderly(reason: &ExitReason) -> bool {
    matches!(reason, ExitReason::Normal | ExitReason::Shutdown)
}
