//! Who runs here: an actor, or a plain thread.
//!
//! The answer comes from the stack pointer: it lies on one of our stacks or not, and a table beside the stacks names the owner.
//! It is computed anew at each call. A thread-local cannot serve: the compiler may keep its *address* across a switch.
//!
//! | where the stack pointer is | answer |
//! |---|---|
//! | on a stack of ours | the actor that owns it |
//! | elsewhere, on a thread whose worker runs an actor (a crate that switches stacks itself, inside an actor) | that actor |
//! | elsewhere | a plain thread: it waits by a slot of its own |
//!
//! Two thread-locals remain, and both are constant for the whole life of their thread, so that even a kept address is right: an
//! actor with frames never changes its thread.

use core::cell::Cell;
use core::ptr;

use super::slot::{self, Slot, SlotRef};
use crate::pid::Pid;
use crate::sys::stack::{self, StackClass};

thread_local! {
    /// Which runtime this thread is a worker of; 0 for plain threads. Constant for the thread's life.
    static RUNTIME: Cell<u32> = const { Cell::new(0) };

    /// Where this thread's worker notes the actor that it runs. Constant for the thread's life; null for plain threads.
    static RUNNING: Cell<*const Cell<*const Slot>> = const { Cell::new(ptr::null()) };

    /// The slot by which this plain thread waits.
    static PLAIN: PlainSlot = PlainSlot::new();
}

/// Makes this thread a worker. Before its first actor.
pub(crate) fn enter_worker(runtime: u32, running: *const Cell<*const Slot>) {
    RUNTIME.set(runtime);
    RUNNING.set(running);
}

/// The runtime of the code that runs here: an actor's; 0 on a plain thread.
// TLS: not inlined: it hands out a value, never an address.
#[inline(never)]
pub(crate) fn runtime() -> u32 {
    RUNTIME.get()
}

/// The actor that runs here.
#[inline]
pub(crate) fn actor() -> Option<SlotRef> {
    match stack::current_owner() {
        // SAFETY: owners are set by `set_owner` in the worker, to slots, which are never freed.
        Some(owner) => Some(unsafe { owner.cast::<Slot>().as_ref() }),
        None => actor_on_foreign_stack(),
    }
}

// TLS: not inlined, so that no caller keeps an address computed here across a switch.
#[inline(never)]
fn actor_on_foreign_stack() -> Option<SlotRef> {
    let running = RUNNING.get();
    if running.is_null() {
        return None;
    }
    // SAFETY: points into the worker block of this very thread, which is never freed.
    let slot = unsafe { (*running).get() };
    // SAFETY: a slot or null; slots are never freed.
    unsafe { slot.as_ref() }
}

/// The `Pid` of the actor that runs here.
pub(crate) fn pid() -> Option<Pid> {
    actor().map(Slot::pid)
}

/// Who would wait here: the current actor's slot, or this plain thread's.
pub(crate) fn waiter() -> SlotRef {
    actor().unwrap_or_else(plain_slot)
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
    slot.prepare(ptr::null_mut(), 0, StackClass::SMALLEST);
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
