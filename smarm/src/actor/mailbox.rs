//! A server's mailbox: two lanes behind one lock, and who sleeps on them.
//!
//! ```text
//!   senders ──▶ messages (bounded) ──┐
//!                                    ├──▶ the server, one at a time; system lane first
//!   stop, ticks, downs ──▶ system ───┘
//! ```
//!
//! # Sleep
//!
//! `asleep` means: the server has looked, found nothing, and will not look again by itself. It is set by the server in the same critical
//! section as that look, and taken back by the first who pushes, who must then wake the server ([`Wake::Needed`]). All other pushes are
//! nothing to the scheduler. After a look that found nothing the server does not touch its mailbox any more.
//!
//! # Room
//!
//! A sender that finds the mailbox full may wait. Each message that is taken makes room for one, and one waiter, the first, is told; it tries
//! again, and keeps its place if somebody else was faster. A waiter that leaves passes on what it was told.
//!
//! # Why a lock
//!
//! Overflow policies drop from either end, `stop` takes a place in the queue, and closing hands out all that is left: with a lock each is a
//! few lines and exact. Uncontended, lock and unlock cost 6 ns (EPYC, 2 cores, 2026-11), about as much as the counters that
//! a bounded queue without a lock needs. Nothing is dropped and no user code runs while it is held, and what allocates under it is a section.

use std::collections::VecDeque;

use crate::sys::atomic::{Mutex, MutexGuard};
use crate::task::section::Section;

/// What a mailbox does with a message for which there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overflow {
    /// The sender waits.
    Park,
    /// The message is refused.
    Reject,
    /// The message that has waited longest is dropped.
    DropOldest,
    /// The message is dropped.
    DropNewest,
}

/// Whether a push found the server asleep.
#[must_use = "a sleeping server sleeps on unless it is woken"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wake {
    Needed,
    No,
}

/// What came of a push.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Push<M> {
    Accepted(Wake),
    /// Accepted in place of the oldest message.
    Displaced(M, Wake),
    /// There is no room.
    Full(M),
    /// The server has ended, or is ending.
    Closed(M),
}

/// What the server finds.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Pop<M, S, W> {
    /// A message, and who waits for the room that it leaves.
    Message(M, Option<W>),
    System(S),
    /// All messages that came before the stop were taken.
    Stop,
    /// Nothing. The server is asleep now, if it wanted to be.
    Nothing,
}

/// What is left when a mailbox closes.
#[derive(Debug)]
pub(super) struct Left<M, S, W> {
    pub(super) messages: VecDeque<M>,
    pub(super) system: VecDeque<S>,
    pub(super) waiters: VecDeque<W>,
}

/// `M`: messages, `S`: system messages, `W`: names of waiters, `E`: what is known of the server's end, which is nothing for most.
#[derive(Debug)]
pub(super) struct Mailbox<M, S, W, E> {
    lanes: Mutex<Lanes<M, S, W, E>>,
}

#[derive(Debug)]
struct Lanes<M, S, W, E> {
    messages: Queue<M>,
    /// How many of the messages come before the stop that was asked for.
    stop_after: Option<u32>,
    asleep: bool,
    closed: bool,
    /// What most mailboxes do not need most of the time.
    aside: Option<Box<Aside<S, W>>>,
    end: Option<Box<E>>,
}

/// A queue whose first message lies in place: most servers have one message at a time, and no need of the allocator. Messages that come behind
/// others stay where they are until their turn.
#[derive(Debug)]
struct Queue<M> {
    first: Option<M>,
    /// What came after the first one. Boxed: idle servers have none.
    #[expect(clippy::box_collection, reason = "eight bytes in each idle server instead of thirty-two")]
    others: Option<Box<VecDeque<M>>>,
}

impl<M> Default for Queue<M> {
    fn default() -> Self {
        Self { first: None, others: None }
    }
}

/// Adds a message where there is no room for it yet. The mailbox is locked.
#[cold]
#[inline(never)]
#[expect(clippy::box_collection, reason = "see the field")]
fn grow<M>(others: &mut Option<Box<VecDeque<M>>>, message: M) {
    let _section = Section::begin();
    others.get_or_insert_default().push_back(message);
}

impl<M> Queue<M> {
    #[inline(always)]
    fn push_back(&mut self, message: M) {
        match &mut self.others {
            None if self.first.is_none() => self.first = Some(message),
            Some(others) if others.len() < others.capacity() => others.push_back(message),
            others => grow(others, message),
        }
    }

    #[inline(always)]
    fn pop_front(&mut self) -> Option<M> {
        let first = self.first.take();
        if first.is_some() { first } else { self.others.as_mut()?.pop_front() }
    }

    #[inline]
    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.as_ref().map_or(0, |others| others.len())
    }

    /// Gives back the memory of an empty queue.
    fn shrink(&mut self) {
        self.others = None;
    }

    fn into_messages(self) -> VecDeque<M> {
        let mut messages = self.others.map(|others| *others).unwrap_or_default();
        self.first.into_iter().for_each(|first| messages.push_front(first));
        messages
    }
}

#[derive(Debug)]
struct Aside<S, W> {
    system: VecDeque<S>,
    waiters: VecDeque<W>,
}

impl<S, W> Default for Aside<S, W> {
    fn default() -> Self {
        Self { system: VecDeque::new(), waiters: VecDeque::new() }
    }
}

impl<M, S, W: Copy + PartialEq, E: Default> Mailbox<M, S, W, E> {
    /// An empty mailbox; `asleep`: of a server that waits for its first message.
    pub(super) fn new(asleep: bool) -> Self {
        let lanes = Lanes {
            messages: Queue::default(),
            stop_after: None,
            asleep,
            closed: false,
            aside: None,
            end: None,
        };
        Self { lanes: Mutex::new(lanes) }
    }

    fn lock(&self) -> MutexGuard<'_, Lanes<M, S, W, E>> {
        // Nothing panics while it is held but an allocation failure, which leaves the lanes as they were.
        self.lanes.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    // ---- senders ------------------------------------------------------------------------------------------------------

    /// Adds a message if there is room for it among `bound`; else what the policy says, but waiting.
    #[inline(always)]
    pub(super) fn push(&self, message: M, bound: usize, overflow: Overflow) -> Push<M> {
        let mut lanes = self.lock();
        if lanes.closed {
            return Push::Closed(message);
        }
        if lanes.messages.len() < bound {
            return Push::Accepted(lanes.accept(message));
        }
        match (overflow, lanes.drop_oldest(overflow)) {
            (Overflow::DropOldest, Some(oldest)) => Push::Displaced(oldest, lanes.accept(message)),
            _ => Push::Full(message),
        }
    }

    /// Adds a message whether there is room or not.
    pub(super) fn push_over(&self, message: M) -> Push<M> {
        let mut lanes = self.lock();
        if lanes.closed { Push::Closed(message) } else { Push::Accepted(lanes.accept(message)) }
    }

    /// Adds a system message. `Err` if the mailbox is closed.
    pub(super) fn push_system(&self, message: S) -> Result<Wake, S> {
        let _section = Section::begin();
        let mut lanes = self.lock();
        if lanes.closed {
            return Err(message);
        }
        lanes.aside().system.push_back(message);
        Ok(lanes.wake())
    }

    /// Asks the server to stop after the messages that are there now; the first stop counts.
    pub(super) fn stop(&self) -> Wake {
        let mut lanes = self.lock();
        if lanes.closed || lanes.stop_after.is_some() {
            return Wake::No;
        }
        lanes.stop_after = Some(lanes.messages.len() as u32);
        lanes.wake()
    }

    /// Registers who waits for room; false if there is some, or the mailbox is closed. `first`: it was told of room, and somebody else was
    /// faster.
    pub(super) fn wait_for_room(&self, waiter: W, bound: usize, first: bool) -> bool {
        let _section = Section::begin();
        let mut lanes = self.lock();
        if lanes.closed || lanes.messages.len() < bound {
            return false;
        }
        let waiters = &mut lanes.aside().waiters;
        if first {
            waiters.push_front(waiter)
        } else {
            waiters.push_back(waiter)
        }
        true
    }

    /// Takes the registration back; false if it was used: then there was room for its owner, who pushes, or else passes it on.
    pub(super) fn leave_room(&self, waiter: W) -> bool {
        let mut lanes = self.lock();
        let Some(aside) = &mut lanes.aside else { return false };
        let position = aside.waiters.iter().position(|other| *other == waiter);
        position.is_some_and(|position| aside.waiters.remove(position).is_some())
    }

    /// Whether it is registered still: nobody has told it of room, nor of the end.
    pub(super) fn waits_for_room(&self, waiter: W) -> bool {
        self.lock().aside.as_ref().is_some_and(|aside| aside.waiters.contains(&waiter))
    }

    /// The next one who waits for room, to be told in place of one who leaves.
    pub(super) fn next_waiter(&self) -> Option<W> {
        self.lock().aside.as_mut().and_then(|aside| aside.waiters.pop_front())
    }

    /// Looks at what is known of the end.
    pub(super) fn end<R>(&self, look: impl FnOnce(Option<&E>) -> R) -> R {
        let _section = Section::begin();
        look(self.lock().end.as_deref())
    }

    /// Changes what is known of the end.
    pub(super) fn end_mut<R>(&self, change: impl FnOnce(&mut E) -> R) -> R {
        let _section = Section::begin();
        change(self.lock().end.get_or_insert_default())
    }

    /// How many messages wait.
    pub(super) fn len(&self) -> usize {
        self.lock().messages.len()
    }

    // ---- the server ---------------------------------------------------------------------------------------------------

    /// Takes the next thing to do; falls asleep if there is nothing, and `may_sleep`.
    #[inline(always)]
    pub(super) fn pop(&self, may_sleep: bool) -> Pop<M, S, W> {
        let mut lanes = self.lock();
        if let Some(message) = lanes.aside.as_mut().and_then(|aside| aside.system.pop_front()) {
            return Pop::System(message);
        }
        if lanes.stop_after == Some(0) {
            return Pop::Stop;
        }
        let Some(message) = lanes.messages.pop_front() else {
            if may_sleep {
                lanes.asleep = true;
                // An idle server owns no more than its state.
                lanes.messages.shrink();
                lanes.aside.take_if(|aside| aside.waiters.is_empty());
            }
            return Pop::Nothing;
        };
        if let Some(before) = &mut lanes.stop_after {
            *before -= 1;
        }
        let waiter = lanes.aside.as_mut().and_then(|aside| aside.waiters.pop_front());
        Pop::Message(message, waiter)
    }

    /// The server has ended, and may be started again: messages wait for that, and need nobody to wake it. The system messages, and whether it
    /// was asked to stop.
    pub(super) fn pause(&self) -> (VecDeque<S>, bool) {
        let _section = Section::begin();
        let mut lanes = self.lock();
        lanes.asleep = false;
        let system = lanes.aside.as_mut().map(|aside| core::mem::take(&mut aside.system));
        (system.unwrap_or_default(), lanes.stop_after.take().is_some())
    }

    /// Refuses all from now on, and hands out what is left.
    pub(super) fn close(&self) -> Left<M, S, W> {
        let _section = Section::begin();
        let mut lanes = self.lock();
        lanes.closed = true;
        let Aside { system, waiters } = lanes.aside.take().map(|aside| *aside).unwrap_or_default();
        Left { messages: core::mem::take(&mut lanes.messages).into_messages(), system, waiters }
    }
}

impl<M, S, W, E> Lanes<M, S, W, E> {
    #[inline(always)]
    fn accept(&mut self, message: M) -> Wake {
        self.messages.push_back(message);
        self.wake()
    }

    #[inline]
    fn wake(&mut self) -> Wake {
        if core::mem::replace(&mut self.asleep, false) { Wake::Needed } else { Wake::No }
    }

    fn drop_oldest(&mut self, overflow: Overflow) -> Option<M> {
        if overflow != Overflow::DropOldest {
            return None;
        }
        let oldest = self.messages.pop_front();
        if let Some(before) = &mut self.stop_after {
            *before = before.saturating_sub(1);
        }
        oldest
    }

    fn aside(&mut self) -> &mut Aside<S, W> {
        self.aside.get_or_insert_default()
    }
}

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;
