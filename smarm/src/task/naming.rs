//! The name of a running actor, for another thread.
//!
//! The name lies in the block that the actor frees when it ends. An actor pays nothing for being named, and a parked one cannot end, so
//! only this is left: how to keep a running one from freeing the block while it is read.
//!
//! ```text
//!   who names                                       the actor, at its end
//!   1. lock; NAMED = the slot                       1. the slot has no job any more
//!   2. a barrier on all threads of the process      2. NAMED is this slot? wait for the lock
//!   3. the slot's job, if it has one: read it       3. frees the block
//!   4. NAMED = nobody; unlock
//! ```
//!
//! With the barrier of the `membarrier` call, either the actor's step 1 comes before 3, which finds no job, or its step 2 comes after 1,
//! and waits. The actor needs no barrier of its own for that. Where the call is missing there are no names.

use core::panic::Location;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering, compiler_fence};
use std::sync::{Mutex, PoisonError};

use super::slot::{Job, Slot, SlotRef};
use super::state::Seen;
use crate::pid::Pid;
use crate::sys::barrier;

static NAMED: AtomicPtr<Slot> = AtomicPtr::new(ptr::null_mut());
static NAMING: Mutex<()> = Mutex::new(());

/// What the block of an actor tells of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    pub(crate) name: Option<String>,
    pub(crate) spawned_at: Option<&'static Location<'static>>,
}

/// Describes an actor that runs, or did so a moment ago. Nothing is known of one that has ended. From any thread; blocks for microseconds.
pub(crate) fn describe(pid: Pid) -> Description {
    let slot = super::slot::slot_of(pid);
    let _naming = NAMING.lock().unwrap_or_else(PoisonError::into_inner);
    // Ordering: Relaxed, here and below. The barrier, and the lock, order it.
    NAMED.store(ptr::from_ref(slot).cast_mut(), Ordering::Relaxed);
    let description = if barrier::on_all_threads() { read(slot, pid) } else { Description::default() };
    // Ordering: Relaxed. As above.
    NAMED.store(ptr::null_mut(), Ordering::Relaxed);
    description
}

/// Reads the block of a slot that is named.
fn read(slot: SlotRef, pid: Pid) -> Description {
    // The inspection acquires what the actor's spawner published.
    let runs = slot.state.inspect() == Seen::Running && slot.pid() == pid;
    let job = slot.job_to_name();
    if !runs || job.is_null() {
        return Description::default();
    }
    // SAFETY: a job that is found here is not freed before this function is done: see the module. It may be that of a later actor in the same
    // slot, which is protected, too, and published by the Release that `job_to_name` acquires.
    let (name, spawned_at) = unsafe { (Job::name(job).map(str::to_owned), (*job).spawned_at) };
    if slot.pid() != pid {
        return Description::default();
    }
    Description { name, spawned_at: Some(spawned_at) }
}

/// Waits while the block of this slot is read, whose job is forgotten. By the actor, before it frees the block.
#[inline]
pub(super) fn await_namer(slot: &Slot) {
    // Ordering: SeqCst, to the compiler. To the processor it is the barrier of who names.
    compiler_fence(Ordering::SeqCst);
    // Ordering: Relaxed. The barrier of who names orders it after the job was forgotten.
    if ptr::eq(NAMED.load(Ordering::Relaxed), slot) {
        await_naming();
    }
}

#[cold]
fn await_naming() {
    drop(NAMING.lock());
}
