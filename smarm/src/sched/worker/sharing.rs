//! What a worker lets others have, and what it takes from them. The measurements behind the constants are in
//! `docs/adr/0001-placement.md`.

use super::Worker;
use crate::sched::deque::{Entry, Steal};
use crate::sys::chaos;
use crate::task::slot::SlotRef;

/// How long an unstarted actor waits here before other workers may have it.
pub(crate) const SHARE_AFTER_NS: u64 = 50_000;

/// The same for an actor that was spread: it was to start there, so others take it only from a worker that does not come to it.
const SHARE_SPREAD_AFTER_NS: u64 = 10_000_000;

/// How much work must wait before a share of it is worth the wake of a thread (tens of microseconds), and actors on two threads from
/// then on: a row of actors that start and park at once is not.
const SHARE_WORTH_NS: u64 = 500_000;

/// What a run costs that does next to nothing; the estimate of a run's cost grows from here.
const SHORT_RUN_NS: u64 = 250;

/// A worker that has not looked around for so long is held up by one actor.
const HELD_UP_NS: u64 = 1_000_000;

/// At most this many are stolen at a time.
const STEAL_BATCH: usize = 1024;

/// What a run must cost on average before a server that is called goes to a sleeping worker, if others wait here: several times the wake of a
/// thread.
const LONG_RUN_NS: u64 = 100_000;

impl Worker {
    /// Whether a server that is about to handle a call should do so elsewhere: it would keep others here waiting for long, and then stay here
    /// for as long as it handles the message.
    pub(super) fn is_worth_a_hop(&self) -> bool {
        self.run_cost_ns.get() >= LONG_RUN_NS && self.shared().has_sleeping_taker() && self.others_wait()
    }

    /// Has another worker run it: a sleeping one, or who looks next.
    #[inline(never)]
    pub(super) fn give_away(&self, entry: Entry) {
        self.shared().injector.push(entry);
        self.shared().wake_one();
    }

    /// Something has waited for long: a sleeping worker may have it.
    pub(in crate::sched) fn share_old(&self, now_ns: u64) {
        if self.shared().has_sleeping_taker() && self.may_give(now_ns) {
            self.shared().wake_one();
        }
    }

    /// Whether another worker may start some of those that wait here: they have waited for long, and will wait for longer.
    pub(in crate::sched) fn may_give(&self, now_ns: u64) -> bool {
        let have_waited = self.deque.oldest_ns().is_some_and(|pushed_ns| self.has_waited(pushed_ns, now_ns));
        have_waited && (self.is_held_up(now_ns) || self.backlog_ns() >= SHARE_WORTH_NS)
            || self.may_give_spread(now_ns)
    }

    /// Whether what was pushed here then has waited for long. Where one actor keeps the worker, anything has.
    fn has_waited(&self, pushed_ns: u64, now_ns: u64) -> bool {
        is_older(pushed_ns, now_ns, SHARE_AFTER_NS) || self.is_out()
    }

    /// Whether something waits here that other workers could run.
    pub(in crate::sched) fn has_movable(&self) -> bool {
        !self.deque.is_empty() || self.spread.len() > 0
    }

    pub(super) fn is_held_up(&self, now_ns: u64) -> bool {
        is_older(self.last_look_ns.get(), now_ns, HELD_UP_NS) || self.is_out()
    }

    /// How long those that wait to be started will take to be, at the latest rate.
    pub(super) fn backlog_ns(&self) -> u64 {
        (self.deque.len() as u64).saturating_mul(self.run_cost_ns.get())
    }

    pub(super) fn may_give_spread(&self, now_ns: u64) -> bool {
        let may_give = self.spread.len() > 0 && self.takes_work();
        let oldest_ns = if may_give { self.spread.oldest_ns() } else { None };
        oldest_ns.is_some_and(|pushed_ns| is_older(pushed_ns, now_ns, SHARE_SPREAD_AFTER_NS))
    }

    /// From the injector, then from the other workers.
    pub(super) fn steal(&'static self) -> Option<SlotRef> {
        if self.shared().injector.len() > 0 {
            self.take_injected();
        }
        self.take_unstarted().or_else(|| {
            let (before, behind) = (self.shared().workers(), self.shared().workers());
            let mut others = behind.skip(self.position() + 1).chain(before.take(self.position()));
            others.find_map(|victim| self.steal_from(victim))
        })
    }

    pub(super) fn take_injected(&self) {
        let shared = self.shared();
        shared.injector.take_share(shared.regular_count(), |entry| self.push_local(entry));
    }

    /// Takes the older half of what a worker may give, and claims the first of it.
    pub(super) fn steal_from(&'static self, victim: &Worker) -> Option<SlotRef> {
        let now_ns = self.refresh_now();
        let is_old = |pushed_ns| victim.has_waited(pushed_ns, now_ns);
        let most = if victim.may_give(now_ns) { victim.deque.len().div_ceil(2).min(STEAL_BATCH) } else { 0 };
        let mut taken = 0;
        while taken < most {
            match victim.deque.steal(is_old) {
                Steal::Taken(entry) => self.push_local(entry),
                Steal::Retry => continue,
                Steal::Nothing => break,
            }
            taken += 1;
        }
        if victim.may_give_spread(now_ns) {
            victim.spread.take_share(2, |entry| {
                taken += 1;
                self.push_local(entry);
            });
        }
        self.counters.steals.add(taken as u64);
        self.take_unstarted()
    }

    /// Notes what the runs since the last look cost on average. The figure at most doubles from look to look, so that one long run, such
    /// as that of the actor which has just spawned all the others, does not stand for theirs.
    pub(super) fn note_run_cost(&self, elapsed_ns: u64) {
        let runs = self.runs.get();
        let since = runs - self.runs_at_look.replace(runs);
        if let Some(cost_ns) = elapsed_ns.checked_div(since) {
            let at_most = (2 * self.run_cost_ns.get()).max(SHORT_RUN_NS);
            self.run_cost_ns.set(cost_ns.min(at_most));
        }
    }
}

fn is_older(pushed_ns: u64, now_ns: u64, age_ns: u64) -> bool {
    now_ns.saturating_sub(pushed_ns) >= age_ns || chaos::takes_young()
}
