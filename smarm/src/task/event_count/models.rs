//! Futures that poll one direction of a descriptor, events and a close. The descriptor is a number of bytes; of those that have arrived at
//! once the kernel tells once.
//!
//! Not modelled: the registration, and that too many wakers make room for one more.

use core::task::Waker;
use std::sync::Arc as StdArc;
use std::task::Wake;

use loom::model;
use loom::sync::Arc;
use loom::thread;

use super::{EventCount, Leave};
use crate::sys::atomic::{AtomicU32, Mutex, Ordering};

struct Direction {
    wakers: EventCount,
    bytes: Mutex<u32>,
}

/// Whether a waker was called.
struct Called(AtomicU32);

impl Wake for Called {
    fn wake(self: StdArc<Self>) {
        // Ordering: AcqRel, as an executor's.
        self.0.swap(1, Ordering::AcqRel);
    }
}

fn called() -> (StdArc<Called>, Waker) {
    let called = StdArc::new(Called(AtomicU32::new(0)));
    (StdArc::clone(&called), Waker::from(called))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Poll {
    Ready,
    Pending,
    Closed,
}

impl Direction {
    fn new() -> Arc<Self> {
        Arc::new(Self { wakers: EventCount::new(), bytes: Mutex::new(0) })
    }

    fn arrive(&self, count: u32) {
        *self.bytes.lock().unwrap() += count;
        self.wakers.fire().into_iter().for_each(Waker::wake);
    }

    fn take_one(&self) -> bool {
        let mut bytes = self.bytes.lock().unwrap();
        let is_there = *bytes > 0;
        *bytes -= u32::from(is_there);
        is_there
    }

    /// One byte, as a socket is polled.
    fn poll(&self, waker: &Waker) -> Poll {
        loop {
            let seen = self.wakers.events();
            if self.take_one() {
                return Poll::Ready;
            }
            match self.wakers.leave(seen, waker) {
                Leave::Left => return Poll::Pending,
                Leave::Again => {}
                Leave::Closed => return Poll::Closed,
            }
        }
    }
}

impl Called {
    fn is_up(&self) -> bool {
        // Ordering: Acquire, as an executor's.
        self.0.load(Ordering::Acquire) == 1
    }
}

#[test]
fn loom_an_event_is_seen_by_a_poll_or_calls_its_waker() {
    model(|| {
        let direction = Direction::new();
        let other = Arc::clone(&direction);
        let event = thread::spawn(move || other.arrive(1));
        let (called, waker) = called();
        let first = direction.poll(&waker);
        event.join().unwrap();
        if first == Poll::Pending {
            assert!(called.is_up(), "the event was missed");
            assert_eq!(direction.poll(&waker), Poll::Ready);
        }
    });
}

#[test]
fn loom_each_of_two_who_poll_hears_of_what_is_left() {
    model(|| {
        let direction = Direction::new();
        let (event, other) = (Arc::clone(&direction), Arc::clone(&direction));
        let event = thread::spawn(move || event.arrive(2));
        let other = thread::spawn(move || {
            let (called, waker) = called();
            (other.poll(&waker), called)
        });
        let (mine, waker) = called();
        let here = direction.poll(&waker);
        event.join().unwrap();
        let (there, theirs) = other.join().unwrap();
        // Each takes one byte at most, so there is one for each.
        for (poll, called) in [(here, mine), (there, theirs)] {
            assert!(poll == Poll::Ready || called.is_up(), "one waits beside what it could read");
        }
    });
}

#[test]
fn loom_a_close_wakes_who_polls_and_forbids_others() {
    model(|| {
        let direction = Direction::new();
        let others = [Arc::clone(&direction), Arc::clone(&direction)];
        let [one, two] = others;
        let event = thread::spawn(move || one.arrive(1));
        let close = thread::spawn(move || two.wakers.close());
        let (called, waker) = called();
        let first = direction.poll(&waker);
        event.join().unwrap();
        close.join().unwrap();
        if first == Poll::Pending {
            assert!(called.is_up());
        }
        if first != Poll::Ready {
            assert_eq!(direction.poll(&waker), Poll::Ready);
        }
        assert_eq!(direction.poll(&waker), Poll::Closed);
    });
}
