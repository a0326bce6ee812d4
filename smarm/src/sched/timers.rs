//! The deadlines of a worker: actors to be unparked, and firings.
//!
//! Filed by the worker's actors, taken back by any thread, under a lock that is hardly ever contended; fired by the worker.
//!
//! Filing allocates with the lock held, so the worker does that in a section. Taking back does not allocate, and what else does is called by
//! the worker itself.

use core::ptr;
use std::sync::PoisonError;

use crate::driver::timer::{TimerKey, TimerStore};
use crate::pid::Pid;
use crate::sys::arch;
use crate::sys::atomic::{Mutex, MutexGuard};
use crate::task::Firing;
use crate::task::slot;

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

    /// `None` if it has fired. `found` is called under the lock: the runtime does not go away meanwhile, because its end clears the store.
    pub(super) fn remove_firing(&self, firing: FiringKey, found: impl FnOnce(&Firing)) -> Option<Firing> {
        let mut store = self.lock();
        if !store.remove(firing.key) {
            return None;
        }
        // SAFETY: the key was in the store, so the box is ours now.
        let firing = unsafe { unbox(firing.address) };
        found(&firing);
        Some(firing)
    }

    /// Whether one that is pending, and is not in vain, holds up the end.
    pub(super) fn hold_up_the_end(&self) -> bool {
        let store = self.lock();
        store.payloads().filter(|due| due & IS_FIRING != 0).any(|due| {
            // SAFETY: it is in the store, which is locked, so nobody takes the box away.
            let firing = unsafe { &*((due & !IS_FIRING) as *const Firing) };
            firing.holds_up_the_end() && !firing.is_in_vain()
        })
    }

    /// Takes out all that is left when the runtime has ended: firings, which are to be dropped where a destructor may run.
    pub(super) fn clear(&self) -> Vec<Firing> {
        let left = self.lock().clear().into_iter().filter(|due| due & IS_FIRING != 0);
        // SAFETY: they are not in the store any more, so the boxes are ours.
        left.map(|due| unsafe { unbox(due & !IS_FIRING) }).collect()
    }

    /// Takes out what is due, a few at a time, the earliest first, and gives it to `fire`, with the store unlocked. False if nothing was.
    pub(super) fn take_due(&self, now_ns: u64, fire: impl FnMut(Due)) -> bool {
        let mut due = [0; DUE_AT_A_TIME];
        let mut count = 0;
        let mut store = self.lock();
        while count < DUE_AT_A_TIME
            && let Some(payload) = store.pop_due(now_ns)
        {
            if payload & IS_FIRING == 0 {
                arch::prefetch(ptr::from_ref(slot::slot_of(pid_of(payload))).cast());
            }
            due[count] = payload;
            count += 1;
        }
        drop(store);
        let due_of = |payload| {
            if payload & IS_FIRING != 0 {
                // SAFETY: it is not in the store any more, so the box is ours.
                Due::Fire(unsafe { unbox(payload & !IS_FIRING) })
            } else {
                Due::Unpark(pid_of(payload))
            }
        };
        due.into_iter().take(count).map(due_of).for_each(fire);
        count > 0
    }
}

fn pid_of(payload: u64) -> Pid {
    Pid::from_bits(payload).expect("the bits of a Pid were filed")
}

/// So many are taken out under one lock.
const DUE_AT_A_TIME: usize = 16;

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
