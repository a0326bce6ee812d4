//! Counts what was made and what was dropped, so that a value lost, or dropped twice, is seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes [`Token`]s and knows what became of them.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    dropped: AtomicU64,
    // The wrapped sums of scrambled numbers tell one token lost and another dropped twice from all being well.
    made_sum: AtomicU64,
    dropped_sum: AtomicU64,
}

/// A value that notices its own drop.
#[derive(Debug)]
pub struct Token {
    value: u64,
    number: u64,
    counts: Arc<Counts>,
}

impl Tally {
    /// Nothing made yet.
    pub fn new() -> Tally {
        Tally::default()
    }

    /// One more token.
    pub fn token(&self, value: u64) -> Token {
        // Ordering: counts only; who compares them has joined all who counted.
        let number = scramble(self.0.made.fetch_add(1, Ordering::SeqCst));
        // Ordering: as above.
        self.0.made_sum.fetch_add(number, Ordering::SeqCst);
        Token { value, number, counts: Arc::clone(&self.0) }
    }

    /// How many tokens were made.
    pub fn made(&self) -> u64 {
        // Ordering: as in `token`.
        self.0.made.load(Ordering::SeqCst)
    }

    /// How many tokens were dropped.
    pub fn dropped(&self) -> u64 {
        // Ordering: as in `token`.
        self.0.dropped.load(Ordering::SeqCst)
    }

    /// How many tokens are still somewhere.
    pub fn alive(&self) -> u64 {
        self.made() - self.dropped()
    }

    /// Checks that each token was dropped, and once.
    ///
    /// # Panics
    ///
    /// When one was lost or dropped twice.
    #[track_caller]
    pub fn check(&self) {
        assert_eq!(self.dropped(), self.made(), "as many values dropped as made");
        // Ordering: as in `token`.
        let (made, dropped) =
            (self.0.made_sum.load(Ordering::SeqCst), self.0.dropped_sum.load(Ordering::SeqCst));
        assert_eq!(dropped, made, "one value was dropped twice and another never");
    }
}

impl Token {
    /// Whatever the test wanted it to carry.
    ///
    /// A method, since a closure that names a field captures that field alone and leaves the token where it was.
    pub fn value(&self) -> u64 {
        self.value
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // Ordering: as in `Tally::token`.
        self.counts.dropped.fetch_add(1, Ordering::SeqCst);
        // Ordering: as above.
        self.counts.dropped_sum.fetch_add(self.number, Ordering::SeqCst);
    }
}

fn scramble(n: u64) -> u64 {
    (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_dropped_once_is_fine() {
        let tally = Tally::new();
        drop([tally.token(1), tally.token(2)]);
        tally.check();
    }

    #[test]
    #[should_panic(expected = "as many values dropped as made")]
    fn a_lost_token_is_noticed() {
        let tally = Tally::new();
        std::mem::forget(tally.token(1));
        tally.check();
    }

    #[test]
    #[should_panic(expected = "dropped twice")]
    fn one_lost_and_one_dropped_twice_is_noticed() {
        let tally = Tally::new();
        std::mem::forget(tally.token(1));
        let again = tally.token(2);
        drop(Token { value: 2, number: again.number, counts: Arc::clone(&again.counts) });
        drop(again);
        tally.check();
    }
}
