//! When restarts are too many.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;

use crate::exit::ExitReason;

/// OTP's defaults are 1 in 5 s; Elixir's are 3 in 5 s, which survive a child that needs a second attempt.
const DEFAULT_RESTARTS: u32 = 3;
const DEFAULT_PERIOD: Duration = Duration::from_secs(5);

/// How many of the last ends are remembered for a report: enough to see what repeats.
const REMEMBERED: usize = 8;

/// How many restarts a supervisor makes within a period before it gives up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Intensity {
    restarts: u32,
    period: Duration,
}

impl Default for Intensity {
    fn default() -> Self {
        Self { restarts: DEFAULT_RESTARTS, period: DEFAULT_PERIOD }
    }
}

impl Intensity {
    /// With 0 restarts, the first end of a child that would have to be restarted is one too many.
    ///
    /// # Panics
    ///
    /// If the period is zero.
    #[track_caller]
    pub(super) fn new(restarts: u32, period: Duration) -> Self {
        assert!(
            !period.is_zero(),
            "an intensity of {restarts} restarts in no time is no limit: give a period above zero, such as 5 s"
        );
        Self { restarts, period }
    }
}

/// Whether a child may be restarted.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Restart,
    /// There were too many restarts: the supervisor stops its children and ends.
    GiveUp,
}

/// The restarts of one supervisor; `C` is how it calls its children.
///
/// A restart counts from its own instant to the end of the period, that instant included. One time is kept for each restart that counts,
/// so never more than are allowed, and of the last few also who ended and why.
#[derive(Debug)]
pub(super) struct History<C> {
    intensity: Intensity,
    times_ns: VecDeque<u64>,
    last: VecDeque<Incident<C>>,
}

/// A child that ended and was to be restarted.
#[derive(Clone, Debug)]
pub(super) struct Incident<C> {
    pub(super) child: C,
    pub(super) reason: ExitReason,
    pub(super) at_ns: u64,
}

impl<C> History<C> {
    pub(super) fn new(intensity: Intensity) -> Self {
        Self { intensity, times_ns: VecDeque::new(), last: VecDeque::new() }
    }

    /// Notes that a child is to be restarted. Times do not go back.
    pub(super) fn note(&mut self, now_ns: u64, child: C, reason: ExitReason) -> Verdict {
        self.forget_before(now_ns);
        self.times_ns.push_back(now_ns);
        self.last.push_back(Incident { child, reason, at_ns: now_ns });
        if self.last.len() > REMEMBERED {
            self.last.pop_front();
        }
        if self.times_ns.len() as u64 > u64::from(self.intensity.restarts) {
            // As many as are allowed remain: the oldest is not needed to know whether the next is too many.
            self.times_ns.pop_front();
            Verdict::GiveUp
        } else {
            Verdict::Restart
        }
    }

    fn forget_before(&mut self, now_ns: u64) {
        let period_ns = u64::try_from(self.intensity.period.as_nanos()).unwrap_or(u64::MAX);
        let is_past = |then: u64| now_ns.saturating_sub(then) > period_ns;
        while self.times_ns.front().is_some_and(|&then| is_past(then)) {
            self.times_ns.pop_front();
        }
        while self.last.front().is_some_and(|incident| is_past(incident.at_ns)) {
            self.last.pop_front();
        }
    }

    /// The last ends within the period, oldest first.
    #[cfg(test)]
    pub(super) fn last(&self) -> impl ExactSizeIterator<Item = &Incident<C>> {
        self.last.iter()
    }
}

/// Why the supervisor has given up: one line, and one for each of the last ends.
impl<C: fmt::Display> fmt::Display for History<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Intensity { restarts, period } = self.intensity;
        write!(f, "more than {restarts} restarts within {period:?}; the last ends:")?;
        let now_ns = self.last.back().map_or(0, |incident| incident.at_ns);
        for Incident { child, reason, at_ns } in &self.last {
            let before = Duration::from_nanos(now_ns.saturating_sub(*at_ns));
            write!(f, "\n  {child}, {before:.1?} before: {reason}")?;
        }
        Ok(())
    }
}
