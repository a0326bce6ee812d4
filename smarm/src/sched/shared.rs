//! What the workers of one runtime share.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::blocking::Pool;
use super::crew::Crew;
use super::idle::Notify;
use super::injector::Injector;
use super::monitor::Monitor;
use super::shutdown::Shutdown;
use super::stall::StallSettings;
use super::stats::{Counter, ExitCounts, Gauge, RuntimeStats};
use super::worker::Worker;
use crate::pid::Pid;
use crate::sys::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::sys::stack::StackClass;
use crate::sys::thread;
use crate::task::locals::Locals;
use crate::task::park;

/// The numbers of a runtime, resolved from its configuration.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) stack_class: StackClass,
    pub(crate) root_stack_class: StackClass,
    /// As in `Config`.
    pub(crate) alloc_interval: u32,
    pub(crate) timeslice_cycles: u64,
    pub(crate) preempt_in_alloc: bool,
    /// A certain deadlock ends the run instead of only being reported.
    pub(crate) deadlock_fails: bool,
    pub(crate) shutdown_timeout: Duration,
    /// Each worker, and somebody who wakes it, may have a processor.
    pub(crate) may_watch: bool,
    /// How many workers, and how many more may stand in for them.
    pub(crate) workers: usize,
    pub(crate) spares: usize,
    pub(crate) stall: StallSettings,
    /// How many threads may run blocking code.
    pub(crate) blocking_threads: usize,
}

/// Added to [`Shared::idle`] when somebody waits for the end of a run; below it are two numbers of sleeping workers.
const END_WANTED: u64 = 1 << 32;
/// The number of those that would take work is above this.
const TAKERS_SHIFT: u32 = 16;
const COUNT_MASK: u64 = (1 << TAKERS_SHIFT) - 1;

pub(crate) struct Shared {
    /// Not 0, unique in the process.
    pub(crate) id: u32,
    pub(crate) settings: Settings,
    pub(crate) injector: Injector,
    pub(crate) monitor: Monitor,
    pub(super) crew: Crew,
    pub(super) pool: Pool,
    /// How many workers sleep, how many of them would take work, and whether the end is waited for: one word, so that of two who change it
    /// the second one sees what the first one counted.
    idle: AtomicU64,
    /// How many times an actor had run when a deadlock was last looked for: it is looked for once in each silence.
    pub(super) checked_activity: Gauge,
    /// Actors spawned by plain threads. Many writers, one at a time: under the lock.
    outside_spawns: Mutex<()>,
    outside_spawned: Counter,
    /// Servers that plain threads started; under the same lock.
    outside_servers: Counter,
    /// How many servers were started.
    sequence: AtomicU64,
    /// Messages that are to be sent at some time: the run does not end before.
    pub(crate) deliveries: AtomicUsize,
    /// Servers that are asked to end one after the other, the newest last; see `quiet`.
    pub(super) ending: Mutex<Ending>,
    /// Handles that plain threads may hold.
    pub(crate) handles: AtomicUsize,
    /// Who waits for the end of the run, as the bits of a `Pid`.
    end_waiter: AtomicU64,
    /// Workers leave when nothing is left to run.
    stopping: AtomicBool,
    /// Next worker for `spread`.
    pub(crate) next_spread: AtomicUsize,
    /// Why the run must fail.
    failure: Mutex<Option<String>>,
    pub(crate) shutdown: Shutdown,
    /// How many threads of the process were not smarm's when the run began.
    foreign_threads: Gauge,
    /// Kept for the side that uses.
    pub(super) locals: Locals,
    this: Weak<Shared>,
}

/// The servers at rest, the newest last, as they were when so many had been started.
#[derive(Debug, Default)]
pub(super) struct Ending {
    pub(super) pids: Vec<Pid>,
    pub(super) started: u64,
    /// Who was asked last. The next one is asked when it is gone.
    pub(super) asked: Option<Pid>,
}

/// What one sleeping worker adds to [`Shared::idle`].
fn one_sleeper(takes_work: bool) -> u64 {
    if takes_work { 1 | 1 << TAKERS_SHIFT } else { 1 }
}

/// How many threads of the process are not smarm's.
fn foreign_threads() -> usize {
    let all = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    all.saturating_sub(thread::own_threads())
}

/// The last runtime's number.
static LAST_ID: AtomicU32 = AtomicU32::new(0);

impl Shared {
    pub(crate) fn new(settings: Settings, this: Weak<Self>) -> Self {
        let crew = Crew::new(settings.workers, settings.spares);
        let pool = Pool::new(settings.blocking_threads);
        Self {
            // Ordering: Relaxed. Only uniqueness matters.
            id: LAST_ID.fetch_add(1, Ordering::Relaxed) + 1,
            settings,
            injector: Injector::default(),
            monitor: Monitor::default(),
            crew,
            pool,
            idle: AtomicU64::new(0),
            checked_activity: Gauge::default(),
            outside_spawns: Mutex::new(()),
            outside_spawned: Counter::default(),
            outside_servers: Counter::default(),
            sequence: AtomicU64::new(0),
            deliveries: AtomicUsize::new(0),
            ending: Mutex::default(),
            handles: AtomicUsize::new(0),
            end_waiter: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            next_spread: AtomicUsize::new(0),
            failure: Mutex::new(None),
            shutdown: Shutdown::new(),
            foreign_threads: Gauge::default(),
            locals: Locals::default(),
            this,
        }
    }

    /// A share in the ownership. The caller is an actor of this runtime, or holds one.
    pub(crate) fn this(&self) -> Arc<Self> {
        self.this.upgrade().expect("a runtime lives as long as its workers")
    }

    /// A run begins: what happened before does not count.
    pub(crate) fn begin_run(&self, waiter: u64) {
        self.take_failure();
        // Ordering: Release; pairs with the Acquire in `end_waiter`.
        self.end_waiter.store(waiter, Ordering::Release);
        self.foreign_threads.set(foreign_threads() as u64);
    }

    /// Whether there are more foreign threads than when the run began: one of them may have been given an end of a channel, which leaves
    /// no trace before it is used.
    pub(super) fn has_new_foreign_threads(&self) -> bool {
        foreign_threads() as u64 > self.foreign_threads.get()
    }

    /// The run must fail, for this reason. The end's waiter is told.
    pub(super) fn fail(&self, reason: String) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    /// Whether the run must fail.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Why the run must fail; forgotten, so that the next one need not.
    pub(crate) fn take_failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    // ---- sleeping -----------------------------------------------------------------------------------------------------

    /// One more worker sleeps, which would take work, or not; whether all do now, and whether somebody waits for the end.
    pub(super) fn count_sleeper(&self, takes_work: bool) -> (bool, bool) {
        let one = one_sleeper(takes_work);
        // Ordering: AcqRel; see the field.
        let idle = self.idle.fetch_add(one, Ordering::AcqRel) + one;
        ((idle & COUNT_MASK) as usize == self.worker_count(), idle & END_WANTED != 0)
    }

    /// It sleeps no more; with the same answer as when it was counted.
    pub(super) fn uncount_sleeper(&self, takes_work: bool) {
        // Ordering: AcqRel; see the field.
        self.idle.fetch_sub(one_sleeper(takes_work), Ordering::AcqRel);
    }

    /// Whether all workers sleep; a guess.
    pub(super) fn all_sleep(&self) -> bool {
        // Ordering: Relaxed. A guess.
        (self.idle.load(Ordering::Relaxed) & COUNT_MASK) as usize == self.worker_count()
    }

    /// Whether a worker sleeps that would take work; a guess.
    #[inline]
    pub(super) fn has_sleeping_taker(&self) -> bool {
        // Ordering: Relaxed. A guess.
        self.idle.load(Ordering::Relaxed) >> TAKERS_SHIFT & COUNT_MASK != 0
    }

    /// Wakes some sleeping worker, if there is one.
    pub(crate) fn wake_one(&self) {
        for worker in self.workers().filter(|worker| worker.takes_work()) {
            match worker.sleep.notify_sleeper() {
                Some(Notify::Signal) => return worker.signal(),
                Some(Notify::Done) => return,
                None => {}
            }
        }
    }

    // ---- the end ------------------------------------------------------------------------------------------------------

    /// Actors that were spawned and are not buried.
    ///
    /// Burials are read first: both sums only grow, so if they are equal, nobody was alive between the two readings.
    pub(crate) fn live(&self) -> u64 {
        let buried: u64 = self.workers().map(|worker| worker.counters.buried.get()).sum();
        self.spawned().saturating_sub(buried)
    }

    /// Whether actors are left, or blocking code of theirs.
    ///
    /// Actors first: without any, nobody hands in blocking code.
    pub(crate) fn is_busy(&self) -> bool {
        self.live() > 0 || self.pool.pending() > 0
    }

    /// Servers between two activations; exact while all workers sleep.
    ///
    /// Activations are read last, and follow the rests that they end: never too many.
    pub(super) fn servers_at_rest(&self) -> u64 {
        let inside: u64 = self.workers().map(|worker| worker.counters.rests.get()).sum();
        let rests = inside + self.outside_servers.get();
        let activations: u64 = self.workers().map(|worker| worker.counters.activations.get()).sum();
        rests.saturating_sub(activations)
    }

    /// The number of a new server.
    pub(super) fn next_sequence(&self) -> u64 {
        // Ordering: Relaxed. Only the order of the numbers matters.
        self.sequence.fetch_add(1, Ordering::Relaxed)
    }

    /// How many servers were started.
    pub(super) fn servers_started(&self) -> u64 {
        // Ordering: Relaxed. A guess; who starts one wakes a worker that looks again.
        self.sequence.load(Ordering::Relaxed)
    }

    /// Counts a server started by a plain thread, before it can be activated. False if the runtime has ended.
    pub(super) fn count_outside_server(&self) -> bool {
        let _writer = self.outside_spawns.lock();
        let open = !self.is_stopping();
        if open {
            self.outside_spawned.add(1);
            self.outside_servers.add(1);
        }
        open
    }

    /// Whether somebody waits for the end of the run; a guess.
    pub(super) fn is_end_wanted(&self) -> bool {
        // Ordering: Relaxed. A guess.
        self.idle.load(Ordering::Relaxed) & END_WANTED != 0
    }

    fn exits(&self) -> ExitCounts {
        self.workers().fold(ExitCounts::default(), |sum, worker| sum.plus(worker.counters.exits()))
    }

    fn spawned(&self) -> u64 {
        let inside: u64 = self.workers().map(|worker| worker.counters.spawned.get()).sum();
        inside + self.outside_spawned.get()
    }

    /// Counts an actor spawned by a plain thread, before it is pushed. False if the runtime has ended.
    pub(super) fn count_outside_spawn(&self) -> bool {
        let _writer = self.outside_spawns.lock();
        let open = !self.is_stopping();
        if open {
            self.outside_spawned.add(1);
        }
        open
    }

    /// Somebody waits for the end of the run, and is unparked when no actor is left.
    pub(crate) fn expect_end(&self, waiter: u64) {
        // Ordering: Release; published by the next line too, and read after it.
        self.end_waiter.store(waiter, Ordering::Release);
        // Ordering: AcqRel; see the field. The waiter looks at the counts after this.
        self.idle.fetch_or(END_WANTED, Ordering::AcqRel);
    }

    pub(crate) fn forget_end(&self) {
        // Ordering: AcqRel; see the field.
        self.idle.fetch_and(!END_WANTED, Ordering::AcqRel);
    }

    /// Blocking code has ended that nobody waited for: who waits for that end looks again, and whoever ends idle servers.
    pub(super) fn look_again(&self) {
        // Ordering: AcqRel; see the field. Either who falls asleep or begins to wait sees what the caller has counted, or is seen here.
        if self.idle.fetch_or(0, Ordering::AcqRel) & END_WANTED != 0 {
            self.tell_end_waiter();
        }
        self.wake_one();
    }

    /// Has who waits for the run, or for its end, look how far it is.
    pub(crate) fn tell_end_waiter(&self) {
        if let Some(waiter) = Pid::from_bits(self.end_waiter()) {
            park::unpark(waiter);
        }
    }

    /// Who waits for the end.
    fn end_waiter(&self) -> u64 {
        // Ordering: Acquire; pairs with the Release in `expect_end`.
        self.end_waiter.load(Ordering::Acquire)
    }

    /// Refuses actors from outside. Workers may leave when the last one has ended.
    pub(crate) fn stop(&self) {
        {
            // Under the lock: a spawn from outside is either counted before, and run, or refused.
            let _no_spawn = self.outside_spawns.lock();
            // Ordering: Release; pairs with the Acquire in `is_stopping`.
            self.stopping.store(true, Ordering::Release);
        }
    }

    /// Has all workers look whether they may leave.
    pub(crate) fn dismiss(&self) {
        self.workers().for_each(|worker| worker.notify());
    }

    pub(crate) fn is_stopping(&self) -> bool {
        // Ordering: Acquire; pairs with the Release in `stop`.
        self.stopping.load(Ordering::Acquire)
    }

    // ---- statistics ---------------------------------------------------------------------------------------------------

    pub(crate) fn stats(&self) -> RuntimeStats {
        let exited = self.exits();
        let sum = |of: fn(&Worker) -> u64| self.workers().map(of).sum::<u64>();
        let (live, spawned) = (self.live(), self.spawned());
        // Queues may hold entries of actors that were started by a join and have ended.
        let queued = self.injector.len() as u64 + sum(|worker| worker.queue_len() as u64);
        RuntimeStats {
            run_queue_len: queued.min(live) as usize,
            scheduler_count: self.regular_count(),
            sleeping_count: sum(|worker| worker.timer_count() as u64) as usize,
            io_parked_count: sum(|worker| worker.io_waits.get()) as usize,
            spawned,
            exited,
            live,
            steals: sum(|worker| worker.counters.steals.get()),
            parks: sum(|worker| worker.counters.parks.get()),
            wakes: sum(|worker| worker.counters.wakes.get()),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The threads of the workers hold shares until they are done with their blocks.
        self.workers().for_each(|worker| worker.release());
    }
}
