//! The budget: how many events an actor may have until somebody looks at the clock, and how long it may run.
//!
//! An event is an allocation or a safe point. Both count down the same number, on the worker that runs the actor:
//!
//! ```text
//!   left      an allocation                       a safe point
//!   > 1       one less                            one less
//!   1         looks at the counter                looks at the counter
//!   0         nothing, or switches                switches
//!
//!   a look:   the slice goes on: `left` is filled up        the slice is over: `left` becomes 0
//! ```
//!
//! So 0 is *need-resched*. An allocation never does more than set it, unless its actor wants to be switched out there (see
//! [`alloc`](super::alloc)); a safe point honours it. Who gets the processor begins with a full
//! `left`, whatever the one before had.
//!
//! Reading the counter costs as much as ten events, so it is read every 10 to 20 µs: the interval is doubled after a short one, and cut
//! to measure after a long one. A slice is measured from its first look, since most turns end before they need one: an actor that parks
//! every few events never looks. The first look of a turn has nothing to compare with, and doubles the interval on trust, unless slices are as
//! short as looks are apart.
//!
//! Rejected: reading the counter at each switch (11 ns, a fifth of a switch); a flag beside the countdown (a second test in each event);
//! an interval that follows cheap events without a limit (when an actor goes over to expensive ones, nobody looks for as many of these).

use core::cell::Cell;

use crate::sys::clock;

/// Between two looks there are at most so many cycles, 20 µs at 3 GHz; and half as many at least, if [`LONGEST_INTERVAL`] allows.
const LOOK_CYCLES: u64 = 60_000;

/// Events between two looks, at most: with the cheapest events a look is then one per cent of the time, and with events that suddenly
/// cost a microsecond each the slice is looked at after a millisecond.
const LONGEST_INTERVAL: u32 = 1024;

/// See the module. All of it belongs to the worker's own thread.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Events until the next look; 0: the running actor is to be switched out at its next safe point.
    left: Cell<u32>,
    /// Events between two looks, as things are. Invariant: 1 to `LONGEST_INTERVAL`.
    interval: Cell<u32>,
    /// Events before the first look of a turn: the interval, but no more than the runtime's setting.
    first: Cell<u32>,
    /// When the slice began: at the first look of the turn; 0 before it.
    slice_start: Cell<u64>,
    last_look: Cell<u64>,
    /// The runtime's settings.
    most_first: Cell<u32>,
    slice_cycles: Cell<u64>,
}

impl Budget {
    pub(crate) const fn new() -> Self {
        Self {
            left: Cell::new(1),
            interval: Cell::new(1),
            first: Cell::new(1),
            slice_start: Cell::new(0),
            last_look: Cell::new(0),
            most_first: Cell::new(1),
            slice_cycles: Cell::new(u64::MAX),
        }
    }

    /// Begins a runtime with these settings, of which neither is zero. What was learnt in another one is forgotten.
    pub(crate) fn set_up(&self, most_first: u32, slice_cycles: u64) {
        self.most_first.set(most_first);
        self.slice_cycles.set(slice_cycles);
        self.set_interval(1);
        self.begin_turn();
    }

    /// Another actor gets the processor, or the same one again.
    #[inline(always)]
    pub(crate) fn begin_turn(&self) {
        self.left.set(self.first.get());
        self.slice_start.set(0);
    }

    /// Counts a safe point. True if it is time for [`is_over`](Self::is_over).
    #[inline(always)]
    pub(crate) fn count(&self) -> bool {
        let left = self.left.get();
        if left > 1 {
            self.left.set(left - 1);
        }
        left <= 1
    }

    /// Counts an allocation. At most it reads the clock and sets need-resched; true if that is set.
    #[inline(always)]
    pub(crate) fn count_allocation(&self) -> bool {
        let left = self.left.get();
        if left > 1 {
            self.left.set(left - 1);
            return false;
        }
        if left == 1 {
            self.look();
        }
        self.left.get() == 0
    }

    /// Whether the slice is over, for a safe point that [`count`](Self::count) sent here.
    pub(crate) fn is_over(&self) -> bool {
        if self.left.get() == 1 {
            self.look();
        }
        self.left.get() == 0
    }

    #[cold]
    #[inline(never)]
    fn look(&self) {
        self.look_at(clock::cycles());
    }

    fn look_at(&self, now: u64) {
        let start = self.slice_start.get();
        if start == 0 {
            self.slice_start.set(now);
            if self.slice_cycles.get() >= LOOK_CYCLES {
                self.set_interval(self.interval.get() * 2);
            }
        } else {
            self.adapt(now.wrapping_sub(self.last_look.get()));
        }
        self.last_look.set(now);
        let is_over = start != 0 && now.wrapping_sub(start) >= self.slice_cycles.get();
        self.left.set(if is_over { 0 } else { self.interval.get() });
    }

    /// Chooses the interval after one that took so many cycles. Slices that are shorter than that want more looks.
    fn adapt(&self, cycles: u64) {
        let interval = self.interval.get();
        let most = LOOK_CYCLES.min(self.slice_cycles.get());
        if cycles > most {
            // Into the middle of the range.
            let fitting = u64::from(interval) * (most / 4 * 3) / cycles;
            // It is less than the interval was. Not checked: an allocation comes here, and must not panic.
            self.set_interval(fitting as u32);
        } else if cycles < most / 2 {
            self.set_interval(interval * 2);
        }
    }

    fn set_interval(&self, interval: u32) {
        let interval = interval.clamp(1, LONGEST_INTERVAL);
        self.interval.set(interval);
        self.first.set(interval.min(self.most_first.get()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(most_first: u32, slice_cycles: u64) -> Budget {
        let budget = Budget::new();
        budget.set_up(most_first, slice_cycles);
        budget
    }

    /// Allocates until the budget looks at the counter, where an event takes so long; the events.
    fn events_until_look(budget: &Budget, now: &mut u64, event_cycles: u64) -> u64 {
        let events = u64::from(budget.left.get());
        budget.left.set(1);
        *now += events * event_cycles;
        budget.look_at(*now);
        events
    }

    #[test]
    fn allocations_and_safe_points_share_one_countdown() {
        let budget = budget(128, 1000);
        budget.left.set(4);
        assert!(!budget.count());
        assert!(!budget.count_allocation());
        assert!(!budget.count());
        assert!(budget.count(), "the fourth event is time for a look");
    }

    #[test]
    fn need_resched_stays_until_the_next_turn() {
        let budget = budget(128, 1000);
        budget.look_at(5);
        budget.look_at(2000);
        assert!(budget.count() && budget.is_over());
        assert!((0..1000).all(|_| budget.count_allocation()));
        assert!(budget.count() && budget.is_over());
        budget.begin_turn();
        assert_ne!(budget.left.get(), 0);
    }

    #[test]
    fn a_slice_begins_with_its_first_look() {
        let budget = budget(128, 1000);
        budget.look_at(1_000_000);
        assert_ne!(budget.left.get(), 0);
        budget.look_at(1_000_999);
        assert_ne!(budget.left.get(), 0);
        budget.look_at(1_001_000);
        assert_eq!(budget.left.get(), 0);
    }

    #[test]
    fn looks_are_10_to_20_microseconds_apart() {
        for event_cycles in [60, 100, 777, 5_000, 29_000] {
            let (budget, mut now) = (budget(128, u64::MAX), 1);
            (0..20).for_each(|_| _ = events_until_look(&budget, &mut now, event_cycles));
            let cycles = events_until_look(&budget, &mut now, event_cycles) * event_cycles;
            assert!((LOOK_CYCLES / 2..=LOOK_CYCLES).contains(&cycles), "{cycles} for {event_cycles}");
        }
    }

    #[test]
    fn cheap_events_have_the_longest_interval_and_expensive_ones_are_looked_at_each_time() {
        for (event_cycles, interval) in [(1, u64::from(LONGEST_INTERVAL)), (1_000_000, 1)] {
            let (budget, mut now) = (budget(128, u64::MAX), 1);
            (0..20).for_each(|_| _ = events_until_look(&budget, &mut now, event_cycles));
            assert_eq!(events_until_look(&budget, &mut now, event_cycles), interval);
        }
    }

    #[test]
    fn events_that_grow_expensive_are_noticed_at_the_next_look() {
        let (budget, mut now) = (budget(128, u64::MAX), 1);
        (0..20).for_each(|_| _ = events_until_look(&budget, &mut now, 1));
        events_until_look(&budget, &mut now, 100_000);
        assert_eq!(events_until_look(&budget, &mut now, 100_000), 1);
    }

    #[test]
    fn turns_that_end_early_stop_looking() {
        let budget = budget(128, 300_000);
        let mut looks = 0;
        for _ in 0..100 {
            budget.begin_turn();
            for _ in 0..3 {
                if budget.count() {
                    budget.look_at(1);
                    looks += 1;
                }
            }
        }
        assert!(looks < 5, "{looks}");
    }

    #[test]
    fn a_turn_begins_with_no_more_than_the_setting() {
        let (budget, mut now) = (budget(16, u64::MAX), 1);
        (0..20).for_each(|_| _ = events_until_look(&budget, &mut now, 1));
        budget.begin_turn();
        assert_eq!(budget.left.get(), 16);
    }

    #[test]
    fn a_slice_that_is_shorter_than_a_look_is_looked_at_each_time() {
        let (budget, mut now) = (budget(128, 1), 1);
        (0..3).for_each(|_| _ = events_until_look(&budget, &mut now, 100));
        assert_eq!(budget.left.get(), 0);
        budget.begin_turn();
        assert_eq!(budget.left.get(), 1);
    }

    #[test]
    fn short_slices_that_end_early_are_looked_at_as_often_as_before() {
        let budget = budget(1, 1);
        for turn in 0..100 {
            budget.begin_turn();
            budget.look_at(1000 * turn + 1);
            assert_eq!(budget.left.get(), 1);
        }
    }

    #[test]
    fn another_runtime_begins_anew() {
        let (budget, mut now) = (budget(128, u64::MAX), 1);
        (0..20).for_each(|_| _ = events_until_look(&budget, &mut now, 1));
        budget.set_up(4, 10);
        assert_eq!(budget.left.get(), 1);
    }
}
