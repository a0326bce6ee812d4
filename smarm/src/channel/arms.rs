//! Channels in a `select!`.

use core::cell::{Cell, UnsafeCell};
use core::fmt;
use core::ptr::NonNull;

use super::bounded::Node;
use super::ends::{Flavour, Receiver, Sender};
use super::error::{Cause, RecvError, SendError, TryRecvError, TrySendError};
use super::{oneshot, unbounded};
use crate::task::choice::{Alternative, Arm, Choosable, Waiter};
use crate::task::select::{Register, Source};
use crate::task::wait::WaitObject;

// ---- receive ----------------------------------------------------------------------------------------------------------

/// An arm of `select!` that receives.
pub struct RecvArm<'a, T> {
    receiver: &'a Receiver<T>,
    /// Whether it is this arm that is registered, and not another one of the same receiver.
    is_registered: Cell<bool>,
    result: Cell<Option<Result<T, RecvError>>>,
}

impl<T> Receiver<T> {
    #[doc(hidden)]
    pub fn recv_in_select(&self) -> RecvArm<'_, T> {
        RecvArm { receiver: self, is_registered: Cell::new(false), result: Cell::new(None) }
    }

    #[doc(hidden)]
    pub fn recv_won(&self, result: Result<T, RecvError>) -> Result<T, RecvError> {
        result
    }
}

impl<T> Source<Waiter> for RecvArm<'_, T> {
    fn register(&self, waiter: Waiter) -> Register {
        let register = match &self.receiver.flavour {
            Flavour::Bounded(channel) => channel.register_receiver(waiter),
            Flavour::Unbounded(channel) => match channel.register(waiter.slot) {
                unbounded::Select::Already => return Register::Waits,
                unbounded::Select::Waits => Register::Waits,
                unbounded::Select::Ready => Register::Ready,
            },
        };
        self.is_registered.set(register == Register::Waits);
        register
    }

    fn deregister(&self, _waiter: Waiter) {
        if self.is_registered.replace(false) {
            match &self.receiver.flavour {
                Flavour::Bounded(channel) => channel.deregister_receiver(),
                Flavour::Unbounded(channel) => channel.deregister(),
            }
        }
    }
}

impl<T> Alternative for RecvArm<'_, T> {
    fn attempt(&self) -> bool {
        let result = match self.receiver.try_recv() {
            Ok(message) => Ok(message),
            Err(TryRecvError::Disconnected) => Err(RecvError(Cause::Disconnected)),
            Err(TryRecvError::Empty) => return false,
        };
        self.result.set(Some(result));
        true
    }

    /// Of a rendezvous: the message is in the queue.
    fn committed(&self) {
        let received = self.attempt();
        debug_assert!(received, "a message was promised and not delivered");
    }

    fn give_up(&self) {
        self.result.set(Some(Err(RecvError(Cause::Unwinding))));
    }

    fn object(&self) -> Option<&WaitObject> {
        Some(match &self.receiver.flavour {
            Flavour::Bounded(channel) => &channel.wait,
            Flavour::Unbounded(channel) => &channel.wait,
        })
    }
}

impl<T> Arm for RecvArm<'_, T> {
    type Won = Result<T, RecvError>;

    fn chosen(self) -> Self::Won {
        self.result.take().expect("an arm that has won has a result")
    }

    fn alternative(&self) -> Choosable<'_> {
        Choosable(self)
    }
}

impl<T> fmt::Debug for RecvArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecvArm { .. }")
    }
}

// ---- send -------------------------------------------------------------------------------------------------------------

/// An arm of `select!` that sends.
pub struct SendArm<'a, T> {
    sender: &'a Sender<T>,
    /// While it is registered, the channel's, under its lock; else this arm's.
    node: UnsafeCell<Node<T>>,
    result: Cell<Option<Result<(), SendError<T>>>>,
}

impl<T> Sender<T> {
    #[doc(hidden)]
    pub fn send_in_select(&self, message: T) -> SendArm<'_, T> {
        let node = UnsafeCell::new(Node { waiter: None, message: Some(message) });
        SendArm { sender: self, node, result: Cell::new(None) }
    }
}

impl<T> SendArm<'_, T> {
    fn place(&self) -> NonNull<Node<T>> {
        NonNull::new(self.node.get()).expect("a cell has an address")
    }

    /// Takes the message. The arm is not registered.
    fn take(&self) -> Option<T> {
        // SAFETY: the node is this arm's, which is used by one thread.
        unsafe { (*self.node.get()).message.take() }
    }

    /// Puts it back.
    fn put(&self, message: T) {
        // SAFETY: as in `take`.
        unsafe { (*self.node.get()).message = Some(message) };
    }

    fn finish(&self, result: Result<(), SendError<T>>) -> bool {
        self.result.set(Some(result));
        true
    }
}

impl<T> Source<Waiter> for SendArm<'_, T> {
    fn register(&self, waiter: Waiter) -> Register {
        match &self.sender.flavour {
            // SAFETY: the node is in this arm, which is borrowed as long as it is registered, and leaves it alone.
            Flavour::Bounded(channel) => unsafe { channel.register_sender(self.place(), waiter) },
            Flavour::Unbounded(_) => Register::Ready,
        }
    }

    fn deregister(&self, _waiter: Waiter) {
        if let Flavour::Bounded(channel) = &self.sender.flavour {
            channel.deregister_sender(self.place());
        }
    }
}

impl<T> Alternative for SendArm<'_, T> {
    fn attempt(&self) -> bool {
        let message = self.take().expect("an arm that has not sent has its message");
        match self.sender.try_send(message) {
            Ok(()) => self.finish(Ok(())),
            Err(TrySendError::Disconnected(message)) => self.finish(Err(SendError::disconnected(message))),
            Err(TrySendError::Full(message)) => {
                self.put(message);
                false
            }
        }
    }

    /// A receiver has taken the message.
    fn committed(&self) {
        debug_assert!(self.take().is_none(), "a message was taken and is still there");
        self.finish(Ok(()));
    }

    fn give_up(&self) {
        let message = self.take().expect("an arm that has not sent has its message");
        self.finish(Err(SendError::unwinding(message)));
    }

    fn object(&self) -> Option<&WaitObject> {
        Some(match &self.sender.flavour {
            Flavour::Bounded(channel) => &channel.wait,
            Flavour::Unbounded(channel) => &channel.wait,
        })
    }
}

impl<T> Arm for SendArm<'_, T> {
    type Won = Result<(), SendError<T>>;

    fn chosen(self) -> Self::Won {
        self.result.take().expect("an arm that has won has a result")
    }

    fn alternative(&self) -> Choosable<'_> {
        Choosable(self)
    }
}

impl<T> fmt::Debug for SendArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendArm { .. }")
    }
}

// ---- oneshot ----------------------------------------------------------------------------------------------------------

/// An arm of `select!` that receives from a oneshot. The message stays where it is: the macro takes it by the receiver itself, which that
/// uses up.
pub struct OneshotArm<'a, T> {
    receiver: &'a oneshot::Receiver<T>,
    unwinding: Cell<bool>,
}

/// A oneshot has its message, or will have none; or it was not waited for.
#[derive(Debug)]
pub struct OneshotWon {
    unwinding: bool,
}

impl<T> oneshot::Receiver<T> {
    #[doc(hidden)]
    pub fn recv_in_select(&self) -> OneshotArm<'_, T> {
        OneshotArm { receiver: self, unwinding: Cell::new(false) }
    }

    #[doc(hidden)]
    #[expect(clippy::needless_pass_by_value, reason = "it is used up")]
    pub fn recv_won(self, won: OneshotWon) -> Result<T, RecvError> {
        self.take_won(&won)
    }

    pub(crate) fn take_won(&self, won: &OneshotWon) -> Result<T, RecvError> {
        let cause = if won.unwinding { Cause::Unwinding } else { Cause::Disconnected };
        self.try_recv().map_err(|_| RecvError(cause))
    }
}

impl<T> Source<Waiter> for OneshotArm<'_, T> {
    fn register(&self, waiter: Waiter) -> Register {
        self.receiver.register(waiter.slot)
    }

    fn deregister(&self, waiter: Waiter) {
        self.receiver.deregister(waiter.slot);
    }
}

impl<T> Alternative for OneshotArm<'_, T> {
    fn attempt(&self) -> bool {
        self.receiver.is_ready()
    }

    fn give_up(&self) {
        self.unwinding.set(true);
    }

    fn object(&self) -> Option<&WaitObject> {
        Some(self.receiver.wait_object())
    }
}

impl<T> Arm for OneshotArm<'_, T> {
    type Won = OneshotWon;

    fn chosen(self) -> OneshotWon {
        OneshotWon { unwinding: self.unwinding.get() }
    }

    fn alternative(&self) -> Choosable<'_> {
        Choosable(self)
    }
}

impl<T> fmt::Debug for OneshotArm<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneshotArm { .. }")
    }
}
