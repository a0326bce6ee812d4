//! A channel for one message.
//!
//! ```text
//!   state word:  Empty ──send──▶ Full ──recv──▶ Closed
//!                  │ ▲
//!             park ▼ │ leave                 sender dropped: SenderGone
//!                the receiver's Pid          receiver dropped: Closed
//! ```
//!
//! Each side ends its part by one swap, and thereby learns what the other one did.

use core::cell::{Cell, UnsafeCell};
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use super::ends::give_in_if;
use super::error::{RecvError, RecvTimeoutError, SendError, TryRecvError};
use crate::pid::Pid;
use crate::sys::atomic::{AtomicU64, Ordering};
use crate::sys::clock;
use crate::task::current;
use crate::task::park::{self, Wake};
use crate::task::preempt::checkpoint;
use crate::task::select::Register;
use crate::task::slot::SlotRef;
use crate::task::wait::{WaitKind, WaitObject};

/// Nothing yet, nobody waits.
const EMPTY: u64 = 0;
/// The message is there.
const FULL: u64 = u64::MAX;
/// The sender left without a message.
const SENDER_GONE: u64 = u64::MAX - 1;
/// The message was taken, or the receiver has left.
const CLOSED: u64 = u64::MAX - 2;
// All else is the `Pid` of a parked receiver: generations end before u32::MAX, so none has these bits.

struct Cellular<T> {
    state: AtomicU64,
    message: UnsafeCell<MaybeUninit<T>>,
    wait: WaitObject,
}

// SAFETY: the message is written before the sender's swap and read after the receiver has seen it, so by one thread at a time; it
// crosses threads, so it must be `Send`.
unsafe impl<T: Send> Sync for Cellular<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Cellular<T> {}

/// Makes a channel for one message. Never parks.
///
/// ```
/// let (sender, receiver) = smarm::channel::oneshot();
/// smarm::run(move || smarm::spawn(move || sender.send(7)).join().unwrap()).unwrap();
/// assert_eq!(receiver.recv(), Ok(7));
/// ```
#[must_use]
pub fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Cellular {
        state: AtomicU64::new(EMPTY),
        message: UnsafeCell::new(MaybeUninit::uninit()),
        wait: WaitObject::made_by(current::runtime()),
    });
    (Sender { shared: shared.clone(), sent: false }, Receiver { shared, not_sync: PhantomData })
}

/// The sending end of a [`oneshot()`].
pub struct Sender<T> {
    shared: Arc<Cellular<T>>,
    sent: bool,
}

impl<T> Sender<T> {
    /// Sends the message. Never parks, and is no safe point.
    ///
    /// # Errors
    ///
    /// The message, if the receiver is gone.
    pub fn send(mut self, message: T) -> Result<(), SendError<T>> {
        self.sent = true;
        let shared = &*self.shared;
        shared.wait.used_by(current::runtime());
        // SAFETY: the only sender writes once, and the receiver looks only after the swap below.
        unsafe { (*shared.message.get()).write(message) };
        // Ordering: AcqRel. Release publishes the message; Acquire sees that the receiver has gone.
        match shared.state.swap(FULL, Ordering::AcqRel) {
            EMPTY => Ok(()),
            CLOSED => {
                // Ordering: Relaxed. The receiver is gone: only this end's drop will look.
                shared.state.store(CLOSED, Ordering::Relaxed);
                // SAFETY: written above, and nobody else will take it.
                Err(SendError::disconnected(unsafe { (*shared.message.get()).assume_init_read() }))
            }
            receiver => {
                if let Some(a) = Pid::from_bits(receiver) {
                    park::unpark(a)
                }
                Ok(())
            }
        }
    }

    /// Whether the receiver is gone, so that a message would be refused. Never parks.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        // Ordering: Acquire; orders the caller after the receiver's last action.
        self.shared.state.load(Ordering::Acquire) == CLOSED
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.sent {
            return;
        }
        // Ordering: AcqRel. Ordered against the receiver's swap.
        match self.shared.state.swap(SENDER_GONE, Ordering::AcqRel) {
            EMPTY | CLOSED => {}
            receiver => {
                if let Some(a) = Pid::from_bits(receiver) {
                    park::unpark(a)
                }
            }
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("oneshot::Sender { .. }")
    }
}

/// The receiving end of a [`oneshot()`].
pub struct Receiver<T> {
    shared: Arc<Cellular<T>>,
    not_sync: PhantomData<Cell<()>>,
}

impl<T> Receiver<T> {
    /// Waits for the message. May park, on any thread.
    ///
    /// # Errors
    ///
    /// If the sender left without a message, or if the actor is unwinding and would have had to wait.
    pub fn recv(self) -> Result<T, RecvError> {
        self.recv_once()
    }

    /// The same for a receiver that is kept: there is one message, so it succeeds once.
    pub(crate) fn recv_once(&self) -> Result<T, RecvError> {
        checkpoint();
        give_in_if(self.wait(None), RecvTimeoutError::is_disconnected).map_err(RecvError::from_wait)
    }

    /// Takes the message if it is there. Never parks, and is no safe point.
    ///
    /// # Errors
    ///
    /// If there is no message: not yet, or for ever because the sender left or the message was taken.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let state = &self.shared.state;
        // Ordering: Acquire; pairs with the Release in `send`.
        match state.load(Ordering::Acquire) {
            FULL => {
                // Ordering: Relaxed. The sender is done with the cell.
                state.store(CLOSED, Ordering::Relaxed);
                // SAFETY: the message is there, and taken once: the state is not `FULL` any more.
                Ok(unsafe { (*self.shared.message.get()).assume_init_read() })
            }
            SENDER_GONE | CLOSED => Err(TryRecvError::Disconnected),
            _ => Err(TryRecvError::Empty),
        }
    }

    /// Waits for the message, no longer than `timeout`. May park, on any thread. Can be called again after a timeout.
    ///
    /// # Errors
    ///
    /// If the message did not come in time, if the sender left without one, or if the actor is unwinding and would have had to wait.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        checkpoint();
        give_in_if(self.wait(Some(clock::deadline_after(timeout))), RecvTimeoutError::is_disconnected)
    }

    fn wait(&self, deadline_ns: Option<u64>) -> Result<T, RecvTimeoutError> {
        let mut wake = Wake::Unparked;
        let mut slot = None;
        loop {
            match self.try_recv() {
                Ok(message) => return Ok(message),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) => {}
            }
            if wake == Wake::TimedOut {
                return Err(RecvTimeoutError::Timeout);
            }
            let slot = *slot.get_or_insert_with(current::waiter);
            if park::may_not_wait(slot, "`recv` on an empty oneshot") {
                return Err(RecvTimeoutError::Unwinding);
            }
            park::deliver_kill(slot);
            wake = self.park(slot, deadline_ns);
        }
    }

    fn park(&self, slot: SlotRef, deadline_ns: Option<u64>) -> Wake {
        if self.register(slot) == Register::Ready {
            return Wake::Unparked;
        }
        let wake = park::park(slot, WaitKind::OneshotReceive, Some(&self.shared.wait), deadline_ns);
        self.deregister(slot);
        wake
    }

    /// Registers who waits; `Ready` if the caller is to look again. One who selects may have registered before.
    pub(super) fn register(&self, slot: SlotRef) -> Register {
        let shared = &*self.shared;
        shared.wait.used_by(slot.runtime());
        let me = slot.pid().to_bits();
        // Ordering: AcqRel. Ordered against the sender's swap; on failure the caller looks again.
        match shared.state.compare_exchange(EMPTY, me, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Register::Waits,
            Err(state) if state == me => Register::Waits,
            Err(_) => Register::Ready,
        }
    }

    /// Takes the registration back, if it is still there.
    pub(super) fn deregister(&self, slot: SlotRef) {
        let me = slot.pid().to_bits();
        // Ordering: Relaxed. If the sender came first, the caller's next look acquires.
        self.shared.state.compare_exchange(me, EMPTY, Ordering::Relaxed, Ordering::Relaxed).ok();
    }

    /// Whether `recv` would return at once. It stays so.
    pub(super) fn is_ready(&self) -> bool {
        // Ordering: Relaxed. Who takes the message acquires.
        matches!(self.shared.state.load(Ordering::Relaxed), FULL | SENDER_GONE | CLOSED)
    }

    pub(super) fn wait_object(&self) -> &WaitObject {
        &self.shared.wait
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Ordering: AcqRel. Ordered against the sender's swap; Acquire sees its message.
        if self.shared.state.swap(CLOSED, Ordering::AcqRel) == FULL {
            // SAFETY: the message is there, and nobody else will take it.
            drop(unsafe { (*self.shared.message.get()).assume_init_read() });
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("oneshot::Receiver { .. }")
    }
}
