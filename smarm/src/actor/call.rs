//! Calls: a message, and a wait for its reply.
//!
//! The reply is written straight to the caller's stack, through the reply word of the caller's slot; see `task::reply`.

use core::convert::Infallible;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::time::Duration;
use std::error::Error;

use super::actor_ref::{ActorRef, Refused};
use super::dead_letters;
use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::task::current;
use crate::task::park::{self, Patience, Wake};
use crate::task::preempt::checkpoint;
use crate::task::reply::{Answer, CallId, Silence};
use crate::task::slot::{Burial, SlotRef, slot_of};
use crate::task::wait;

/// The right and the duty to answer a call.
///
/// A message of which this is a parameter is a call of `T` that may be answered later, or by another actor. Dropped unanswered, it
/// tells the caller so at once.
///
/// ```
/// use smarm::ReplyTo;
///
/// #[derive(Default)]
/// pub struct Lobby { guests: Vec<ReplyTo<u32>> }
///
/// #[smarm::actor]
/// impl Lobby {
///     /// Answered when the doors open.
///     pub fn ticket(&mut self, reply: ReplyTo<u32>) { self.guests.push(reply) }
///     pub fn waiting(&self) -> usize { self.guests.len() }
///     pub fn open(&mut self) {
///         for (number, reply) in self.guests.drain(..).enumerate() { reply.send(number as u32) }
///     }
/// }
///
/// smarm::run(|| {
///     let lobby = Lobby::default().start();
///     let guest = smarm::spawn({ let lobby = lobby.clone(); move || lobby.ticket().unwrap() });
///     while lobby.waiting().unwrap() == 0 { smarm::yield_now() }
///     lobby.open();
///     assert_eq!(guest.join().unwrap(), 0);
/// });
/// ```
pub struct ReplyTo<T> {
    caller: Pid,
    call: CallId,
    reply: PhantomData<T>,
}

impl<T> ReplyTo<T> {
    /// # Safety
    ///
    /// The call was opened with a place for a `T`, and this is made once for it.
    pub(super) unsafe fn new(caller: Pid, call: CallId) -> Self {
        Self { caller, call, reply: PhantomData }
    }

    /// Answers. Never parks. If the caller does not wait any longer, the reply is dropped.
    pub fn send(self, reply: T) {
        let (caller, call) = (self.caller, self.call);
        core::mem::forget(self);
        let slot = slot_of(caller);
        let Some(place) = slot.reply.begin(call) else { return };
        // SAFETY: between `begin` and `finish` the place is ours; it is one for a `T`, since this right was made with it.
        unsafe { place.cast::<T>().write(reply) };
        slot.reply.finish(call);
        park::unpark_at(slot, caller);
    }

    /// Who called. A plain thread and a call that is awaited have names here too, which no function takes for an actor's.
    #[must_use]
    pub fn caller(&self) -> Pid {
        self.caller
    }
}

impl<T> Drop for ReplyTo<T> {
    fn drop(&mut self) {
        let slot = current::waiter();
        let burial = slot.burial.get();
        // A right that a handler had is not the call that is being buried, but part of another message.
        let burying = matches!(burial, Burial::Dropping | Burial::CallerTold) && !self.call.is_received();
        let unwinds = || slot.is_server() && std::thread::panicking();
        if burial == Burial::State || !burying && unwinds() {
            // The server will know why it ends; until then the caller waits.
            return slot.note_unanswered(self.caller, self.call);
        }
        if burying {
            slot.burial.set(Burial::CallerTold);
        }
        let silence = if burying { Silence::Undelivered } else { Silence::Unanswered };
        if slot_of(self.caller).reply.abandon(self.call, silence) {
            park::unpark(self.caller);
        }
    }
}

/// Marks a right to reply that a handler gets: the call was delivered.
#[inline]
#[must_use]
pub fn received<T>(mut reply: ReplyTo<T>) -> ReplyTo<T> {
    reply.call = reply.call.received();
    reply
}

impl<T> fmt::Debug for ReplyTo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyTo({})", self.caller)
    }
}

/// Why a call has no reply, or what the server replied instead.
///
/// `E` is the error of a message that returns a `Result`; a message that returns something else has none.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CallError<E = Infallible> {
    /// The server's own error.
    Reply(E),
    /// No reply came in time. The message may have been handled, or may yet be.
    #[non_exhaustive]
    Timeout {
        /// How long the caller was ready to wait.
        timeout: Duration,
        /// Who was called.
        callee: Pid,
    },
    /// The server has ended.
    #[non_exhaustive]
    Down {
        /// Why.
        reason: ExitReason,
        /// Whether the server had begun to handle the message.
        delivered: bool,
        /// Who was called.
        callee: Pid,
    },
    /// The server waits for the caller, or is the caller: a reply could never come. The message was not sent.
    #[non_exhaustive]
    Deadlock {
        /// Who waits for whom: each for the next one, the last one for the first. The first one is the caller.
        cycle: Box<[Pid]>,
    },
    /// The mailbox had no room, and its overflow policy does not let senders wait.
    #[non_exhaustive]
    Full {
        /// Who was called.
        callee: Pid,
    },
    /// The server dropped its right to reply.
    #[non_exhaustive]
    Unanswered {
        /// Who was called.
        callee: Pid,
    },
    /// The caller unwinds, and would have had to wait.
    #[non_exhaustive]
    Unwinding {},
}

impl<E> CallError<E> {
    /// The server's own error; the call's otherwise.
    ///
    /// # Errors
    ///
    /// This error, if it is not the server's.
    pub fn into_reply(self) -> Result<E, CallError> {
        Err(match self {
            Self::Reply(error) => return Ok(error),
            Self::Timeout { timeout, callee } => CallError::Timeout { timeout, callee },
            Self::Down { reason, delivered, callee } => CallError::Down { reason, delivered, callee },
            Self::Deadlock { cycle } => CallError::Deadlock { cycle },
            Self::Full { callee } => CallError::Full { callee },
            Self::Unanswered { callee } => CallError::Unanswered { callee },
            Self::Unwinding {} => CallError::Unwinding {},
        })
    }

    /// Whether no reply came in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }

    /// Whether the server has ended.
    #[must_use]
    pub fn is_down(&self) -> bool {
        matches!(self, Self::Down { .. })
    }

    /// Whether the call would have closed a cycle of callers.
    #[must_use]
    pub fn is_deadlock(&self) -> bool {
        matches!(self, Self::Deadlock { .. })
    }

    /// Whether the message was certainly not handled, so that the same call may be made again, to this server or to another.
    #[must_use]
    pub fn retry_is_safe(&self) -> bool {
        matches!(self, Self::Down { delivered: false, .. } | Self::Full { .. })
    }
}

impl CallError {
    /// The same error for a message that has errors of its own.
    #[must_use]
    pub fn widen<E>(self) -> CallError<E> {
        match self {
            Self::Reply(never) => match never {},
            Self::Timeout { timeout, callee } => CallError::Timeout { timeout, callee },
            Self::Down { reason, delivered, callee } => CallError::Down { reason, delivered, callee },
            Self::Deadlock { cycle } => CallError::Deadlock { cycle },
            Self::Full { callee } => CallError::Full { callee },
            Self::Unanswered { callee } => CallError::Unanswered { callee },
            Self::Unwinding {} => CallError::Unwinding {},
        }
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(error) => error.fmt(f),
            Self::Timeout { timeout, callee } => write!(f, "no reply from actor {callee} within {timeout:?}"),
            Self::Down { reason, delivered: true, callee } => {
                write!(f, "actor {callee} ended while it handled the message: {reason}")
            }
            Self::Down { reason, callee, .. } => {
                write!(f, "actor {callee} has ended, and did not handle the message: {reason}")
            }
            Self::Deadlock { cycle } => {
                f.write_str("the call would never return: ")?;
                cycle.iter().try_for_each(|pid| write!(f, "actor {pid} waits for "))?;
                write!(f, "actor {}", cycle[0])
            }
            Self::Full { callee } => write!(f, "the mailbox of actor {callee} is full"),
            Self::Unanswered { callee } => write!(f, "actor {callee} did not answer"),
            Self::Unwinding {} => f.write_str("not waited for: the caller is unwinding"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> Error for CallError<E> {}

/// A call in progress. Dropped, it ends the wait; a reply that came nevertheless is dropped.
struct Waiting<T> {
    slot: SlotRef,
    call: CallId,
    place: *mut T,
}

impl<T> Waiting<T> {
    /// Ends the wait, for whatever reason.
    fn leave(self) -> Option<T> {
        let waiting = core::mem::ManuallyDrop::new(self);
        waiting.end()
    }

    /// To be called once.
    fn end(&self) -> Option<T> {
        wait::end(self.slot);
        // SAFETY: written, and read once: the wait ends once.
        (self.slot.reply.leave(self.call) == Answer::Written).then(|| unsafe { self.place.read() })
    }

    /// Ends the wait after an answer was seen.
    fn read(self) -> T {
        let waiting = core::mem::ManuallyDrop::new(self);
        wait::end(waiting.slot);
        waiting.slot.reply.close(waiting.call);
        // SAFETY: written, as the caller has seen, and read once.
        unsafe { waiting.place.read() }
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        drop(self.end());
    }
}

/// A message that had to make room for another.
struct Displaced<M>(Option<M>);

impl<M> Drop for Displaced<M> {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(dead_letters::bury);
    }
}

impl<M> ActorRef<M> {
    /// Sends a message with a right to reply, and waits for the reply: for [`with_timeout`](Self::with_timeout), by default what the
    /// server's type says (5 s), the wait for room included. May park, on any thread.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub fn call<T: 'static>(&self, message: impl FnOnce(ReplyTo<T>) -> M) -> Result<T, CallError> {
        self.call_with(message, wait::begin_call)
    }

    /// The same for a message whose reply may come from somebody else: only a call of oneself counts as a cycle.
    #[doc(hidden)]
    pub fn call_deferred<T: 'static>(&self, message: impl FnOnce(ReplyTo<T>) -> M) -> Result<T, CallError> {
        self.call_with(message, |_, _| ())
    }

    #[inline]
    fn call_with<T>(
        &self,
        message: impl FnOnce(ReplyTo<T>) -> M,
        publish: impl FnOnce(SlotRef, Pid),
    ) -> Result<T, CallError> {
        checkpoint();
        let slot = current::waiter();
        if park::may_not_wait(slot, "a call") {
            return Err(CallError::Unwinding {});
        }
        let (caller, callee) = (slot.pid(), self.pid());
        let mut place = MaybeUninit::<T>::uninit();
        let place = place.as_mut_ptr();
        let waiting = Waiting { slot, call: slot.reply.open(place.cast()), place };
        publish(slot, callee);
        if let Some(cycle) = wait::cycle(slot, callee) {
            return Err(CallError::Deadlock { cycle });
        }
        let message = message(ReplyTo { caller, call: waiting.call, reply: PhantomData });
        assert!(
            slot.reply.is_latest(waiting.call),
            "the closure that makes the message of a call made a call itself"
        );
        let patience = Patience::new(slot, waiting.call, self.call_timeout());
        match self.send(message, Some(patience)) {
            Ok(displaced) => {
                // Its destructor may call: it has to wait until this call is over.
                let _displaced = Displaced(displaced);
                self.await_reply(waiting, patience)
            }
            Err(refused) => {
                let slot = waiting.slot;
                drop(waiting);
                Err(given_in(slot, self.refused(refused)))
            }
        }
    }

    #[inline]
    fn await_reply<T>(&self, waiting: Waiting<T>, patience: Patience) -> Result<T, CallError> {
        let slot = waiting.slot;
        loop {
            match slot.reply.look(waiting.call) {
                Answer::Written => return Ok(waiting.read()),
                Answer::Silence(silence) => return Err(given_in(slot, self.silence(silence))),
                Answer::None => {}
            }
            park::deliver_kill(slot);
            if patience.park(slot, &self.core().wait) == Wake::TimedOut {
                return match waiting.leave() {
                    Some(reply) => Ok(reply),
                    None => Err(self.timed_out()),
                };
            }
        }
    }

    #[cold]
    fn refused(&self, refused: Refused<M>) -> CallError {
        let error = match &refused {
            Refused::Full(_) => CallError::Full { callee: self.pid() },
            Refused::Closed(_) => self.down(false),
            Refused::TimedOut(_) => self.timed_out(),
        };
        drop(refused.into_message());
        error
    }

    #[cold]
    pub(super) fn silence(&self, silence: Silence) -> CallError {
        let ended = self.core().exit_reason().is_some();
        match silence {
            Silence::Undelivered if ended => self.down(false),
            Silence::Undelivered => CallError::Full { callee: self.pid() },
            Silence::Unanswered if ended => self.down(true),
            Silence::Ended => self.down(true),
            Silence::Unanswered => CallError::Unanswered { callee: self.pid() },
        }
    }

    pub(super) fn down(&self, delivered: bool) -> CallError {
        let reason = self.core().latest_reason().unwrap_or(ExitReason::NoProc);
        CallError::Down { reason, delivered, callee: self.pid() }
    }

    pub(super) fn timed_out(&self) -> CallError {
        CallError::Timeout { timeout: self.call_timeout().unwrap_or(Duration::MAX), callee: self.pid() }
    }
}

/// The error of a call, unless the server has ended because the runtime ends: then its caller ends too.
#[cold]
fn given_in(caller: SlotRef, error: CallError) -> CallError {
    if let CallError::Down { reason: ExitReason::Shutdown, .. } = error {
        park::give_in(caller);
    }
    error
}
