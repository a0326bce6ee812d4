//! When a supervisor ends because its children have.

use super::restart::Restart;

/// Whether a supervisor ends by itself, with [`ExitReason::Shutdown`](crate::ExitReason::Shutdown), when *significant* children have ended.
/// Default: [`Never`](Self::Never).
///
/// For a supervisor whose children do one job together: when the job is done, the rest of the group goes too.
///
/// The end of a significant child counts if it came by itself and the child is not restarted: a transient child has ended with
/// [`Normal`](crate::ExitReason::Normal) or [`Shutdown`](crate::ExitReason::Shutdown), a temporary one with any reason. A child that its
/// supervisor has stopped does not count. A permanent child cannot be significant, since it never ends for good; and under `Never` no
/// child can.
///
/// Erlang's cousin is `auto_shutdown`, since OTP 24, with the same words and the same meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum AutoShutdown {
    /// It does not.
    #[default]
    Never,
    /// When one significant child has ended.
    AnySignificant,
    /// When the last significant child that was active has ended.
    AllSignificant,
}

/// What has to be known of a child to tell whether its supervisor ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub(super) is_significant: bool,
    /// It runs, or waits for its restart.
    pub(super) is_active: bool,
}

impl AutoShutdown {
    /// Whether the supervisor ends since this child has: by itself, and it is not restarted. `children` still has it.
    pub(super) fn is_due(self, children: &[Part], ended: usize) -> bool {
        let is_left = |(child, part): (usize, &Part)| child != ended && part.is_significant && part.is_active;
        children[ended].is_significant
            && match self {
                Self::Never => false,
                Self::AnySignificant => true,
                Self::AllSignificant => !children.iter().enumerate().any(is_left),
            }
    }

    /// Why a child of this kind cannot be significant, if so, and what to write instead.
    pub(super) fn objection(self, restart: Restart) -> Option<&'static str> {
        if restart == Restart::Permanent {
            Some(
                "a permanent child cannot be significant, since it is always restarted: make it `Restart::Transient` or `Restart::Temporary`",
            )
        } else if self == Self::Never {
            Some(
                "a significant child has no meaning here: give the supervisor `AutoShutdown::AnySignificant` or `AutoShutdown::AllSignificant`",
            )
        } else {
            None
        }
    }
}
