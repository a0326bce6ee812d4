//! The budget: how long an actor may run while others wait.
//!
//! There is one place where an actor that has no reason to wait can be switched out or killed: [`checkpoint`]. `check!()` calls it, and so
//! does every call that may park, before it looks: an actor whose channel never runs empty does not starve the others.

use super::Schedule;
use super::current::{self, Here};
use super::park;
use crate::Host;

/// A safe point: delivers a kill, and switches if this actor's slice is over and another one waits. Nothing on a plain thread,
/// nothing while unwinding.
#[inline]
pub fn checkpoint() {
    checkpoint_and_note();
}

/// The same; gives the note of this thread, which is still the right one after a switch: actors do not change their thread.
#[inline(always)]
pub(crate) fn checkpoint_and_note() -> Option<&'static Here> {
    let here = current::here();
    if let Some(here) = here {
        checkpoint_on(here);
    }
    here
}

/// The same, but it delivers no kill: for loops with `unsafe` code in them, which an unwinding could surprise.
#[inline]
pub fn checkpoint_no_kill() {
    if let Some(slot) = current::actor() {
        slot.kill_masks.set(slot.kill_masks.get() + 1);
        checkpoint();
        slot.kill_masks.set(slot.kill_masks.get() - 1);
    }
}

#[inline(always)]
fn checkpoint_on(here: &'static Here) {
    let Some(slot) = here.actor() else { return };
    let budget = here.budget.get();
    if budget == 0 || slot.state.is_killed() {
        return look_up(here);
    }
    here.budget.set(budget - 1);
}

/// The budget has reached zero, or there is a kill to deliver.
#[cold]
fn look_up(here: &'static Here) {
    let Some(slot) = here.actor() else { return };
    park::deliver_kill(slot);
    if here.budget.get() > 0 {
        return; // a kill that is masked
    }
    if Host::slice_is_over(slot) && !std::thread::panicking() {
        Host::yield_now(slot);
        park::deliver_kill(slot);
    }
}

/// Lets the others go first. On a plain thread it yields the thread; while unwinding it does nothing.
#[inline(always)]
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
