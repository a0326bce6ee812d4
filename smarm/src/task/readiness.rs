//! The readiness of one direction of a descriptor: who waits for it, or that it has come.
//!
//! | word | meaning | leaves by |
//! |---|---|---|
//! | `NOTHING` | nobody waits, and nothing has happened since the last look | `begin` → a `Pid`, `fire` → `READY`, `close` → `CLOSED` |
//! | a `Pid` | that actor waits | `fire` → `READY`, `end` → `NOTHING`, `close` → `CLOSED`; the first and the last unpark it |
//! | `READY` | the descriptor may have become ready since the last look | `begin`, `end` → `NOTHING` |
//! | `CLOSED` | nobody may wait any more | `open` |
//!
//! ```text
//!   waiter                                        worker with an event
//!   1. try: would block                           1. the kernel says: ready
//!   2. begin: READY? back to 1                    2. fire: → READY; was there a Pid? unpark it
//!   3. registered with a worker's epoll? else do so
//!   4. park
//!   5. end; back to 1
//! ```
//!
//! An event that comes between 1 and 2 leaves `READY`, so it is not missed. One that came before 1 does so too: then the waiter tries once more in
//! vain, and waits the second time. That is the price for asking the kernel only once per event. Registering a
//! descriptor that is ready already counts as an event.

use crate::sys::atomic::{AtomicU64, Ordering};

const NOTHING: u64 = 0;
const READY: u64 = u64::MAX;
const CLOSED: u64 = u64::MAX - 1;
// All else are the bits of a `Pid`: no generation and index have these.

/// What came of the wish to wait.
#[must_use = "a wait that has begun has to be ended"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Begin {
    /// The caller is registered, and may park.
    Waits,
    /// It was registered already: it selects, and has another arm for the same.
    Already,
    /// Try again.
    Ready,
    /// Another one waits for the same.
    Busy,
    Closed,
}

/// What has happened during a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Ready,
    Nothing,
    Closed,
}

#[derive(Debug)]
pub(crate) struct Readiness(AtomicU64);

impl Readiness {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(NOTHING))
    }

    /// For another descriptor. The caller owns the word.
    pub(crate) fn open(&self) {
        // Ordering: Relaxed. A stale event may still set it, and is one too many at worst.
        self.0.store(NOTHING, Ordering::Relaxed);
    }

    /// Registers the one with these bits of a `Pid` as waiting, or takes the readiness.
    pub(crate) fn begin(&self, waiter: u64) -> Begin {
        // Ordering: Relaxed. A guess for the compare-and-swap.
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (next, begin) = match word {
                NOTHING => (waiter, Begin::Waits),
                READY => (NOTHING, Begin::Ready),
                CLOSED => return Begin::Closed,
                other if other == waiter => return Begin::Already,
                _ => return Begin::Busy,
            };
            // Ordering: AcqRel. Acquire sees what came before the event; Release keeps the chain.
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return begin,
                Err(now) => word = now,
            }
        }
    }

    /// Ends the wait of the caller, which has begun one.
    pub(crate) fn end(&self, waiter: u64) -> End {
        // Ordering: AcqRel; as in `begin`.
        match self.0.compare_exchange(waiter, NOTHING, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => End::Nothing,
            Err(CLOSED) => End::Closed,
            Err(_) => self.take_ready(),
        }
    }

    fn take_ready(&self) -> End {
        // Ordering: AcqRel; as in `begin`. It fails if another one has taken the readiness, or begun to wait, since.
        self.0.compare_exchange(READY, NOTHING, Ordering::AcqRel, Ordering::Relaxed).ok();
        End::Ready
    }

    /// An event: who is to be unparked.
    pub(crate) fn fire(&self) -> Option<u64> {
        self.become_word(READY)
    }

    /// Nobody may wait any more: who is to be unparked.
    pub(crate) fn close(&self) -> Option<u64> {
        self.become_word(CLOSED)
    }

    fn become_word(&self, next: u64) -> Option<u64> {
        // Ordering: Relaxed. A guess for the compare-and-swap.
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if word == CLOSED {
                return None;
            }
            // Ordering: AcqRel. Release publishes the event to the waiter; Acquire sees its registration.
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return (word != NOTHING && word != READY).then_some(word),
                Err(now) => word = now,
            }
        }
    }

    /// Whether somebody waits; a guess.
    pub(crate) fn has_waiter(&self) -> bool {
        // Ordering: Relaxed. A guess.
        !matches!(self.0.load(Ordering::Relaxed), NOTHING | READY | CLOSED)
    }
}

#[cfg(all(test, loom))]
mod models;
