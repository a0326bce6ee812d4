//! What waits do while a panic or a kill unwinds: nothing switches, they try first, then return their error.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{bounded, oneshot};
use smarm::{
    ExitReason, channel, current, kill, mask_kill, no_preempt, park_current, sleep, spawn, start_with,
    unpark, yield_now,
};
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
fn recv_of_a_oneshot_gives_what_is_there_and_then_an_error() {
    actors(|| {
        let (full, filled) = oneshot();
        full.send(1).expect("the receiver is here");
        let (open, empty) = oneshot::<u32>();
        let (closed, never) = oneshot::<u32>();
        drop(closed);
        while_unwinding(move || {
            assert_eq!(filled.recv(), Ok(1));
            assert!(empty.recv_timeout(Duration::MAX).expect_err("it would have to wait").is_unwinding());
            assert!(empty.recv().expect_err("it would have to wait").is_unwinding());
            assert!(!never.recv().expect_err("disconnected").is_unwinding());
            assert!(open.is_closed());
        });
    });
}

#[test]
fn an_iteration_over_a_channel_gives_what_is_there_and_ends() {
    actors(|| {
        let (tx, rx) = channel();
        (0..3).for_each(|n| tx.send(n).expect("the receiver is here"));
        while_unwinding(move || {
            assert!(rx.iter().eq(0..3));
            tx.send(3).expect("the receiver is here");
            assert_eq!(rx.try_recv(), Ok(3));
        });
    });
}

#[test]
fn sleep_and_yield_and_check_and_park_current_return() {
    actors(|| {
        while_unwinding(|| {
            sleep(Duration::MAX);
            yield_now();
            smarm::check!();
            park_current();
            mask_kill(|| sleep(Duration::MAX));
            no_preempt(yield_now);
        });
    });
}

struct Quiet;

#[smarm::actor]
impl Quiet {
    pub fn name(&self) -> &'static str {
        "quiet"
    }
}

#[test]
fn join_of_a_server_gives_why_it_ended_and_otherwise_that_it_was_not_waited_for() {
    actors(|| {
        let (lives, ended) = (Quiet.start(), Quiet.start());
        ended.stop();
        assert!(ended.join().is_normal());
        let quiet = lives.clone();
        while_unwinding(move || {
            assert!(ended.join().is_normal());
            assert!(matches!(quiet.join(), ExitReason::Unwinding));
        });
        assert_eq!(lives.name().expect("it lives"), "quiet");
    });
}

#[test]
fn a_server_is_started_while_unwinding_but_not_waited_for() {
    actors(|| {
        let (tx, rx) = channel();
        while_unwinding(move || {
            let started = Quiet.start();
            let error = start_with(|| Quiet).expect_err("it would have to wait");
            assert!(matches!(error.reason(), ExitReason::Unwinding));
            tx.send(started).expect("the root receives");
        });
        assert_eq!(rx.recv().expect("it was started").name().expect("it lives"), "quiet");
    });
}

#[test]
fn others_are_woken_and_killed_while_unwinding() {
    actors(|| {
        let woken = spawn(park_current);
        let killed = spawn(|| sleep(Duration::MAX));
        yield_now();
        let pids = (woken.pid(), killed.pid());
        while_unwinding(move || {
            unpark(pids.0);
            kill(pids.1);
        });
        woken.join().expect("no panic");
        assert!(matches!(killed.join(), Err(ExitReason::Killed)));
    });
}

#[test]
fn a_kill_that_unwinds_is_to_waits_what_a_panic_is() {
    actors(|| {
        let (told, tell) = channel();
        let (running, runs) = channel();
        let victim = spawn(move || {
            let (tx, rx) = channel::<()>();
            let (full, _open) = bounded(0);
            let waiting = spawn(move || rx.recv().is_ok());
            let (_unsent, empty) = channel::<()>();
            let (mut waiting, mut tx) = (Some(waiting), Some(tx));
            let _guard = OnDrop(|| {
                sleep(Duration::MAX);
                yield_now();
                park_current();
                let all = [
                    empty.recv().is_err_and(|error| error.is_unwinding()),
                    full.send(()).is_err_and(|error| error.is_unwinding()),
                    waiting
                        .take()
                        .is_some_and(|waiting| matches!(waiting.join(), Err(ExitReason::Unwinding))),
                ];
                drop(tx.take());
                told.send(all).expect("the root receives");
            });
            running.send(()).expect("the root waits");
            sleep(Duration::MAX);
        });
        runs.recv().expect("it runs");
        victim.kill();
        assert_eq!(tell.recv(), Ok([true; 3]));
        assert!(matches!(victim.join(), Err(ExitReason::Killed)));
    });
}

#[test]
fn two_actors_that_panic_at_once_on_one_worker_keep_their_own_panics() {
    on(1, || {
        for _ in 0..20 {
            // Each gives the other every chance to run while it unwinds.
            let (ball, catch) = channel::<u32>();
            let (back, catch_back) = channel::<u32>();
            let panics = |name: &'static str, tx: channel::Sender<u32>, rx: channel::Receiver<u32>| {
                spawn(move || {
                    let _guard = OnDrop(|| {
                        _ = tx.send(1);
                        yield_now();
                        _ = rx.recv();
                        sleep(Duration::from_micros(1));
                        smarm::check!();
                    });
                    yield_now();
                    assert!(!std::thread::panicking(), "it is another that unwinds");
                    std::panic::panic_any(name)
                })
            };
            let (one, two) = (panics("one", ball, catch_back), panics("two", back, catch));
            for (actor, name) in [(one, "one"), (two, "two")] {
                match actor.join().map(|never: ()| never) {
                    Err(ExitReason::Panicked(info)) => {
                        let payload = info.take_payload().expect("nobody has taken it");
                        assert_eq!(payload.downcast_ref(), Some(&name));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
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
