//! The bounded channel, and with room for nothing the rendezvous.
//!
//! A lock, and under it an [`Exchange`]. The lock is held for a few instructions, never over user code or a switch.

use core::ptr::NonNull;
use std::sync::PoisonError;

use super::error::{
    Cause, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use super::exchange::{self, Exchange, Offer, Party};
use crate::sys::atomic::{Mutex, MutexGuard};
use crate::task::choice::Waiter;
use crate::task::current;
use crate::task::park::{self, Wake};
use crate::task::section::Section;
use crate::task::select::Register;
use crate::task::wait::{WaitKind, WaitObject};
use crate::task::winner::Leave;

pub(super) struct Bounded<T> {
    pub(super) wait: WaitObject,
    state: Mutex<State<T>>,
}

type State<T> = Exchange<T, Waiter>;

/// A waiting sender.
pub(super) type Node<T> = exchange::Node<T, Waiter>;

impl Party for Waiter {
    fn win(&self) -> bool {
        self.win()
    }

    fn is_with(&self, other: &Self) -> bool {
        self.is_with(other)
    }
}

fn unpark(waiter: Option<Waiter>) {
    if let Some(waiter) = waiter {
        park::unpark_at(waiter.slot, waiter.pid);
    }
}

/// Whether a message that is taken out of the channel leaves its room to others at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Take {
    Received,
    /// It may have to stay: a selective receive looks at it.
    Held,
}

impl<T> Bounded<T> {
    /// A channel with one sender and one receiver.
    pub(super) fn new(capacity: usize) -> Self {
        Self { wait: WaitObject::made_by(current::runtime()), state: Mutex::new(Exchange::new(capacity)) }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it is held but an allocation failure, which leaves the state as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn used(&self) {
        self.wait.used_by(current::runtime());
    }

    // ---- senders ------------------------------------------------------------------------------------------------------

    pub(super) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.used();
        let offer = self.lock().offer(message);
        match offer {
            Offer::Accepted(receiver) => {
                unpark(receiver);
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
        let waiter = Waiter::alone(slot);
        let mut node = Node { waiter: Some(waiter), message: Some(message) };
        let place = NonNull::from(&mut node);
        {
            let mut state = self.lock();
            // SAFETY: the node is ours; nobody knows it yet.
            let message = unsafe { (*place.as_ptr()).message.take() }.expect("just put there");
            match state.offer(message) {
                Offer::Full(message) => {
                    // SAFETY: as above.
                    unsafe { (*place.as_ptr()).message = Some(message) };
                    // SAFETY: it stays in place until `await_room` returns, which uses it under the lock, and takes it out.
                    unsafe { state.wait_for_room(place) };
                }
                Offer::Accepted(receiver) => {
                    drop(state);
                    unpark(receiver);
                    return Ok(());
                }
                Offer::Disconnected(message) => return Err(SendTimeoutError::Disconnected(message)),
            }
        }
        // SAFETY: registered above; it stays in place until `await_room` returns, which takes it out of the list.
        unsafe { self.await_room(place, waiter, deadline_ns) }
    }

    /// Parks until the node's message was taken, or gives up.
    ///
    /// # Safety
    ///
    /// The node is the caller's, registered with this channel by this name.
    unsafe fn await_room(
        &self,
        place: NonNull<Node<T>>,
        waiter: Waiter,
        deadline_ns: Option<u64>,
    ) -> Result<(), SendTimeoutError<T>> {
        loop {
            let wake = park::park(waiter.slot, WaitKind::Send, Some(&self.wait), deadline_ns);
            let mut state = self.lock();
            // SAFETY: under the lock the node is ours to use.
            let message = unsafe { &mut (*place.as_ptr()).message };
            if message.is_none() {
                return Ok(());
            }
            let killed = park::kill_is_due(waiter.slot);
            if !(state.is_receiver_gone() || wake == Wake::TimedOut || killed) {
                continue;
            }
            // Who commits holds the lock, and would have taken the message.
            let left = waiter.leave();
            debug_assert_eq!(left, Leave::Left);
            state.take_out(place);
            let message = message.take().expect("looked at above");
            let gone = state.is_receiver_gone();
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

    /// Registers a select that wants to send.
    ///
    /// # Safety
    ///
    /// The node is the caller's, with its message, and registered nowhere. If it waits, it stays in place, and is left alone, until
    /// [`deregister_sender`](Self::deregister_sender).
    pub(super) unsafe fn register_sender(&self, place: NonNull<Node<T>>, waiter: Waiter) -> Register {
        self.used();
        let mut state = self.lock();
        if state.can_send(&waiter) {
            return Register::Ready;
        }
        // SAFETY: the caller's promise.
        unsafe { (*place.as_ptr()).waiter = Some(waiter) };
        // SAFETY: the caller's promise.
        unsafe { state.wait_for_room(place) };
        Register::Waits
    }

    /// Takes it back; the node is the caller's alone afterwards.
    pub(super) fn deregister_sender(&self, place: NonNull<Node<T>>) {
        self.lock().take_out(place);
    }

    pub(super) fn add_sender(&self) {
        self.used();
        self.lock().add_sender();
    }

    pub(super) fn remove_sender(&self) {
        let receiver = self.lock().remove_sender();
        unpark(receiver);
    }

    // ---- the receiver -------------------------------------------------------------------------------------------------

    pub(super) fn try_recv(&self, take: Take) -> Result<T, TryRecvError> {
        let mut state = self.lock();
        let taken = match take {
            Take::Received => state.take(),
            Take::Held => state.take_and_hold(),
        };
        let connected = state.has_senders();
        drop(state);
        match taken {
            Some((message, sender)) => {
                unpark(sender);
                Ok(message)
            }
            None if connected => Err(TryRecvError::Empty),
            None => Err(TryRecvError::Disconnected),
        }
    }

    pub(super) fn recv(&self) -> Result<T, RecvError> {
        match self.try_recv(Take::Received) {
            Ok(message) => Ok(message),
            Err(TryRecvError::Disconnected) => Err(RecvError(Cause::Disconnected)),
            Err(TryRecvError::Empty) => self.wait(None, Take::Received).map_err(RecvError::from_wait),
        }
    }

    /// A message that was held has been received.
    pub(super) fn release(&self) {
        let sender = self.lock().release();
        unpark(sender);
    }

    /// Waits for a message.
    #[inline(never)]
    pub(super) fn wait(&self, deadline_ns: Option<u64>, take: Take) -> Result<T, RecvTimeoutError> {
        self.used();
        let slot = current::waiter();
        if park::may_not_wait(slot, "`recv` on an empty channel") {
            return self.try_recv(take).map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Unwinding,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            });
        }
        let mut wake = Wake::Unparked;
        loop {
            let mut state = self.lock();
            // Who handed a message to a waiting receiver of a rendezvous has put it into the queue: it is found here first, also
            // after a timeout or a kill.
            let waiter = state.set_receiver(None);
            let taken = match take {
                Take::Received => state.take(),
                Take::Held => state.take_and_hold(),
            };
            if let Some((message, sender)) = taken {
                drop(state);
                unpark(sender);
                return Ok(message);
            }
            // Nobody commits any more: that happens under the lock.
            let left = waiter.is_none_or(|waiter| waiter.leave() == Leave::Left);
            debug_assert!(left, "a message was promised and not delivered");
            if !state.has_senders() {
                return Err(RecvTimeoutError::Disconnected);
            }
            if wake == Wake::TimedOut {
                return Err(RecvTimeoutError::Timeout);
            }
            if park::kill_is_due(slot) {
                drop(state);
                park::throw_kill(slot);
            }
            state.set_receiver(Some(Waiter::alone(slot)));
            drop(state);
            wake = park::park(slot, WaitKind::Receive, Some(&self.wait), deadline_ns);
        }
    }

    /// Registers a select that wants to receive.
    pub(super) fn register_receiver(&self, waiter: Waiter) -> Register {
        self.used();
        let mut state = self.lock();
        if state.can_receive(&waiter) {
            return Register::Ready;
        }
        state.set_receiver(Some(waiter));
        Register::Waits
    }

    /// Takes it back. Nobody else receives.
    pub(super) fn deregister_receiver(&self) {
        self.lock().set_receiver(None);
    }

    /// The receiver leaves: senders fail from now on, and what is queued is dropped.
    pub(super) fn remove_receiver(&self) {
        let (queue, waiting) = {
            let _section = Section::begin();
            self.lock().close()
        };
        // Senders that wait get their messages back.
        waiting.into_iter().for_each(|waiter| unpark(Some(waiter)));
        drop(queue);
    }
}
