//! Futures on an actor's own stack: [`block_on`].
//!
//! Nothing runs them but their caller: it polls, and parks until its waker is called.
//!
//! The waker is a `Pid` and a flag, in one allocation. Rejected: the `Pid` alone, packed into the waker. What it leaves in the actor is one
//! permit, which another wait takes if the future waits inside its `poll`: a lock, a nested `block_on`. Then the wake would be lost. The flag
//! stays up until the next poll, and whatever happens to the permit, `block_on` looks at the flag before it parks.

use core::future::{Future, IntoFuture};
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;

use crate::pid::Pid;
use crate::task::current;
use crate::task::park;
use crate::task::preempt::checkpoint;
use crate::task::slot::SlotRef;
use crate::task::wait::WaitKind;

/// Runs a future to its end on the caller's own stack: polls it, and parks between two polls until its waker is called.
///
/// May park; a safe point before each poll. On a plain thread it blocks between two polls. The future need be neither `Send` nor `'static`: a
/// started actor stays on its thread, and the future stays on its stack. The waker works from any thread, and never parks; what
/// is called late, or twice, does nothing.
///
/// For code that any executor can run: smarm drives no reactor of another runtime. [`net`](crate::net#futures) has sockets for it. A future
/// that needs tokio's reactor needs a tokio runtime entered around it: the feature `tokio` has a `block_on` that does so. Inside the future, waits of smarm (`recv`, calls of servers, [`sleep`](crate::sleep), another `block_on`)
/// work as everywhere: they park the actor, and with it the whole future.
///
/// A wait in it is never taken for a certain deadlock: anybody may have the waker. A kill comes between two polls; the future is dropped by
/// the unwinding.
///
/// # Panics
///
/// As the future does, and, where it would have to wait, inside [`no_preempt`](crate::no_preempt) and
/// [`forbid_yield`](crate::forbid_yield). While its actor unwinds, a future that is not ready at its first polls **aborts the process** with
/// a sentence: it could not be waited for.
///
/// # Cousins
///
/// Tokio's is `Runtime::block_on`, that of `futures` is `executor::block_on`. In Erlang every process is written so.
///
/// ```
/// async fn add(a: u32, b: u32) -> u32 {
///     a + b
/// }
///
/// assert_eq!(smarm::run(|| smarm::block_on(add(2, 3))), 5);
/// assert_eq!(smarm::block_on(async { add(1, 2).await * 2 }), 6); // on a plain thread
/// ```
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    checkpoint();
    let slot = current::waiter();
    let mut future = pin!(future.into_future());
    let call = Call::new(slot.pid());
    let waker = Waker::from(call.clone());
    let mut context = Context::from_waker(&waker);
    loop {
        call.expect();
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            call.forget();
            return output;
        }
        call.wait(slot);
        checkpoint();
    }
}

/// What the waker does.
struct Call {
    pid: Pid,
    /// It was called since the last poll began. Set by wakers, of which the first one unparks.
    is_called: AtomicBool,
}

impl Call {
    fn new(pid: Pid) -> Arc<Self> {
        Arc::new(Self { pid, is_called: AtomicBool::new(true) })
    }

    /// A poll begins, which sees what happened before the calls until now.
    fn expect(&self) {
        // Ordering: AcqRel. Acquire pairs with the Release of who called; a modification, so that the latest call is seen.
        self.is_called.swap(false, Ordering::AcqRel);
    }

    /// Calls that come now are late.
    fn forget(&self) {
        // Ordering: Relaxed. Nothing is published: a late call would be a wake for no reason.
        self.is_called.store(true, Ordering::Relaxed);
    }

    /// Until it is called.
    fn wait(&self, slot: SlotRef) {
        // Ordering: Acquire; as in `expect`. A call that is not seen here unparks afterwards.
        while !self.is_called.load(Ordering::Acquire) {
            if park::may_not_wait(slot, "`block_on`") {
                abort(slot);
            }
            park::deliver_kill(slot);
            park::park(slot, WaitKind::Future, None, None);
        }
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Ordering: AcqRel. Release publishes what was done before; who sees it set already has its writes ordered before the next poll by the
        // modification in `expect`.
        if !self.is_called.swap(true, Ordering::AcqRel) {
            park::unpark(self.pid);
        }
    }
}

#[cold]
fn abort(slot: SlotRef) -> ! {
    eprintln!(
        "smarm: `block_on` was called by actor {} while it unwinds, with a future that is not ready, where it cannot wait",
        slot.pid()
    );
    std::process::abort()
}
