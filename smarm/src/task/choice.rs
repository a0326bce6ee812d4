//! What `select!` expands to: arms, the choice among those that are ready, and the wait if none is.
//!
//! Each thing that can be selected on has a type of arm beside it: channels, descriptors, joins, times. An arm borrows what it waits for, and
//! keeps what has come of it until the macro takes it out; whatever an arm has not done when it is dropped has not happened.

use core::cell::Cell;
use core::fmt;
use core::panic::Location;

use super::current;
use super::park;
use super::preempt::checkpoint;
use super::select::{self, Source};
use super::slot::SlotRef;
use super::wait::WaitObject;
use super::winner::{self, WaitId};
use crate::pid::Pid;

/// One wait of an actor or a plain thread, as a source knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) slot: SlotRef,
    pub(crate) pid: Pid,
    wait: WaitId,
    source: winner::Source,
}

impl Waiter {
    /// A wait with one source, which begins.
    pub(crate) fn alone(slot: SlotRef) -> Self {
        Self { slot, pid: slot.pid(), wait: slot.winner.open(), source: winner::Source(0) }
    }

    /// For a source that commits: whether it was first.
    #[must_use]
    pub(crate) fn win(&self) -> bool {
        self.slot.winner.win(self.wait, self.source)
    }

    /// Ends a wait that is [`alone`](Self::alone).
    pub(crate) fn leave(&self) -> winner::Leave {
        self.slot.winner.leave(self.wait)
    }

    /// Whether both are of one wait.
    pub(crate) fn is_with(&self, other: &Self) -> bool {
        self.pid == other.pid && self.wait == other.wait
    }
}

/// What an arm does for the select that it is in. `attempt`, `committed` and `give_up` leave a result in the arm if they are done.
pub(crate) trait Alternative: Source<Waiter> {
    /// Does it if that can be done without waiting, or finds that it never can. False: not now, and nothing has happened.
    fn attempt(&self) -> bool;

    /// A source has done it on this arm's behalf.
    fn committed(&self) {
        unreachable!("this kind of source does not commit")
    }

    /// Nothing is ready, and the caller may not wait: the error that the operation would give.
    fn give_up(&self);

    /// What a report of a deadlock may know; `None` if somebody outside may always come. It may be asked by another thread, while the
    /// select is parked.
    fn object(&self) -> Option<&WaitObject>;

    /// When to look again although nobody has said so. `is_plain`: the caller is a plain thread.
    fn deadline_ns(&self, _is_plain: bool) -> Option<u64> {
        None
    }
}

/// An arm of `select!`, for the macro.
pub trait Arm {
    /// What is left of it when it has won.
    type Won;

    #[doc(hidden)]
    fn chosen(self) -> Self::Won;

    #[doc(hidden)]
    fn alternative(&self) -> Choosable<'_>;
}

/// An arm that may be chosen. Nobody outside this crate can make one.
#[derive(Clone, Copy)]
pub struct Choosable<'a>(pub(crate) &'a dyn Alternative);

impl fmt::Debug for Choosable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Choosable { .. }")
    }
}

/// Which of several arms that are ready is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Any of them, by chance.
    Fair,
    /// The first one.
    Biased,
}

/// At most so many arms fit a select.
const MOST_ARMS: usize = u64::BITS as usize;

/// The arms of a select; those whose guard is false are `None`.
pub(crate) type Arms<'a> = [Option<Choosable<'a>>];

/// Does one of them, and waits until that is possible. Its number. For the macro.
///
/// # Panics
///
/// If all guards are false.
#[track_caller]
#[must_use]
pub fn select(arms: &[Option<Choosable<'_>>], order: Order) -> usize {
    checkpoint();
    let place = Location::caller();
    let choice = Choice { arms, order };
    assert!(
        choice.enabled() != 0,
        "`select!` has nothing to wait for: the guards of all its arms are false, and it has no `default`"
    );
    choice.attempt().unwrap_or_else(|| choice.wait(place))
}

/// Does one of them if that can be done without waiting. Its number. For the macro.
#[must_use]
pub fn select_now(arms: &[Option<Choosable<'_>>], order: Order) -> Option<usize> {
    Choice { arms, order }.attempt()
}

struct Choice<'a> {
    arms: &'a Arms<'a>,
    order: Order,
}

impl Choice<'_> {
    /// A bit for each arm that has no guard, or a true one.
    fn enabled(&self) -> u64 {
        debug_assert!(self.arms.len() <= MOST_ARMS, "the macro counts them");
        self.arms.iter().rev().fold(0, |bits, arm| bits << 1 | u64::from(arm.is_some()))
    }

    fn arm(&self, index: usize) -> &dyn Alternative {
        self.arms[index].expect("only arms that are enabled are looked at").0
    }

    /// Tries the arms, in the order that was asked for, until one succeeds.
    fn attempt(&self) -> Option<usize> {
        let mut left = self.enabled();
        while left != 0 {
            let index = match self.order {
                Order::Biased => left.trailing_zeros(),
                Order::Fair => any_bit(left),
            } as usize;
            if self.arm(index).attempt() {
                return Some(index);
            }
            left &= !(1 << index);
        }
        None
    }

    #[inline(never)]
    fn wait(&self, place: &'static Location<'static>) -> usize {
        let slot = current::waiter();
        let set = WaitSet { place, arms: self.arms };
        loop {
            if park::may_not_wait(slot, "`select!`") {
                let first = self.enabled().trailing_zeros() as usize;
                self.arm(first).give_up();
                return first;
            }
            park::deliver_kill(slot);
            if let Some(index) = self.wait_once(slot, &set).or_else(|| self.attempt()) {
                return index;
            }
        }
    }

    fn wait_once(&self, slot: SlotRef, set: &WaitSet<'_>) -> Option<usize> {
        let enabled = || self.arms.iter().flatten().map(|arm| arm.0);
        let is_plain = slot.runtime() == 0;
        let deadline_ns = enabled().filter_map(|arm| arm.deadline_ns(is_plain)).min();
        let numbered = self.arms.iter().enumerate().filter_map(|(number, arm)| {
            Some((winner::Source(number as u32), (*arm)?.0 as &dyn Source<Waiter>))
        });
        let waiter = |wait, source| Waiter { slot, pid: slot.pid(), wait, source };
        let won = select::wait_once(&slot.winner, numbered, waiter, || {
            // How a wait ended says nothing that an attempt does not.
            let _ = park::park_for_any(slot, set, deadline_ns);
        })?;
        let index = won.0 as usize;
        self.arm(index).committed();
        Some(index)
    }
}

/// What a select waits for, as a report of a deadlock sees it.
pub(crate) struct WaitSet<'a> {
    place: &'static Location<'static>,
    arms: &'a Arms<'a>,
}

impl WaitSet<'_> {
    /// Whether somebody outside the runtime may still act on one of the things.
    pub(crate) fn is_shared_outside(&self) -> bool {
        let mut objects = self.arms.iter().flatten().map(|arm| arm.0.object());
        objects.any(|object| object.is_none_or(WaitObject::is_shared_outside))
    }

    /// Where the select stands.
    pub(crate) fn place(&self) -> &'static Location<'static> {
        self.place
    }
}

/// The number of a bit that is set, by chance.
fn any_bit(bits: u64) -> u32 {
    let count = bits.count_ones();
    if count == 1 {
        return bits.trailing_zeros();
    }
    let skipped = (u64::from(random()) * u64::from(count)) >> u32::BITS;
    (0..skipped).fold(bits, |bits, _| bits & (bits - 1)).trailing_zeros()
}

/// A number that need not be hard to guess.
// TLS: not inlined, so its address is not kept across a switch.
#[inline(never)]
fn random() -> u32 {
    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }
    // SplitMix64, by Steele, Lea and Flood (OOPSLA 2014). Each thread begins at its own address.
    STATE.with(|state| {
        let begin = if state.get() == 0 { core::ptr::from_ref(state).addr() as u64 } else { state.get() };
        state.set(begin.wrapping_add(0x9E37_79B9_7F4A_7C15));
        let mixed = (begin ^ begin >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) >> u32::BITS) as u32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bit_is_one_of_those_that_are_set_and_each_has_its_turn() {
        for bits in [1, 0b1010, u64::MAX, 1 << 63 | 1] {
            let mut seen = 0_u64;
            while seen != bits {
                let bit = 1 << any_bit(bits);
                assert_ne!(bits & bit, 0);
                seen |= bit;
            }
        }
    }
}
