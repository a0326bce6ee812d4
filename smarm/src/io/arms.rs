//! Descriptors that are somebody else's, in a `select!`.
//!
//! As in `raw`, what waits is a duplicate. It is made when the select has to wait for the first time, and goes with the arm.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::raw::Turn;
use crate::task::choice::{Alternative, Arm, Choosable, Waiter};
use crate::task::evented::{self, Evented, Watch};
use crate::task::select::{Register, Source};
use crate::task::source::Interest;
use crate::task::wait::WaitObject;

/// An arm of `select!` that waits for a descriptor.
pub struct DescriptorArm<'a> {
    descriptor: BorrowedFd<'a>,
    interest: Interest,
    duplicate: OnceCell<Duplicate>,
    watch: Watch,
    result: Cell<Option<io::Result<()>>>,
}

/// What waits in place of the descriptor.
struct Duplicate {
    // Invariant: dropped first, as long as the descriptor that it names is open.
    _turn: Turn,
    evented: Evented<OwnedFd>,
}

/// For the macro: `io::wait_readable(&descriptor)`.
pub fn readable_in_select(descriptor: &impl AsFd) -> DescriptorArm<'_> {
    DescriptorArm::new(descriptor.as_fd(), Interest::Read)
}

/// For the macro: `io::wait_writable(&descriptor)`.
pub fn writable_in_select(descriptor: &impl AsFd) -> DescriptorArm<'_> {
    DescriptorArm::new(descriptor.as_fd(), Interest::Write)
}

impl<'a> DescriptorArm<'a> {
    fn new(descriptor: BorrowedFd<'a>, interest: Interest) -> Self {
        let (duplicate, watch, result) = (OnceCell::new(), Watch::default(), Cell::new(None));
        Self { descriptor, interest, duplicate, watch, result }
    }

    fn duplicate(&self) -> io::Result<&Duplicate> {
        if let Some(duplicate) = self.duplicate.get() {
            return Ok(duplicate);
        }
        let evented = Evented::new(self.descriptor.try_clone_to_owned()?);
        let turn = Turn::take(self.descriptor.as_raw_fd(), self.interest, evented.source())?;
        Ok(self.duplicate.get_or_init(|| Duplicate { _turn: turn, evented }))
    }

    fn try_register(&self, waiter: Waiter) -> io::Result<Register> {
        self.watch.register(&self.duplicate()?.evented, waiter.slot, self.interest)
    }
}

impl Source<Waiter> for DescriptorArm<'_> {
    fn register(&self, waiter: Waiter) -> Register {
        if waiter.slot.runtime() == 0 {
            return Register::Waits; // it looks again and again
        }
        self.try_register(waiter).unwrap_or_else(|error| {
            self.result.set(Some(Err(error)));
            Register::Ready
        })
    }

    fn deregister(&self, waiter: Waiter) {
        if let Some(duplicate) = self.duplicate.get() {
            self.watch.deregister(&duplicate.evented, waiter.slot, self.interest);
        }
    }
}

impl Alternative for DescriptorArm<'_> {
    fn attempt(&self) -> bool {
        evented::attempt(&self.result, || evented::look(self.descriptor.as_raw_fd(), self.interest))
    }

    fn give_up(&self) {
        self.result.set(Some(Err(evented::unwinding())));
    }

    /// The world may always send something.
    fn object(&self) -> Option<&WaitObject> {
        None
    }

    fn deadline_ns(&self, is_plain: bool) -> Option<u64> {
        is_plain.then(evented::next_look)
    }
}

impl Arm for DescriptorArm<'_> {
    type Won = io::Result<()>;

    fn chosen(self) -> io::Result<()> {
        self.result.take().expect("an arm that has won has a result")
    }

    fn alternative(&self) -> Choosable<'_> {
        Choosable(self)
    }
}

impl fmt::Debug for DescriptorArm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DescriptorArm").field("descriptor", &self.descriptor).finish_non_exhaustive()
    }
}
