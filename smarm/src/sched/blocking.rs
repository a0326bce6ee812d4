//! Threads for blocking code: the pool behind [`block_on_io`](crate::block_on_io()).
//!
//! Each runtime has its own. So its limit is its own, code that hangs takes no threads from other runtimes, and the threads end with the
//! runtime. Rejected: one for the process, which would save a runtime that lives for a moment the start of a thread.
//!
//! ```text
//!   run_blocking ─▶ queue ─▶ serve ─▶ Blocking::run ─▶ unpark its caller
//!        │                    ▲  │
//!        ├─ call one of the idle │ queue empty
//!        │                    │  ▼
//!        └─ or start a thread ┴ idle ── after 10 s ─▶ the thread ends
//! ```
//!
//! | invariant | because |
//! |---|---|
//! | a queued job has a thread that will come to it | whoever queues it calls an idle one or starts one under the same lock; a thread becomes idle, or ends, only when the queue is empty |
//! | the longest idle threads end first | the one that became idle last is called first |
//! | `pending` counts a job until nobody can tell the difference | it is uncounted before its caller can see the result, or, if nobody waits, after that was dropped; then [`Shared::look_again`] |

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::sys::atomic::{AtomicUsize, Ordering};
use crate::sys::thread::OwnThread;
use crate::task::Blocking;
use crate::task::park;
use crate::task::section::Section;

/// A thread that has had nothing to do for so long ends. As in tokio: long against a start, which takes some 30 µs.
const IDLE_FOR: Duration = Duration::from_secs(10);

pub(super) struct Pool {
    /// Never more threads than this.
    most: usize,
    /// Jobs that are queued or run; see the module.
    pending: AtomicUsize,
    roster: Mutex<Roster>,
}

#[derive(Default)]
struct Roster {
    queue: VecDeque<Arc<dyn Blocking>>,
    /// What the idle threads wait for, each its own; the one that became idle last is the last.
    idle: Vec<Arc<Condvar>>,
    /// All threads that have not ended, with their numbers.
    threads: Vec<(usize, thread::JoinHandle<()>)>,
    next_number: usize,
    /// Threads end as soon as they have nothing to do.
    is_dismissed: bool,
}

impl Pool {
    pub(super) fn new(most: usize) -> Self {
        Self { most, pending: AtomicUsize::new(0), roster: Mutex::default() }
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        // Nothing panics while it is held but an allocation failure, which leaves it usable.
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Jobs that are queued or run.
    pub(super) fn pending(&self) -> usize {
        // Ordering: Acquire; pairs with the Release in `uncount`.
        self.pending.load(Ordering::Acquire)
    }

    fn uncount(&self) {
        // Ordering: Release; what the job did is seen by who sees that it is over.
        self.pending.fetch_sub(1, Ordering::Release);
    }
}

impl Shared {
    /// Has a thread of the pool run it, at once or after others. False if there is no thread, and the system refuses one.
    pub(super) fn run_blocking(&self, job: Arc<dyn Blocking>) -> bool {
        let _section = Section::begin();
        let mut roster = self.pool.roster();
        match roster.idle.pop() {
            Some(idle) => idle.notify_one(),
            None if roster.threads.len() >= self.pool.most => {}
            // One that is busy will come to it: that is as if the limit were lower.
            None if self.start_pool_thread(&mut roster).is_err() && roster.threads.is_empty() => {
                return false;
            }
            None => {}
        }
        // Ordering: Relaxed. Its caller is alive, and counted, until it sees the end of this.
        self.pool.pending.fetch_add(1, Ordering::Relaxed);
        roster.queue.push_back(job);
        true
    }

    fn start_pool_thread(&self, roster: &mut Roster) -> io::Result<()> {
        let number = roster.next_number;
        let (shared, own_thread) = (self.this(), OwnThread::new());
        let body = move || {
            shared.serve(number);
            drop((shared, own_thread));
        };
        let thread = thread::Builder::new().name(format!("smarm-io-{number}")).spawn(body)?;
        roster.next_number += 1;
        roster.threads.push((number, thread));
        Ok(())
    }

    /// The life of a thread of the pool.
    fn serve(&self, number: usize) {
        let call = Arc::new(Condvar::new());
        let mut roster = self.pool.roster();
        loop {
            if let Some(job) = roster.queue.pop_front() {
                drop(roster);
                self.run_job(&*job);
                drop(job);
                roster = self.pool.roster();
                continue;
            }
            let is_called;
            (roster, is_called) = rest(roster, &call);
            if !is_called {
                // Its handle, if it is still there: nobody waits for this thread. Nothing is queued, by the same lock.
                return roster.threads.retain(|(other, _)| *other != number);
            }
        }
    }

    fn run_job(&self, job: &dyn Blocking) {
        match job.run(&|| self.pool.uncount()) {
            Some(waiter) => park::unpark(waiter),
            None => {
                self.pool.uncount();
                self.look_again();
            }
        }
    }

    /// How many closures are queued for the pool or run in it.
    pub(crate) fn pending_blocking(&self) -> usize {
        self.pool.pending()
    }

    /// Threads of the pool end as soon as they have nothing to do.
    pub(crate) fn dismiss_pool(&self) {
        let mut roster = self.pool.roster();
        roster.is_dismissed = true;
        roster.idle.drain(..).for_each(|idle| idle.notify_one());
    }

    /// Waits for the threads of the pool, which was dismissed; not if one runs code that may never return. A panic of one is a bug of ours, and
    /// goes on here.
    pub(crate) fn join_pool(&self) {
        let threads = std::mem::take(&mut self.pool.roster().threads);
        if self.pool.pending() > 0 {
            return;
        }
        for (_, thread) in threads {
            if let Err(payload) = thread.join() {
                std::panic::resume_unwind(payload);
            }
        }
    }
}

/// Waits, with nothing queued, until this thread is called, which it is by this condition alone; false if it is to end.
fn rest<'a>(mut roster: MutexGuard<'a, Roster>, call: &Arc<Condvar>) -> (MutexGuard<'a, Roster>, bool) {
    let until = Instant::now() + IDLE_FOR;
    if roster.is_dismissed {
        return (roster, false);
    }
    roster.idle.push(call.clone());
    loop {
        let left = until.saturating_duration_since(Instant::now());
        (roster, _) = call.wait_timeout(roster, left).unwrap_or_else(PoisonError::into_inner);
        let Some(place) = roster.idle.iter().position(|idle| Arc::ptr_eq(idle, call)) else {
            let is_called = !(roster.is_dismissed && roster.queue.is_empty());
            return (roster, is_called);
        };
        if Instant::now() >= until {
            roster.idle.remove(place);
            return (roster, false);
        }
    }
}
