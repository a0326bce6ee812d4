//! The lock word between those who take turns: each a thread, parked by loom's `park`. What the lock guards is a cell, in which loom would
//! see two at a time, or one that does not see what the one before it did.
//!
//! Not modelled: the safe points, and the cycles of owners.

use core::ptr::NonNull;

use loom::model;
use loom::sync::Arc;
use loom::thread::{self, Thread};

use super::{Claim, LockWord, Look, PATIENCE_NS, Waiter};
use crate::sys::cell::UnsafeCell;

struct Guarded {
    lock: LockWord<Thread>,
    count: UnsafeCell<u32>,
    /// What the clock shows at each release; a waiter came at 0.
    now_ns: u64,
}

// SAFETY: the protocol is what the models check.
unsafe impl Sync for Guarded {}
// SAFETY: as above.
unsafe impl Send for Guarded {}

impl Guarded {
    fn new(now_ns: u64) -> Arc<Self> {
        Arc::new(Self { lock: LockWord::new(), count: UnsafeCell::new(0), now_ns })
    }

    /// As `RawLock::lock`; who is `hasty` gives up at its first look.
    fn acquire(&self, owner: u64, hasty: bool) -> bool {
        if self.lock.try_acquire(owner) {
            return true;
        }
        let mut node = Waiter::new(thread::current(), Claim { owner, since_ns: 0 });
        let node = NonNull::from(&mut node);
        // SAFETY: new, and in place until the end.
        if let Look::Acquired = unsafe { self.lock.enter(owner, node) } {
            return true;
        }
        loop {
            if !hasty {
                thread::park();
            }
            // SAFETY: entered above.
            match unsafe { self.lock.look(owner, node, hasty) } {
                Look::Acquired => return true,
                Look::Waiting => {}
                Look::Left(next) => {
                    next.inspect(Thread::unpark);
                    return false;
                }
            }
        }
    }

    fn release(&self, owner: u64) {
        if !self.lock.release(owner) {
            self.lock.release_to_waiters(|| self.now_ns).inspect(Thread::unpark);
        }
    }

    fn turn(&self, owner: u64, hasty: bool) -> bool {
        let acquired = self.acquire(owner, hasty);
        if acquired {
            // SAFETY: the lock is ours: that is what the model checks.
            self.count.with_mut(|count| unsafe { *count += 1 });
            self.release(owner);
        }
        acquired
    }
}

/// Turns of three at once, the first ones `hasty`.
fn take_turns(now_ns: u64, hasty: usize) {
    model(move || {
        let guarded = Guarded::new(now_ns);
        let others: Vec<_> = (1..3)
            .map(|n| {
                let guarded = Arc::clone(&guarded);
                thread::spawn(move || guarded.turn(n as u64, n <= hasty))
            })
            .collect();
        let mut turns = u32::from(guarded.turn(3, false));
        turns += others.into_iter().map(|other| u32::from(other.join().unwrap())).sum::<u32>();
        assert!(turns as usize >= 3 - hasty, "a patient one had no turn");
        // SAFETY: all others have ended.
        guarded.count.with(|count| assert_eq!(unsafe { *count }, turns));
        assert!(guarded.lock.try_acquire(9), "something is left behind");
        assert!(guarded.lock.release(9), "somebody is left in the queue");
    });
}

#[test]
fn loom_three_that_barge_all_get_their_turns() {
    take_turns(0, 0);
}

#[test]
fn loom_three_of_whom_a_release_hands_over_all_get_their_turns() {
    take_turns(PATIENCE_NS, 0);
}

#[test]
fn loom_a_waiter_that_gives_up_passes_its_wake_on() {
    take_turns(0, 1);
}

#[test]
fn loom_a_waiter_that_gives_up_keeps_what_it_was_handed() {
    take_turns(PATIENCE_NS, 1);
}

#[test]
fn loom_a_woken_waiter_that_gives_up_while_another_releases_passes_its_wake_on() {
    model(|| {
        let guarded = Guarded::new(0);
        let enter = |owner: u64| {
            let node = Box::new(Waiter::new(thread::current(), Claim { owner, since_ns: 0 }));
            let node = NonNull::from(Box::leak(node));
            // SAFETY: new, and in place until the end of the model.
            assert!(matches!(unsafe { guarded.lock.enter(owner, node) }, Look::Waiting));
            node
        };
        let (barger, woken, patient) = (1, 2, 3);
        assert!(guarded.lock.try_acquire(barger));
        let (first, second) = (enter(woken), enter(patient));
        // The first one is told; before it looks, the lock is taken again.
        assert!(guarded.lock.release_to_waiters(|| 0).is_some());
        assert!(guarded.lock.try_acquire(barger));
        let releases = {
            let guarded = Arc::clone(&guarded);
            thread::spawn(move || guarded.release(barger))
        };
        let gives_up = {
            let (guarded, first) = (Arc::clone(&guarded), first.as_ptr().expose_provenance());
            thread::spawn(move || {
                let first = NonNull::new(core::ptr::with_exposed_provenance_mut(first)).unwrap();
                // SAFETY: entered above, for this thread.
                match unsafe { guarded.lock.look(woken, first, true) } {
                    Look::Acquired => guarded.release(woken),
                    Look::Left(next) => _ = next.inspect(Thread::unpark),
                    Look::Waiting => unreachable!("it gives up"),
                }
            })
        };
        // SAFETY: entered above, for this thread.
        while let Look::Waiting = unsafe { guarded.lock.look(patient, second, false) } {
            thread::park();
        }
        guarded.release(patient);
        releases.join().unwrap();
        gives_up.join().unwrap();
        for node in [first, second] {
            // SAFETY: leaked above, and out of the queue.
            drop(unsafe { Box::from_raw(node.as_ptr()) });
        }
    });
}
