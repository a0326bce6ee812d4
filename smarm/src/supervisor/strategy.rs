//! Which children are stopped and restarted when one of them has ended.
//!
//! ```text
//!   children in start order:      a   b   c   d          b has ended
//!
//!   one_for_one                       b                  stop                 start  b
//!   rest_for_one                      b   c   d          stop  d, c           start  b, c, d
//!   one_for_all                   a   b   c   d          stop  d, c, a        start  a, b, c, d
//! ```
//!
//! Among those that are affected, each that runs is stopped, each that is temporary leaves, and each other is started, also one that
//! rested: it may need the ones that were restarted.
//!
//! A start may fail. At the first start of the supervisor those that run already are stopped ([`stop_order`]), and it ends. At
//! a restart that is one more restart: the child that could not be started counts as the one that has ended, those that run already
//! as running, and a new plan is made. So a rest-for-one supervisor goes on from there, and a one-for-all supervisor begins again.

use core::ops::Range;

use super::restart::Restart;

/// Whom the end of a child concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Strategy {
    /// Only itself.
    #[default]
    OneForOne,
    /// All children.
    OneForAll,
    /// Itself and those that were started after it.
    RestForOne,
}

/// What a plan needs to know of a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct View {
    pub(super) restart: Restart,
    /// False if it has ended, rests, or waits for its restart.
    pub(super) runs: bool,
}

/// What to do, in this order. All numbers are positions in the list as it was.
#[must_use]
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    /// To be stopped, one after the other: the last started first.
    pub(super) stop: Vec<usize>,
    /// To leave the list, once stopped: ascending.
    pub(super) drop: Vec<usize>,
    /// To be started, one after the other: ascending.
    pub(super) start: Vec<usize>,
}

impl Strategy {
    fn affected(self, children: usize, failed: usize) -> Range<usize> {
        match self {
            Self::OneForOne => failed..failed + 1,
            Self::OneForAll => 0..children,
            Self::RestForOne => failed..children,
        }
    }
}

/// What follows when a child that is to be restarted has ended, or could not be started. `children` are in start order.
///
/// Invariant: the failed child is in the list, and not temporary: that one is not restarted, and its end concerns nobody else.
pub(super) fn plan(strategy: Strategy, children: &[View], failed: usize) -> Plan {
    debug_assert!(children[failed].restart != Restart::Temporary, "a temporary child is not restarted");
    let affected = strategy.affected(children.len(), failed);
    let is_temporary = |child: &usize| children[*child].restart == Restart::Temporary;
    Plan {
        stop: affected.clone().rev().filter(|&child| children[child].runs).collect(),
        drop: affected.clone().filter(is_temporary).collect(),
        start: affected.filter(|child| !is_temporary(child)).collect(),
    }
}

/// In which order all are stopped, when the supervisor ends, or could not start one of them.
pub(super) fn stop_order(children: &[View]) -> Vec<usize> {
    (0..children.len()).rev().filter(|&child| children[child].runs).collect()
}
