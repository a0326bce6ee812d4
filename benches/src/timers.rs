//! Messages that are to be sent later.

use std::time::Duration;

use smarm::Timer;

use crate::measure::{Memory, cost_of, per_operation};

const HOUR: Duration = Duration::from_secs(3600);

struct Idle;

#[smarm::actor]
impl Idle {
    pub(crate) fn strike(&mut self) {}
}

/// Arms so many on one worker, cancels them in the order they came, twice, and prints what that took.
///
/// # Panics
///
/// If one cannot be cancelled.
pub fn arm_and_cancel(count: u64) {
    smarm::run(move || {
        let idle = Idle.start();
        for round in ["first", "again"] {
            let before = Memory::now();
            let arm = |n| idle.send_after(HOUR + Duration::from_micros(n), IdleMsg::Strike {});
            let (timers, armed) = cost_of(|| (0..count).map(arm).collect::<Vec<_>>());
            let resident = Memory::now().resident.saturating_sub(before.resident);
            let cancel_all = || timers.into_iter().map(Timer::cancel).filter(|done| *done).count() as u64;
            let (all, cancel) = cost_of(cancel_all);
            assert_eq!(all, count, "none is due");
            println!(
                "{count} timers, {round}: armed in {:.0} ns each, {:.0} B each with their handles, cancelled in {:.0} ns each",
                per_operation(armed.cpu, count),
                resident as f64 / count as f64,
                per_operation(cancel.cpu, count),
            );
        }
        idle.stop();
    });
}
