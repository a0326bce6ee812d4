//! The budget: how long an actor may run while others wait.
//!
//! There is one place where an actor that makes no other smarm call can be switched out or killed: [`checkpoint`], which
//! `check!()` calls.

use super::current;
use super::park;
use super::Schedule;
use crate::Host;

/// A safe point: delivers a kill, and switches if this actor's slice is over and another one waits. Nothing on a plain thread,
/// nothing while unwinding.
#[inline]
pub fn checkpoint() {
    let Some(slot) = current::actor() else { return };
    park::deliver_kill(slot);
    if Host::spend_budget(slot) && !std::thread::panicking() {
        Host::yield_now(slot);
        park::deliver_kill(slot);
    }
}

/// Lets the others go first. On a plain thread it yields the thread; while unwinding it does nothing.
pub(crate) fn yield_now() {
    let Some(slot) = current::actor() else {
        std::thread::yield_now();
        return;
    };
    if std::thread::panicking() {
        return;
    }
    park::deliver_kill(slot);
    Host::yield_now(slot);
    park::deliver_kill(slot);
}
