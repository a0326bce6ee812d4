//! Who waits by being polled: a future. It owns a slot, as a plain thread that waits does, and all that wakes a caller wakes it: an unpark of
//! such a slot calls the waker that was left; see [`wakers`](super::wakers).
//!
//! A waker is anybody's code. It runs where the unpark is made, which is on the stack of an actor that answers, or on a plain thread, never on a
//! worker's own stack. If it panics the hook tells of it, and it is nobody else's concern.

use core::iter;
use core::ptr;
use core::task::Waker;
use std::panic::{self, AssertUnwindSafe};

use super::slot::{self, SlotRef};
use super::wakers::Wakers;
use crate::pid::Pid;
use crate::sys::stack::StackClass;

static WAKERS: Wakers = Wakers::new();

/// A slot by which a future waits; given back when this is dropped. Whoever has it has ended its call before.
#[derive(Debug)]
pub(crate) struct Poller {
    slot: SlotRef,
}

impl Poller {
    /// # Panics
    ///
    /// If there is no memory for a slot.
    pub(crate) fn new() -> Self {
        let slot = slot::take_one().expect("no memory for the slot by which a future waits");
        slot.prepare(ptr::null_mut(), 0, ptr::null(), StackClass::SMALLEST);
        slot.ties.set_polled();
        slot.state.occupy_running();
        Self { slot }
    }

    pub(crate) fn slot(&self) -> SlotRef {
        self.slot
    }

    pub(crate) fn pid(&self) -> Pid {
        self.slot.pid()
    }

    /// Leaves the waker that is to be called. The caller looks afterwards.
    pub(crate) fn expect(&self, waker: &Waker) {
        WAKERS.expect(&self.slot.state, self.pid(), waker);
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        let pid = self.pid();
        self.slot.state.finish();
        let waker = WAKERS.take(pid);
        slot::give_back(iter::once(self.slot));
        drop(waker); // the user's code, last
    }
}

/// Has the future of this name polled, if it waits.
pub(super) fn wake(pid: Pid) {
    let Some(waker) = WAKERS.take(pid) else { return };
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        // Its destructor may panic in turn: that one is forgotten.
        panic::catch_unwind(AssertUnwindSafe(|| drop(payload))).unwrap_or_else(core::mem::forget);
    }
}

/// Whether some future waits, in whatever runtime or outside; a guess.
pub(crate) fn is_any_waker_out() -> bool {
    WAKERS.are_some()
}
