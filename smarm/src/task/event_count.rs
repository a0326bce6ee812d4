//! One direction of a descriptor, between the futures that poll it, events and a close: an event count (Reed and
//! Kanodia, CACM 1979) whose waiters leave wakers.
//!
//! ```text
//!   poll                                          the thread that hears of events
//!   1. look how many events there were            1. the kernel says: ready
//!   2. try: would block                           2. lock: count it, take the wakers
//!   3. lock: more by now? back to 1;              3. call them
//!      else leave the waker
//! ```
//!
//! An event that comes after 1 has the poll try again, or calls its waker.
//!
//! Rejected: a flag instead of the number, which an event raises, and who finds it in 3 takes down. Of two who try before the event, the first
//! would take down the flag of both, read its part and go; the second would leave its waker beside what is left, of which the kernel tells
//! no more.

use core::mem;
use core::task::Waker;
use std::sync::PoisonError;

use super::section::Section;
use crate::sys::atomic::{AtomicU64, Mutex, MutexGuard, Ordering};

/// So many may wait for the same. One more, and the others are woken, look, and come again: so wakers of futures that have been dropped
/// do not pile up.
const MOST_WAKERS: usize = 32;

/// How many events there were before a try.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Events(u64);

/// What came of the wish to be woken.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leave {
    /// The waker will be called.
    Left,
    /// Something has happened since: try again.
    Again,
    Closed,
}

#[derive(Debug)]
pub(crate) struct EventCount {
    /// Counted up under the lock.
    events: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    is_closed: bool,
    wakers: Vec<Waker>,
}

impl EventCount {
    pub(crate) fn new() -> Self {
        Self {
            events: AtomicU64::new(0),
            waiting: Mutex::new(Waiting { is_closed: false, wakers: Vec::new() }),
        }
    }

    /// Before a try.
    pub(crate) fn events(&self) -> Events {
        // Ordering: Acquire; pairs with the Release in `fire`: a try that knows of the event finds what it tells of.
        Events(self.events.load(Ordering::Acquire))
    }

    /// After a try that would block, and that began after `seen` was looked at.
    pub(crate) fn leave(&self, seen: Events, waker: &Waker) -> Leave {
        // Cloned, dropped and called without the lock: it is anybody's code.
        let waker = waker.clone();
        let (answer, _superfluous, too_many) = self.file(seen, waker);
        too_many.into_iter().for_each(Waker::wake);
        answer
    }

    /// The answer; the waker, if it need not be left; and those that have to make room for it.
    fn file(&self, seen: Events, waker: Waker) -> (Leave, Option<Waker>, Vec<Waker>) {
        let _section = Section::begin(); // holds a lock
        let mut waiting = self.lock();
        if waiting.is_closed {
            return (Leave::Closed, Some(waker), Vec::new());
        }
        // Ordering: Relaxed. It changes under the lock only.
        if self.events.load(Ordering::Relaxed) != seen.0 {
            return (Leave::Again, Some(waker), Vec::new());
        }
        if waiting.wakers.iter().any(|other| other.will_wake(&waker)) {
            return (Leave::Left, Some(waker), Vec::new());
        }
        let is_full = waiting.wakers.len() >= MOST_WAKERS;
        let too_many = if is_full { mem::take(&mut waiting.wakers) } else { Vec::new() };
        waiting.wakers.push(waker);
        (Leave::Left, None, too_many)
    }

    /// An event: who is to be woken.
    #[must_use = "they wait"]
    pub(crate) fn fire(&self) -> Vec<Waker> {
        let mut waiting = self.lock();
        // Ordering: Relaxed. It changes under the lock only.
        let events = self.events.load(Ordering::Relaxed);
        // Ordering: Release; pairs with the Acquire in `events`.
        self.events.store(events + 1, Ordering::Release);
        mem::take(&mut waiting.wakers)
    }

    /// Wakes all, and forbids others.
    pub(crate) fn close(&self) {
        let wakers = {
            let mut waiting = self.lock();
            waiting.is_closed = true;
            mem::take(&mut waiting.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nobody else's code runs under it, so a panic under it leaves nothing half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, loom))]
mod models;
