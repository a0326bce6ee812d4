//! `channel::oneshot()`: one message, once.

use smarm::channel::{RecvTimeoutError, TryRecvError, oneshot};
use smarm::{channel, sleep, spawn, yield_now};
use smarm_tests::{Rng, Tally, actors, on, plain};
use std::time::Duration;

#[test]
fn the_message_arrives() {
    actors(|| {
        let (tx, rx) = oneshot();
        tx.send("once").expect("the receiver is here");
        assert_eq!(rx.recv(), Ok("once"));
    });
}

#[test]
fn a_waiting_receiver_is_woken() {
    actors(|| {
        let (tx, rx) = oneshot();
        let receiver = spawn(move || rx.recv());
        yield_now();
        tx.send(1).expect("it receives");
        assert_eq!(receiver.join().expect("no panic"), Ok(1));
    });
}

#[test]
fn a_receiver_is_told_when_the_sender_drops() {
    actors(|| {
        let (tx, rx) = oneshot::<u8>();
        let receiver = spawn(move || rx.recv());
        yield_now();
        drop(tx);
        assert!(receiver.join().expect("no panic").is_err());
        let (tx, rx) = oneshot::<u8>();
        drop(tx);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        assert!(rx.recv().is_err());
    });
}

#[test]
fn a_value_comes_back_when_the_receiver_is_gone() {
    actors(|| {
        let tally = Tally::new();
        let (tx, rx) = oneshot();
        drop(rx);
        let token = tx.send(tally.token(9)).expect_err("disconnected").0;
        assert_eq!((token.value(), tally.alive()), (9, 1));
        drop(token);
        tally.check();
    });
}

#[test]
fn a_value_that_nobody_receives_is_dropped_once() {
    actors(|| {
        let tally = Tally::new();
        let (tx, rx) = oneshot();
        tx.send(tally.token(1)).expect("the receiver is here");
        assert_eq!(tally.alive(), 1);
        drop(rx);
        tally.check();
    });
}

#[test]
fn a_value_that_is_received_is_dropped_once() {
    actors(|| {
        let tally = Tally::new();
        let (tx, rx) = oneshot();
        tx.send(tally.token(1)).expect("the receiver is here");
        drop(rx.recv().expect("the token"));
        tally.check();
    });
}

#[test]
fn try_recv_tells_empty_from_disconnected() {
    actors(|| {
        let (tx, rx) = oneshot();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        tx.send(1).expect("the receiver is here");
        assert_eq!(rx.try_recv(), Ok(1));
    });
}

#[test]
fn recv_timeout_tells_timeout_from_disconnected() {
    actors(|| {
        let (tx, rx) = oneshot::<u8>();
        assert_eq!(rx.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        assert_eq!(rx.recv_timeout(Duration::from_millis(2)), Err(RecvTimeoutError::Timeout));
        drop(tx);
        assert_eq!(rx.recv_timeout(Duration::MAX), Err(RecvTimeoutError::Disconnected));
    });
}

#[test]
fn a_receiver_whose_time_is_up_may_try_again() {
    actors(|| {
        let (tx, rx) = oneshot();
        assert_eq!(rx.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        let sender = spawn(move || tx.send(5));
        assert_eq!(rx.recv_timeout(Duration::MAX), Ok(5));
        sender.join().expect("no panic").expect("the receiver is here");
    });
}

#[test]
fn a_message_that_races_with_a_leaving_receiver_is_delivered_or_handed_back() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let mut rng = Rng::new(workers as u64);
            let tally = Tally::new();
            for round in 0..300 {
                let (tx, rx) = oneshot();
                let (mut slow, token) = (rng.fork(), tally.token(round));
                let sender = spawn(move || {
                    sleep(slow.micros(80));
                    tx.send(token).is_ok()
                });
                let received = rx.recv_timeout(rng.micros(80)).is_ok();
                drop(rx);
                let sent = sender.join().expect("no panic");
                assert!(sent || !received, "what was received was sent");
            }
            tally.check();
        });
    }
}

#[test]
fn a_reply_comes_back_through_a_channel() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let (ask, asked) = channel();
            let (reply, answer) = oneshot();
            ask.send((7, reply)).expect("the server will come");
            let server = spawn(move || {
                for (n, reply) in asked.iter() {
                    reply.send(n * n).expect("it waits");
                }
            });
            assert_eq!(answer.recv(), Ok(49));
            for n in 0..1000 {
                let (reply, answer) = oneshot();
                ask.send((n, reply)).expect("the server lives");
                assert_eq!(answer.recv(), Ok(n * n));
            }
            drop(ask);
            server.join().expect("no panic");
        });
    }
}

#[test]
fn a_plain_thread_may_hold_either_end() {
    plain(|| {
        let (tx, rx) = oneshot();
        let thread = std::thread::spawn(move || rx.recv());
        smarm::run(move || tx.send(1).expect("it receives"));
        assert_eq!(thread.join().expect("no panic"), Ok(1));
        let (tx, rx) = oneshot();
        let thread = std::thread::spawn(move || tx.send(2).is_ok());
        assert_eq!(smarm::run(move || rx.recv()), Ok(2));
        assert!(thread.join().expect("no panic"));
    });
}
