//! What can be chosen when a runtime starts: every limit, with its unit, its default and its reason.
//!
//! A [`Config`] is always valid: each method refuses a bad value where it is written, so that starting a runtime
//! has nothing left to check but the environment. The keys of `#[smarm::main]` and `#[smarm::test]` are these
//! methods; `smarm-macros` repeats their limits in order to refuse a bad literal before the program exists.

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::sched::stall::{Stall, StallSettings};
use crate::task::alloc;

/// More workers than this is a mistake in the unit, not a machine.
pub(crate) const MAX_WORKERS: usize = 1024;

/// As many as the default is for so many workers.
pub(crate) const MAX_SPARES: usize = 2 * MAX_WORKERS;

/// The smallest stack, guard included: half of it is the guard, and one frame of `std`'s formatting is several KiB.
pub(crate) const MIN_STACK_BYTES: usize = 128 << 10;

/// The largest stack, guard included: what Linux gives the first thread of a process.
pub(crate) const MAX_STACK_BYTES: usize = 8 << 20;

/// Address space, not memory: a page costs nothing until an actor reaches it.
const DEFAULT_STACK_BYTES: usize = 256 << 10;

/// The root runs what would otherwise be `main`, so it gets what `main` gets.
const DEFAULT_ROOT_STACK_BYTES: usize = MAX_STACK_BYTES;

/// Events before the first look at the clock: a look costs as much as some ten of them, and most turns end earlier.
const DEFAULT_ALLOC_INTERVAL: u32 = 128;

/// About 100 µs at 3 GHz: long against a switch, short against what a user notices.
const DEFAULT_TIMESLICE_CYCLES: u64 = 300_000;

/// What OTP gives a child by default.
const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Long against a slice, short against what a user notices; Go's runtime takes its processor away from a thread after as much.
const DEFAULT_STALL_AFTER: Duration = Duration::from_millis(10);

/// There may be at least so many spare workers, also beside one worker; and twice as many as there are workers.
const FEWEST_SPARES: usize = 4;

/// As many as in tokio: far more than blocking calls that disks and resolvers serve at once, far fewer than a process may have threads.
const DEFAULT_BLOCKING_THREADS: usize = 512;

/// More threads than this for blocking code are a mistake: Linux gives a process some 30 000.
pub(crate) const MAX_BLOCKING_THREADS: usize = 16_384;

/// Replaces [`Config::deadlock`] in one run of a program: `warn` or `fail`.
const DEADLOCK_VARIABLE: &str = "SMARM_DEADLOCK";

/// How a runtime is set up.
///
/// Start from [`Config::default`], [`Config::exact`] or [`Config::new`], which choose the number of workers, and
/// change what you need; every method takes the configuration and gives it back.
///
/// | method | unit | default |
/// |---|---|---|
/// | [`alloc_interval`](Config::alloc_interval) | allocations and safe points | 128 |
/// | [`timeslice_cycles`](Config::timeslice_cycles) | cycles of the CPU's time-stamp counter | 300 000 |
/// | [`preempt_in_alloc`](Config::preempt_in_alloc) | | no |
/// | [`stack_size`](Config::stack_size) | bytes of address space | 256 KiB |
/// | [`root_stack_size`](Config::root_stack_size) | bytes of address space | 8 MiB |
/// | [`deadlock`](Config::deadlock) | | [`Deadlock::Warn`] |
/// | [`shutdown_timeout`](Config::shutdown_timeout) | | 5 s |
/// | [`stall_after`](Config::stall_after) | | 10 ms |
/// | [`spares`](Config::spares) | OS threads | twice the workers, at least 4 |
/// | [`blocking_threads`](Config::blocking_threads) | OS threads | 512 |
/// | [`on_stall`](Config::on_stall) | | a line on standard error |
///
/// A value that makes no sense panics in the method that was given it, with a sentence that says what to write
/// instead.
///
/// Erlang's cousin is the command line of `erl` (`+S`, `+hms`, ..), which is read once per node; here two runtimes
/// of one process may differ.
///
/// # Examples
///
/// ```
/// use smarm::runtime::{Config, Deadlock};
///
/// let config = Config::exact(2).stack_size(1 << 20).deadlock(Deadlock::Fail);
/// assert_eq!(config.resolved_thread_count(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    // Invariant: 1 ..= MAX_WORKERS.
    pub(crate) workers: usize,
    // Invariant: not zero; the countdown starts from it.
    pub(crate) alloc_interval: u32,
    // Invariant: not zero; an actor runs before its slice is over.
    pub(crate) timeslice_cycles: u64,
    /// Whether all actors may be switched out where they allocate.
    pub(crate) preempt_in_alloc: bool,
    // Invariant: both sizes are what `stack_class_bytes` returns.
    pub(crate) stack_bytes: usize,
    pub(crate) root_stack_bytes: usize,
    pub(crate) deadlock: Deadlock,
    pub(crate) shutdown_timeout: Duration,
    // Invariant: at most MAX_SPARES.
    pub(crate) spares: usize,
    // Invariant: 1 ..= MAX_BLOCKING_THREADS.
    pub(crate) blocking_threads: usize,
    pub(crate) stall: StallSettings,
}

/// What a runtime does once no actor can ever run again although some are left: each of them waits for another.
///
/// It is said only where it is certain: a wait that a plain thread, a timer or a file descriptor could still end is
/// no deadlock.
///
/// # Examples
///
/// ```
/// use smarm::runtime::Deadlock;
///
/// assert_eq!(Deadlock::default(), Deadlock::Warn);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deadlock {
    /// After 5 s, write once to standard error who waits for what, and go on waiting.
    #[default]
    Warn,
    /// After 1 s, write who waits for what, and let the run fail. `#[smarm::test]` uses this.
    Fail,
}

impl Config {
    /// As many workers as there are CPUs available, but at least `min` and at most `max`; or, given
    /// `Some(n)`, exactly `n`.
    ///
    /// The number is settled here: CPUs that come or go afterwards change nothing. Available is what
    /// [`std::thread::available_parallelism`] says, so affinity masks and cgroup quotas count; where it cannot say,
    /// one. Never more than 1024.
    ///
    /// # Panics
    ///
    /// If `min` is 0, above `max` or above 1024, or if `n` is 0 or above 1024.
    ///
    /// # Examples
    ///
    /// ```
    /// use smarm::runtime::Config;
    ///
    /// assert!(Config::new(1, 4, None).resolved_thread_count() <= 4);
    /// assert_eq!(Config::new(1, 4, Some(7)).resolved_thread_count(), 7);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn new(min: usize, max: usize, exactly: Option<usize>) -> Self {
        assert!(min <= max, "`Config::new({min}, {max}, ..)`: the smaller number of workers comes first");
        check_workers(min);
        match exactly {
            Some(workers) => Self::exact(workers),
            None => Self::exact(available_cpus().clamp(min, max.min(MAX_WORKERS))),
        }
    }

    /// Exactly `workers` workers, each an OS thread.
    ///
    /// So many actors run at once at most, but for those on [spare](Config::spares) workers, while others are held up, and those on
    /// [threads of their own](crate::Builder::own_thread).
    ///
    /// # Panics
    ///
    /// If `workers` is 0 or above 1024.
    ///
    /// # Examples
    ///
    /// ```
    /// use smarm::runtime::Config;
    ///
    /// assert_eq!(Config::exact(3).resolved_thread_count(), 3);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn exact(workers: usize) -> Self {
        check_workers(workers);
        Self {
            workers,
            alloc_interval: DEFAULT_ALLOC_INTERVAL,
            timeslice_cycles: DEFAULT_TIMESLICE_CYCLES,
            preempt_in_alloc: false,
            stack_bytes: DEFAULT_STACK_BYTES,
            root_stack_bytes: DEFAULT_ROOT_STACK_BYTES,
            deadlock: Deadlock::default(),
            shutdown_timeout: DEFAULT_SHUTDOWN_TIMEOUT,
            spares: (2 * workers).max(FEWEST_SPARES),
            blocking_threads: DEFAULT_BLOCKING_THREADS,
            stall: StallSettings { after_ns: DEFAULT_STALL_AFTER.as_nanos() as u64, hook: None },
        }
    }

    /// After how many allocations and safe points an actor's slice is looked at for the first time in a turn, at most; 128 by default.
    ///
    /// Allocations count where [`smarm::Alloc`](crate::Alloc) is the global allocator, safe points everywhere. The interval adapts, so that
    /// looks are 10 to 20 µs apart whatever an actor does; where events are cheap, each 1024th is looked at. Lower it if single
    /// events take many microseconds.
    ///
    /// # Panics
    ///
    /// If `events` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = smarm::runtime::Config::default().alloc_interval(32);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn alloc_interval(mut self, events: u32) -> Self {
        assert!(
            events != 0,
            "`alloc_interval(0)` has no meaning: write 1 to look at the first event of each turn"
        );
        self.alloc_interval = events;
        self
    }

    /// How long an actor runs before others get their turn, in cycles of the CPU's time-stamp counter;
    /// 300 000 by default, about 100 µs at 3 GHz.
    ///
    /// An actor is switched out at the first safe point after that, and only if another waits to run. Where the counter is not
    /// one of constant rate, the system's clock stands in for it, and a cycle is a third of a nanosecond.
    ///
    /// # Panics
    ///
    /// If `cycles` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = smarm::runtime::Config::default().timeslice_cycles(3_000_000);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn timeslice_cycles(mut self, cycles: u64) -> Self {
        assert!(cycles != 0, "`timeslice_cycles(0)` has no meaning: write 1 to switch as often as possible");
        self.timeslice_cycles = cycles;
        self
    }

    /// Lets all actors of the runtime, servers and the root too, be switched out by their own allocations, where [`smarm::Alloc`](crate::Alloc)
    /// is the global allocator. By default an allocation only ends a slice, and the actor's next safe point switches.
    ///
    /// See [`Builder::preempt_in_alloc`](crate::Builder::preempt_in_alloc), which does so for one actor, for what that means. For `# Safety`, the
    /// actors in question are all those of this runtime.
    ///
    #[doc = include_str!("../preempt_in_alloc.md")]
    #[must_use]
    pub unsafe fn preempt_in_alloc(mut self) -> Self {
        alloc::ask_for_switches();
        self.preempt_in_alloc = true;
        self
    }

    /// The size of an actor's stack in bytes, its 64 KiB guard at the low end included; 256 KiB by default.
    ///
    /// It is address space: memory is taken page by page as an actor's calls go deeper. The size is rounded up to a
    /// power of two, and to 128 KiB at least.
    ///
    /// # Panics
    ///
    /// If `bytes` is 0 or above 8 MiB.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = smarm::runtime::Config::default().stack_size(1 << 20);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_bytes = stack_class_or_panic("stack_size", bytes);
        self
    }

    /// The size of the root actor's stack in bytes, its 64 KiB guard included; 8 MiB by default, as a process's
    /// first thread has.
    ///
    /// Rounded as [`stack_size`](Config::stack_size) is.
    ///
    /// # Panics
    ///
    /// If `bytes` is 0 or above 8 MiB.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = smarm::runtime::Config::default().root_stack_size(1 << 20);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn root_stack_size(mut self, bytes: usize) -> Self {
        self.root_stack_bytes = stack_class_or_panic("root_stack_size", bytes);
        self
    }

    /// What to do about a deadlock; [`Deadlock::Warn`] by default.
    ///
    /// The environment variable `SMARM_DEADLOCK` (`warn` or `fail`), read when the runtime starts, goes before it;
    /// any other value of it panics there.
    ///
    /// # Examples
    ///
    /// ```
    /// use smarm::runtime::{Config, Deadlock};
    ///
    /// let config = Config::default().deadlock(Deadlock::Fail);
    /// ```
    #[must_use]
    pub fn deadlock(mut self, policy: Deadlock) -> Self {
        self.deadlock = policy;
        self
    }

    /// How long actors may take to end after a [shutdown](crate::shutdown()) has begun; 5 s by default. Those that are left then are
    /// killed, and those that a kill does not reach within a second are named on standard error, and left behind.
    ///
    /// Zero kills at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let config = smarm::runtime::Config::default().shutdown_timeout(Duration::from_millis(100));
    /// ```
    #[must_use]
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// For how long an actor may keep its worker without coming to a safe point; 10 ms by default, known to a millisecond.
    ///
    /// After that, what can move (actors that have not started, servers, their timers) goes to a [spare](Config::spares) worker, and the
    /// stall is [told](Config::on_stall). What has started on that worker waits.
    ///
    /// # Panics
    ///
    /// If `limit` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let config = smarm::runtime::Config::default().stall_after(Duration::from_millis(50));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn stall_after(mut self, limit: Duration) -> Self {
        assert!(
            !limit.is_zero(),
            "`stall_after(0)` has no meaning: every actor keeps its worker for a moment; write a millisecond or more"
        );
        self.stall.after_ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        self
    }

    /// How many more workers may stand in, at one time, for those that are held up by an actor; twice the workers by default, at least 4.
    ///
    /// A spare worker is an OS thread that is started when it is needed for the first time, and sleeps when it is not. While it stands in,
    /// two actors may run at once even where there is one worker. 0 forbids that: then what could move waits too, and stalls are
    /// told all the same.
    ///
    /// # Panics
    ///
    /// If there are more than 2048.
    ///
    /// # Examples
    ///
    /// ```
    /// let one_at_a_time = smarm::runtime::Config::exact(1).spares(0);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn spares(mut self, most: usize) -> Self {
        assert!(most <= MAX_SPARES, "{most} spare workers are too many: write {MAX_SPARES} or fewer");
        self.spares = most;
        self
    }

    /// How many threads may run [blocking code](crate::block_on_io()) at once; 512 by default.
    ///
    /// They are started when they are needed, and end when they had nothing to do for 10 seconds. When all are busy, what comes waits for its
    /// turn.
    ///
    /// # Panics
    ///
    /// If `most` is 0 or above 16 384.
    ///
    /// # Examples
    ///
    /// ```
    /// let config = smarm::runtime::Config::default().blocking_threads(8);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn blocking_threads(mut self, most: usize) -> Self {
        assert!(
            most != 0,
            "`blocking_threads(0)` has no meaning: blocking code needs a thread; write 1 or more"
        );
        assert!(
            most <= MAX_BLOCKING_THREADS,
            "{most} threads for blocking code are too many: write {MAX_BLOCKING_THREADS} or fewer"
        );
        self.blocking_threads = most;
        self
    }

    /// What to call when an actor has kept its worker for longer than [`stall_after`](Config::stall_after), and again each time that this
    /// has become ten times as long. By default a line on standard error says it, at most once a second.
    ///
    /// An actor that computes is told of when its thread has *run* for so long, also where it has to share a processor with others.
    ///
    /// `hook` runs on a thread of the runtime's that looks after all workers: it should be short, must not wait for an actor, and a
    /// panic in it is reported and changes nothing. It is not called while the actor is the only one alive: nobody waits then.
    ///
    /// # Examples
    ///
    /// ```
    /// use smarm::runtime::Config;
    ///
    /// let config = Config::exact(1).on_stall(|stall| eprintln!("oh no: {stall}"));
    /// ```
    #[must_use]
    pub fn on_stall(mut self, hook: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        self.stall.hook = Some(Arc::new(hook));
        self
    }

    /// How many workers a runtime with this configuration has.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(smarm::runtime::Config::default().resolved_thread_count() >= 1);
    /// ```
    #[must_use]
    pub fn resolved_thread_count(&self) -> usize {
        self.workers
    }

    /// This configuration with the environment's word on it. Called once, when a runtime starts.
    #[track_caller]
    pub(crate) fn with_environment(mut self) -> Self {
        if let Some(policy) = deadlock_named(env::var_os(DEADLOCK_VARIABLE).as_deref()) {
            self.deadlock = policy;
        }
        self
    }
}

impl Default for Config {
    /// One worker for each available CPU, and the defaults of the table above.
    fn default() -> Self {
        Self::new(1, MAX_WORKERS, None)
    }
}

#[track_caller]
fn check_workers(workers: usize) {
    assert!(workers >= 1, "a runtime needs a worker: write 1 or more instead of 0");
    assert!(workers <= MAX_WORKERS, "{workers} workers are too many: write {MAX_WORKERS} or fewer");
}

pub(super) fn available_cpus() -> usize {
    // Where the system does not say, one worker is right on any machine.
    thread::available_parallelism().map_or(1, NonZero::get)
}

#[track_caller]
fn deadlock_named(value: Option<&OsStr>) -> Option<Deadlock> {
    let value = value?;
    match value.to_str() {
        Some("warn") => Some(Deadlock::Warn),
        Some("fail") => Some(Deadlock::Fail),
        _ => panic!("{DEADLOCK_VARIABLE} is {value:?}: write `warn` or `fail`, or unset it"),
    }
}

#[track_caller]
fn stack_class_or_panic(method: &str, requested: usize) -> usize {
    match stack_class_bytes(requested) {
        Ok(bytes) => bytes,
        Err(error) => panic!("`{method}({requested})`: {error}"),
    }
}

/// The stack an actor gets that asks for `requested` bytes: the next power of two, at least [`MIN_STACK_BYTES`].
///
/// Both ends count the guard.
pub(crate) fn stack_class_bytes(requested: usize) -> Result<usize, StackSizeError> {
    if requested == 0 || requested > MAX_STACK_BYTES {
        return Err(StackSizeError { requested });
    }
    Ok(requested.next_power_of_two().max(MIN_STACK_BYTES))
}

/// There is no stack of the size asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StackSizeError {
    requested: usize,
}

impl fmt::Display for StackSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.requested {
            0 => f.write_str("a stack of 0 bytes holds no frame; the smallest is 128 KiB"),
            bytes => {
                write!(f, "a stack of {bytes} bytes is too large; write {MAX_STACK_BYTES} (8 MiB) or less")
            }
        }
    }
}

impl Error for StackSizeError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sentence `misuse` panics with.
    fn refusal<R>(misuse: impl FnOnce() -> R + std::panic::UnwindSafe) -> String {
        let payload = std::panic::catch_unwind(misuse).err().expect("the misuse is refused");
        *payload.downcast::<String>().expect("the refusal is a formatted sentence")
    }

    #[test]
    fn default_has_one_worker_per_available_cpu() {
        assert_eq!(Config::default().resolved_thread_count(), available_cpus().min(MAX_WORKERS));
    }

    #[test]
    fn new_stays_between_its_bounds() {
        assert_eq!(Config::new(1, 1, None).resolved_thread_count(), 1);
        assert_eq!(Config::new(MAX_WORKERS, MAX_WORKERS, None).resolved_thread_count(), MAX_WORKERS);
    }

    #[test]
    fn new_has_no_upper_bound_to_fear() {
        let config = Config::new(1, usize::MAX, None);
        assert!(config.resolved_thread_count() <= MAX_WORKERS);
    }

    #[test]
    fn an_exact_number_goes_before_the_bounds() {
        assert_eq!(Config::new(1, 2, Some(7)).resolved_thread_count(), 7);
    }

    #[test]
    fn no_workers_are_refused() {
        assert!(refusal(|| Config::exact(MAX_WORKERS + 1)).contains("write 1024 or fewer"));
        for none in [|| Config::exact(0), || Config::new(0, 4, None), || Config::new(1, 4, Some(0))] {
            assert!(std::panic::catch_unwind(none).is_err());
        }
    }

    #[test]
    fn bounds_in_the_wrong_order_are_refused() {
        assert!(refusal(|| Config::new(4, 2, None)).contains("the smaller number of workers comes first"));
    }

    #[test]
    fn zero_intervals_and_slices_are_refused() {
        for (name, zero) in [
            ("`alloc_interval(0)`", (|| Config::exact(1).alloc_interval(0)) as fn() -> Config),
            ("`timeslice_cycles(0)`", || Config::exact(1).timeslice_cycles(0)),
            ("`blocking_threads(0)`", || Config::exact(1).blocking_threads(0)),
        ] {
            let payload = std::panic::catch_unwind(zero).expect_err("the misuse is refused");
            let sentence = payload.downcast_ref::<&str>().expect("the refusal is a sentence");
            assert!(sentence.starts_with(name) && sentence.contains("write 1"), "{sentence}");
        }
    }

    #[test]
    fn stacks_are_rounded_up_to_a_power_of_two() {
        let rounded = [1, 128 << 10, (128 << 10) + 1, 256 << 10, 3 << 20, 8 << 20].map(stack_class_bytes);
        let expected = [128 << 10, 128 << 10, 256 << 10, 256 << 10, 4 << 20, 8 << 20].map(Ok);
        assert_eq!(rounded, expected);
    }

    #[test]
    fn the_default_stacks_are_classes_of_their_own() {
        for bytes in [DEFAULT_STACK_BYTES, DEFAULT_ROOT_STACK_BYTES, MIN_STACK_BYTES, MAX_STACK_BYTES] {
            assert_eq!(stack_class_bytes(bytes), Ok(bytes));
        }
    }

    #[test]
    fn impossible_stacks_are_refused_with_the_limit() {
        assert!(refusal(|| Config::exact(1).stack_size(0)).contains("the smallest is 128 KiB"));
        assert!(refusal(|| Config::exact(1).root_stack_size(9 << 20)).contains("8 MiB"));
        assert!(stack_class_bytes(usize::MAX).is_err());
    }

    #[test]
    fn the_environment_names_a_policy() {
        assert_eq!(deadlock_named(None), None);
        assert_eq!(deadlock_named(Some(OsStr::new("warn"))), Some(Deadlock::Warn));
        assert_eq!(deadlock_named(Some(OsStr::new("fail"))), Some(Deadlock::Fail));
    }

    #[test]
    fn an_unknown_policy_in_the_environment_is_refused() {
        let sentence = refusal(|| deadlock_named(Some(OsStr::new("Fail"))));
        assert_eq!(sentence, "SMARM_DEADLOCK is \"Fail\": write `warn` or `fail`, or unset it");
    }
}
