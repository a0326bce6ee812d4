//! The permits between takers that are threads, parked by loom's `park`. A count says how many permits are in use.
//!
//! Not modelled: permits that are added beside those that come back.

use core::ptr::NonNull;

use loom::model;
use loom::sync::Arc;
use loom::thread::{self, Thread};

use super::{Look, Permits, Taker};
use crate::sys::atomic::{AtomicU32, Ordering};

struct Used {
    permits: Permits<Thread>,
    used: AtomicU32,
    there_are: u32,
}

impl Used {
    /// As `Semaphore::acquire`, and back; who is `hasty` gives up at its first look.
    fn turn(&self, count: u32, hasty: bool) -> bool {
        let mut node = Taker::new(thread::current(), count as usize);
        let node = NonNull::from(&mut node);
        // SAFETY: new, and in place until the end.
        let mut look = unsafe { self.permits.enter(count as usize, node) };
        loop {
            match look {
                Look::Acquired => break,
                Look::Waiting if !hasty => thread::park(),
                Look::Waiting => {}
                Look::Left(others) => {
                    others.iter().for_each(Thread::unpark);
                    return false;
                }
            }
            // SAFETY: entered above.
            look = unsafe { self.permits.look(node, hasty) };
        }
        // Ordering: Relaxed. A count.
        let used = self.used.fetch_add(count, Ordering::Relaxed) + count;
        assert!(used <= self.there_are, "{used} in use");
        // Ordering: Relaxed. A count.
        self.used.fetch_sub(count, Ordering::Relaxed);
        self.permits.add(count as usize).unwrap().iter().for_each(Thread::unpark);
        true
    }
}

/// Takers of so many permits each, at once; the first one `hasty`.
fn take_turns(there_are: u32, wanted: [u32; 3], hasty: bool) {
    model(move || {
        let permits = Permits::new(there_are as usize);
        let used = Arc::new(Used { permits, used: AtomicU32::new(0), there_are });
        let others = [0, 1].map(|n| {
            let used = Arc::clone(&used);
            thread::spawn(move || used.turn(wanted[n], hasty && n == 0))
        });
        assert!(used.turn(wanted[2], false));
        let turns = others.map(|other| other.join().unwrap());
        assert!(turns[1] && (turns[0] || hasty));
        assert_eq!(used.permits.free(), there_are as usize, "a permit is lost");
        assert!(used.permits.try_take(there_are as usize), "somebody is left in the queue");
    });
}

#[test]
fn loom_three_takers_of_one_permit_all_get_their_turns() {
    take_turns(1, [1, 1, 1], false);
}

#[test]
fn loom_takers_of_many_and_of_few_all_get_their_turns() {
    take_turns(2, [2, 1, 1], false);
}

#[test]
fn loom_a_taker_that_gives_up_lets_those_behind_it_pass() {
    take_turns(2, [2, 1, 1], true);
    take_turns(1, [1, 1, 1], true);
}
