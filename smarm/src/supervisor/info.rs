//! What a supervisor tells of its children.

use super::restart::Restart;
use super::seed::ChildKind;
use crate::pid::Pid;

/// One child, as [`SupervisorHandle::which_children`](super::SupervisorHandle::which_children) tells of it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ChildInfo {
    /// What its specification calls it.
    pub id: Box<str>,
    /// Its name, if it runs.
    pub pid: Option<Pid>,
    /// What it is.
    pub kind: ChildKind,
    /// Whether it is restarted.
    pub restart: Restart,
    /// It has ended, and is about to be restarted.
    pub is_restarting: bool,
}

/// How many children a supervisor has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ChildCounts {
    /// All, those that do not run too.
    pub specs: usize,
    /// Those that run.
    pub active: usize,
    /// Those that are supervisors, running or not.
    pub supervisors: usize,
    /// All others, running or not.
    pub workers: usize,
}
