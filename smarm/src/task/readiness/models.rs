//! One direction of a descriptor between a waiter, events and a close. The descriptor itself is a flag: an event comes after it was set, and
//! a try that finds it not set would block.
//!
//! Not modelled: the park, which is the state word's; an unpark here is a flag that the waiter finds later.

use loom::model;
use loom::sync::Arc;
use loom::thread;

use super::{Begin, End, Readiness};
use crate::sys::atomic::{AtomicU32, Ordering};

const ME: u64 = 7;

struct Direction {
    readiness: Readiness,
    /// Whether the descriptor is ready.
    data: AtomicU32,
    /// Whether the waiter was unparked.
    unparked: AtomicU32,
}

impl Direction {
    fn new() -> Arc<Self> {
        Arc::new(Self { readiness: Readiness::new(), data: AtomicU32::new(0), unparked: AtomicU32::new(0) })
    }

    fn event(&self) {
        // Ordering: Relaxed. The word publishes it.
        self.data.store(1, Ordering::Relaxed);
        self.unpark(self.readiness.fire());
    }

    fn unpark(&self, waiter: Option<u64>) {
        if let Some(waiter) = waiter {
            assert_eq!(waiter, ME);
            // Ordering: AcqRel, as the state word's.
            self.unparked.swap(1, Ordering::AcqRel);
        }
    }

    fn would_block(&self) -> bool {
        // Ordering: Relaxed; see `event`.
        self.data.load(Ordering::Relaxed) == 0
    }

    fn was_unparked(&self) -> bool {
        // Ordering: AcqRel; see `unpark`.
        self.unparked.swap(0, Ordering::AcqRel) == 1
    }
}

#[test]
fn loom_an_event_is_seen_or_unparks() {
    model(|| {
        let direction = Direction::new();
        let other = Arc::clone(&direction);
        let event = thread::spawn(move || other.event());
        let waits = direction.would_block() && direction.readiness.begin(ME) == Begin::Waits;
        event.join().unwrap();
        if waits {
            assert!(direction.was_unparked(), "the event was missed");
            assert_eq!(direction.readiness.end(ME), End::Ready);
        }
        assert!(!direction.would_block(), "the event is not visible");
    });
}

#[test]
fn loom_who_leaves_a_wait_leaves_nothing_behind() {
    model(|| {
        let direction = Direction::new();
        assert_eq!(direction.readiness.begin(ME), Begin::Waits);
        let other = Arc::clone(&direction);
        let event = thread::spawn(move || other.event());
        let end = direction.readiness.end(ME);
        assert!(!direction.readiness.has_waiter());
        event.join().unwrap();
        // What came too late is there for the next one.
        let next = direction.readiness.begin(ME + 1);
        assert_eq!(end == End::Nothing, next == Begin::Ready);
    });
}

#[test]
fn loom_a_close_ends_the_wait_and_forbids_others() {
    model(|| {
        let direction = Direction::new();
        let others = [Arc::clone(&direction), Arc::clone(&direction)];
        let [one, two] = others;
        let event = thread::spawn(move || one.event());
        let close = thread::spawn(move || two.unpark(two.readiness.close()));
        let waits = direction.readiness.begin(ME) == Begin::Waits;
        event.join().unwrap();
        close.join().unwrap();
        if waits {
            assert!(direction.was_unparked());
            assert_eq!(direction.readiness.end(ME), End::Closed);
        }
        assert_eq!(direction.readiness.begin(ME), Begin::Closed);
    });
}
