//! Selective receive: the first message that is wanted, and the others later in their order.

use smarm::channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded};
use smarm::{ExitReason, channel, kill, select, sleep, spawn, yield_now};
use smarm_tests::{Rng, Tally, Token, actors, on, panic_message, plain, runtime};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// Channels on which so many messages can be sent at once.
fn with_room<T>(room: usize) -> [(Sender<T>, Receiver<T>); 2] {
    [channel(), bounded(room)]
}

fn send_all(tx: &Sender<u32>, numbers: impl IntoIterator<Item = u32>) {
    numbers.into_iter().for_each(|n| tx.send(n).expect("a receiver"));
}

fn rest(rx: &Receiver<u32>) -> Vec<u32> {
    rx.try_iter().collect()
}

#[test]
fn the_first_that_is_wanted_is_taken_and_the_others_stay_in_order() {
    actors(|| {
        for (tx, rx) in with_room(6) {
            send_all(&tx, 1..=6);
            assert_eq!(rx.recv_match(|n| *n == 3), Ok(3));
            assert_eq!(rx.recv_match(|n| n % 2 == 0), Ok(2));
            assert_eq!(rx.recv(), Ok(1));
            assert_eq!(rx.try_recv_match(|n| *n > 4), Ok(5));
            assert_eq!(rx.recv_match_timeout(HOUR, |n| *n == 6), Ok(6));
            assert_eq!(rest(&rx), [4]);
        }
    });
}

#[test]
fn all_ways_to_receive_give_what_was_skipped_first() {
    actors(|| {
        for (tx, rx) in with_room(8) {
            send_all(&tx, 1..=8);
            assert_eq!(rx.recv_match(|n| *n == 7), Ok(7));
            assert_eq!(rx.recv(), Ok(1));
            assert_eq!(rx.try_recv(), Ok(2));
            assert_eq!(rx.recv_timeout(HOUR), Ok(3));
            assert_eq!(select! { n = rx.recv() => n }, Ok(4));
            assert_eq!(rx.iter().next(), Some(5));
            assert_eq!(rx.try_iter().next(), Some(6));
            assert_eq!(rx.recv_match(|_| true), Ok(8));
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        }
    });
}

#[test]
fn it_waits_until_a_wanted_one_comes() {
    actors(|| {
        for (tx, rx) in [channel(), bounded(9), bounded(0)] {
            let receives = spawn(move || {
                let found = rx.recv_match(|n| *n == 7).expect("sent");
                (found, rx.recv().expect("sent"), rx.recv().expect("sent"))
            });
            for n in [1, 2, 7] {
                tx.send(n).expect("a receiver");
                yield_now();
            }
            assert_eq!(receives.join().expect("no panic"), (7, 1, 2));
        }
    });
    plain(|| {
        let (tx, rx) = channel();
        let receives = thread::spawn(move || (rx.recv_match(|n| *n == 7), rx.recv()));
        send_all(&tx, [1, 7]);
        assert_eq!(receives.join().expect("no panic"), (Ok(7), Ok(1)));
    });
}

#[test]
fn each_message_is_shown_once_for_each_call() {
    actors(|| {
        for (tx, rx) in with_room(9) {
            send_all(&tx, 0..4);
            assert!(rx.try_recv_match(|_| false).is_err());
            let sends = spawn(move || {
                send_all(&tx, 4..8);
                tx
            });
            let mut shown = Vec::new();
            let found = rx.recv_match(|n| {
                shown.push(*n);
                *n == 7
            });
            assert_eq!((found, shown), (Ok(7), (0..8).collect()));
            drop(sends.join());
        }
    });
}

#[test]
fn without_senders_it_gives_what_is_wanted_and_then_an_error_and_the_rest_is_there() {
    actors(|| {
        for (tx, rx) in with_room(3) {
            send_all(&tx, 1..=3);
            drop(tx);
            assert_eq!(rx.recv_match(|n| *n == 2), Ok(2));
            assert!(!rx.recv_match(|n| *n == 2).expect_err("nobody sends").is_unwinding());
            assert_eq!(rx.try_recv_match(|n| *n == 2), Err(TryRecvError::Disconnected));
            assert_eq!(rx.recv_match_timeout(HOUR, |n| *n == 2), Err(RecvTimeoutError::Disconnected));
            assert_eq!(rest(&rx), [1, 3]);
            assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        }
        // The last sender leaves while it is waited for.
        for (tx, rx) in [channel(), bounded(1), bounded(0)] {
            let receives = spawn(move || (rx.recv_match(|n| *n == 2).is_err(), rx.recv()));
            tx.send(1).expect("a receiver");
            yield_now();
            drop(tx);
            assert_eq!(receives.join().expect("no panic"), (true, Ok(1)));
        }
    });
}

#[test]
fn a_time_ends_it_and_nothing_is_lost() {
    actors(|| {
        for (tx, rx) in with_room(2) {
            send_all(&tx, 1..=2);
            let timeout = Duration::from_micros(100);
            assert_eq!(rx.recv_match_timeout(timeout, |n| *n == 3), Err(RecvTimeoutError::Timeout));
            assert_eq!(rx.recv_match_timeout(Duration::ZERO, |n| *n == 3), Err(RecvTimeoutError::Timeout));
            assert_eq!(rest(&rx), [1, 2]);
        }
    });
}

#[test]
fn a_time_ends_it_also_while_messages_come_as_fast_as_they_are_skipped() {
    on(2, || {
        let (tx, rx) = bounded(4);
        let floods = spawn(move || while tx.send(1).is_ok() {});
        let (echo, echoed) = channel();
        let more = echo.clone();
        // Each look sends another one, so that there is always one more.
        echo.send(0).expect("a receiver");
        let found = echoed.recv_match_timeout(Duration::from_millis(1), |_| {
            more.send(0).expect("a receiver");
            false
        });
        assert_eq!(found, Err(RecvTimeoutError::Timeout));
        drop(rx);
        floods.join().expect("no panic");
    });
}

#[test]
fn what_was_skipped_keeps_its_room() {
    actors(|| {
        let (tx, rx) = bounded(2);
        send_all(&tx, 1..=2);
        assert!(rx.try_recv_match(|n| *n == 3).is_err());
        assert_eq!(tx.try_send(3), Err(TrySendError::Full(3)));
        assert_eq!(rx.recv_match_timeout(Duration::ZERO, |n| *n == 3), Err(RecvTimeoutError::Timeout));
        let sends = spawn(move || {
            send_all(&tx, 3..=4);
            tx
        });
        (0..4).for_each(|_| yield_now());
        assert!(rx.try_recv_match(|n| *n == 3).is_err(), "there is no room for it");
        assert_eq!(rx.recv(), Ok(1));
        assert_eq!(rx.recv_match(|n| *n == 3), Ok(3));
        assert_eq!(rx.recv(), Ok(2));
        let tx = sends.join().expect("no panic");
        assert_eq!(rx.recv(), Ok(4));
        send_all(&tx, 5..=6);
        assert_eq!(tx.try_send(7), Err(TrySendError::Full(7)));
        assert_eq!(rest(&rx), [5, 6]);
    });
}

#[test]
fn a_rendezvous_lets_those_go_on_whose_messages_were_looked_at() {
    actors(|| {
        let (tx, rx) = bounded(0);
        let sends = spawn(move || send_all(&tx, 1..=3));
        assert_eq!(rx.recv_match(|n| *n == 3), Ok(3));
        sends.join().expect("no panic");
        assert_eq!((rx.recv(), rx.recv()), (Ok(1), Ok(2)));
        assert!(rx.recv().is_err());
    });
}

#[test]
fn a_panic_in_the_closure_loses_nothing() {
    actors(|| {
        for (tx, rx) in with_room(4) {
            send_all(&tx, 1..=4);
            for at in [3, 1] {
                let message = panic_message(|| {
                    let found = rx.recv_match(|n| {
                        assert_ne!(*n, at, "not this one");
                        false
                    });
                    unreachable!("{found:?}");
                });
                assert!(message.contains("not this one"));
            }
            assert_eq!(rx.recv_match(|n| *n == 4), Ok(4));
            assert_eq!(rest(&rx), [1, 2, 3]);
        }
    });
}

#[test]
fn a_kill_loses_nothing() {
    plain(|| {
        for workers in [1, 2, 4] {
            let runtime = Arc::new(runtime(workers));
            let inside = Arc::clone(&runtime);
            runtime.run(move || {
                for (tx, rx) in [channel(), bounded(9), bounded(0)] {
                    let (home, back) = channel();
                    let (begin, begun) = channel();
                    let victim = spawn(move || {
                        begin.send(()).expect("the root waits");
                        // Not dropped with the actor.
                        let swallowed = catch_unwind(AssertUnwindSafe(|| {
                            rx.recv_match_timeout(HOUR, |n| *n == 0).expect("killed")
                        }));
                        assert!(home.send(rx).is_ok(), "the root waits");
                        if let Err(kill) = swallowed {
                            std::panic::resume_unwind(kill);
                        }
                    });
                    begun.recv().expect("it begins");
                    send_all(&tx, 1..=3);
                    yield_now();
                    victim.kill();
                    let rx = back.recv().expect("sent home");
                    assert_eq!(rest(&rx), [1, 2, 3]);
                    assert!(matches!(victim.join(), Err(ExitReason::Killed)));
                    assert_eq!(inside.stats().sleeping_count(), 0);
                }
            });
        }
    });
}

#[test]
fn a_kill_that_is_due_takes_nothing() {
    actors(|| {
        let (tx, rx) = channel();
        send_all(&tx, 1..=2);
        assert_eq!(rx.recv_match(|n| *n == 2), Ok(2));
        let (home, back) = channel();
        let victim = spawn(move || {
            kill(smarm::current());
            let cut = catch_unwind(AssertUnwindSafe(|| rx.recv_match(|_| true)));
            assert!(cut.is_err() && home.send(rx).is_ok());
        });
        assert_eq!(rest(&back.recv().expect("sent home")), [1]);
        drop(victim.join());
    });
}

#[test]
fn the_closure_may_wait_and_may_receive_from_the_same_channel() {
    actors(|| {
        for (tx, rx) in with_room(5) {
            send_all(&tx, 1..=5);
            let mut inner = Vec::new();
            let found = rx.recv_match(|n| {
                sleep(Duration::from_micros(1));
                if *n == 2 {
                    inner.push(rx.recv_match(|n| *n == 4).expect("sent"));
                }
                *n == 2
            });
            assert_eq!((found, inner), (Ok(2), vec![4]));
            assert_eq!(rest(&rx), [1, 3, 5]);
        }
    });
}

#[test]
fn while_unwinding_it_gives_what_is_wanted_and_then_an_error() {
    actors(|| {
        struct Check(Option<(Receiver<u32>, Sender<bool>)>);
        impl Drop for Check {
            fn drop(&mut self) {
                let (rx, tell) = self.0.take().expect("once");
                let wanted = rx.recv_match(|n| *n == 2) == Ok(2);
                let none = rx.recv_match(|n| *n == 2).is_err_and(|error| error.is_unwinding());
                let rest = rx.recv() == Ok(1);
                tell.send(wanted && none && rest).expect("a receiver");
            }
        }
        let (tx, rx) = channel();
        let (tell, told) = channel();
        send_all(&tx, 1..=2);
        let check = Check(Some((rx, tell)));
        let message = panic_message(move || {
            let _check = check;
            panic!("to unwind");
        });
        assert_eq!(message, "to unwind");
        assert_eq!(told.recv(), Ok(true));
    });
}

#[test]
fn what_was_skipped_is_dropped_with_the_receiver() {
    let tally = Tally::new();
    for (tx, rx) in with_room(3) {
        (0..3).for_each(|n| tx.send(tally.token(n)).expect("a receiver"));
        drop(rx.try_recv_match(|token| token.value() == 1));
        assert_eq!(tally.alive(), 2);
        drop(rx);
        assert_eq!(tally.alive(), 0);
        tx.send(tally.token(9)).expect_err("nobody receives").into_inner();
    }
    tally.check();
}

/// Questions and answers among other messages, as in Erlang's calls by `receive`.
#[test]
fn whatever_is_received_how_each_message_comes_once_and_in_its_senders_order() {
    for workers in [1, 2, 4] {
        for (seed, room) in [(1, None), (2, Some(3)), (3, Some(0)), (4, Some(64))] {
            let tally = Tally::new();
            let tokens = tally.clone();
            on(workers, move || {
                let (tx, rx) = room.map_or_else(channel, bounded::<(usize, Token)>);
                let senders: Vec<_> = (0..3)
                    .map(|sender| {
                        let (tx, tokens) = (tx.clone(), tokens.clone());
                        spawn(move || {
                            (0..200).for_each(|n| tx.send((sender, tokens.token(n))).expect("a receiver"));
                        })
                    })
                    .collect();
                drop(tx);
                let (mut next, mut rng) = ([0; 3], Rng::new(seed));
                let mut note = |(sender, token): (usize, Token)| {
                    assert_eq!(token.value(), next[sender]);
                    next[sender] += 1;
                };
                let brief = Duration::from_micros(20);
                loop {
                    let wanted = rng.below(3);
                    let got = match rng.below(4) {
                        0 => rx.recv().ok(),
                        1 => rx.recv_match_timeout(brief, |(sender, _)| *sender == wanted).ok(),
                        2 => rx.try_recv_match(|(sender, _)| *sender == wanted).ok(),
                        _ => select! { got = rx.recv() => got.ok(), after(brief) => None },
                    };
                    let is_over =
                        got.is_none() && rx.try_recv().map(&mut note) == Err(TryRecvError::Disconnected);
                    got.into_iter().for_each(&mut note);
                    if is_over {
                        break;
                    }
                }
                assert_eq!(next, [200; 3]);
                senders.into_iter().for_each(|sender| sender.join().expect("no panic"));
            });
            tally.check();
        }
    }
}
