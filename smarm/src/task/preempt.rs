//! Safe points: where an actor that has no reason to wait can be switched out or killed.
//!
//! There is one place for that: [`checkpoint`]. `check!()` calls it, and so does every call that may park, before it looks: an actor whose
//! channel never runs empty does not starve the others. When a slice is over, the [`budget`](super::budget) knows.
//!
//! # Inside the allocator
//!
//! An actor that wants it is also switched out where it allocates, by [`switch_in_allocation`], under these conditions:
//!
//! | condition | or else |
//! |---|---|
//! | it runs on its own stack | the worker would suspend itself, or a stack that smarm does not know |
//! | no [`section`](super::section) is underway | smarm would wait for itself |
//! | its job is there | its exit steps tell others of its end, and are not to be held up |
//! | no `no_preempt`, no `forbid_yield` | the actor has asked for that |
//! | the thread does not unwind, and runs no panic hook | `std` counts panics per thread, and would take another actor's for this one's |
//!
//! Never is a kill delivered there: an allocation must not unwind. The block is allocated before, and the error number is the same after.

use core::ptr;

use super::Schedule;
use super::current::{self, Here};
use super::park;
use super::slot::{Hold, Job, SlotRef};
use super::wait::WaitKind;
use crate::Host;
use crate::sys::{chaos, errno, stack};

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
    park::deliver_kill_alone(slot);
    let is_over = is_due && here.budget.is_over() || chaos::ends_slice() && slot.hold.get() == Hold::None;
    if is_over && may_switch(slot, "a safe point") {
        Host::end_slice(slot);
        park::deliver_kill_alone(slot);
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

/// Puts the actor that runs here behind the others, if it wants that where it allocates, and if it may be; see the module. For the allocator
/// hook, after a slice is over.
// TLS: never inlined into the hook, which reads the thread-local. It asks for its actor anew.
#[cold]
#[inline(never)]
pub(super) fn switch_in_allocation() {
    let Some(slot) = current::here().and_then(switched_in_allocation) else { return };
    let error = errno::get();
    slot.wait_kind.set(WaitKind::Allocation);
    Host::end_slice(slot);
    slot.wait_kind.set(WaitKind::Elsewhere);
    errno::set(error);
}

/// The actor that may be switched out by this allocation.
#[inline(never)]
fn switched_in_allocation(here: &'static Here) -> Option<SlotRef> {
    let slot = here.actor().filter(|_| here.is_outside_sections())?;
    // First of all: what is not the actor's own stack may be the worker's, and then the slot may be somebody else's already.
    let on_own_stack = stack::current_owner().is_some_and(|owner| ptr::eq(owner.as_ptr().cast(), slot));
    let may_switch = on_own_stack
        && wants_switches(here, slot.job())
        && slot.hold.get() == Hold::None
        && !std::thread::panicking();
    may_switch.then_some(slot)
}

/// Whether the actor on this thread, whose job this is, wants to be switched out where it allocates.
fn wants_switches(here: &Here, job: *const Job) -> bool {
    // SAFETY: null, or the job of the actor that runs here, which forgets it before it is freed.
    !job.is_null() && (here.all_preempt_in_alloc.get() || unsafe { (*job).preempt_in_alloc })
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
