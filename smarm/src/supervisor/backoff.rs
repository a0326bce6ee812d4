//! How long to wait before a restart.

use core::time::Duration;

/// Each delay is twice the one before.
const DEFAULT_FACTOR: f64 = 2.0;

/// How long a supervisor waits before it restarts a child that ends again and again: longer each time, up to a maximum.
///
/// The restart after the first end comes after `initial`, the next after `initial × factor`, and so on, never later than `max`. Each
/// delay is then shortened by a random part of it, up to `jitter`, so that children that ended together do not all come back together. A
/// child that has run for [`reset_after`](Self::reset_after) without ending begins again with `initial`.
///
/// | setting | unit | default |
/// |---|---|---|
/// | [`factor`](Self::factor) | | 2 |
/// | [`jitter`](Self::jitter) | part of the delay, 0 to 1 | 0: none |
/// | [`reset_after`](Self::reset_after) | time that the child ran | `max` |
///
/// Delays do not take the place of the restart intensity: a restart counts when it is due to be made, and one that waits for long is less
/// likely to be one too many. Erlang's supervisors have no cousin of this; Akka's is `BackoffSupervisor`.
///
/// ```
/// use smarm::supervisor::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30)).jitter(0.2);
/// # let _ = backoff;
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[must_use = "a backoff does nothing until a supervisor has it"]
pub struct Backoff {
    // Invariant: initial > 0, initial <= max.
    initial: Duration,
    max: Duration,
    // Invariant: finite, at least 1.
    factor: f64,
    // Invariant: 0 to 1.
    jitter: f64,
    reset_after: Duration,
}

impl Backoff {
    /// Delays that double, from `initial` up to `max`.
    ///
    /// # Panics
    ///
    /// If `initial` is zero, or above `max`.
    #[track_caller]
    pub fn exponential(initial: Duration, max: Duration) -> Self {
        assert!(!initial.is_zero(), "a first delay of zero never grows: give 1 ms or more");
        assert!(
            initial <= max,
            "the first delay, {initial:?}, is above the longest, {max:?}: give the smaller one first"
        );
        Self { initial, max, factor: DEFAULT_FACTOR, jitter: 0.0, reset_after: max }
    }

    /// The same delay each time.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn constant(delay: Duration) -> Self {
        assert!(!delay.is_zero(), "a delay of zero is none: leave the backoff out");
        Self::exponential(delay, delay)
    }

    /// How much longer each delay is than the one before. Default: 2.
    ///
    /// # Panics
    ///
    /// If it is below 1, infinite or not a number.
    #[track_caller]
    pub fn factor(mut self, factor: f64) -> Self {
        assert!(
            factor >= 1.0 && factor.is_finite(),
            "a factor of {factor} makes no backoff: give a finite one of at least 1"
        );
        self.factor = factor;
        self
    }

    /// How much of a delay is left to chance: a delay `d` becomes one between `(1 - jitter) × d` and `d`, each equally likely. Default: 0,
    /// none. With 1 it is anything from zero to `d`.
    ///
    /// # Panics
    ///
    /// If it is below 0, above 1 or not a number.
    #[track_caller]
    pub fn jitter(mut self, jitter: f64) -> Self {
        assert!(
            (0.0..=1.0).contains(&jitter),
            "a jitter of {jitter} is no part of a delay: give one from 0 to 1"
        );
        self.jitter = jitter;
        self
    }

    /// How long a child must have run for its next end to count as the first again. Default: the longest delay.
    pub fn reset_after(mut self, ran: Duration) -> Self {
        self.reset_after = ran;
        self
    }

    /// The delay before a restart; `attempt` is how many ends in a row there were before this one, `random` is any number, all equally
    /// likely.
    pub(super) fn delay(&self, attempt: u32, random: u64) -> Duration {
        let full = self.full_delay(attempt);
        // The 53 bits that a `f64` has: below 1, always.
        let chance = (random >> 11) as f64 / (1_u64 << 53) as f64;
        full.saturating_sub(full.mul_f64(self.jitter * chance))
    }

    /// Without jitter.
    fn full_delay(&self, attempt: u32) -> Duration {
        let attempt = i32::try_from(attempt).unwrap_or(i32::MAX);
        // May be infinite. What is not below the maximum is the maximum, so that no duration is made of more than fits one.
        let seconds = self.initial.as_secs_f64() * self.factor.powi(attempt);
        if seconds < self.max.as_secs_f64() {
            Duration::from_secs_f64(seconds).clamp(self.initial, self.max)
        } else {
            self.max
        }
    }
}

/// How often in a row a child has ended before it had run for long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Streak {
    ends: u32,
}

impl Streak {
    /// Notes that the child has ended, or could not be started, after it `ran` for so long; gives the attempt for [`Backoff::delay`].
    #[must_use]
    pub(super) fn note(&mut self, backoff: &Backoff, ran: Duration) -> u32 {
        if ran >= backoff.reset_after {
            self.ends = 0;
        }
        let attempt = self.ends;
        self.ends = self.ends.saturating_add(1);
        attempt
    }
}
