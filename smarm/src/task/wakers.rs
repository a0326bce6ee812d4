//! The wakers of those who wait by being polled, each under the `Pid` of its slot.
//!
//! ```text
//!   who is polled                                 source
//!   1. leave a waker                              1. satisfy the condition
//!   2. park the state word                        2. unpark the state word: it was parked?
//!   3. look: satisfied? then done                 3. take the waker that is here, and call it
//! ```
//!
//! Both sides modify the state word, so one comes second: either the one who is polled finds a permit, or sees in 3 what the source
//! did in 1; or the source finds the word parked, and a waker, which was left before. Nobody has to be waited for. A waker that is called
//! for no reason costs a poll, which leaves another one and looks.
//!
//! A waker is found by a `Pid`, of which no two are alike: a source that is late finds none, whoever has the slot by then. So a waker needs
//! no place that lives as long as the latest source.
//!
//! Wakers are the user's code: none is cloned, called or dropped here under a lock.

use core::task::Waker;
use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::section::Section;
use super::state::{Park, StateWord};
use crate::pid::Pid;
use crate::sys::atomic::{Mutex, MutexGuard};

/// Neighbours in the slot table have different ones.
#[cfg(not(loom))]
const SHARDS: usize = 64;
#[cfg(loom)]
const SHARDS: usize = 1;

#[derive(Debug)]
pub(crate) struct Wakers {
    shards: [Mutex<BTreeMap<Pid, Waker>>; SHARDS],
}

impl Wakers {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self { shards: [const { Mutex::new(BTreeMap::new()) }; SHARDS] }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self { shards: core::array::from_fn(|_| Mutex::new(BTreeMap::new())) }
    }

    fn shard(&self, pid: Pid) -> MutexGuard<'_, BTreeMap<Pid, Waker>> {
        // Nothing panics while it is held but an allocation failure, which leaves it usable.
        self.shards[pid.index() as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves the waker that is to be called, in place of an earlier one. The caller, whose state word this is, looks afterwards.
    pub(crate) fn expect(&self, state: &StateWord, pid: Pid, waker: &Waker) {
        // It need not be parked: a source may have come. A permit is found below.
        state.unpark_self();
        self.leave(pid, waker);
        while state.park() == Park::Notified {}
    }

    fn leave(&self, pid: Pid, waker: &Waker) {
        if self.shard(pid).get(&pid).is_some_and(|left| left.will_wake(waker)) {
            return;
        }
        let waker = waker.clone();
        let section = Section::begin(); // allocates under the lock
        let before = self.shard(pid).insert(pid, waker);
        drop(section);
        drop(before);
    }

    /// Takes out the waker, if one was left. Whoever takes it after an unpark calls it.
    #[must_use]
    pub(crate) fn take(&self, pid: Pid) -> Option<Waker> {
        let _section = Section::begin();
        self.shard(pid).remove(&pid)
    }

    /// Whether there is one; a guess.
    #[cfg(not(loom))]
    pub(crate) fn are_some(&self) -> bool {
        self.shards.iter().any(|shard| !shard.lock().unwrap_or_else(PoisonError::into_inner).is_empty())
    }
}

#[cfg(all(test, loom))]
mod models;
