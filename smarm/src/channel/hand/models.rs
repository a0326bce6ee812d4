//! The hand with the mark that goes with it: a receiver that parks or gives up, senders, and the last one that leaves, each a thread. The queue
//! is a count.

use loom::model;
use loom::sync::Arc;
use loom::thread;

use super::{Given, Hand};
use crate::sys::atomic::{AtomicU32, Ordering};

/// In the tail word: the receiver waits.
const MARK: u32 = 1;
/// One message in the queue.
const ONE: u32 = 2;

struct Channel {
    tail: AtomicU32,
    hand: Hand<u32>,
}

// SAFETY: the protocol is what the models check.
unsafe impl Sync for Channel {}
// SAFETY: as above.
unsafe impl Send for Channel {}

impl Channel {
    fn new() -> Arc<Self> {
        Arc::new(Self { tail: AtomicU32::new(0), hand: Hand::new() })
    }

    /// As `Unbounded::send`: true if from hand to hand.
    fn send(&self, message: u32) -> bool {
        loop {
            // Ordering: Acquire, as there.
            let tail = self.tail.load(Ordering::Acquire);
            let handed = tail & MARK != 0;
            let next = if handed { tail & !MARK } else { tail + ONE };
            // Ordering: AcqRel, as there.
            if self.tail.compare_exchange(tail, next, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                if handed {
                    // SAFETY: the mark was taken in the line above.
                    unsafe { self.hand.give(&raw const message) };
                }
                return handed;
            }
        }
    }

    /// As `Unbounded::remove_sender`, of the last one.
    fn leave(&self) {
        // Ordering: AcqRel, as there.
        if self.tail.fetch_and(!MARK, Ordering::AcqRel) & MARK != 0 {
            // SAFETY: as in `send`.
            unsafe { self.hand.give_nothing() };
        }
    }

    fn mark(&self) -> bool {
        // Ordering: AcqRel, as in `Unbounded::park_receiver`.
        self.tail.compare_exchange(0, MARK, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// As `Unbounded::unmark`.
    fn unmark(&self) -> Option<u32> {
        // Ordering: Relaxed and AcqRel, as there.
        if self.tail.fetch_and(!MARK, Ordering::AcqRel) & MARK != 0 {
            return None;
        }
        loop {
            match self.hand.take() {
                Given::Message(message) => return Some(message),
                Given::Nothing => return None,
                Given::Pending => thread::yield_now(),
            }
        }
    }
}

#[test]
fn loom_a_receiver_that_gives_up_has_the_message_or_left_it_for_the_queue() {
    model(|| {
        let channel = Channel::new();
        assert!(channel.mark());
        let sender = thread::spawn({
            let channel = Arc::clone(&channel);
            move || channel.send(7)
        });
        let message = channel.unmark();
        assert_eq!(sender.join().unwrap(), message == Some(7));
    });
}

#[test]
fn loom_of_two_senders_one_hands_over_and_one_queues() {
    model(|| {
        let channel = Channel::new();
        assert!(channel.mark());
        let senders = [1, 2].map(|number| {
            let channel = Arc::clone(&channel);
            thread::spawn(move || channel.send(number))
        });
        let message = channel.unmark();
        let handed = senders.map(|sender| sender.join().unwrap());
        assert_eq!(handed.iter().filter(|handed| **handed).count(), usize::from(message.is_some()));
    });
}

#[test]
fn loom_the_hand_can_be_used_again_and_again() {
    model(|| {
        let channel = Channel::new();
        assert!(channel.mark());
        let sender = thread::spawn({
            let channel = Arc::clone(&channel);
            move || [channel.send(1), channel.send(2)]
        });
        let first = channel.unmark();
        let second = if channel.mark() { channel.unmark() } else { None };
        let handed = sender.join().unwrap();
        let received = [first, second].into_iter().flatten().count();
        assert_eq!(handed.iter().filter(|handed| **handed).count(), received);
    });
}

#[test]
fn loom_the_last_sender_answers_a_receiver_that_waits() {
    model(|| {
        let channel = Channel::new();
        let sender = thread::spawn({
            let channel = Arc::clone(&channel);
            move || {
                let handed = channel.send(7);
                channel.leave();
                handed
            }
        });
        let message = if channel.mark() { channel.unmark() } else { None };
        let handed = sender.join().unwrap();
        assert_eq!(message == Some(7), handed);
    });
}
