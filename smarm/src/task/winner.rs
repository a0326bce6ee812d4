//! The winner word: which of several sources a wait was ended by.
//!
//! ```text
//!   63        32 31        0
//!   | wait_seq   | winner   |     winner 0: open;  1: the waiter itself left;  2..: the source that committed
//! ```
//!
//! A source that commits something on the waiter's behalf (takes its value, hands it a lock, a permit) first wins the word; the
//! waiter that leaves for another reason (timeout, kill, another source) wins it too. Only one succeeds, so a value is
//! either delivered or kept, never both. Sources that merely say "look again" need no winner: they unpark.
//!
//! The sequence number makes a late source harmless: its wait is over, and its compare-and-swap fails.

use crate::sys::atomic::{AtomicU64, Ordering};

const SEQUENCE_SHIFT: u32 = 32;
const WINNER_MASK: u64 = (1 << SEQUENCE_SHIFT) - 1;
const OPEN: u64 = 0;
const LEFT: u64 = 1;

/// Which wait of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WaitId(u32);

/// Which source of a wait; the first is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Source(pub(crate) u32);

impl Source {
    fn to_winner(self) -> u64 {
        u64::from(self.0) + LEFT + 1
    }
}

/// How a wait ended, for the waiter.
#[must_use = "a source that won has committed: its value must be used"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leave {
    /// The waiter was first: no source will commit.
    Left,
    /// A source was first.
    Won(Source),
}

#[derive(Debug)]
pub(crate) struct WinnerWord(AtomicU64);

impl WinnerWord {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(LEFT))
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(LEFT))
    }

    /// Begins a wait. Only the slot's owner calls this, and each wait ends by [`leave`](Self::leave).
    pub(crate) fn open(&self) -> WaitId {
        // Ordering: Relaxed. Only the owner changes the sequence.
        let sequence = (self.0.load(Ordering::Relaxed) >> SEQUENCE_SHIFT) as u32;
        let sequence = sequence.wrapping_add(1);
        // Ordering: Relaxed. Sources learn of the wait through their own lock or atomic, which publishes this too. Late sources of
        // earlier waits cannot interfere: after `leave` none of their compare-and-swaps succeeds.
        self.0.store(u64::from(sequence) << SEQUENCE_SHIFT | OPEN, Ordering::Relaxed);
        WaitId(sequence)
    }

    /// A source commits. True if it was first: then it must complete what it promised and unpark the waiter.
    #[must_use]
    pub(crate) fn win(&self, wait: WaitId, source: Source) -> bool {
        let open = u64::from(wait.0) << SEQUENCE_SHIFT | OPEN;
        let won = open | source.to_winner();
        // Ordering: AcqRel. Release publishes what the source did before; pairs with the Acquire in `leave`.
        self.0.compare_exchange(open, won, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The waiter ends its wait.
    pub(crate) fn leave(&self, wait: WaitId) -> Leave {
        let open = u64::from(wait.0) << SEQUENCE_SHIFT | OPEN;
        // Ordering: AcqRel on success, so that a later source's failure is ordered after; Acquire on failure pairs with the Release in
        // `win`.
        match self.0.compare_exchange(open, open | LEFT, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Leave::Left,
            Err(word) if word & WINNER_MASK > LEFT => {
                Leave::Won(Source((word & WINNER_MASK) as u32 - LEFT as u32 - 1))
            }
            Err(_) => Leave::Left,
        }
    }
}

#[cfg(all(test, loom))]
mod models;
