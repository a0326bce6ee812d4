//! The two ends of a channel, the same for all kinds.

use core::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::bounded::{Bounded, Take};
use super::error::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
use super::stash::Stash;
use super::unbounded::Unbounded;
use crate::sys::clock;
use crate::task::current;
use crate::task::park;
use crate::task::preempt::{checkpoint, checkpoint_and_note};

/// Makes an unbounded channel: sending never waits. The same function is `smarm::channel()`.
///
/// Memory is the only limit; where a fast sender could outrun its receiver for long, use [`bounded`]. Never parks. An empty channel
/// that was never used allocates one small block.
///
/// ```
/// let (sender, receiver) = smarm::channel::unbounded();
/// sender.send("hello").unwrap();
/// assert_eq!(receiver.recv(), Ok("hello"));
/// ```
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Unbounded::new());
    ends(Flavour::Unbounded(shared.clone()), Flavour::Unbounded(shared))
}

/// Makes a channel with room for `capacity` messages; a sender waits while it is full.
///
/// With a capacity of 0 it is a rendezvous: `send` returns when the receiver has taken the message. Room is allocated as it is
/// used. Never parks.
///
/// ```
/// let (sender, receiver) = smarm::channel::bounded(1);
/// sender.send(1).unwrap();
/// assert!(sender.try_send(2).unwrap_err().is_full());
/// assert_eq!(receiver.recv(), Ok(1));
/// ```
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Bounded::new(capacity));
    ends(Flavour::Bounded(shared.clone()), Flavour::Bounded(shared))
}

/// If the other end `is_gone` because the runtime ends, so does who waited for it, instead of being told of an error.
#[inline]
pub(super) fn give_in_if<T, E>(result: Result<T, E>, is_gone: impl FnOnce(&E) -> bool) -> Result<T, E> {
    match result {
        Err(error) if is_gone(&error) => Err(or_give_in(error)),
        result => result,
    }
}

#[cold]
fn or_give_in<E>(error: E) -> E {
    if let Some(slot) = current::actor().filter(|slot| park::gives_in(slot)) {
        drop(error); // with the message that could not be sent
        park::throw_kill(slot);
    }
    error
}

fn ends<T>(sender: Flavour<T>, receiver: Flavour<T>) -> (Sender<T>, Receiver<T>) {
    (Sender { flavour: sender }, Receiver { flavour: receiver, stash: Stash::new() })
}

pub(super) enum Flavour<T> {
    Unbounded(Arc<Unbounded<T>>),
    Bounded(Arc<Bounded<T>>),
}

/// The sending end of a channel. Clone it for more senders; the channel ends when the last one is dropped.
///
/// `Send` and `Sync`, if the messages are `Send`.
pub struct Sender<T> {
    pub(super) flavour: Flavour<T>,
}

impl<T> Sender<T> {
    /// Sends a message; on a bounded channel, waits while it is full.
    ///
    /// On an unbounded channel it never waits, and is no safe point. On a bounded one it may park, on any thread.
    ///
    /// # Errors
    ///
    /// The message, if the receiver is gone; or, on a bounded channel, if the actor is unwinding and would have had to wait.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        match &self.flavour {
            Flavour::Unbounded(channel) => channel.send(message),
            Flavour::Bounded(channel) => {
                checkpoint();
                give_in_if(channel.send(message), |error| !error.is_unwinding())
            }
        }
    }

    /// Sends a message if there is room; on a rendezvous, if the receiver waits. Never parks, and is no safe point.
    ///
    /// # Errors
    ///
    /// The message, if there is no room now or the receiver is gone.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match &self.flavour {
            Flavour::Unbounded(channel) => {
                channel.send(message).map_err(|error| TrySendError::Disconnected(error.into_inner()))
            }
            Flavour::Bounded(channel) => channel.try_send(message),
        }
    }

    /// Sends a message; on a bounded channel, waits while it is full, but no longer than `timeout`. May park, on any thread.
    ///
    /// # Errors
    ///
    /// The message, if there was no room in time, if the receiver is gone, or if the actor is unwinding and would have had to wait.
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        match &self.flavour {
            Flavour::Unbounded(channel) => {
                channel.send(message).map_err(|error| SendTimeoutError::Disconnected(error.into_inner()))
            }
            Flavour::Bounded(channel) => {
                checkpoint();
                let sent = channel.send_until(message, Some(clock::deadline_after(timeout)));
                give_in_if(sent, SendTimeoutError::is_disconnected)
            }
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        let flavour = match &self.flavour {
            Flavour::Unbounded(channel) => {
                channel.add_sender();
                Flavour::Unbounded(channel.clone())
            }
            Flavour::Bounded(channel) => {
                channel.add_sender();
                Flavour::Bounded(channel.clone())
            }
        };
        Self { flavour }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        match &self.flavour {
            Flavour::Unbounded(channel) => channel.remove_sender(),
            Flavour::Bounded(channel) => channel.remove_sender(),
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender { .. }")
    }
}

/// After so many messages that were not wanted, a selective receive with a timeout looks at the clock.
const MATCHES_PER_LOOK: usize = 32;

/// The receiving end of a channel. There is one; it is `Send`, if the messages are, and not `Sync`.
pub struct Receiver<T> {
    pub(super) flavour: Flavour<T>,
    /// What a selective receive has skipped; before what is in the channel.
    // Invariant: a cell, so that the receiver is not `Sync`: one thread at a time receives.
    stash: Stash<T>,
}

impl<T> Receiver<T> {
    /// Receives a message; waits while the channel is empty. May park, on any thread. Erlang's cousin is `receive`.
    ///
    /// # Errors
    ///
    /// If the channel is empty and all senders are gone, or if the actor is unwinding and would have had to wait.
    pub fn recv(&self) -> Result<T, RecvError> {
        let here = checkpoint_and_note();
        if let Some(message) = self.skipped() {
            return Ok(message);
        }
        let received = match &self.flavour {
            // SAFETY: the only receiver is this one, it is not `Sync`, and it is borrowed here.
            Flavour::Unbounded(channel) => unsafe { channel.recv(here) },
            Flavour::Bounded(channel) => channel.recv(),
        };
        give_in_if(received, |error| !error.is_unwinding())
    }

    /// Receives a message if there is one. Never parks, and is no safe point.
    ///
    /// # Errors
    ///
    /// If the channel is empty: now, or for ever because all senders are gone.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.skipped() {
            Some(message) => Ok(message),
            None => self.pull(Take::Received),
        }
    }

    /// Receives a message; waits while the channel is empty, but no longer than `timeout`. May park, on any thread.
    ///
    /// # Errors
    ///
    /// If nothing came in time, if the channel is empty and all senders are gone, or if the actor is unwinding and would have had
    /// to wait.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        checkpoint();
        let received = match self.try_recv() {
            Ok(message) => return Ok(message),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => self.wait(Take::Received, Some(clock::deadline_after(timeout))),
        };
        give_in_if(received, RecvTimeoutError::is_disconnected)
    }

    /// Receives the first message for which `wanted` says so; waits until one comes. The others stay, in their order, for later receives of
    /// any kind. May park, on any thread. Erlang's cousin is `receive` with patterns.
    ///
    /// For answers to questions that were asked before, say, while other messages wait. `wanted` is shown each message once for each call, so
    /// a call costs as much as there are messages that nobody wants: where that may be many, receive them all and sort them.
    ///
    /// What was skipped keeps its room in a bounded channel. So one that is full of messages that are not wanted stays full, and the
    /// wait has no end: give it one with [`recv_match_timeout`](Self::recv_match_timeout), or use an unbounded channel. A rendezvous has no room, and a
    /// sender whose message was looked at goes on.
    ///
    /// `wanted` may panic or be killed: no message is lost. It may even wait; receiving from the same receiver there gives what came later.
    ///
    /// ```
    /// smarm::run(|| {
    ///     let (sender, receiver) = smarm::channel();
    ///     for n in [1, 2, 3, 4] {
    ///         sender.send(n).unwrap();
    ///     }
    ///     assert_eq!(receiver.recv_match(|n| n % 2 == 0), Ok(2));
    ///     assert_eq!(receiver.iter().take(3).collect::<Vec<_>>(), [1, 3, 4]);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// If no message is wanted and all senders are gone, or if the actor is unwinding and would have had to wait.
    pub fn recv_match(&self, wanted: impl FnMut(&T) -> bool) -> Result<T, RecvError> {
        give_in_if(self.match_until(None, wanted), RecvTimeoutError::is_disconnected)
            .map_err(RecvError::from_wait)
    }

    /// Receives the first message for which `wanted` says so, if there is one; see [`recv_match`](Self::recv_match). Never parks, and is no
    /// safe point.
    ///
    /// # Errors
    ///
    /// If no message is wanted: of those that are there now, or for ever because all senders are gone.
    pub fn try_recv_match(&self, mut wanted: impl FnMut(&T) -> bool) -> Result<T, TryRecvError> {
        let mut look = self.stash.look();
        let mut found = look.find(&mut wanted);
        loop {
            if let Some(message) = found {
                self.has_received_held();
                return Ok(message);
            }
            found = look.show(self.pull(Take::Held)?, &mut wanted);
        }
    }

    /// Receives the first message for which `wanted` says so; waits no longer than `timeout` until one comes. See
    /// [`recv_match`](Self::recv_match). May park, on any thread. Erlang's cousin is `receive .. after`.
    ///
    /// # Errors
    ///
    /// If none came in time, if no message is wanted and all senders are gone, or if the actor is unwinding and would have had to wait.
    pub fn recv_match_timeout(
        &self,
        timeout: Duration,
        wanted: impl FnMut(&T) -> bool,
    ) -> Result<T, RecvTimeoutError> {
        let deadline_ns = Some(clock::deadline_after(timeout));
        give_in_if(self.match_until(deadline_ns, wanted), RecvTimeoutError::is_disconnected)
    }

    fn match_until(
        &self,
        deadline_ns: Option<u64>,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> Result<T, RecvTimeoutError> {
        checkpoint();
        let mut look = self.stash.look();
        let mut found = look.find(&mut wanted);
        let mut seen = 0_usize;
        loop {
            if let Some(message) = found {
                self.has_received_held();
                return Ok(message);
            }
            // Messages may come as fast as they are skipped.
            seen += 1;
            let looks = seen.is_multiple_of(MATCHES_PER_LOOK);
            if looks && deadline_ns.is_some_and(|deadline| clock::now_ns() >= deadline) {
                return Err(RecvTimeoutError::Timeout);
            }
            checkpoint();
            let next = match self.pull(Take::Held) {
                Ok(message) => message,
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) => self.wait(Take::Held, deadline_ns)?,
            };
            found = look.show(next, &mut wanted);
        }
    }

    /// The message that was skipped first, if there is one.
    #[inline(always)]
    fn skipped(&self) -> Option<T> {
        if self.stash.is_empty() {
            return None;
        }
        let message = self.stash.pop();
        self.has_received_held();
        message
    }

    /// A message that kept its room is received.
    fn has_received_held(&self) {
        if let Flavour::Bounded(channel) = &self.flavour {
            channel.release();
        }
    }

    /// The next message of the channel, if there is one.
    #[inline(always)]
    fn pull(&self, take: Take) -> Result<T, TryRecvError> {
        match &self.flavour {
            // SAFETY: as in `recv`.
            Flavour::Unbounded(channel) => unsafe { channel.try_recv() },
            Flavour::Bounded(channel) => channel.try_recv(take),
        }
    }

    /// The next message of the channel, which had none.
    fn wait(&self, take: Take, deadline_ns: Option<u64>) -> Result<T, RecvTimeoutError> {
        match &self.flavour {
            // SAFETY: as in `recv`.
            Flavour::Unbounded(channel) => unsafe { channel.wait(current::here(), deadline_ns) },
            Flavour::Bounded(channel) => channel.wait(deadline_ns, take),
        }
    }

    /// Receives until all senders are gone. Each step may park.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// Receives what is there now. Never parks.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        match &self.flavour {
            // SAFETY: the only receiver is this one, and it is gone afterwards.
            Flavour::Unbounded(channel) => unsafe { channel.remove_receiver() },
            Flavour::Bounded(channel) => channel.remove_receiver(),
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver { .. }")
    }
}

/// Receives until all senders are gone; see [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// Receives what is there now; see [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// Receives until all senders are gone, and owns the receiver.
#[derive(Debug)]
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}
