//! What waits do while a panic unwinds: nothing switches, they try first, then return their error.

use smarm::channel::{bounded, oneshot};
use smarm::{channel, current, sleep, spawn, yield_now};
use smarm_tests::{actors, on, panic_message};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// Runs something when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Runs `check` in a `Drop` while an actor unwinds, and fails if that panicked or did not run.
#[track_caller]
fn while_unwinding(check: impl FnOnce() + Send + 'static) {
    let ran = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ran);
    let message = panic_message(|| {
        let mut check = Some(check);
        let _guard = OnDrop(|| {
            assert!(std::thread::panicking());
            // A failed assertion in a drop would abort without saying which.
            let check = check.take().expect("dropped once");
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
            told.store(caught.is_ok(), SeqCst);
        });
        panic!("to unwind");
    });
    assert_eq!(message, "to unwind");
    assert!(ran.load(SeqCst), "the check failed");
    assert!(!std::thread::panicking());
}

#[test]
fn recv_gives_what_is_there_and_then_an_error() {
    actors(|| {
        let (tx, rx) = channel();
        tx.send(1).expect("the receiver is here");
        while_unwinding(move || {
            assert_eq!(rx.recv(), Ok(1));
            assert!(rx.recv().expect_err("it would have to wait").is_unwinding());
            assert!(rx.recv_timeout(Duration::MAX).is_err());
            drop(tx);
            assert!(!rx.recv().expect_err("disconnected").is_unwinding());
        });
    });
}

#[test]
fn send_fills_what_room_there_is_and_then_gives_the_value_back() {
    actors(|| {
        let (tx, rx) = bounded(1);
        while_unwinding(move || {
            tx.send(1).expect("room");
            let error = tx.send(2).expect_err("it would have to wait");
            assert!(error.is_unwinding());
            assert_eq!(error.0, 2);
            assert_eq!(tx.send_timeout(3, Duration::MAX).expect_err("it would have to wait").into_inner(), 3);
            assert_eq!(rx.recv(), Ok(1));
        });
    });
}

#[test]
fn a_rendezvous_is_not_waited_for() {
    actors(|| {
        let (tx, rx) = bounded(0);
        while_unwinding(move || {
            let error = tx.send(1).expect_err("it would have to wait");
            assert!(error.is_unwinding());
            assert!(rx.recv().expect_err("it would have to wait").is_unwinding());
        });
    });
}

#[test]
fn a_message_sent_while_unwinding_wakes_its_receiver() {
    actors(|| {
        let (tx, rx) = channel();
        let receiver = spawn(move || rx.recv());
        yield_now();
        while_unwinding(move || tx.send(1).expect("it receives"));
        assert_eq!(receiver.join().expect("no panic"), Ok(1));
    });
}

#[test]
fn a_oneshot_answered_while_unwinding_arrives() {
    actors(|| {
        let (tx, rx) = oneshot();
        let receiver = spawn(move || rx.recv());
        yield_now();
        while_unwinding(move || tx.send("last words").expect("it receives"));
        assert_eq!(receiver.join().expect("no panic"), Ok("last words"));
    });
}

#[test]
fn sleep_and_yield_and_check_return() {
    actors(|| {
        while_unwinding(|| {
            sleep(Duration::MAX);
            yield_now();
            smarm::check!();
        });
    });
}

#[test]
fn join_gives_what_has_ended_and_an_error_otherwise() {
    actors(|| {
        let ended = spawn(|| 1);
        while !ended.is_finished() {
            yield_now();
        }
        let (tx, rx) = channel::<()>();
        let waiting = spawn(move || rx.recv().is_ok());
        while_unwinding(move || {
            assert_eq!(ended.join().expect("it has ended"), 1);
            assert!(waiting.join().is_err(), "it would have to wait");
            drop(tx);
        });
    });
}

#[test]
fn actors_are_spawned_while_unwinding_and_run_later() {
    actors(|| {
        let (tx, rx) = channel();
        while_unwinding(move || {
            let me = current();
            drop(spawn(move || tx.send(me).expect("the root receives")));
        });
        assert_eq!(rx.recv(), Ok(current()));
    });
}

#[test]
fn nobody_else_sees_the_panic_of_the_actor_that_unwinds() {
    // A yield in a drop while unwinding must not switch: the thread's panic count belongs to the one that panics.
    for workers in [1, 2] {
        on(workers, || {
            let confused = Arc::new(AtomicUsize::new(0));
            let handles: Vec<_> = (0..50)
                .map(|n| {
                    let confused = Arc::clone(&confused);
                    spawn(move || {
                        for _ in 0..20 {
                            if n % 2 == 0 {
                                let message = panic_message(|| {
                                    let _guard = OnDrop(yield_now);
                                    panic!("even");
                                });
                                assert_eq!(message, "even");
                            }
                            confused.fetch_add(usize::from(std::thread::panicking()), SeqCst);
                            yield_now();
                        }
                    })
                })
                .collect();
            for handle in handles {
                handle.join().expect("no panic escapes");
            }
            assert_eq!(confused.load(SeqCst), 0);
        });
    }
}
