//! Who runs here: an actor, or a plain thread.
//!
//! | this thread | what runs | answer |
//! |---|---|---|
//! | is a worker | an actor, on its own stack or on one that a crate switched to inside it | that actor |
//! | is a worker | the worker itself | nobody: it never waits |
//! | is no worker | anything | a plain thread: it waits by a slot of its own |
//!
//! The worker notes whom it runs in its [`Here`]; a thread-local leads there. The compiler may keep the *address* of a thread-local
//! over a switch, which is why [`here`] is never inlined, hands out a value, and hides from the compiler where that value came from.
//! (Besides, an actor with frames never changes its thread, so even a kept address would be right.) A second way, from the stack
//! pointer through the table beside the stacks, serves the fault handler: see `sys::stack`.

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::budget::Budget;
use super::slot::{self, Slot, SlotRef};
use crate::pid::Pid;
use crate::sys::stack::StackClass;

/// What a worker lets the code on its thread know. Part of the worker block, so it lives for ever.
#[derive(Debug)]
pub(crate) struct Here {
    /// The actor that runs; null while the worker itself does. Written by the worker; reports read it.
    running: AtomicPtr<Slot>,
    /// How long that actor may still run.
    pub(crate) budget: Budget,
    /// Which runtime; 0 before the first one.
    pub(crate) runtime: Cell<u32>,
    /// The worker, as `sched` knows it.
    pub(crate) worker: Cell<*const ()>,
    /// How many sections are underway in which no allocation switches; see `section`.
    pub(super) sections: Cell<u32>,
    /// Whether all actors of the runtime may be switched out where they allocate.
    pub(crate) all_preempt_in_alloc: Cell<bool>,
}

impl Here {
    pub(crate) const fn new() -> Self {
        Self {
            running: AtomicPtr::new(ptr::null_mut()),
            budget: Budget::new(),
            runtime: Cell::new(0),
            worker: Cell::new(ptr::null()),
            sections: Cell::new(0),
            all_preempt_in_alloc: Cell::new(false),
        }
    }

    /// The actor that runs. On another thread than the worker's a guess.
    #[inline(always)]
    pub(crate) fn actor(&self) -> Option<SlotRef> {
        // Ordering: Relaxed. Written by this thread, or a guess.
        let running = self.running.load(Ordering::Relaxed);
        // SAFETY: null or a slot; slots are never freed.
        unsafe { running.as_ref() }
    }

    /// Notes who runs.
    #[inline(always)]
    pub(crate) fn set_actor(&self, actor: Option<SlotRef>) {
        let running = actor.map_or(ptr::null_mut(), |slot| ptr::from_ref(slot).cast_mut());
        // Ordering: Relaxed. As in `actor`.
        self.running.store(running, Ordering::Relaxed);
    }

    /// Whether no section is underway: an actor that leaves the processor has ended its own.
    #[inline(always)]
    pub(crate) fn is_outside_sections(&self) -> bool {
        self.sections.get() == 0
    }
}

thread_local! {
    /// This thread's worker; null on plain threads. Set before the thread's first actor, taken back after its last.
    static HERE: Cell<*const Here> = const { Cell::new(ptr::null()) };

    /// The slot by which this plain thread waits.
    static PLAIN: PlainSlot = PlainSlot::new();
}

/// Makes this thread a worker. Before its first actor.
// TLS: never inlined into the worker's loop, which switches.
#[inline(never)]
pub(crate) fn enter_worker(here: &'static Here) {
    HERE.set(here);
}

/// The thread has run its last actor, and the worker block may soon be another thread's.
// TLS: never inlined; see above.
#[inline(never)]
pub(crate) fn leave_worker() {
    HERE.set(ptr::null());
}

/// This thread's worker; `None` on plain threads.
// TLS: never inlined, so that no caller keeps the address across a switch; the empty assembly keeps the compiler from concluding that
// two calls give the same.
#[inline(never)]
pub(crate) fn here() -> Option<&'static Here> {
    let mut here = HERE.get();
    // SAFETY: no instructions.
    unsafe { core::arch::asm!("/* {0} */", inout(reg) here, options(nostack, preserves_flags)) };
    // SAFETY: null, or part of a worker block, which is never freed.
    unsafe { here.as_ref() }
}

/// The same, cheaper, for the one function that is never inlined itself, does not switch, and hands nothing on: the allocator hook.
#[inline(always)]
pub(super) fn here_in_leaf() -> Option<&'static Here> {
    // SAFETY: null, or part of a worker block, which is never freed.
    unsafe { HERE.get().as_ref() }
}

/// The runtime of the code that runs here: an actor's; 0 on a plain thread.
#[inline]
pub(crate) fn runtime() -> u32 {
    runtime_of(here())
}

/// The runtime of a thread's note.
#[inline(always)]
pub(crate) fn runtime_of(here: Option<&Here>) -> u32 {
    here.map_or(0, |here| here.runtime.get())
}

/// The actor that runs here.
#[inline]
pub(crate) fn actor() -> Option<SlotRef> {
    here().and_then(Here::actor)
}

/// The `Pid` of the actor that runs here.
pub(crate) fn pid() -> Option<Pid> {
    actor().map(Slot::pid)
}

/// Who would wait here: the current actor's slot, or this plain thread's.
#[inline]
pub(crate) fn waiter() -> SlotRef {
    waiter_of(here())
}

/// Who would wait on the thread of this note.
#[inline(always)]
pub(crate) fn waiter_of(here: Option<&Here>) -> SlotRef {
    here.and_then(Here::actor).unwrap_or_else(plain_slot)
}

// TLS: not inlined; see above.
#[inline(never)]
fn plain_slot() -> SlotRef {
    // While a thread's locals are destroyed a destructor may still wait. It gets a slot that nobody returns: a rare leak of 128
    // bytes, against a wait that could not be woken.
    PLAIN.try_with(|plain| plain.0).unwrap_or_else(|_| new_plain_slot())
}

fn new_plain_slot() -> SlotRef {
    let slot = slot::take_one().expect("no memory for the slot by which this thread waits");
    slot.prepare(ptr::null_mut(), 0, ptr::null(), StackClass::SMALLEST);
    slot.state.occupy_running();
    slot
}

/// Returns the slot when the thread ends.
struct PlainSlot(SlotRef);

impl PlainSlot {
    fn new() -> Self {
        Self(new_plain_slot())
    }
}

impl Drop for PlainSlot {
    fn drop(&mut self) {
        self.0.state.finish();
        slot::give_back(core::iter::once(self.0));
    }
}
