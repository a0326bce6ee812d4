//! The deadlines of a worker: actors to be unparked, and firings.
//!
//! Filed by the worker's actors, taken back by any thread, under a lock that is hardly ever contended; fired by the worker.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::driver::timer::{TimerKey, TimerStore};
use crate::pid::Pid;
use crate::task::Firing;

/// What the store files: the bits of a `Pid`, or, with this bit, the address of a boxed firing. No `Pid` has it, and no address.
const IS_FIRING: u64 = 1 << 63;

/// What is due.
pub(super) enum Due {
    Unpark(Pid),
    Fire(Firing),
}

#[derive(Debug)]
pub(super) struct Timers {
    store: Mutex<TimerStore>,
}

impl Timers {
    pub(super) fn new() -> Self {
        Self { store: Mutex::new(TimerStore::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, TimerStore> {
        // Nothing panics while it is held.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn next_deadline(&self) -> u64 {
        self.lock().next_deadline().unwrap_or(u64::MAX)
    }

    pub(super) fn insert(&self, deadline_ns: u64, pid: Pid) -> TimerKey {
        self.lock().insert(deadline_ns, pid.to_bits())
    }

    /// False if it has fired.
    pub(super) fn remove(&self, key: TimerKey) -> bool {
        self.lock().remove(key)
    }

    pub(super) fn insert_firing(&self, deadline_ns: u64, firing: Firing) -> FiringKey {
        let address = Box::into_raw(Box::new(firing)) as u64;
        let key = self.lock().insert(deadline_ns, address | IS_FIRING);
        FiringKey { key, address }
    }

    /// `None` if it has fired.
    pub(super) fn remove_firing(&self, firing: FiringKey) -> Option<Firing> {
        // SAFETY: the key was in the store, so the box is ours now.
        self.remove(firing.key).then(|| unsafe { unbox(firing.address) })
    }

    pub(super) fn pop_due(&self, now_ns: u64) -> Option<Due> {
        let due = self.lock().pop_due(now_ns)?;
        if due & IS_FIRING != 0 {
            // SAFETY: it is not in the store any more, so the box is ours.
            return Some(Due::Fire(unsafe { unbox(due & !IS_FIRING) }));
        }
        Some(Due::Unpark(Pid::from_bits(due).expect("the bits of a Pid were filed")))
    }
}

/// Names a firing that may not have fired yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct FiringKey {
    key: TimerKey,
    address: u64,
}

/// # Safety
///
/// The address is that of a box made by `insert_firing`, and the caller has taken it out of the store.
unsafe fn unbox(address: u64) -> Firing {
    // SAFETY: the caller's promise.
    *unsafe { Box::from_raw(address as *mut Firing) }
}
