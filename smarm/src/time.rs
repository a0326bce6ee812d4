//! Waiting for time to pass.
//!
//! Times of waits are [`Duration`]s from now, or an [`Instant`]. They are precise to some tens of microseconds when the worker has nothing
//! else to do; where thousands of timers a second keep it awake, it fires them in groups, up to 0.2 ms late. Never early. A timer that is taken back, by a wait that ends in another way, is gone at once.

use core::cell::Cell;
use core::time::Duration;
use std::time::Instant;

use crate::sys::clock;
use crate::task::choice::{Alternative, Arm, Choosable, Waiter};
use crate::task::current;
use crate::task::park::{self, Wake};
use crate::task::select::{Register, Source};
use crate::task::wait::{WaitKind, WaitObject};

/// Sleeps for at least `duration`.
///
/// Parks the actor; its worker runs others meanwhile. On a plain thread it blocks the thread. While its actor unwinds it returns at
/// once. Precise to some tens of microseconds when the worker is idle. Erlang's cousin is `timer:sleep/1`.
///
/// ```
/// # use std::time::{Duration, Instant};
/// let begin = Instant::now();
/// smarm::run(|| smarm::sleep(Duration::from_millis(2)));
/// assert!(begin.elapsed() >= Duration::from_millis(2));
/// ```
pub fn sleep(duration: Duration) {
    sleep_until_ns(clock::deadline_after(duration), "`sleep`");
}

/// Sleeps until `deadline`, or not at all if that has passed; else as [`sleep`].
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let deadline = Instant::now() + Duration::from_millis(2);
/// smarm::run(move || smarm::sleep_until(deadline));
/// assert!(Instant::now() >= deadline);
/// ```
pub fn sleep_until(deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now());
    sleep_until_ns(clock::deadline_after(left), "`sleep_until`");
}

fn sleep_until_ns(deadline_ns: u64, call: &str) {
    let slot = current::waiter();
    while !park::may_not_wait(slot, call) {
        park::deliver_kill(slot);
        let wake = park::park(slot, WaitKind::Sleep, None, Some(deadline_ns));
        if wake == Wake::TimedOut || clock::now_ns() >= deadline_ns {
            return;
        }
    }
}

/// Ticks once in each `period`, the first time when one has passed.
///
/// For the loop of a thread actor; a server has `#[every("1s")]`. Go's cousin is `time.NewTicker`, Erlang's `timer:send_interval/2`; the
/// first tick of tokio's `interval` comes at once.
///
/// # Panics
///
/// If the period is zero.
///
/// ```
/// use std::time::Duration;
///
/// smarm::run(|| {
///     let mut ticks = smarm::time::interval(Duration::from_millis(1));
///     for _ in 0..3 {
///         ticks.tick();
///     }
/// });
/// ```
#[must_use]
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert!(!period.is_zero(), "`interval(0)` has no meaning: write how long a period is");
    let period_ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
    let begin_ns = clock::now_ns();
    Interval {
        begin: Instant::now(),
        begin_ns,
        period_ns,
        next_ns: begin_ns.saturating_add(period_ns),
        missed: MissedTicks::default(),
    }
}

/// What an [`Interval`] does about ticks whose time has passed while nobody waited for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum MissedTicks {
    /// They come at once, one after the other, until none is missing: there are as many as periods have passed.
    Burst,
    /// One of them comes at once, and the next one a whole period after it.
    Delay,
    /// One of them comes at once, and then those whose time it is: multiples of the period, as if none had been missed.
    #[default]
    Skip,
}

/// Ticks; see [`interval`].
#[derive(Debug)]
pub struct Interval {
    /// The same moment by both clocks, or just before it by the second one.
    begin: Instant,
    begin_ns: u64,
    period_ns: u64,
    /// When the next tick is due.
    next_ns: u64,
    missed: MissedTicks,
}

impl Interval {
    /// What to do about missed ticks. Default: [`MissedTicks::Skip`].
    #[must_use]
    pub fn missed_ticks(mut self, policy: MissedTicks) -> Self {
        self.missed = policy;
        self
    }

    /// Waits for the next tick, and tells when it was due. Parks as [`sleep`] does; while its actor unwinds it returns at once.
    pub fn tick(&mut self) -> Instant {
        let due_ns = self.next_ns;
        sleep_until_ns(due_ns, "`Interval::tick`");
        self.next_ns = self.missed.next(due_ns, clock::now_ns(), self.period_ns);
        self.begin + Duration::from_nanos(due_ns - self.begin_ns)
    }

    /// Has the next tick come a whole period from now.
    pub fn reset(&mut self) {
        self.next_ns = clock::now_ns().saturating_add(self.period_ns);
    }

    /// The time between two ticks.
    #[must_use]
    pub fn period(&self) -> Duration {
        Duration::from_nanos(self.period_ns)
    }
}

impl MissedTicks {
    /// When the tick after one that was due then, and has come now, is due.
    fn next(self, due_ns: u64, now_ns: u64, period_ns: u64) -> u64 {
        let next_ns = due_ns.saturating_add(period_ns);
        let is_missed = next_ns <= now_ns;
        match self {
            Self::Delay if is_missed => now_ns.saturating_add(period_ns),
            Self::Skip if is_missed => {
                let passed = (now_ns - due_ns) / period_ns;
                due_ns.saturating_add((passed + 1).saturating_mul(period_ns))
            }
            _ => next_ns,
        }
    }
}

// ---- in a `select!` ----------------------------------------------------------------------------------------------------

/// An arm of `select!` that waits for a time.
#[derive(Debug)]
pub struct TimeArm {
    /// `None`: it is that time already.
    deadline_ns: Option<u64>,
    /// Whether it has been looked at; the first time no clock is read.
    is_late: Cell<bool>,
}

/// For the macro.
#[doc(hidden)]
#[must_use]
pub fn after(duration: Duration) -> TimeArm {
    let deadline_ns = (!duration.is_zero()).then(|| clock::deadline_after(duration));
    TimeArm { deadline_ns, is_late: Cell::new(false) }
}

/// For the macro.
#[doc(hidden)]
#[must_use]
pub fn at(deadline: Instant) -> TimeArm {
    after(deadline.saturating_duration_since(Instant::now()))
}

impl Source<Waiter> for TimeArm {
    /// The wait itself has the deadline.
    fn register(&self, _waiter: Waiter) -> Register {
        Register::Waits
    }

    fn deregister(&self, _waiter: Waiter) {}
}

impl Alternative for TimeArm {
    fn attempt(&self) -> bool {
        let Some(deadline_ns) = self.deadline_ns else { return true };
        self.is_late.replace(true) && clock::now_ns() >= deadline_ns
    }

    /// As `sleep`, which returns at once.
    fn give_up(&self) {}

    fn object(&self) -> Option<&WaitObject> {
        None
    }

    fn deadline_ns(&self, _is_plain: bool) -> Option<u64> {
        self.deadline_ns
    }
}

impl Arm for TimeArm {
    type Won = ();

    fn chosen(self) {}

    fn alternative(&self) -> Choosable<'_> {
        Choosable(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_in_time_is_followed_by_the_next_multiple() {
        for policy in [MissedTicks::Burst, MissedTicks::Delay, MissedTicks::Skip] {
            assert_eq!(policy.next(100, 100, 10), 110);
            assert_eq!(policy.next(100, 109, 10), 110);
        }
    }

    #[test]
    fn missed_ticks_are_made_up_for_put_off_or_left_out() {
        assert_eq!(MissedTicks::Burst.next(100, 135, 10), 110);
        assert_eq!(MissedTicks::Delay.next(100, 135, 10), 145);
        assert_eq!(MissedTicks::Skip.next(100, 135, 10), 140);
        assert_eq!(MissedTicks::Skip.next(100, 140, 10), 150);
    }

    #[test]
    fn times_beyond_the_clock_are_never() {
        for policy in [MissedTicks::Burst, MissedTicks::Delay, MissedTicks::Skip] {
            assert_eq!(policy.next(u64::MAX - 5, u64::MAX - 5, 10), u64::MAX);
        }
    }
}
