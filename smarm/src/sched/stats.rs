//! What the workers count. Each counter has one writer, its worker, so counting needs no read-modify-write.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::task::slot::Outcome;

/// A number that one thread counts up and all may read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Counts up. Only the writer may call this.
    #[inline]
    pub(crate) fn add(&self, count: u64) {
        // Ordering: Relaxed for the read (only this thread writes), Release for the write: whoever reads this number also sees what
        // the worker did before, which the sum of live actors relies on.
        self.0.store(self.0.load(Ordering::Relaxed) + count, Ordering::Release);
    }

    fn reset(&self) {
        // Ordering: Relaxed. No other thread uses it.
        self.0.store(0, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        // Ordering: Acquire; pairs with the Release in `add`.
        self.0.load(Ordering::Acquire)
    }
}

/// A number that one thread sets and all may read; out of date by a few ticks.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) fn set(&self, value: u64) {
        // Ordering: Relaxed. A figure for statistics.
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        // Ordering: Relaxed. A figure for statistics.
        self.0.load(Ordering::Relaxed)
    }
}

/// What one worker counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) spawned: Counter,
    pub(crate) normal: Counter,
    pub(crate) panicked: Counter,
    pub(crate) killed: Counter,
    pub(crate) error: Counter,
    /// Actors of which nothing is left. Behind the counts by reason, which come before anybody is told of the end.
    pub(crate) buried: Counter,
    /// How often a server came to rest, its start included, and how often one was activated: the difference is the number of servers at rest.
    pub(crate) rests: Counter,
    pub(crate) activations: Counter,
    pub(crate) steals: Counter,
    pub(crate) parks: Counter,
    pub(crate) wakes: Counter,
}

impl Counters {
    #[inline]
    pub(crate) fn count_exit(&self, outcome: Outcome) {
        match outcome {
            Outcome::Normal => &self.normal,
            Outcome::Panicked => &self.panicked,
            Outcome::Killed => &self.killed,
            Outcome::Error => &self.error,
        }
        .add(1);
    }

    /// Back to zero, when no thread uses them.
    pub(crate) fn reset(&self) {
        let all = [&self.spawned, &self.normal, &self.panicked, &self.killed];
        let more = [
            &self.error,
            &self.buried,
            &self.rests,
            &self.activations,
            &self.steals,
            &self.parks,
            &self.wakes,
        ];
        all.into_iter().chain(more).for_each(Counter::reset);
    }

    pub(crate) fn exits(&self) -> ExitCounts {
        ExitCounts {
            normal: self.normal.get(),
            panicked: self.panicked.get(),
            killed: self.killed.get(),
            error: self.error.get(),
        }
    }
}

/// How many actors ended, by reason. Those on which a [shutdown](crate::shutdown()) and its hooks run count, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ExitCounts {
    /// They returned.
    pub normal: u64,
    /// They panicked.
    pub panicked: u64,
    /// They were killed.
    pub killed: u64,
    /// They failed with an error.
    pub error: u64,
}

impl ExitCounts {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.normal + self.panicked + self.killed + self.error
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            normal: self.normal + other.normal,
            panicked: self.panicked + other.panicked,
            killed: self.killed + other.killed,
            error: self.error + other.error,
        }
    }
}

/// What a runtime does and did, at one moment.
///
/// A snapshot of counters that other threads go on changing: each number is right, and they belong to about the same moment.
/// Taking it neither parks nor stops anybody. Erlang's cousin is `erlang:statistics/1`.
///
/// ```
/// let runtime = smarm::runtime::init(smarm::runtime::Config::exact(2));
/// runtime.run(|| smarm::spawn(|| ()).join().unwrap());
/// let stats = runtime.stats();
/// assert_eq!(stats.scheduler_count(), 2);
/// assert_eq!(stats.spawned(), 2); // the root, and one more
/// assert_eq!(stats.exited().normal, 2);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RuntimeStats {
    pub(crate) run_queue_len: usize,
    pub(crate) scheduler_count: usize,
    pub(crate) sleeping_count: usize,
    pub(crate) io_parked_count: usize,
    pub(crate) spawned: u64,
    pub(crate) exited: ExitCounts,
    pub(crate) live: u64,
    pub(crate) steals: u64,
    pub(crate) parks: u64,
    pub(crate) wakes: u64,
}

impl RuntimeStats {
    /// Actors that are ready to run and wait for a worker.
    #[must_use]
    pub fn total_run_queue_len(&self) -> usize {
        self.run_queue_len
    }

    /// Workers: OS threads that run actors.
    #[must_use]
    pub fn scheduler_count(&self) -> usize {
        self.scheduler_count
    }

    /// Actors that wait for a file descriptor.
    #[must_use]
    pub fn io_parked_count(&self) -> usize {
        self.io_parked_count
    }

    /// Actors that wait with a deadline: in `sleep`, or in a wait with a timeout. Callers that wait for a reply are counted when their worker
    /// has nothing to do, and a moment longer.
    #[must_use]
    pub fn sleeping_count(&self) -> usize {
        self.sleeping_count
    }

    /// Actors spawned since the runtime began, roots included.
    #[must_use]
    pub fn spawned(&self) -> u64 {
        self.spawned
    }

    /// Actors that ended since the runtime began, by reason. Counted before joiners are told.
    #[must_use]
    pub fn exited(&self) -> ExitCounts {
        self.exited
    }

    /// Actors that are alive: spawned, and not ended to the last instruction. A moment behind [`exited`](Self::exited).
    #[must_use]
    pub fn live(&self) -> u64 {
        self.live
    }

    /// Actors that a worker took from another one before they had started.
    #[must_use]
    pub fn steals(&self) -> u64 {
        self.steals
    }

    /// How often an actor was parked.
    #[must_use]
    pub fn parks(&self) -> u64 {
        self.parks
    }

    /// How often a parked actor was woken.
    #[must_use]
    pub fn wakes(&self) -> u64 {
        self.wakes
    }
}

impl fmt::Display for RuntimeStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} workers, {} live actors ({} spawned, {} panicked, {} killed), {} queued, {} sleeping, {} steals, {} parks, {} wakes",
            self.scheduler_count,
            self.live(),
            self.spawned,
            self.exited.panicked,
            self.exited.killed,
            self.run_queue_len,
            self.sleeping_count,
            self.steals,
            self.parks,
            self.wakes
        )
    }
}
