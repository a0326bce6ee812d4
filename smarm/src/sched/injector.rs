//! The queue for what comes from outside: actors spawned by plain threads. Any worker takes from it.
//!
//! A mutex is enough: pushes come from plain threads, which pay a system call to wake a worker anyway, and workers look here only
//! every 61st tick or when they have nothing else.

use std::collections::VecDeque;
use std::sync::PoisonError;

use super::deque::Entry;
use crate::sys::atomic::{AtomicUsize, Mutex, MutexGuard, Ordering};
use crate::task::growth;
use crate::task::section::Section;

#[derive(Debug, Default)]
pub(crate) struct Injector {
    entries: Mutex<VecDeque<Entry>>,
    length: AtomicUsize,
}

impl Injector {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        // Nothing panics while it is held.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, entry: Entry) {
        let mut entries = self.lock();
        growth::push_back(&mut entries, entry);
        // Ordering: Relaxed. A guess for `len`; who must not miss an entry takes the lock.
        self.length.store(entries.len(), Ordering::Relaxed);
    }

    /// How many entries there are; a guess that costs no lock.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Ordering: Relaxed. A guess.
        self.length.load(Ordering::Relaxed)
    }

    /// Whether there is none, for a worker that is about to sleep: by the lock, so that a push is either seen here or its pusher
    /// sees the worker drowsy.
    pub(crate) fn is_surely_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// When the first entry was pushed.
    pub(crate) fn oldest_ns(&self) -> Option<u64> {
        self.lock().front().map(|entry| entry.pushed_ns)
    }

    /// Takes a fair share of the entries: all of them divided by the workers, at least one.
    pub(crate) fn take_share(&self, workers: usize, mut each: impl FnMut(Entry)) {
        // `each` files what it is given, under the lock.
        let _section = Section::begin();
        let mut entries = self.lock();
        let share = entries.len().div_ceil(workers);
        entries.drain(..share).for_each(&mut each);
        // Ordering: Relaxed. As in `push`.
        self.length.store(entries.len(), Ordering::Relaxed);
    }
}
