//! Calls that are awaited.
//!
//! A future owns a slot to wait by, as a plain thread does (`task::poller`), so its right to reply is like any other, and so is all that wakes
//! it. The reply goes to a place on the heap.
//!
//! It never waits in line for room: nobody knows when it will be polled again, and those behind it would wait with it.

use core::cell::UnsafeCell;
use core::fmt;
use core::future::Future;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll};

use super::actor_ref::ActorRef;
use super::alarm::Alarm;
use super::call::{CallError, ReplyTo};
use super::dead_letters;
use super::mailbox::{Overflow, Push};
use super::result::{self, ResultLike};
use crate::sys::clock;
use crate::task::current;
use crate::task::poller::Poller;
use crate::task::reply::{Answer, CallId};

/// A call that is awaited; what [`ActorRef::call_async`] returns, and most methods of [`ActorRef::to_async`]'s.
///
/// Its output is a `Result<T, CallError>`. Dropped before it is ready it is a caller that has left: what was not sent is not sent, what was
/// sent may be handled, and a reply that comes is dropped.
#[must_use = "nothing is sent until it is polled"]
pub struct CallFuture<M, T> {
    actor: ActorRef<M>,
    /// Until it is sent.
    message: Option<M>,
    /// Until it is ready.
    wait: Option<Wait<T>>,
    deadline_ns: Option<u64>,
    alarm: Option<Alarm>,
}

// SAFETY: it gives away a `T` that another thread made, and its message, which the expansion of `#[smarm::actor]` asserts to be `Send`. The
// place of the reply is its own.
unsafe impl<M, T: Send> Send for CallFuture<M, T> {}
// SAFETY: by reference nothing can be done with it but to name its server.
unsafe impl<M, T> Sync for CallFuture<M, T> {}

impl<M, T> Unpin for CallFuture<M, T> {}

/// A call in progress. Dropped, it ends the wait; a reply that came nevertheless is dropped.
struct Wait<T> {
    call: CallId,
    /// Before the slot, which goes last.
    place: Place<T>,
    poller: Poller,
}

/// Where the reply goes. Others write here, until the wait has ended.
struct Place<T>(NonNull<UnsafeCell<MaybeUninit<T>>>);

impl<T> Place<T> {
    fn new() -> Self {
        Self(NonNull::from(Box::leak(Box::new(UnsafeCell::new(MaybeUninit::uninit())))))
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        // SAFETY: made from a box. The wait has ended, so nobody writes here any more.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl<T> Wait<T> {
    fn new() -> Self {
        let (place, poller) = (Place::new(), Poller::new());
        let call = poller.slot().reply.open(place.0.as_ptr().cast());
        Self { call, place, poller }
    }

    /// Ends the wait, for whatever reason. The reply, if it came.
    fn end(&mut self) -> Option<T> {
        let reply = &self.poller.slot().reply;
        if reply.leave(self.call) != Answer::Written {
            return None;
        }
        reply.close(self.call);
        // SAFETY: it was written, and is read once: the word says nothing of it any more.
        Some(unsafe { (*self.place.0.as_ref().get()).assume_init_read() })
    }
}

impl<T> Drop for Wait<T> {
    fn drop(&mut self) {
        drop(self.end());
    }
}

impl<M> ActorRef<M> {
    /// Makes a call of a message with a right to reply, for `async` code: a future of the reply, for any executor, on any thread, or for
    /// [`block_on`](crate::block_on()). For the messages of a generated handle there is something nicer, [`to_async`](Self::to_async).
    ///
    /// Nothing is sent before the first poll. Neither this nor a poll ever parks or blocks. The future is `Send`, and may go from thread to thread
    /// between two polls. The waker is called where the server replies, on its stack: one that blocks holds up the server.
    ///
    /// **Timeout**: that of [`call`](Self::call), from the first poll on.
    ///
    /// **Room**: a mailbox whose policy is to have senders wait takes the message over its bound. A future does not wait in line for room, since nobody
    /// knows when it is polled again. Who makes it waits for the reply anyway, so such messages are at most as many as there are futures: bound
    /// those, by a semaphore for one. The other policies are as for any call.
    ///
    /// **Deadlocks**: there is no [`CallError::Deadlock`], since who polls may do other things meanwhile. A handler that awaits a call of its own
    /// server under `block_on` waits for itself, until the timeout.
    ///
    /// **Drop**: the caller leaves. What was not sent is not sent; what was sent stays in the mailbox, and its reply is dropped.
    ///
    /// # Errors
    ///
    /// The future's: see [`CallError`].
    ///
    /// # Panics
    ///
    /// If there is no memory for it. A poll panics after the future was ready, and if the thread for timeouts cannot be started.
    pub fn call_async<T: 'static>(&self, message: impl FnOnce(ReplyTo<T>) -> M) -> CallFuture<M, T> {
        let wait = Wait::new();
        // SAFETY: the place is one for a `T`.
        let reply = unsafe { ReplyTo::new(wait.poller.pid(), wait.call) };
        let message = Some(message(reply));
        CallFuture { actor: self.clone(), message, wait: Some(wait), deadline_ns: None, alarm: None }
    }

    /// The calls of this server for `async` code: a value with the same methods as the handle, but for casts, that give futures. Each is a
    /// [`call_async`](Self::call_async), whose words say what such a call does. Never parks.
    ///
    /// Its type is named after the handle's, `CounterHandleAsync` for a `CounterHandle`; it is `Clone`, `Send` and `Sync`. Casts are not there because
    /// they may have to wait: in `async` code use [`try_send`](Self::try_send), or make the message a call by `#[call]`.
    ///
    /// ```
    /// use smarm::CallError;
    ///
    /// pub struct Counter { n: u64 }
    /// #[smarm::actor]
    /// impl Counter {
    ///     pub fn get(&self) -> u64 { self.n }
    ///     pub fn take(&mut self, by: u64) -> Result<u64, String> {
    ///         self.n = self.n.checked_sub(by).ok_or("too few")?;
    ///         Ok(self.n)
    ///     }
    /// }
    ///
    /// async fn look(counter: CounterHandle) -> Result<u64, CallError> {
    ///     counter.actor().to_async().get().await
    /// }
    ///
    /// smarm::run(|| {
    ///     let counter = Counter { n: 3 }.start();
    ///     assert_eq!(smarm::block_on(look(counter.clone())).unwrap(), 3);
    ///     let too_many = counter.actor().to_async().take(9);
    ///     assert_eq!(smarm::block_on(too_many).unwrap_err().into_reply().unwrap(), "too few");
    /// });
    /// ```
    #[must_use]
    pub fn to_async(&self) -> M::Async
    where
        M: Calls,
    {
        M::__async(self.clone())
    }
}

/// The messages of a server that has calls. Implemented by [`#[smarm::actor]`](macro@crate::actor) only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no calls",
    label = "none of its messages has a reply",
    note = "a method with a return type, or with `#[call]`, is a call"
)]
pub trait Calls: Sized {
    /// What [`ActorRef::to_async`] gives.
    type Async;

    #[doc(hidden)]
    fn __async(actor: ActorRef<Self>) -> Self::Async;
}

impl<M, T> Future for CallFuture<M, T> {
    type Output = Result<T, CallError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(wait) = &mut this.wait else { panic!("a call was polled after it was ready") };
        let ready = advance(&this.actor, &mut this.message, &mut this.deadline_ns, wait, context);
        if ready.is_ready() {
            (this.alarm, this.wait) = (None, None);
        } else if let Some(deadline_ns) = this.deadline_ns
            && this.alarm.is_none()
        {
            this.alarm = Some(Alarm::set(deadline_ns, wait.poller.pid()));
        }
        ready
    }
}

fn advance<M, T>(
    actor: &ActorRef<M>,
    message: &mut Option<M>,
    deadline_ns: &mut Option<u64>,
    wait: &mut Wait<T>,
    context: &Context<'_>,
) -> Poll<Result<T, CallError>> {
    if let Some(message) = message.take() {
        *deadline_ns = actor.call_timeout().map(clock::deadline_after);
        send(actor, message)?;
    }
    wait.poller.expect(context.waker());
    match wait.poller.slot().reply.look(wait.call) {
        Answer::Silence(silence) => Poll::Ready(Err(actor.silence(silence))),
        Answer::None if !is_over(*deadline_ns) => Poll::Pending,
        Answer::None | Answer::Written => Poll::Ready(wait.end().ok_or_else(|| actor.timed_out())),
    }
}

fn is_over(deadline_ns: Option<u64>) -> bool {
    deadline_ns.is_some_and(|deadline| clock::now_ns() >= deadline)
}

fn send<M>(actor: &ActorRef<M>, message: M) -> Result<(), CallError> {
    let core = actor.core();
    core.wait.used_by(current::runtime());
    let bound = if core.overflow == Overflow::Park { usize::MAX } else { core.bound() };
    match core.mailbox.push(message, bound, core.overflow) {
        Push::Accepted(wake) => core.wake(wake, false),
        Push::Displaced(oldest, wake) => {
            core.wake(wake, false);
            dead_letters::bury(oldest);
        }
        Push::Full(_) => return Err(CallError::Full { callee: actor.pid() }),
        Push::Closed(_) => return Err(actor.down(false)),
    }
    Ok(())
}

impl<M, T> Drop for CallFuture<M, T> {
    fn drop(&mut self) {
        // Before the message: the right to reply in it finds that the caller has left.
        (self.alarm, self.wait) = (None, None);
    }
}

impl<M, T> fmt::Debug for CallFuture<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallFuture").field("actor", &self.actor).finish_non_exhaustive()
    }
}

impl<M, R> CallFuture<M, R> {
    /// For a message that returns a `Result`: one error for two, as the methods of handles have it.
    pub fn flat(self) -> FlatCallFuture<M, R> {
        FlatCallFuture { call: self }
    }
}

/// A call that is awaited of a message that returns a `Result`; what [`CallFuture::flat`] returns, and the methods of [`ActorRef::to_async`]'s
/// for such messages.
///
/// Its output is a `Result<T, CallError<E>>`, where `R` is a `Result<T, E>`.
#[must_use = "nothing is sent until it is polled"]
pub struct FlatCallFuture<M, R> {
    call: CallFuture<M, R>,
}

impl<M, R: ResultLike> Future for FlatCallFuture<M, R> {
    type Output = Result<R::Ok, CallError<R::Err>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.get_mut().call).poll(context).map(result::flat)
    }
}

impl<M, R> fmt::Debug for FlatCallFuture<M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlatCallFuture").field("actor", &self.call.actor).finish_non_exhaustive()
    }
}
