//! What a bounded channel has under its lock: messages, and those who wait.
//!
//! It knows nothing of actors. Who waits is a [`Party`], and who is to be unparked is given back to the caller, who does that without the
//! lock. What allocates is a section.
//!
//! # Invariants
//!
//! 1. A sender waits only while there is no room. Whoever makes room moves the message of the sender that waits longest into it, so
//!    messages enter in the order in which their senders came.
//! 2. A waiting sender's node lies on its own stack. It is in `waiting` until its message is taken or it leaves; both happen
//!    under the lock, so the node is never looked at after its frame is gone.
//! 3. Whoever takes a waiting sender's message, or hands one to the waiting receiver of a rendezvous, first wins that party: one that left,
//!    or was won by another source, is passed over and taken out, and the next one gets the turn.
//! 4. `receiver` is set only while the queue is empty.
//! 5. A message that a selective receive has skipped keeps its room (`held`) until it is received; on a rendezvous, which has no room, its
//!    sender goes on.

use core::ptr::NonNull;
use std::collections::VecDeque;

use crate::task::growth;

/// Who waits, in one wait.
pub(super) trait Party: Copy {
    /// Whether a source may commit something on its behalf, and is the first.
    #[must_use]
    fn win(&self) -> bool;

    /// Whether both are of one wait: nobody sends to himself.
    fn is_with(&self, other: &Self) -> bool;
}

/// A sender that may wait.
pub(super) struct Node<T, W> {
    /// Set while it waits.
    pub(super) waiter: Option<W>,
    /// Until it is taken.
    pub(super) message: Option<T>,
}

pub(super) struct Exchange<T, W> {
    capacity: usize,
    queue: VecDeque<T>,
    /// Messages that the receiver has looked at, and left for later.
    held: usize,
    waiting: VecDeque<NonNull<Node<T, W>>>,
    receiver: Option<W>,
    senders: usize,
    receiver_gone: bool,
}

// SAFETY: the pointers lead to nodes that are used under the lock only; messages must be `Send`, and so is who waits.
unsafe impl<T: Send, W: Send> Send for Exchange<T, W> {}

/// What came of an attempt to send at once.
pub(super) enum Offer<T, W> {
    Accepted(Option<W>),
    Full(T),
    Disconnected(T),
}

impl<T, W: Party> Exchange<T, W> {
    /// For a channel with one sender and one receiver.
    pub(super) fn new(capacity: usize) -> Self {
        let (queue, waiting) = (VecDeque::new(), VecDeque::new());
        Self { capacity, queue, held: 0, waiting, receiver: None, senders: 1, receiver_gone: false }
    }

    fn is_rendezvous(&self) -> bool {
        self.capacity == 0
    }

    fn has_room(&self) -> bool {
        self.queue.len() + self.held < self.capacity
    }

    // ---- senders ------------------------------------------------------------------------------------------------------

    /// Queues the message, or hands it to a receiver that waits for it; whom to unpark.
    pub(super) fn offer(&mut self, message: T) -> Offer<T, W> {
        if self.receiver_gone {
            return Offer::Disconnected(message);
        }
        // A rendezvous has room exactly while its receiver waits, and takes the message on its behalf.
        let room = if self.is_rendezvous() { self.win_receiver() } else { self.has_room() };
        if !room {
            return Offer::Full(message);
        }
        growth::push_back(&mut self.queue, message);
        Offer::Accepted(self.receiver.take())
    }

    /// The waiting receiver of a rendezvous; one that cannot be won does not wait here any more.
    fn win_receiver(&mut self) -> bool {
        let won = self.receiver.is_some_and(|receiver| receiver.win());
        if !won {
            self.receiver = None;
        }
        won
    }

    /// Whether an offer of this waiter would be accepted, or refused for ever.
    pub(super) fn can_send(&self, me: &W) -> bool {
        let meets = || self.receiver.is_some_and(|receiver| !receiver.is_with(me));
        self.receiver_gone || if self.is_rendezvous() { meets() } else { self.has_room() }
    }

    /// Adds a sender, whose offer would not be accepted.
    ///
    /// # Safety
    ///
    /// The node stays in place, and is used under the lock only, until it was [taken out](Self::take_out) or the channel has taken its
    /// message.
    pub(super) unsafe fn wait_for_room(&mut self, node: NonNull<Node<T, W>>) {
        growth::push_back(&mut self.waiting, node);
    }

    /// A sender does not wait any longer.
    pub(super) fn take_out(&mut self, node: NonNull<Node<T, W>>) {
        self.waiting.retain(|other| *other != node);
    }

    pub(super) fn add_sender(&mut self) {
        self.senders += 1;
    }

    /// Whom to unpark.
    pub(super) fn remove_sender(&mut self) -> Option<W> {
        self.senders -= 1;
        if self.senders == 0 { self.receiver.take() } else { None }
    }

    // ---- the receiver -------------------------------------------------------------------------------------------------

    /// The next message, and whom to unpark.
    pub(super) fn take(&mut self) -> Option<(T, Option<W>)> {
        match self.queue.pop_front() {
            // A rendezvous has no room: who waits to send there goes on waiting.
            Some(message) if self.is_rendezvous() => Some((message, None)),
            Some(message) => Some((message, self.admit())),
            None => self.take_from_sender().map(|(message, sender)| (message, Some(sender))),
        }
    }

    /// The next message, which keeps its room; whom to unpark.
    pub(super) fn take_and_hold(&mut self) -> Option<(T, Option<W>)> {
        if self.is_rendezvous() {
            return self.take();
        }
        let message = self.queue.pop_front()?;
        self.held += 1;
        Some((message, None))
    }

    /// A message that was held is received; whom to unpark.
    pub(super) fn release(&mut self) -> Option<W> {
        if self.is_rendezvous() {
            return None;
        }
        self.held -= 1;
        self.admit()
    }

    /// There is room for one: the message of the sender that waits longest.
    fn admit(&mut self) -> Option<W> {
        let (next, sender) = self.take_from_sender()?;
        growth::push_back(&mut self.queue, next);
        Some(sender)
    }

    /// The message of the sender that waits longest and is still there, and that sender.
    fn take_from_sender(&mut self) -> Option<(T, W)> {
        loop {
            let mut node = self.waiting.pop_front()?;
            // SAFETY: invariant 2, and the caller holds the lock.
            let node = unsafe { node.as_mut() };
            if let Some(waiter) = node.waiter.filter(W::win) {
                let message = node.message.take().expect("a waiting sender has its message");
                return Some((message, waiter));
            }
        }
    }

    /// Whether this waiter would find a message, or that there will be none.
    pub(super) fn can_receive(&self, me: &W) -> bool {
        // SAFETY: invariant 2.
        let waiter = |node: &NonNull<Node<T, W>>| unsafe { node.as_ref() }.waiter;
        let meets = |node| waiter(node).is_some_and(|waiter| !waiter.is_with(me));
        self.senders == 0
            || !self.queue.is_empty()
            || (self.is_rendezvous() && self.waiting.iter().any(meets))
    }

    /// Makes it the receiver that waits, or nobody; who it was.
    pub(super) fn set_receiver(&mut self, receiver: Option<W>) -> Option<W> {
        core::mem::replace(&mut self.receiver, receiver)
    }

    pub(super) fn has_senders(&self) -> bool {
        self.senders > 0
    }

    pub(super) fn is_receiver_gone(&self) -> bool {
        self.receiver_gone
    }

    /// Refuses all from now on: what is queued, and the senders that wait, which find out by themselves.
    pub(super) fn close(&mut self) -> (VecDeque<T>, Vec<W>) {
        self.receiver_gone = true;
        // SAFETY: invariant 2; the names are copied under the lock.
        let waiting = self.waiting.iter().filter_map(|node| unsafe { node.as_ref() }.waiter).collect();
        (core::mem::take(&mut self.queue), waiting)
    }
}

#[cfg(all(test, loom))]
mod models;
