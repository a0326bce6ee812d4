//! Safe points: where an actor that has no reason to wait can be switched out or killed.
//!
//! There is one place for that: [`checkpoint`]. `check!()` calls it, and so does every call that may park, before it looks: an actor whose
//! channel never runs empty does not starve the others. When a slice is over, the [`budget`](super::budget) knows.

use super::Schedule;
use super::current::{self, Here};
use super::park;
use super::slot::{Hold, SlotRef};
use crate::Host;
use crate::sys::chaos;

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
    park::mask_kill(checkpoint);
}

#[inline(always)]
fn checkpoint_on(here: &'static Here) {
    let Some(slot) = here.actor() else { return };
    let is_due = here.budget.count();
    if is_due || slot.state.is_killed() || chaos::looks_up() {
        look_up(here, slot, is_due);
    }
}

/// It is time to look at the clock, or there is a kill to deliver.
#[cold]
#[inline(never)]
fn look_up(here: &'static Here, slot: SlotRef, is_due: bool) {
    park::deliver_kill(slot);
    let is_over = is_due && here.budget.is_over() || chaos::ends_slice() && slot.hold.get() == Hold::None;
    if is_over && may_switch(slot, "a safe point") {
        Host::end_slice(slot);
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
    if !may_switch(slot, "`yield_now`") {
        return;
    }
    park::deliver_kill(slot);
    Host::yield_now(slot);
    park::deliver_kill(slot);
}

/// Whether an actor that need not wait may be switched out by this call.
#[inline]
fn may_switch(slot: SlotRef, call: &str) -> bool {
    if std::thread::panicking() {
        return false;
    }
    match slot.hold.get() {
        Hold::None => true,
        Hold::NoPreempt => false,
        Hold::NoYield => park::refuse(slot, call),
    }
}

/// Runs `f` without a switch.
#[inline]
pub(crate) fn no_preempt<T>(f: impl FnOnce() -> T) -> T {
    hold(Hold::NoPreempt, f)
}

/// Runs `f`, which panics where it would switch.
#[inline]
pub(crate) fn forbid_yield<T>(f: impl FnOnce() -> T) -> T {
    hold(Hold::NoYield, f)
}

/// Runs `f`, during which what may move leaves this worker.
pub(crate) fn block_in_place<T>(f: impl FnOnce() -> T) -> T {
    /// Says that it is over, also when `f` unwinds.
    struct End(SlotRef, u64);
    impl Drop for End {
        fn drop(&mut self) {
            Host::end_blocking(self.0, self.1);
        }
    }
    let Some(slot) = current::actor() else { return f() };
    let _end = End(slot, Host::begin_blocking(slot));
    f()
}

/// Runs `f` with this hold on its actor, or with the one that is there if that is stronger.
#[inline]
fn hold<T>(wanted: Hold, f: impl FnOnce() -> T) -> T {
    /// Puts the hold back that was there before, also when `f` unwinds.
    struct Restore(SlotRef, Hold);
    impl Drop for Restore {
        fn drop(&mut self) {
            self.0.hold.set(self.1);
        }
    }
    let Some(slot) = current::actor() else { return f() };
    let before = slot.hold.get();
    slot.hold.set(before.max(wanted));
    let _restore = Restore(slot, before);
    f()
}
