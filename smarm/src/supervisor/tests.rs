//! Each decision by itself, with the cases of OTP's manual; then all of them together against a model of an OTP supervisor.

use core::time::Duration;
use std::sync::Arc;

use super::auto::{AutoShutdown, Part};
use super::backoff::{Backoff, Streak};
use super::intensity::{History, Intensity, Verdict};
use super::restart::Restart;
use super::shutdown::Shutdown;
use super::strategy::{Plan, Strategy, View, plan, stop_order};
use crate::exit::{ExitReason, PanicInfo};
use Restart::{Permanent, Temporary, Transient};

mod model;
mod otp;

const SECOND_NS: u64 = 1_000_000_000;
const MILLISECOND: Duration = Duration::from_millis(1);

fn panicked() -> ExitReason {
    ExitReason::Panicked(PanicInfo::new(Box::new("boom"), None))
}

fn failed() -> ExitReason {
    ExitReason::Error(Arc::from(Box::<dyn std::error::Error + Send + Sync>::from("no disk")))
}

fn accidents() -> [ExitReason; 5] {
    [ExitReason::Killed, ExitReason::NoProc, ExitReason::Unwinding, panicked(), failed()]
}

// ---- restart ----------------------------------------------------------------------------------------------------------

#[test]
fn a_permanent_child_is_always_restarted_a_temporary_one_never() {
    for reason in accidents().into_iter().chain([ExitReason::Normal, ExitReason::Shutdown]) {
        assert!(Permanent.restarts_after(&reason), "{reason}");
        assert!(!Temporary.restarts_after(&reason), "{reason}");
    }
}

#[test]
fn a_transient_child_is_restarted_after_an_accident() {
    for reason in accidents() {
        assert!(Transient.restarts_after(&reason), "{reason}");
    }
    assert!(!Transient.restarts_after(&ExitReason::Normal));
    assert!(!Transient.restarts_after(&ExitReason::Shutdown));
}

#[test]
fn only_a_temporary_child_is_forgotten() {
    assert!(Temporary.is_forgotten());
    assert!(!Transient.is_forgotten());
    assert!(!Permanent.is_forgotten());
}

// ---- strategy ---------------------------------------------------------------------------------------------------------

fn up(restart: Restart) -> View {
    View { restart, runs: true }
}

fn down(restart: Restart) -> View {
    View { restart, runs: false }
}

#[test]
fn one_for_one_restarts_the_one() {
    let children = [up(Permanent), down(Transient), up(Temporary), up(Permanent)];
    let expected = Plan { stop: vec![], drop: vec![], start: vec![1] };
    assert_eq!(plan(Strategy::OneForOne, &children, 1), expected);
}

#[test]
fn rest_for_one_restarts_those_that_came_later_as_well() {
    let children = [up(Permanent), down(Permanent), up(Permanent), up(Permanent)];
    let expected = Plan { stop: vec![3, 2], drop: vec![], start: vec![1, 2, 3] };
    assert_eq!(plan(Strategy::RestForOne, &children, 1), expected);
}

#[test]
fn one_for_all_restarts_all() {
    let children = [up(Permanent), down(Permanent), up(Permanent), up(Permanent)];
    let expected = Plan { stop: vec![3, 2, 0], drop: vec![], start: vec![0, 1, 2, 3] };
    assert_eq!(plan(Strategy::OneForAll, &children, 1), expected);
}

#[test]
fn a_temporary_sibling_is_stopped_and_leaves() {
    let children = [up(Temporary), down(Permanent), up(Temporary), up(Permanent)];
    let rest = Plan { stop: vec![3, 2], drop: vec![2], start: vec![1, 3] };
    assert_eq!(plan(Strategy::RestForOne, &children, 1), rest);
    let all = Plan { stop: vec![3, 2, 0], drop: vec![0, 2], start: vec![1, 3] };
    assert_eq!(plan(Strategy::OneForAll, &children, 1), all);
}

#[test]
fn a_sibling_that_rests_is_not_stopped_but_started() {
    let children = [down(Transient), down(Permanent), down(Transient)];
    let expected = Plan { stop: vec![], drop: vec![], start: vec![0, 1, 2] };
    assert_eq!(plan(Strategy::OneForAll, &children, 1), expected);
}

#[test]
fn a_start_that_fails_goes_on_from_there_or_begins_again() {
    // A restart has come to child 2, which could not be started.
    let children = [up(Permanent), up(Permanent), down(Permanent), down(Permanent)];
    let rest = Plan { stop: vec![], drop: vec![], start: vec![2, 3] };
    assert_eq!(plan(Strategy::RestForOne, &children, 2), rest);
    let all = Plan { stop: vec![1, 0], drop: vec![], start: vec![0, 1, 2, 3] };
    assert_eq!(plan(Strategy::OneForAll, &children, 2), all);
}

#[test]
fn all_are_stopped_in_reverse_also_when_the_kth_start_fails() {
    let all = [up(Permanent), up(Temporary), down(Transient), up(Permanent)];
    assert_eq!(stop_order(&all), [3, 1, 0]);
    for k in 0..4 {
        let children: Vec<View> = (0..4).map(|child| View { restart: Permanent, runs: child < k }).collect();
        assert_eq!(stop_order(&children), (0..k).rev().collect::<Vec<_>>());
    }
    assert_eq!(stop_order(&[]), [0; 0]);
}

// ---- intensity --------------------------------------------------------------------------------------------------------

fn verdicts(intensity: Intensity, times_ns: &[u64]) -> Vec<Verdict> {
    let mut history = History::new(intensity);
    times_ns.iter().map(|&now_ns| history.note(now_ns, "db", ExitReason::Killed)).collect()
}

#[test]
fn one_restart_above_the_intensity_is_too_many() {
    use Verdict::{GiveUp, Restart};
    let three = Intensity::new(3, Duration::from_secs(5));
    assert_eq!(verdicts(three, &[0, 1, 2, 3]), [Restart, Restart, Restart, GiveUp]);
    assert_eq!(verdicts(Intensity::default(), &[0, 1, 2, 3]), [Restart, Restart, Restart, GiveUp]);
    assert_eq!(verdicts(Intensity::new(0, Duration::from_secs(5)), &[9]), [GiveUp]);
}

#[test]
fn a_restart_counts_until_its_period_is_over() {
    use Verdict::{GiveUp, Restart};
    let one = Intensity::new(1, Duration::from_secs(5));
    assert_eq!(verdicts(one, &[7, 7 + 5 * SECOND_NS]), [Restart, GiveUp]);
    assert_eq!(verdicts(one, &[7, 8 + 5 * SECOND_NS]), [Restart, Restart]);
}

#[test]
fn the_window_slides() {
    let two = Intensity::new(2, Duration::from_secs(1));
    let steady: Vec<u64> = (0..1000).map(|n| n * (SECOND_NS / 2 + 1)).collect();
    assert!(verdicts(two, &steady).iter().all(|verdict| *verdict == Verdict::Restart));
}

#[test]
fn a_period_beyond_all_time_never_ends() {
    use Verdict::{GiveUp, Restart};
    assert_eq!(verdicts(Intensity::new(1, Duration::MAX), &[0, u64::MAX]), [Restart, GiveUp]);
}

#[test]
fn random_histories_agree_with_a_count_of_all_times() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let (restarts, period_ns) = (random.below(5) as u32, 1 + random.below(50));
        let mut history = History::new(Intensity::new(restarts, Duration::from_nanos(period_ns)));
        let (mut now_ns, mut all) = (0, Vec::new());
        for _ in 0..200 {
            now_ns += random.below(20);
            all.push(now_ns);
            let counted = all.iter().filter(|&&then| now_ns - then <= period_ns).count() as u64;
            let expected = if counted > u64::from(restarts) { Verdict::GiveUp } else { Verdict::Restart };
            assert_eq!(history.note(now_ns, (), ExitReason::Killed), expected);
        }
    }
}

#[test]
fn memory_is_bounded_and_the_last_ends_are_told() {
    let mut history = History::new(Intensity::new(2, Duration::from_secs(5)));
    for n in 0..10_000_u64 {
        let _ = history.note(n * 1_000_000, format!("child {n}"), panicked());
    }
    assert_eq!(history.last().len(), 8);
    assert_eq!(history.last().next().unwrap().child, "child 9992");
    let text = history.to_string();
    assert!(
        text.starts_with(
            "more than 2 restarts within 5s; the last ends:\n  child 9992, 7.0ms before: panicked: boom\n"
        ),
        "{text}"
    );
    assert!(text.ends_with("\n  child 9999, 0.0ns before: panicked: boom"), "{text}");
}

#[test]
fn what_is_older_than_the_period_is_not_told() {
    let mut history = History::new(Intensity::new(1, Duration::from_secs(5)));
    let _ = history.note(0, "old", ExitReason::Killed);
    let _ = history.note(6 * SECOND_NS, "young", failed());
    assert_eq!(history.last().map(|incident| incident.child).collect::<Vec<_>>(), ["young"]);
    assert!(history.to_string().ends_with("young, 0.0ns before: error: no disk"));
}

#[test]
#[should_panic(
    expected = "an intensity of 3 restarts in no time is no limit: give a period above zero, such as 5 s"
)]
fn an_intensity_without_a_period_is_refused() {
    Intensity::new(3, Duration::ZERO);
}

// ---- backoff ----------------------------------------------------------------------------------------------------------

#[test]
fn delays_double_up_to_the_maximum() {
    let backoff = Backoff::exponential(100 * MILLISECOND, Duration::from_secs(1));
    let delays: Vec<u128> = (0..6).map(|attempt| backoff.delay(attempt, 7).as_millis()).collect();
    assert_eq!(delays, [100, 200, 400, 800, 1000, 1000]);
    assert_eq!(backoff.delay(u32::MAX, 0), Duration::from_secs(1));
}

#[test]
fn a_factor_of_one_and_a_constant_do_not_grow() {
    for backoff in [
        Backoff::constant(20 * MILLISECOND),
        Backoff::exponential(20 * MILLISECOND, Duration::MAX).factor(1.0),
    ] {
        assert_eq!(backoff.delay(0, 0), 20 * MILLISECOND);
        assert_eq!(backoff.delay(1_000_000, u64::MAX), 20 * MILLISECOND);
    }
}

#[test]
fn jitter_only_shortens_and_not_by_more_than_its_part() {
    let backoff = Backoff::exponential(Duration::from_secs(10), Duration::from_secs(100)).jitter(0.2);
    assert_eq!(backoff.delay(0, 0), Duration::from_secs(10));
    let shortest = backoff.delay(0, u64::MAX);
    assert!(shortest >= Duration::from_secs(8) && shortest < 8001 * MILLISECOND, "{shortest:?}");
    let middle = backoff.delay(0, u64::MAX / 2);
    assert!(middle > 8999 * MILLISECOND && middle < 9001 * MILLISECOND, "{middle:?}");
}

#[test]
fn random_backoffs_stay_in_their_range_and_never_shrink() {
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let magnitude = 1 + random.below(60);
        let initial = Duration::from_nanos(1 + random.below(1 << magnitude));
        let max =
            if random.below(10) == 0 { Duration::MAX } else { initial * (1 + random.below(1000) as u32) };
        let (factor, jitter) = (1.0 + random.below(400) as f64 / 100.0, random.below(101) as f64 / 100.0);
        let backoff = Backoff::exponential(initial, max).factor(factor).jitter(jitter);
        let mut before = Duration::ZERO;
        for attempt in (0..64).chain([1000, u32::MAX]) {
            let longest = backoff.delay(attempt, 0);
            let delay = backoff.delay(attempt, random.next());
            assert!(longest >= before && longest >= initial && longest <= max, "{longest:?}");
            // One nanosecond for the rounding of each of the two.
            let shortest = longest.mul_f64(1.0 - jitter).saturating_sub(Duration::from_nanos(2));
            let slack = longest.mul_f64(1e-12);
            assert!(delay <= longest && delay + slack >= shortest, "{delay:?} of {longest:?}");
            before = longest;
        }
    }
}

#[test]
fn a_streak_ends_when_the_child_has_run_for_long() {
    let backoff = Backoff::exponential(MILLISECOND, 100 * MILLISECOND);
    let mut streak = Streak::default();
    let ran = |millis| Duration::from_millis(millis);
    let attempts: Vec<u32> =
        [0, 5, 99, 100, 3, 1000, 0].map(|millis| streak.note(&backoff, ran(millis))).to_vec();
    assert_eq!(attempts, [0, 1, 2, 0, 1, 0, 1]);
    let patient = backoff.reset_after(Duration::from_secs(60));
    assert_eq!(streak.note(&patient, Duration::from_secs(59)), 2);
    assert_eq!(streak.note(&patient, Duration::from_secs(60)), 0);
}

#[test]
fn senseless_backoffs_are_refused_with_advice() {
    let second = Duration::from_secs(1);
    let text = |build: fn(Duration) -> Backoff| {
        let payload = std::panic::catch_unwind(|| build(second)).expect_err("refused");
        payload
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| (*payload.downcast_ref::<&str>().expect("a text")).to_owned())
    };
    assert!(text(|second| Backoff::exponential(Duration::ZERO, second)).contains("give 1 ms or more"));
    assert!(
        text(|second| Backoff::exponential(second, second / 2)).contains("1s, is above the longest, 500ms")
    );
    assert!(text(|_| Backoff::constant(Duration::ZERO)).contains("leave the backoff out"));
    assert!(text(|second| Backoff::constant(second).factor(0.5)).contains("a factor of 0.5"));
    assert!(text(|second| Backoff::constant(second).factor(f64::INFINITY)).contains("finite"));
    assert!(text(|second| Backoff::constant(second).jitter(1.5)).contains("from 0 to 1"));
    assert!(text(|second| Backoff::constant(second).jitter(f64::NAN)).contains("from 0 to 1"));
}

// ---- shutdown ---------------------------------------------------------------------------------------------------------

#[test]
fn a_child_is_killed_at_once_later_or_never() {
    assert_eq!(Shutdown::Brutal.kill_at_ns(7), Some(7));
    assert_eq!(Shutdown::default().kill_at_ns(7), Some(7 + 5 * SECOND_NS));
    assert_eq!(Shutdown::Timeout(Duration::MAX).kill_at_ns(7), Some(u64::MAX));
    assert_eq!(Shutdown::Infinity.kill_at_ns(7), None);
    assert!(!Shutdown::Brutal.asks() && Shutdown::Infinity.asks() && Shutdown::default().asks());
}

// ---- auto shutdown ----------------------------------------------------------------------------------------------------

fn part(is_significant: bool, is_active: bool) -> Part {
    Part { is_significant, is_active }
}

#[test]
fn the_first_or_the_last_significant_end_ends_the_supervisor() {
    let two_left = [part(true, false), part(true, true), part(false, true)];
    let last = [part(true, false), part(true, false), part(false, true)];
    assert!(AutoShutdown::AnySignificant.is_due(&two_left, 0));
    assert!(!AutoShutdown::AllSignificant.is_due(&two_left, 0));
    assert!(AutoShutdown::AllSignificant.is_due(&last, 0));
    // Whether the one that has ended still counts as active is not the caller's to care for.
    assert!(
        AutoShutdown::AllSignificant
            .is_due(&last.map(|part| Part { is_active: !part.is_significant, ..part }), 1)
    );
    assert!(AutoShutdown::AllSignificant.is_due(&[part(true, true)], 0));
}

#[test]
fn other_children_and_other_supervisors_do_not_end_by_themselves() {
    let children = [part(true, false), part(false, false)];
    assert!(!AutoShutdown::Never.is_due(&children, 0));
    assert!(!AutoShutdown::AnySignificant.is_due(&children, 1));
    assert!(!AutoShutdown::AllSignificant.is_due(&children, 1));
}

#[test]
fn who_cannot_be_significant_is_told_why() {
    use AutoShutdown::{AllSignificant, AnySignificant, Never};
    for auto in [Never, AnySignificant, AllSignificant] {
        assert!(auto.objection(Permanent).is_some_and(|text| text.contains("make it `Restart::Transient`")));
        for restart in [Transient, Temporary] {
            assert_eq!(auto.objection(restart).is_some(), auto == Never);
        }
    }
}

// ---- randomness -------------------------------------------------------------------------------------------------------

/// Xorshift: enough randomness for a test, and the same on every machine. Tells its seed when the test fails.
struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    fn new(seed: u64) -> Self {
        // Spreads small seeds over all bits; the state must not be zero.
        Self { seed, state: (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {}", self.seed);
        }
    }
}
