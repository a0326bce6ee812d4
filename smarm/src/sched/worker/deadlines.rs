//! What the worker does at some time: unpark who sleeps, fire timers, tell callers that their time is over.

use core::cell::Cell;
use std::sync::atomic::Ordering;

use super::Worker;
use crate::driver::timer::TimerKey;
use crate::sched::replies::Replies;
use crate::sched::timers::{Due, FiringKey};
use crate::sys::clock;
use crate::task::park;
use crate::task::section::Section;
use crate::task::slot::SlotRef;
use crate::task::{Firing, Runtime};

/// A reading of the clock is good for so many cycles, some hundred microseconds.
const FRESH_CYCLES: u64 = 1_000_000;

/// Calls that wait at least this long may give up some hundred microseconds early.
const COARSE_TIMEOUT_NS: u64 = 1_000_000_000;

/// A worker that has nothing else to do fires timers at most so often, but for some: each time costs the wake of a thread, 5 to 30 µs, so
/// thousands of timers a second, each at its own microsecond, would keep it awake for themselves. Then they are late by up to this.
const PACE_NS: u64 = 200_000;
/// How far ahead of that pace it may be: ten times in a row at once.
const AHEAD_NS: u64 = 10 * PACE_NS;

/// How often an idle worker fires timers: a token bucket, as the time at which it is full.
#[derive(Debug, Default)]
pub(super) struct Pace {
    full_ns: Cell<u64>,
}

impl Pace {
    /// When timers that are due may be fired.
    fn ready_ns(&self) -> u64 {
        self.full_ns.get().saturating_sub(AHEAD_NS)
    }

    fn spend(&self, now_ns: u64) {
        self.full_ns.set(self.full_ns.get().max(now_ns) + PACE_NS);
    }
}

impl Worker {
    /// [`fire_timers`](Self::fire_timers) by a worker that has nothing else to do.
    pub(super) fn fire_timers_at_pace(&self, now_ns: u64) {
        let is_due = self.next_timer_ns.get() <= now_ns;
        if is_due && now_ns < self.pace.ready_ns() {
            return;
        }
        if is_due {
            self.pace.spend(now_ns);
        }
        self.fire_timers(now_ns);
    }

    /// When an idle worker is to fire the next timers; `u64::MAX` for none.
    pub(super) fn next_firing_ns(&self) -> u64 {
        self.next_timer_ns.get().max(self.pace.ready_ns())
    }

    pub(super) fn fire_timers(&self, now_ns: u64) {
        while self.timers.take_due(now_ns, |due| self.fire_one(due)) {}
        self.next_timer_ns.set(self.timers.next_deadline());
    }

    /// Fires what is due on a worker that is held up; from the monitor's thread. Its own look at the next deadline may then be in vain.
    pub(in crate::sched) fn fire_due(&self, now_ns: u64) {
        while self.timers.take_due(now_ns, |due| self.fire_one(due)) {}
    }

    fn fire_one(&self, due: Due) {
        match due {
            Due::Unpark(pid) => park::unpark(pid),
            Due::Fire(firing) => self.fire(firing),
        }
    }

    pub(super) fn fire_replies(&self, now_ns: u64) {
        // SAFETY: the owner's thread; an unpark does not come here.
        while let Some(caller) = unsafe { self.replies.with(|replies| replies.pop_due(now_ns)) } {
            park::unpark(caller);
        }
    }

    /// Counts the callers that wait, before the worker falls asleep.
    pub(super) fn count_callers(&self) {
        // SAFETY: the owner's thread; nothing in there comes here again.
        self.waiting_callers.set(unsafe { self.replies.with(Replies::open) } as u64);
    }

    /// Those that were counted and do not wait any more are not, however long the worker stays awake.
    pub(super) fn uncount_callers(&self) {
        let counted = self.waiting_callers.get();
        if counted > 0 {
            // SAFETY: the owner's thread; nothing in there comes here again.
            let open = unsafe { self.replies.with(Replies::open_at_most) } as u64;
            self.waiting_callers.set(open.min(counted));
        }
    }

    /// When the caller, an actor of this worker, gives up waiting for a reply; `None` if it needs a timer for that.
    #[inline]
    pub(in crate::sched) fn note_call(&self, slot: SlotRef, call: u64, timeout_ns: u64) -> Option<u64> {
        if timeout_ns < COARSE_TIMEOUT_NS {
            return None;
        }
        let deadline_ns = self.about_now().saturating_add(timeout_ns);
        // SAFETY: the owner's thread; nothing in there comes here again.
        unsafe { self.replies.with(|replies| replies.note(deadline_ns, slot, call)) }.then_some(deadline_ns)
    }

    /// The time, at most some hundred microseconds ago: reading the cycle counter costs less than half as much as the clock.
    #[inline]
    pub(super) fn about_now(&self) -> u64 {
        let cycles = clock::cycles();
        if cycles.wrapping_sub(self.time_cycles.get()) > FRESH_CYCLES {
            self.time_cycles.set(cycles);
            self.time_ns.set(clock::now_ns());
        }
        self.time_ns.get()
    }

    pub(in crate::sched) fn arm(&self, slot: SlotRef, deadline_ns: u64) -> TimerKey {
        // Both or nothing: a worker that fires its timers between the two forgets the deadline.
        let _section = Section::begin_on(&self.here);
        self.next_timer_ns.set(self.next_timer_ns.get().min(deadline_ns));
        self.timers.insert(deadline_ns, slot.pid())
    }

    pub(in crate::sched) fn disarm(&self, timer: TimerKey) -> bool {
        self.timers.remove(timer)
    }

    /// Files a firing. The caller is an actor of this worker.
    pub(in crate::sched) fn arm_firing(&self, deadline_ns: u64, firing: Firing) -> FiringKey {
        if firing.holds_up_the_end() {
            // Ordering: Relaxed. Read when all workers sleep.
            self.shared().deliveries.fetch_add(1, Ordering::Relaxed);
        }
        let _section = Section::begin_on(&self.here); // as in `arm`
        self.next_timer_ns.set(self.next_timer_ns.get().min(deadline_ns));
        self.timers.insert_firing(deadline_ns, firing)
    }

    /// Takes it back; from any thread. `None` if it has fired.
    pub(in crate::sched) fn disarm_firing(&self, firing: FiringKey) -> Option<Firing> {
        self.timers.remove_firing(firing, |firing| self.note_delivery(firing.holds_up_the_end()))
    }

    /// Whether something is underway that somebody lives to receive.
    pub(in crate::sched) fn holds_up_the_end(&self) -> bool {
        self.timers.hold_up_the_end()
    }

    pub(super) fn fire(&self, firing: Firing) {
        let held_up = firing.holds_up_the_end();
        firing.fire(Runtime(self.shared.get().cast()));
        self.note_delivery(held_up);
    }

    pub(super) fn note_delivery(&self, held_up: bool) {
        if held_up {
            // Ordering: Release; pairs with the Acquire of who ends idle servers: it sees the mail.
            self.shared().deliveries.fetch_sub(1, Ordering::Release);
        }
    }

    /// Deadlines that are pending. Calls are counted when the worker falls asleep, and those that are over leave the count when it next looks
    /// around.
    pub(in crate::sched) fn timer_count(&self) -> usize {
        self.timers.len() + self.waiting_callers.get() as usize
    }
}
