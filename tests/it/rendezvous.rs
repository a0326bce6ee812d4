//! `channel::bounded(0)`: a message passes from hand to hand.

use smarm::channel::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError, bounded};
use smarm::{sleep, spawn, yield_now};
use smarm_tests::{Rng, Tally, Token, actors, on, plain};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

#[test]
fn send_returns_only_when_the_message_was_taken() {
    actors(|| {
        let (tx, rx) = bounded(0);
        let sent = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&sent);
        let sender = spawn(move || {
            tx.send(1).expect("the root receives");
            told.store(true, SeqCst);
        });
        for _ in 0..100 {
            yield_now();
        }
        assert!(!sent.load(SeqCst), "nobody has received");
        assert_eq!(rx.recv(), Ok(1));
        sender.join().expect("no panic");
        assert!(sent.load(SeqCst));
    });
}

#[test]
fn sender_and_receiver_may_come_in_either_order() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let (tx, rx) = bounded(0);
            let sender = spawn(move || {
                let mut rng = Rng::new(1);
                for n in 0..500 {
                    if rng.one_in(2) {
                        yield_now();
                    }
                    tx.send(n).expect("the root receives");
                }
            });
            let mut rng = Rng::new(2);
            for n in 0..500 {
                if rng.one_in(2) {
                    yield_now();
                }
                assert_eq!(rx.recv(), Ok(n));
            }
            sender.join().expect("no panic");
        });
    }
}

#[test]
fn messages_of_each_sender_stay_in_order() {
    for workers in [1, 2, 4] {
        on(workers, || {
            const SENDERS: usize = 4;
            let (tx, rx) = bounded(0);
            for sender in 0..SENDERS {
                let tx = tx.clone();
                spawn(move || (0..200).for_each(|n| tx.send((sender, n)).expect("the root receives")));
            }
            drop(tx);
            let mut next = [0; SENDERS];
            for (sender, n) in rx.iter() {
                assert_eq!(n, next[sender]);
                next[sender] += 1;
            }
            assert_eq!(next, [200; SENDERS]);
        });
    }
}

#[test]
fn try_send_needs_a_waiting_receiver() {
    actors(|| {
        let (tx, rx) = bounded(0);
        assert!(matches!(tx.try_send(1), Err(TrySendError::Full(1))));
        let receiver = spawn(move || rx.recv());
        // Full until it waits.
        while tx.try_send(2).is_err() {
            yield_now();
        }
        assert_eq!(receiver.join().expect("no panic"), Ok(2));
        assert!(matches!(tx.try_send(3), Err(TrySendError::Disconnected(3))));
    });
}

#[test]
fn try_recv_needs_a_waiting_sender() {
    actors(|| {
        let (tx, rx) = bounded(0);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        let sender = spawn(move || tx.send(1).is_ok());
        let got = loop {
            match rx.try_recv() {
                Err(TryRecvError::Empty) => yield_now(),
                other => break other,
            }
        };
        assert_eq!(got, Ok(1));
        assert!(sender.join().expect("no panic"));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
}

#[test]
fn try_iter_takes_the_messages_of_waiting_senders() {
    on(1, || {
        let (tx, rx) = bounded(0);
        for n in 0..3 {
            let tx = tx.clone();
            spawn(move || tx.send(n).expect("the root receives"));
        }
        let mut got = Vec::new();
        while got.len() < 3 {
            got.extend(rx.try_iter());
            yield_now();
        }
        got.sort_unstable();
        assert_eq!(got, [0, 1, 2]);
    });
}

#[test]
fn a_sender_without_receiver_gets_its_value_back_in_time() {
    actors(|| {
        let tally = Tally::new();
        let (tx, rx) = bounded(0);
        for timeout in [Duration::ZERO, Duration::from_millis(2)] {
            match tx.send_timeout(tally.token(5), timeout) {
                Err(SendTimeoutError::Timeout(token)) => assert_eq!(token.value(), 5),
                other => panic!("{other:?}"),
            }
            tally.check();
        }
        assert_eq!(rx.try_recv().map(drop), Err(TryRecvError::Empty), "it is not delivered later");
        drop(rx);
        assert!(matches!(
            tx.send_timeout(tally.token(6), Duration::MAX),
            Err(SendTimeoutError::Disconnected(_))
        ));
        tally.check();
    });
}

#[test]
fn a_receiver_without_sender_leaves_in_time() {
    actors(|| {
        let (tx, rx) = bounded::<u8>(0);
        assert_eq!(rx.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        assert_eq!(rx.recv_timeout(Duration::from_millis(2)), Err(RecvTimeoutError::Timeout));
        assert!(tx.try_send(1).is_err(), "nobody waits any more");
        drop(tx);
        assert_eq!(rx.recv_timeout(Duration::MAX), Err(RecvTimeoutError::Disconnected));
    });
}

#[test]
fn waiting_senders_get_their_values_back_when_the_receiver_drops() {
    actors(|| {
        let tally = Tally::new();
        let (tx, rx) = bounded(0);
        let senders: Vec<_> = (0..10)
            .map(|n| {
                let (tx, token) = (tx.clone(), tally.token(n));
                spawn(move || tx.send(token).map_err(|error| error.0.value()))
            })
            .collect();
        yield_now();
        drop(rx);
        for (n, sender) in senders.into_iter().enumerate() {
            assert_eq!(sender.join().expect("no panic"), Err(n as u64));
        }
        tally.check();
    });
}

#[test]
fn a_waiting_receiver_is_told_when_the_last_sender_drops() {
    actors(|| {
        let (tx, rx) = bounded::<u8>(0);
        let receiver = spawn(move || rx.recv());
        yield_now();
        drop(tx);
        assert!(receiver.join().expect("no panic").is_err());
    });
}

#[test]
fn a_value_is_delivered_or_handed_back_never_both_nor_neither() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let mut rng = Rng::new(3 + workers as u64);
            let tally = Tally::new();
            for _ in 0..20 {
                let (tx, rx) = bounded::<Token>(0);
                let senders: Vec<_> = (0..3)
                    .map(|_| {
                        let (tx, tally, mut rng) = (tx.clone(), tally.clone(), rng.fork());
                        spawn(move || {
                            let mut sent = 0;
                            for n in 0..20 {
                                sent += usize::from(tx.send_timeout(tally.token(n), rng.micros(40)).is_ok());
                            }
                            sent
                        })
                    })
                    .collect();
                drop(tx);
                let mut received = 0;
                loop {
                    match rx.recv_timeout(rng.micros(40)) {
                        Ok(_) => received += 1,
                        Err(RecvTimeoutError::Disconnected) => break,
                        Err(_) if rng.one_in(4) => sleep(rng.micros(40)),
                        Err(_) => {}
                    }
                }
                let sent: usize = senders.into_iter().map(|sender| sender.join().expect("no panic")).sum();
                assert_eq!(received, sent);
            }
            tally.check();
        });
    }
}

#[test]
fn large_and_empty_messages_pass() {
    actors(|| {
        let (tx, rx) = bounded(0);
        let sender = spawn(move || tx.send([3_u64; 512]).is_ok());
        assert_eq!(rx.recv().expect("a message").iter().sum::<u64>(), 3 * 512);
        assert!(sender.join().expect("no panic"));
        let (tx, rx) = bounded(0);
        let sender = spawn(move || tx.send(()).is_ok());
        assert_eq!(rx.recv(), Ok(()));
        assert!(sender.join().expect("no panic"));
    });
}

#[test]
fn works_outside_any_runtime() {
    plain(|| {
        let (tx, rx) = bounded(0);
        let sender = std::thread::spawn(move || (0..200).for_each(|n| tx.send(n).expect("it receives")));
        assert!(rx.iter().eq(0..200));
        sender.join().expect("no panic");
    });
}
