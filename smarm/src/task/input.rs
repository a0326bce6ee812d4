//! What is known of the input of a stream: whether a read has taken all of it, and nothing has come since. Then the next read need not ask the
//! kernel, which would say "nothing"; it waits at once.
//!
//! ```text
//!   reader                                        worker with an event
//!   1. known to be empty? then to 4               1. note the arrival
//!   2. look at the arrivals; read                 2. fire the readiness
//!   3. fewer bytes than asked for: it was empty,
//!      as of that look; done
//!   4. begin to wait
//!   5. still known to be empty? else end, to 2
//!   6. park; end; to 2
//! ```
//!
//! What comes after the read makes the kernel tell of it again, because descriptors are watched by edges: each piece that arrives puts the
//! descriptor in line for the next event, which is given out if there is something to read by then. An arrival that was told of before the
//! look in 2 is in what that read has taken. One that is told of later changes the number, or, after 4, ends the wait. If two read at once,
//! and the other one has taken the readiness, 4 has read the word after that, so 5 sees the arrival.
//!
//! Some things the kernel tells of only once, and they stay: the end, an error, urgent data, at which reads stop. After an event with one of
//! them the input is never known to be empty again.

use crate::sys::atomic::{AtomicU64, Ordering};

/// Set in the number of arrivals for good.
const STAYS: u64 = 1 << 63;
/// Differs from any number of arrivals.
const UNKNOWN: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct Input {
    /// How many events have told of something to read.
    arrivals: AtomicU64,
    /// How many had when a read found all there was; `UNKNOWN` at first.
    empty_at: AtomicU64,
}

/// The arrivals that a read knows of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrivals(u64);

impl Input {
    pub(crate) fn new() -> Self {
        Self { arrivals: AtomicU64::new(0), empty_at: AtomicU64::new(UNKNOWN) }
    }

    /// For another stream. The caller owns it.
    pub(crate) fn open(&self) {
        // Ordering: Relaxed, twice. A stale event may still count, and has a read ask in vain at worst.
        self.arrivals.store(0, Ordering::Relaxed);
        // Ordering: Relaxed. As above.
        self.empty_at.store(UNKNOWN, Ordering::Relaxed);
    }

    /// An event; `stays`: it tells of something that it will not tell of again. Before the readiness is fired.
    pub(crate) fn arrived(&self, stays: bool) {
        // Ordering: Relaxed. Published by the readiness.
        if stays {
            self.arrivals.fetch_or(STAYS, Ordering::Relaxed);
        } else {
            self.arrivals.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Before a read.
    pub(crate) fn arrivals(&self) -> Arrivals {
        // Ordering: Relaxed. A number that is too low has a read ask in vain.
        Arrivals(self.arrivals.load(Ordering::Relaxed))
    }

    /// A read that began after `known` found all there was.
    pub(crate) fn is_empty_since(&self, known: Arrivals) {
        if known.0 & STAYS == 0 {
            // Ordering: Relaxed. If another one does not see it, it asks.
            self.empty_at.store(known.0, Ordering::Relaxed);
        }
    }

    /// Whether a read would find nothing; a guess, but to one who is registered as waiting.
    pub(crate) fn is_empty(&self) -> bool {
        // Ordering: Relaxed, twice. To one who waits, the readiness has published the arrivals of all events that it does not wait for.
        let arrivals = self.arrivals.load(Ordering::Relaxed);
        // Ordering: Relaxed. As above.
        self.empty_at.load(Ordering::Relaxed) == arrivals
    }
}
