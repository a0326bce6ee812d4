//! The lock word: who owns a lock, and whether others wait for it. All of `Mutex` but the parking.
//!
//! ```text
//!   63        62      61        0
//!   | waiting | woken | owner     |     owner: the packed `Pid` of who holds it; 0: nobody
//! ```
//!
//! | waiting | woken | means | the owner's release |
//! |---|---|---|---|
//! | 0 | 0 | nobody waits | frees it |
//! | 1 | 0 | some wait, and sleep | hands it to the first, if that has waited 1 ms; else frees it and wakes the first: woken |
//! | 1 | 1 | the first was woken and has not looked yet | frees it |
//!
//! While the word names no owner, whoever comes may take it (*barging*): a lock that is handed to somebody who sleeps is held by nobody
//! that runs, for as long as a wake takes. The price is order. So the first, when it was woken and finds the lock taken, sleeps again,
//! in its place; and once it has waited for 1 ms a release hands over, without the word ever being free: strictly in order.
//!
//! # Invariants
//!
//! 1. An owner is written by who finds none, by compare-and-swap, or by the owner's release, which hands over. Only the owner takes
//!    it back.
//! 2. The flags change under the queue's lock only. `waiting` is set while, and only while, the queue is not empty.
//! 3. If somebody waits and nobody owns the lock, the first one was woken and will look, or is about to be told: no wake is lost. A
//!    first one that leaves tells the next.

use core::ptr::NonNull;
use std::sync::PoisonError;

use super::queue::{Node, Queue};
use crate::sys::atomic::{AtomicU64, Mutex, MutexGuard, Ordering};

const WAITING: u64 = 1 << 63;
const WOKEN: u64 = 1 << 62;
const OWNER: u64 = WOKEN - 1;

/// How long the first one waits before no other may overtake it.
const PATIENCE_NS: u64 = 1_000_000;

/// What a waiter brings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    /// Its name, as it will stand in the word.
    pub(super) owner: u64,
    /// When it came.
    pub(super) since_ns: u64,
}

pub(super) type Waiter<W> = Node<W, Claim>;

/// What a waiter finds.
#[must_use]
#[derive(Debug)]
pub(super) enum Look<W> {
    /// The lock is its own, and it is in no queue any more.
    Acquired,
    /// Not yet.
    Waiting,
    /// It gave up, and is in no queue any more; this one is to be unparked in its place.
    Left(Option<W>),
}

#[derive(Debug)]
pub(super) struct LockWord<W> {
    word: AtomicU64,
    queue: Mutex<Queue<W, Claim>>,
}

impl<W: Clone> LockWord<W> {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Self {
        Self { word: AtomicU64::new(0), queue: Mutex::new(Queue::new()) }
    }

    #[cfg(loom)]
    pub(super) fn new() -> Self {
        Self { word: AtomicU64::new(0), queue: Mutex::new(Queue::new()) }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<W, Claim>> {
        // Nothing panics while it is held.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who owns it; 0 for nobody.
    pub(super) fn owner(&self) -> u64 {
        // Ordering: Relaxed. To the owner itself it is exact; to others it is a guess.
        self.word.load(Ordering::Relaxed) & OWNER
    }

    /// The word itself, for who looks along a chain of owners.
    pub(super) fn word(&self) -> &AtomicU64 {
        &self.word
    }

    /// Takes it for `owner` if nobody owns it.
    #[inline(always)]
    pub(super) fn try_acquire(&self, owner: u64) -> bool {
        // Ordering: Acquire; pairs with the Release of who had it before.
        match self.word.compare_exchange(0, owner, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => true,
            Err(word) => word & OWNER == 0 && self.barge(owner, word),
        }
    }

    /// Takes it, past those who wait.
    #[cold]
    fn barge(&self, owner: u64, mut word: u64) -> bool {
        while word & OWNER == 0 {
            // Ordering: Acquire, as above.
            match self.word.compare_exchange(word, word | owner, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => word = other,
            }
        }
        false
    }

    /// Takes it, or queues up for it.
    ///
    /// # Safety
    ///
    /// The node is new, and stays in place until [`look`](Self::look) has said `Acquired` or `Left`.
    pub(super) unsafe fn enter(&self, owner: u64, node: NonNull<Waiter<W>>) -> Look<W> {
        let mut queue = self.queue();
        loop {
            if self.try_acquire(owner) {
                return Look::Acquired;
            }
            // Ordering: Relaxed. The lock orders the flags; the compare-and-swap sees whether the owner is still there.
            let word = self.word.load(Ordering::Relaxed);
            let marked = || {
                // Ordering: Relaxed, twice. As above.
                self.word.compare_exchange(word, word | WAITING, Ordering::Relaxed, Ordering::Relaxed)
            };
            if word & OWNER != 0 && marked().is_ok() {
                break;
            }
        }
        // SAFETY: the caller's promise.
        unsafe { queue.push(node) };
        Look::Waiting
    }

    /// Looks again, after a wake. Who `gives_up` leaves, unless the lock is its own by now.
    ///
    /// # Safety
    ///
    /// The node is the caller's, and was entered here by it, under this name.
    pub(super) unsafe fn look(&self, owner: u64, node: NonNull<Waiter<W>>, gives_up: bool) -> Look<W> {
        let mut queue = self.queue();
        // SAFETY: the caller's promise.
        if unsafe { queue.is_granted(node) } {
            return Look::Acquired;
        }
        let is_first = queue.is_first(node);
        if is_first && self.try_acquire(owner) {
            // SAFETY: it was not granted, so it is in the queue.
            unsafe { queue.remove(node) };
            self.flag(&queue, true);
            return Look::Acquired;
        }
        if gives_up {
            // SAFETY: as above.
            unsafe { queue.remove(node) };
            return Look::Left(self.flag(&queue, is_first));
        }
        if is_first && self.flag(&queue, true).is_some() {
            // It became free since we tried, and we are the one to be told.
            drop(queue);
            // SAFETY: the caller's promise.
            return unsafe { self.look(owner, node, false) };
        }
        Look::Waiting
    }

    /// Sets the flags anew: the first one `has_looked`, or has left. If nobody owns the lock, it is woken, or the next one: whom to unpark.
    fn flag(&self, queue: &Queue<W, Claim>, has_looked: bool) -> Option<W> {
        // Ordering: Relaxed. The lock orders the flags.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let was_woken = word & WOKEN != 0 && !has_looked;
            let wakes = !was_woken && word & OWNER == 0;
            let flags = if queue.is_empty() {
                0
            } else if was_woken || wakes {
                WAITING | WOKEN
            } else {
                WAITING
            };
            let next = word & OWNER | flags;
            // Ordering: Relaxed, twice. As above. A release that comes in between makes it fail. The modification goes on with
            // the sequence that the last release began, so who acquires afterwards sees what that published.
            match self.word.compare_exchange(word, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) if wakes => return queue.who_is_first(),
                Ok(_) => return None,
                Err(other) => word = other,
            }
        }
    }

    /// Gives it back if nobody waits. Only by its owner, who has to go on with [`release_to_waiters`](Self::release_to_waiters) if not.
    #[inline(always)]
    #[must_use = "otherwise it is not released"]
    pub(super) fn release(&self, owner: u64) -> bool {
        // Ordering: Release; publishes what the owner did to the Acquire of the next one.
        self.word.compare_exchange(owner, 0, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Gives it back; whom to unpark. Only by its owner. `now_ns` is asked for if the first one sleeps.
    #[must_use = "who was woken, or owns it now, sleeps until it is unparked"]
    pub(super) fn release_to_waiters(&self, now_ns: impl FnOnce() -> u64) -> Option<W> {
        // Ordering: Relaxed. A guess, until the compare-and-swap.
        let word = self.word.load(Ordering::Relaxed);
        if word & WOKEN != 0 {
            // Ordering: Release, as above.
            let freed = self.word.compare_exchange(word, word & !OWNER, Ordering::Release, Ordering::Relaxed);
            if freed.is_ok() {
                return None;
            }
        }
        let mut queue = self.queue();
        // Invariant: with the lock held and an owner in it, nobody else writes the word.
        let (next, wakes) = match queue.first().copied() {
            None => (0, None),
            // Ordering: Relaxed. The lock orders the flags.
            Some(_) if self.word.load(Ordering::Relaxed) & WOKEN != 0 => (WAITING | WOKEN, None),
            Some(first) if now_ns().saturating_sub(first.since_ns) >= PATIENCE_NS => {
                let granted = queue.grant_first();
                (first.owner | if queue.is_empty() { 0 } else { WAITING }, granted)
            }
            Some(_) => (WAITING | WOKEN, queue.who_is_first()),
        };
        // Ordering: Release, as in `release`; to one that it is handed to, the lock of the queue publishes it.
        self.word.store(next, Ordering::Release);
        wakes
    }
}

#[cfg(all(test, loom))]
mod models;
