//! The winner word between one waiter and the sources of its waits. A source learns of a wait through a lock, as in the channels, or
//! keeps the wait's number for too long. What sources write before they win is relaxed: the word alone publishes it.
//!
//! Not modelled: the unpark that follows a win, and the wrap of the sequence number.

use loom::model;
use loom::sync::{Arc, Mutex};
use loom::thread::{self, JoinHandle};

use super::{Leave, Source, WaitId, WinnerWord};
use crate::sys::atomic::{AtomicU32, Ordering};

/// A waiter's word, and the value each of two sources has for it.
struct Waiter {
    winner: WinnerWord,
    values: [AtomicU32; 2],
}

impl Waiter {
    fn new() -> Arc<Self> {
        let values = [AtomicU32::new(0), AtomicU32::new(0)];
        Arc::new(Self { winner: WinnerWord::new(), values })
    }

    /// What source `source` does; whether it won.
    fn commit(&self, wait: WaitId, source: u32) -> bool {
        // Ordering: Relaxed. The word publishes it.
        self.values[source as usize].store(10 + source, Ordering::Relaxed);
        self.winner.win(wait, Source(source))
    }

    fn assert_value_of(&self, source: Source) {
        // Ordering: Relaxed; as above.
        let value = self.values[source.0 as usize].load(Ordering::Relaxed);
        assert_eq!(value, 10 + source.0, "the winner's value is not visible");
    }
}

fn source(waiter: &Arc<Waiter>, wait: WaitId, source: u32) -> JoinHandle<bool> {
    let waiter = Arc::clone(waiter);
    thread::spawn(move || waiter.commit(wait, source))
}

#[test]
fn loom_of_two_sources_and_a_leaving_waiter_one_is_first() {
    model(|| {
        let waiter = Waiter::new();
        let wait = waiter.winner.open();
        let sources = [source(&waiter, wait, 0), source(&waiter, wait, 1)];
        let left = waiter.winner.leave(wait);
        let won = sources.map(|source| source.join().unwrap());
        let expected = match left {
            Leave::Left => [false, false],
            Leave::Won(Source(0)) => [true, false],
            Leave::Won(Source(_)) => [false, true],
        };
        assert_eq!(won, expected);
    });
}

#[test]
fn loom_a_waiter_that_leaves_sees_what_the_winner_wrote() {
    model(|| {
        let waiter = Waiter::new();
        let wait = waiter.winner.open();
        let sources = [source(&waiter, wait, 0), source(&waiter, wait, 1)];
        if let Leave::Won(source) = waiter.winner.leave(wait) {
            waiter.assert_value_of(source);
        }
        assert!(sources.into_iter().all(|source| source.join().is_ok()));
    });
}

#[test]
fn loom_a_late_source_never_wins_a_later_wait() {
    model(|| {
        let waiter = Waiter::new();
        let old = waiter.winner.open();
        let late = source(&waiter, old, 0);
        let first = waiter.winner.leave(old);
        let new = waiter.winner.open();
        assert_eq!(waiter.winner.leave(new), Leave::Left);
        assert_eq!(late.join().unwrap(), first == Leave::Won(Source(0)));
    });
}

#[test]
fn loom_a_late_source_does_not_keep_the_right_one_from_winning() {
    model(|| {
        let waiter = Waiter::new();
        let old = waiter.winner.open();
        let late = source(&waiter, old, 0);
        let first = waiter.winner.leave(old);
        let new = waiter.winner.open();
        assert!(waiter.commit(new, 1));
        assert_eq!(waiter.winner.leave(new), Leave::Won(Source(1)));
        assert_eq!(late.join().unwrap(), first == Leave::Won(Source(0)));
    });
}

#[test]
fn loom_a_source_that_finds_the_registration_fails_only_if_the_waiter_left() {
    model(|| {
        let waiter = Waiter::new();
        let registered = Arc::new(Mutex::new(None));
        let source = thread::spawn({
            let (waiter, registered) = (Arc::clone(&waiter), Arc::clone(&registered));
            move || {
                let wait = registered.lock().unwrap().take();
                wait.map(|wait| waiter.commit(wait, 0))
            }
        });
        let wait = waiter.winner.open();
        *registered.lock().unwrap() = Some(wait);
        let left = waiter.winner.leave(wait);
        match source.join().unwrap() {
            Some(true) => assert_eq!(left, Leave::Won(Source(0))),
            Some(false) | None => assert_eq!(left, Leave::Left),
        }
    });
}
