//! Random numbers from a seed: the same seed, the same test.

use std::ops::Range;
use std::time::Duration;

/// Marsaglia's xorshift64*: small, fast, good enough to shuffle a schedule.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator; every seed is fine, zero too.
    pub fn new(seed: u64) -> Rng {
        // The state must not be zero, and seeds that differ in one bit shall not start alike: one round of splitmix64.
        let mut state = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Rng((state ^ (state >> 31)) | 1)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from a range that is not empty.
    pub fn range(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next_u64() % (range.end - range.start)
    }

    /// A number below `end`, to index with.
    ///
    /// # Panics
    ///
    /// When there is none, `end` being zero.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.range(0..end as u64)).expect("below a usize")
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.range(0..n) == 0
    }

    /// A duration shorter than `end` microseconds.
    pub fn micros(&mut self, end: u64) -> Duration {
        Duration::from_micros(self.range(0..end))
    }

    /// A generator of its own for another actor.
    pub fn fork(&mut self) -> Rng {
        Rng::new(self.next_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let draw = |seed| {
            let mut rng = Rng::new(seed);
            [rng.next_u64(), rng.next_u64(), rng.next_u64()]
        };
        assert_eq!(draw(0), draw(0));
        assert_ne!(draw(0), draw(1));
    }

    #[test]
    fn a_range_is_covered_and_kept() {
        let mut rng = Rng::new(7);
        let mut seen = [false; 10];
        for _ in 0..1000 {
            let n = rng.range(5..15);
            assert!((5..15).contains(&n));
            seen[usize::try_from(n - 5).unwrap()] = true;
        }
        assert_eq!(seen, [true; 10]);
    }
}
