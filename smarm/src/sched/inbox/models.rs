//! The inbox with its real links, filled by one or two threads while the owner takes. What a pusher wrote before is relaxed: the
//! inbox alone publishes it. Not modelled: the state word that says who may push a slot (a model that needs it has a flag instead),
//! and the notification after the push, which the models of `idle` have.

use loom::model;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::Inbox;
use crate::sys::atomic::{AtomicU32, Ordering};

/// Slots 1 to 3; index 0 is nobody's.
struct Worker {
    inbox: Inbox,
    links: [AtomicU32; 4],
    /// What was written for each slot before its push.
    mail: [AtomicU32; 4],
}

impl Worker {
    fn new() -> Arc<Self> {
        let cells = || core::array::from_fn(|_| AtomicU32::new(0));
        Arc::new(Self { inbox: Inbox::new(), links: cells(), mail: cells() })
    }

    fn push(&self, index: u32) {
        // Ordering: Relaxed. The inbox publishes it.
        self.mail[index as usize].store(10 + index, Ordering::Relaxed);
        self.inbox.push(index, &self.links[index as usize]);
    }

    /// By the owner, which in every model is the thread that begins it.
    fn take(&self, mut each: impl FnMut(u32)) {
        self.inbox.take(
            |index| &self.links[index as usize],
            |index| {
                // Ordering: Relaxed; as above.
                let mail = self.mail[index as usize].load(Ordering::Relaxed);
                assert_eq!(mail, 10 + index, "what was written before the push is not visible");
                each(index);
            },
        );
    }
}

fn pusher<const N: usize>(worker: &Arc<Worker>, indices: [u32; N]) -> JoinHandle<()> {
    let worker = Arc::clone(worker);
    thread::spawn(move || indices.into_iter().for_each(|index| worker.push(index)))
}

#[test]
fn loom_what_two_threads_push_is_taken_once_and_in_order() {
    model(|| {
        let worker = Worker::new();
        let pushers = [pusher(&worker, [1, 2]), pusher(&worker, [3])];
        let mut taken = Vec::new();
        worker.take(|index| taken.push(index));
        worker.take(|index| taken.push(index));
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
        worker.take(|index| taken.push(index));
        assert!(worker.inbox.is_empty());

        let of_first: Vec<u32> = taken.iter().copied().filter(|&index| index < 3).collect();
        assert_eq!(of_first, [1, 2], "the order of one pusher");
        assert_eq!(taken.len(), 3, "{taken:?}");
        assert!(taken.contains(&3));
    });
}

#[test]
fn loom_the_owner_takes_in_a_loop_until_all_are_there() {
    model(|| {
        let worker = Worker::new();
        let pushers = [pusher(&worker, [1]), pusher(&worker, [2])];
        let mut taken = Vec::new();
        while taken.len() < 2 {
            if worker.inbox.is_empty() {
                thread::yield_now();
            } else {
                worker.take(|index| taken.push(index));
            }
        }
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    });
}

/// An actor that was taken out runs, parks and is woken again, all before the owner has gone on to the next one.
#[test]
fn loom_a_slot_is_pushed_again_while_the_rest_is_given_out() {
    model(|| {
        let worker = Worker::new();
        let is_out = Arc::new(AtomicU32::new(0));
        worker.push(1);
        worker.push(2);
        let again = thread::spawn({
            let (worker, is_out) = (Arc::clone(&worker), Arc::clone(&is_out));
            move || {
                // Ordering: Acquire; pairs with the Release below, as a wake's with the park's.
                let may_push = is_out.load(Ordering::Acquire) == 1;
                if may_push {
                    worker.push(1);
                }
                may_push
            }
        });
        let mut taken = Vec::new();
        worker.take(|index| {
            taken.push(index);
            if index == 1 {
                // Ordering: Release; see above.
                is_out.store(1, Ordering::Release);
                thread::yield_now();
            }
        });
        let pushed_again = again.join().unwrap();
        worker.take(|index| taken.push(index));
        assert_eq!(taken, if pushed_again { &[1, 2, 1][..] } else { &[1, 2] });
    });
}

#[test]
fn loom_the_owner_pushes_to_its_own_inbox_beside_another_thread() {
    model(|| {
        let worker = Worker::new();
        let other = pusher(&worker, [1]);
        worker.push(2);
        let mut taken = Vec::new();
        worker.take(|index| taken.push(index));
        other.join().unwrap();
        worker.take(|index| taken.push(index));
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
    });
}
