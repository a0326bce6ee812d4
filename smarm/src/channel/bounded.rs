//! The bounded channel, and with room for nothing the rendezvous.
//!
//! A lock, a queue, and those who wait. The lock is held for a few instructions, never over user code or a switch; what allocates under it is
//! a section.
//!
//! # Invariants
//!
//! 1. A sender waits only while the queue is full. Whoever makes room moves the message of the sender that waits longest into it, so
//!    messages enter in the order in which their senders came.
//! 2. A waiting sender's node lies on its own stack. It is in `waiting` until its message is taken or it leaves; both happen
//!    under the lock, so the node is never looked at after its frame is gone.
//! 3. Whoever takes a waiting sender's message, or hands one to the waiting receiver of a rendezvous, first wins that waiter's
//!    winner word: a waiter that left, or was won by another source, is passed over and the next one gets the turn.
//! 4. `receiver` is set only while the queue is empty.

use core::ptr::NonNull;
use std::collections::VecDeque;
use std::sync::PoisonError;

use super::error::{
    Cause, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use crate::pid::Pid;
use crate::sys::atomic::{Mutex, MutexGuard};
use crate::task::current;
use crate::task::growth;
use crate::task::park::{self, Wake};
use crate::task::section::Section;
use crate::task::slot::SlotRef;
use crate::task::wait::{WaitKind, WaitObject};
use crate::task::winner::{Leave, Source, WaitId};

/// These waits have one source each.
const ONLY_SOURCE: Source = Source(0);

pub(super) struct Bounded<T> {
    capacity: usize,
    wait: WaitObject,
    state: Mutex<State<T>>,
}

struct State<T> {
    queue: VecDeque<T>,
    waiting: VecDeque<NonNull<Node<T>>>,
    receiver: Option<Waiter>,
    senders: usize,
    receiver_gone: bool,
}

// SAFETY: the pointers lead to nodes that are used under the lock only; messages must be `Send`.
unsafe impl<T: Send> Send for State<T> {}

/// One wait of an actor or a plain thread.
#[derive(Clone, Copy)]
struct Waiter {
    slot: SlotRef,
    pid: Pid,
    wait: WaitId,
}

impl Waiter {
    fn new(slot: SlotRef) -> Self {
        Self { slot, pid: slot.pid(), wait: slot.winner.open() }
    }

    #[must_use]
    fn win(&self) -> bool {
        self.slot.winner.win(self.wait, ONLY_SOURCE)
    }

    fn leave(&self) -> Leave {
        self.slot.winner.leave(self.wait)
    }
}

/// A waiting sender.
struct Node<T> {
    waiter: Waiter,
    message: Option<T>,
}

impl<T> State<T> {
    /// The message of the sender that waits longest and is still there, and whom to unpark for it.
    fn take_from_sender(&mut self) -> Option<(T, Pid)> {
        loop {
            let mut node = self.waiting.pop_front()?;
            // SAFETY: invariant 2, and the caller holds the lock.
            let node = unsafe { node.as_mut() };
            if node.waiter.win() {
                let message = node.message.take().expect("a waiting sender has its message");
                return Some((message, node.waiter.pid));
            }
        }
    }

    /// The next message, and whom to unpark.
    fn take(&mut self) -> Option<(T, Option<Pid>)> {
        let Some(message) = self.queue.pop_front() else {
            return self.take_from_sender().map(|(message, sender)| (message, Some(sender)));
        };
        let sender = self.take_from_sender().map(|(next, sender)| {
            growth::push_back(&mut self.queue, next);
            sender
        });
        Some((message, sender))
    }

    /// The waiting receiver, which is to look again.
    fn wake_receiver(&mut self) -> Option<Pid> {
        self.receiver.take().map(|receiver| receiver.pid)
    }
}

/// What came of an attempt to send at once.
enum Offer<T> {
    Accepted(Option<Pid>),
    Full(T),
    Disconnected(T),
}

impl<T> Bounded<T> {
    /// A channel with one sender and one receiver.
    pub(super) fn new(capacity: usize) -> Self {
        let (queue, waiting) = (VecDeque::new(), VecDeque::new());
        let state = State { queue, waiting, receiver: None, senders: 1, receiver_gone: false };
        Self { capacity, wait: WaitObject::made_by(current::runtime()), state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it is held but an allocation failure, which leaves the state as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn used(&self) {
        self.wait.used_by(current::runtime());
    }

    // ---- senders ------------------------------------------------------------------------------------------------------

    /// Queues the message, or hands it to a receiver that waits for it.
    fn offer(&self, state: &mut State<T>, message: T) -> Offer<T> {
        if state.receiver_gone {
            return Offer::Disconnected(message);
        }
        // A rendezvous has room exactly while its receiver waits, and takes the message on its behalf.
        let room = match state.receiver {
            Some(receiver) if self.capacity == 0 => receiver.win(),
            _ => state.queue.len() < self.capacity,
        };
        if !room {
            return Offer::Full(message);
        }
        growth::push_back(&mut state.queue, message);
        Offer::Accepted(state.wake_receiver())
    }

    pub(super) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.used();
        let offer = self.offer(&mut self.lock(), message);
        match offer {
            Offer::Accepted(receiver) => {
                if let Some(_receiver) = receiver {
                    park::unpark(_receiver)
                }
                Ok(())
            }
            Offer::Full(message) => Err(TrySendError::Full(message)),
            Offer::Disconnected(message) => Err(TrySendError::Disconnected(message)),
        }
    }

    pub(super) fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.send_until(message, None).map_err(|error| match error {
            SendTimeoutError::Unwinding(message) => SendError::unwinding(message),
            other => SendError::disconnected(other.into_inner()),
        })
    }

    pub(super) fn send_until(&self, message: T, deadline_ns: Option<u64>) -> Result<(), SendTimeoutError<T>> {
        match self.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(message)) => Err(SendTimeoutError::Disconnected(message)),
            Err(TrySendError::Full(message)) => self.wait_for_room(message, deadline_ns),
        }
    }

    fn wait_for_room(&self, message: T, deadline_ns: Option<u64>) -> Result<(), SendTimeoutError<T>> {
        let slot = current::waiter();
        if park::may_not_wait(slot, "`send` on a full channel") {
            return Err(SendTimeoutError::Unwinding(message));
        }
        if park::kill_is_due(slot) {
            drop(message);
            park::throw_kill(slot);
        }
        let mut node = Node { waiter: Waiter::new(slot), message: Some(message) };
        let place = NonNull::from(&mut node);
        {
            let mut state = self.lock();
            // SAFETY: the node is ours; nobody knows it yet.
            let message = unsafe { (*place.as_ptr()).message.take() }.expect("just put there");
            match self.offer(&mut state, message) {
                Offer::Full(message) => {
                    // SAFETY: as above.
                    unsafe { (*place.as_ptr()).message = Some(message) };
                    growth::push_back(&mut state.waiting, place);
                }
                Offer::Accepted(receiver) => {
                    drop(state);
                    if let Some(_receiver) = receiver {
                        park::unpark(_receiver)
                    }
                    return Ok(());
                }
                Offer::Disconnected(message) => return Err(SendTimeoutError::Disconnected(message)),
            }
        }
        // SAFETY: registered above; it stays in place until `await_room` returns, which takes it out of the list.
        unsafe { self.await_room(place, deadline_ns) }
    }

    /// Parks until the node's message was taken, or gives up.
    ///
    /// # Safety
    ///
    /// The node is the caller's, registered with this channel.
    unsafe fn await_room(
        &self,
        place: NonNull<Node<T>>,
        deadline_ns: Option<u64>,
    ) -> Result<(), SendTimeoutError<T>> {
        // SAFETY: `waiter` is not changed by anybody.
        let waiter = unsafe { (*place.as_ptr()).waiter };
        loop {
            let wake = park::park(waiter.slot, WaitKind::Send, Some(&self.wait), deadline_ns);
            let mut state = self.lock();
            // SAFETY: under the lock the node is ours to use.
            let message = unsafe { &mut (*place.as_ptr()).message };
            if message.is_none() {
                return Ok(());
            }
            let killed = park::kill_is_due(waiter.slot);
            if !(state.receiver_gone || wake == Wake::TimedOut || killed) {
                continue;
            }
            // Who commits holds the lock, and would have taken the message.
            let left = waiter.leave();
            debug_assert_eq!(left, Leave::Left);
            state.waiting.retain(|other| *other != place);
            let message = message.take().expect("looked at above");
            let gone = state.receiver_gone;
            drop(state);
            if killed && !gone {
                drop(message);
                park::throw_kill(waiter.slot);
            }
            return Err(if gone {
                SendTimeoutError::Disconnected(message)
            } else {
                SendTimeoutError::Timeout(message)
            });
        }
    }

    pub(super) fn add_sender(&self) {
        self.used();
        self.lock().senders += 1;
    }

    pub(super) fn remove_sender(&self) {
        let receiver = {
            let mut state = self.lock();
            state.senders -= 1;
            if state.senders == 0 { state.wake_receiver() } else { None }
        };
        if let Some(_receiver) = receiver {
            park::unpark(_receiver)
        }
    }

    // ---- the receiver -------------------------------------------------------------------------------------------------

    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = self.lock();
        let taken = state.take();
        let disconnected = state.senders == 0;
        drop(state);
        match taken {
            Some((message, sender)) => {
                if let Some(_sender) = sender {
                    park::unpark(_sender)
                }
                Ok(message)
            }
            None if disconnected => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    pub(super) fn recv(&self) -> Result<T, RecvError> {
        match self.try_recv() {
            Ok(message) => Ok(message),
            Err(TryRecvError::Disconnected) => Err(RecvError(Cause::Disconnected)),
            Err(TryRecvError::Empty) => self.wait(None).map_err(|error| match error {
                RecvTimeoutError::Unwinding => RecvError(Cause::Unwinding),
                _ => RecvError(Cause::Disconnected),
            }),
        }
    }

    /// Waits for a message.
    #[inline(never)]
    pub(super) fn wait(&self, deadline_ns: Option<u64>) -> Result<T, RecvTimeoutError> {
        self.used();
        let slot = current::waiter();
        if park::may_not_wait(slot, "`recv` on an empty channel") {
            return self.try_recv().map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Unwinding,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            });
        }
        let mut wake = Wake::Unparked;
        loop {
            let mut state = self.lock();
            // Who handed a message to a waiting receiver of a rendezvous has put it into the queue: it is found here first, also
            // after a timeout or a kill.
            let waiter = state.receiver.take();
            if let Some((message, sender)) = state.take() {
                drop(state);
                if let Some(_sender) = sender {
                    park::unpark(_sender)
                }
                return Ok(message);
            }
            // Nobody commits any more: that happens under the lock.
            let left = waiter.is_none_or(|waiter| waiter.leave() == Leave::Left);
            debug_assert!(left, "a message was promised and not delivered");
            if state.senders == 0 {
                return Err(RecvTimeoutError::Disconnected);
            }
            if wake == Wake::TimedOut {
                return Err(RecvTimeoutError::Timeout);
            }
            if park::kill_is_due(slot) {
                drop(state);
                park::throw_kill(slot);
            }
            state.receiver = Some(Waiter::new(slot));
            drop(state);
            wake = park::park(slot, WaitKind::Receive, Some(&self.wait), deadline_ns);
        }
    }

    /// The receiver leaves: senders fail from now on, and what is queued is dropped.
    pub(super) fn remove_receiver(&self) {
        let (queue, waiting) = {
            let _section = Section::begin();
            let mut state = self.lock();
            state.receiver_gone = true;
            // SAFETY: invariant 2; the names are copied under the lock.
            let pid_of = |node: &NonNull<Node<T>>| unsafe { node.as_ref() }.waiter.pid;
            let waiting: Vec<Pid> = state.waiting.iter().map(pid_of).collect();
            (core::mem::take(&mut state.queue), waiting)
        };
        // Senders that wait find out by themselves, and get their messages back.
        waiting.into_iter().for_each(park::unpark);
        drop(queue);
    }
}
