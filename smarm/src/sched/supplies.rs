//! What a worker keeps at hand for new actors: free slots, free stacks of the usual class, and rights to take such stacks.
//!
//! Taking and returning them one by one would cost a process-wide lock for each actor. They are kept in small numbers, and in
//! none where the class is so small that one worker could keep from another what it needs.
//!
//! All of it is called with the worker's own cell open, so what allocates does so in a section: growth, and each way to the process-wide
//! pools.
//!
//! Invariant: after each call `stacks <= reservations`, so that what is cached never exceeds what was reserved: see `sys::stack`.

use std::io;

use crate::sys::stack::{self, Stack, StackClass, StackError};
use crate::task::growth;
use crate::task::section::Section;
use crate::task::slot::{self, SlotRef};

/// How many of each are fetched at a time, at most; twice as many are kept before some go back.
const BATCH: usize = 64;
/// All workers together keep at most one in so many of a class's stacks, before they are given back.
const KEPT_SHARE: usize = 8;

#[derive(Debug)]
pub(super) struct Supplies {
    /// The class that is kept; stacks of the others go back at once.
    class: StackClass,
    batch: usize,
    slots: Vec<SlotRef>,
    stacks: Vec<u32>,
    reservations: usize,
}

impl Supplies {
    /// For one of `workers` workers of a runtime whose actors have stacks of this class.
    pub(super) fn new(class: StackClass, workers: usize) -> Self {
        // Up to twice a batch stays with a worker.
        let share = stack::capacity(class) / (2 * KEPT_SHARE * workers);
        Self { class, batch: share.min(BATCH), slots: Vec::new(), stacks: Vec::new(), reservations: 0 }
    }

    /// A slot, and the right to a stack of `class`, for a new actor.
    pub(super) fn admit(&mut self, class: StackClass) -> io::Result<SlotRef> {
        self.reserve(class).map_err(refusal)?;
        self.slot().map_err(|error| {
            stack::unreserve(class, 1);
            refusal(error)
        })
    }

    /// A slot for a new server, which needs a stack only while it handles messages.
    pub(super) fn admit_server(&mut self) -> io::Result<SlotRef> {
        self.slot().map_err(refusal)
    }

    /// A stack for an activation of a server, with the right to it.
    pub(super) fn lend_stack(&mut self, class: StackClass) -> Result<Stack, StackError> {
        self.reserve(class)?;
        self.take_stack(class).inspect_err(|_| stack::unreserve(class, 1))
    }

    #[inline(always)]
    fn slot(&mut self) -> Result<SlotRef, slot::NoSlot> {
        if self.slots.is_empty() {
            slot::take(BATCH, &mut self.slots)?;
        }
        Ok(self.slots.pop().expect("take adds at least one"))
    }

    #[inline(always)]
    fn reserve(&mut self, class: StackClass) -> Result<(), StackError> {
        if class != self.class {
            return reserve_one(class);
        }
        if self.reservations == 0 {
            self.reserve_some()?;
        }
        self.reservations -= 1;
        self.keep_stacks_covered();
        Ok(())
    }

    /// Near the limit a batch may be refused where one is not.
    #[cold]
    fn reserve_some(&mut self) -> Result<(), StackError> {
        let _section = Section::begin();
        let some = [self.batch, 1].into_iter().filter(|count| *count > 0);
        let mut refused = None;
        for count in some {
            match stack::reserve(self.class, count as u32) {
                Ok(()) => {
                    self.reservations = count;
                    return Ok(());
                }
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.expect("one was tried"))
    }

    /// Gives cached stacks back for which there is no reservation any more: another worker may start the actor that took the
    /// reservation, and needs one. Half as many stay as may, so that a row of spawns does not come here each time.
    #[inline]
    fn keep_stacks_covered(&mut self) {
        let covered = self.reservations;
        if self.stacks.len() > covered {
            give_back(self.class, self.stacks.drain(..self.stacks.len() - covered / 2));
        }
    }

    /// A stack for an actor that was admitted.
    #[inline(always)]
    pub(super) fn take_stack(&mut self, class: StackClass) -> Result<Stack, StackError> {
        if class == self.class
            && let Some(index) = self.stacks.pop()
        {
            // SAFETY: it was taken before, and has been in this cache since its last user ended.
            return Ok(unsafe { Stack::from_index(class, index) });
        }
        take_one(class)
    }

    /// Takes back what an actor had. Its slot is free, and there are no live frames on its stack.
    pub(super) fn take_back(&mut self, slot: SlotRef, stack: &Stack) {
        // A slot whose generations are used up is retired.
        if slot.state.generation() < u32::MAX {
            growth::push(&mut self.slots, slot);
        }
        self.take_stack_back(stack);
        if self.slots.len() > 2 * BATCH {
            slot::give_back(self.slots.drain(BATCH..));
        }
    }

    /// Takes back a stack without live frames, and the right to it.
    #[inline]
    pub(super) fn take_stack_back(&mut self, stack: &Stack) {
        // SAFETY: there are no live frames on it.
        unsafe { stack.fill_with_rubbish() };
        if stack.class() != self.class {
            give_back(stack.class(), core::iter::once(stack.index()));
            return stack::unreserve(stack.class(), 1);
        }
        growth::push(&mut self.stacks, stack.index());
        self.reservations += 1;
        if self.reservations > 2 * self.batch {
            self.keep(self.batch);
        }
    }

    /// Gives everything back.
    pub(super) fn clear(&mut self) {
        slot::give_back(self.slots.drain(..));
        self.keep(0);
    }

    /// Gives back the stacks and reservations that are cached beyond `count`.
    #[cold]
    fn keep(&mut self, count: usize) {
        // The oldest ones: the newest are the warmest.
        let surplus = self.stacks.len().saturating_sub(count);
        give_back(self.class, self.stacks.drain(..surplus));
        let surplus = self.reservations.saturating_sub(count);
        if surplus > 0 {
            stack::unreserve(self.class, surplus as u32);
            self.reservations -= surplus;
        }
    }
}

/// Why there is no actor, as its spawner sees it.
#[cold]
fn refusal(why: impl Into<io::Error>) -> io::Error {
    let _section = Section::begin();
    why.into()
}

fn reserve_one(class: StackClass) -> Result<(), StackError> {
    let _section = Section::begin();
    stack::reserve(class, 1)
}

fn take_one(class: StackClass) -> Result<Stack, StackError> {
    let _section = Section::begin();
    stack::take(class)
}

fn give_back(class: StackClass, indexes: impl Iterator<Item = u32>) {
    let _section = Section::begin();
    stack::give_back(class, indexes);
}
