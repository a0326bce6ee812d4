//! Blocking code beside the workers: [`block_on_io`].
//!
//! Closure and result are in one heap cell that caller and pool share. Each looks at its stage under a lock, for some instructions, and
//! runs and drops what is the user's outside of it:
//!
//! | stage | whose the content is | leaves by |
//! |---|---|---|
//! | `Ready` | the cell's: whoever comes first takes it | the pool begins → `Running`; the caller was killed → `Left` |
//! | `Running` | the pool thread's, on its stack | it has returned → `Done`; the caller was killed → `Left` |
//! | `Done` | the caller's | the caller takes the result → `Left` |
//! | `Left` | nobody's; the pool thread drops a result that comes now | |

use std::any::Any;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::pid::Pid;
use crate::task::park;
use crate::task::preempt::{self, checkpoint};
use crate::task::slot::SlotRef;
use crate::task::wait::WaitKind;
use crate::task::{self, Blocking, current};

/// Runs blocking code on a thread of a pool, and gives its result: a read of a file, a query by a library that knows no actors, a long
/// computation. Meanwhile the actor is parked, and its worker runs others.
///
/// May park; a safe point. On a plain thread it just calls `f`. While its actor unwinds, too: a destructor may flush a file, and blocks its
/// worker meanwhile.
///
/// Each runtime has a pool of its own. Its threads are started when they are needed, up to a limit
/// ([`Config::blocking_threads`](crate::runtime::Config::blocking_threads), 512 by default), and end when they had nothing to do for
/// 10 seconds, or with the runtime. When all are busy, closures wait for their turn in the order they came: so none should wait for another
/// one. If the system refuses even the first thread, `f` runs where it was called, as in [`block_in_place`](crate::block_in_place).
///
/// `f` runs on a plain thread: it may use channels and handles of servers, which block that thread; to spawn actors, give it a
/// [`handle`](crate::handle). A round trip takes about 15 µs, which is the wake of a thread, or 1 µs if it comes right after another one and a
/// processor is free (EPYC, 2 cores, 2026-11); so a call that takes less is better made in place, and one that comes
/// after another in the same closure.
///
/// # Kills
///
/// A killed caller leaves at once. If `f` has not begun, it is dropped; else it runs on, since no thread can be stopped from outside. Then
/// its result, or the payload of its panic, is dropped on the pool's thread, which goes on to the next closure. A run does not end before such
/// an `f` has returned. Only a shutdown gives up on it, after the [shutdown timeout](crate::runtime::Config::shutdown_timeout).
///
/// # Panics
///
/// With the payload of `f` if that panicked. The panic is told where it happens, by the line that is usual for threads
/// (`thread 'smarm-io-0' panicked at ..`); if the caller does not catch it, it ends as if it had panicked itself. Also where waits panic: inside
/// [`no_preempt`](crate::no_preempt) and [`forbid_yield`](crate::forbid_yield).
///
/// # Cousins
///
/// Tokio's is `spawn_blocking(f).await`; Erlang's are the dirty schedulers and the pool of file threads.
///
/// ```
/// smarm::run(|| {
///     let name = smarm::block_on_io(|| std::fs::read_to_string("/proc/self/comm"));
///     assert!(!name.unwrap().is_empty());
/// });
/// ```
pub fn block_on_io<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    checkpoint();
    let Some(slot) = current::actor() else { return f() };
    if park::may_not_wait(slot, "`block_on_io`") {
        return f();
    }
    park::deliver_kill(slot);
    let job = Arc::new(Job { caller: slot.pid(), stage: Mutex::new(Stage::Ready(f)) });
    if task::run_blocking(slot, job.clone()) {
        return job.wait(slot).unwrap_or_else(|payload| panic::resume_unwind(payload));
    }
    match job.leave() {
        Stage::Ready(f) => preempt::block_in_place(f),
        _ => unreachable!("nobody else has the cell"),
    }
}

/// What a closure and its caller share.
struct Job<F, T> {
    caller: Pid,
    stage: Mutex<Stage<F, T>>,
}

/// See the module.
enum Stage<F, T> {
    Ready(F),
    Running,
    Done(thread::Result<T>),
    Left,
}

impl<F, T> Job<F, T> {
    fn stage(&self) -> MutexGuard<'_, Stage<F, T>> {
        // Nothing panics while it is held.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The caller has what it wants, or will not come back.
    fn leave(&self) -> Stage<F, T> {
        mem::replace(&mut *self.stage(), Stage::Left)
    }

    fn is_done(&self) -> bool {
        matches!(*self.stage(), Stage::Done(_))
    }

    /// By the caller.
    fn wait(&self, slot: SlotRef) -> thread::Result<T> {
        while !self.is_done() && !park::kill_is_due(slot) {
            park::park(slot, WaitKind::Blocking, None, None);
        }
        match self.leave() {
            Stage::Done(result) => return result,
            // As in every end by a kill, what is dropped may do so to its end.
            Stage::Ready(f) => park::mask_kill(|| drop(f)),
            Stage::Running | Stage::Left => {}
        }
        park::throw_kill(slot)
    }

    /// What is to run, if anybody still wants it.
    fn begin(&self) -> Option<F> {
        let mut stage = self.stage();
        match mem::replace(&mut *stage, Stage::Left) {
            Stage::Ready(f) => {
                *stage = Stage::Running;
                Some(f)
            }
            _ => None,
        }
    }

    /// The result, if nobody wants it any more.
    fn hand_over(&self, result: thread::Result<T>, before_told: &dyn Fn()) -> Option<thread::Result<T>> {
        let mut stage = self.stage();
        if let Stage::Left = *stage {
            return Some(result);
        }
        before_told();
        *stage = Stage::Done(result);
        None
    }
}

impl<F, T> Blocking for Job<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn run(&self, before_told: &dyn Fn()) -> Option<Pid> {
        let f = self.begin()?;
        let result = panic::catch_unwind(AssertUnwindSafe(f));
        match self.hand_over(result, before_told) {
            None => Some(self.caller),
            Some(unwanted) => {
                drop_caught(unwanted);
                None
            }
        }
    }
}

/// Drops a result that nobody takes. The hook has told of a panic in that.
fn drop_caught<T>(unwanted: thread::Result<T>) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| drop(unwanted))) {
        drop_payload(payload);
    }
}

fn drop_payload(payload: Box<dyn Any + Send>) {
    // Its destructor may panic in turn: that one is forgotten.
    panic::catch_unwind(AssertUnwindSafe(|| drop(payload))).unwrap_or_else(mem::forget);
}
