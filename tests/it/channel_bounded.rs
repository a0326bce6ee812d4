//! `channel::bounded(n)` with room for at least one.

use smarm::channel::{SendTimeoutError, TryRecvError, TrySendError, bounded};
use smarm::{channel, sleep, spawn, yield_now};
use smarm_tests::{Rng, Tally, Token, actors, on, plain};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

#[test]
fn there_is_room_for_exactly_as_many_as_promised() {
    actors(|| {
        for room in [1, 2, 3, 7, 64, 1000] {
            let (tx, rx) = bounded(room);
            for n in 0..room {
                tx.try_send(n).expect("room");
            }
            assert!(matches!(tx.try_send(room), Err(TrySendError::Full(n)) if n == room));
            assert_eq!(rx.recv(), Ok(0));
            tx.try_send(room).expect("room again");
            assert!(tx.try_send(0).is_err());
            drop(tx);
            assert!(rx.iter().eq(1..=room));
        }
    });
}

#[test]
fn messages_arrive_in_order_whatever_the_room() {
    for workers in [1, 2, 4] {
        for room in [1, 2, 5, 64] {
            on(workers, move || {
                const SENDERS: usize = 4;
                let (tx, rx) = bounded(room);
                for sender in 0..SENDERS {
                    let tx = tx.clone();
                    spawn(move || (0..300).for_each(|n| tx.send((sender, n)).expect("the root receives")));
                }
                drop(tx);
                let mut next = [0; SENDERS];
                for (sender, n) in rx.iter() {
                    assert_eq!(n, next[sender], "of sender {sender}");
                    next[sender] += 1;
                }
                assert_eq!(next, [300; SENDERS]);
            });
        }
    }
}

#[test]
fn a_sender_never_gets_further_ahead_than_there_is_room() {
    const ROOM: usize = 3;
    actors(|| {
        let (tx, rx) = bounded(ROOM);
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        spawn(move || {
            for n in 0..100 {
                tx.send(n).expect("the root receives");
                count.fetch_add(1, SeqCst);
            }
        });
        for n in 0..100 {
            for _ in 0..5 {
                yield_now();
            }
            assert!(sent.load(SeqCst) <= n + ROOM);
            assert_eq!(rx.recv(), Ok(n));
        }
        assert!(rx.recv().is_err());
    });
}

#[test]
fn a_waiting_sender_is_woken_by_room() {
    actors(|| {
        let (tx, rx) = bounded(1);
        tx.send(1).expect("room");
        let sender = spawn(move || tx.send(2).is_ok());
        yield_now();
        assert_eq!(rx.recv(), Ok(1));
        assert_eq!(rx.recv(), Ok(2));
        assert!(sender.join().expect("no panic"));
    });
}

#[test]
fn try_recv_makes_room_too() {
    actors(|| {
        let (tx, rx) = bounded(1);
        tx.send(0).expect("room");
        let sender = spawn(move || (1..50).for_each(|n| tx.send(n).expect("the root receives")));
        let mut expected = 0;
        loop {
            match rx.try_recv() {
                Ok(n) => {
                    assert_eq!(n, expected);
                    expected += 1;
                }
                Err(TryRecvError::Empty) => yield_now(),
                Err(_) => break,
            }
        }
        assert_eq!(expected, 50);
        sender.join().expect("no panic");
    });
}

#[test]
fn all_waiting_senders_are_woken_when_the_receiver_drops_and_get_their_values_back() {
    actors(|| {
        let tally = Tally::new();
        let (tx, rx) = bounded(1);
        tx.send(tally.token(100)).expect("room");
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
fn a_sender_with_a_timeout_gets_its_value_back() {
    actors(|| {
        let (tx, rx) = bounded(1);
        tx.send("first".to_owned()).expect("room");
        for timeout in [Duration::ZERO, Duration::from_millis(2)] {
            let error = tx.send_timeout("second".to_owned(), timeout).expect_err("full");
            assert!(matches!(error, SendTimeoutError::Timeout(text) if text == "second"));
        }
        assert_eq!(rx.recv().expect("a message"), "first");
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "what timed out is not delivered later");
        tx.send_timeout("third".to_owned(), Duration::ZERO).expect("room again");
        drop(rx);
        let error = tx.send_timeout("fourth".to_owned(), Duration::MAX).expect_err("disconnected");
        assert!(matches!(error, SendTimeoutError::Disconnected(text) if text == "fourth"));
    });
}

#[test]
fn a_sender_that_waits_with_a_timeout_is_woken_by_room_and_disconnection() {
    actors(|| {
        let (tx, rx) = bounded(1);
        tx.send(0).expect("room");
        let sender = spawn(move || (1..).find_map(|n| tx.send_timeout(n, Duration::MAX).err()));
        assert_eq!((rx.recv(), rx.recv()), (Ok(0), Ok(1)));
        drop(rx);
        let error = sender.join().expect("no panic").expect("the root has left");
        assert!(matches!(error, SendTimeoutError::Disconnected(2..)), "{error:?}");
    });
}

#[test]
fn a_sender_that_leaves_hands_its_wake_on() {
    // One place becomes free; the sender woken for it may be giving up at that moment: the next has to be told, or the
    // patient one and the receiver wait for each other for ever.
    for workers in [1, 2, 4] {
        on(workers, move || {
            let mut rng = Rng::new(workers as u64);
            for _ in 0..200 {
                let (tx, rx) = bounded(1);
                tx.send(false).expect("room");
                for _ in 0..3 {
                    let (tx, timeout) = (tx.clone(), rng.micros(60));
                    spawn(move || tx.send_timeout(false, timeout).is_ok());
                }
                let patient = spawn(move || tx.send(true).is_ok());
                sleep(rng.micros(60));
                assert!(rx.iter().any(|last| last), "the patient one's message arrives");
                assert!(patient.join().expect("no panic"));
            }
        });
    }
}

#[test]
fn each_value_is_delivered_or_handed_back_and_dropped_once() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let mut rng = Rng::new(7 + workers as u64);
            let tally = Tally::new();
            for _ in 0..20 {
                let (tx, rx) = bounded::<Token>(1 + rng.below(3));
                let senders: Vec<_> = (0..4)
                    .map(|_| {
                        let (tx, tally, mut rng) = (tx.clone(), tally.clone(), rng.fork());
                        spawn(move || {
                            let send = |n| tx.send_timeout(tally.token(n), rng.micros(50)).is_ok();
                            (0..20).map(send).filter(|sent| *sent).count()
                        })
                    })
                    .collect();
                drop(tx);
                let mut received = 0;
                loop {
                    match rx.recv_timeout(rng.micros(50)) {
                        Ok(_) => received += 1,
                        Err(channel::RecvTimeoutError::Disconnected) => break,
                        Err(_) => {}
                    }
                }
                let sent: usize = senders.into_iter().map(|sender| sender.join().expect("no panic")).sum();
                assert_eq!(received, sent, "delivered and said to be delivered");
            }
            tally.check();
        });
    }
}

#[test]
fn values_left_in_the_queue_are_dropped_with_the_receiver() {
    actors(|| {
        let tally = Tally::new();
        let (tx, rx) = bounded(10);
        // Half way round the ring first.
        for n in 0..17 {
            tx.send(tally.token(n)).expect("room");
            if n < 10 {
                drop(rx.recv());
            }
        }
        assert_eq!(tally.alive(), 7);
        drop(rx);
        assert_eq!(tally.alive(), 0);
        drop(tx);
        tally.check();
    });
}

#[test]
fn values_left_in_the_queue_are_received_after_the_senders_went() {
    actors(|| {
        let tally = Tally::new();
        let (tx, rx) = bounded(4);
        for n in 0..4 {
            tx.send(tally.token(n)).expect("room");
        }
        drop(tx);
        assert_eq!(rx.iter().map(|token| token.value()).collect::<Vec<_>>(), [0, 1, 2, 3]);
        tally.check();
    });
}

#[test]
fn try_iter_takes_what_is_there() {
    actors(|| {
        let (tx, rx) = bounded(3);
        (0..3).for_each(|n| tx.send(n).expect("room"));
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn messages_without_size_are_counted() {
    actors(|| {
        let (tx, rx) = bounded::<()>(2);
        tx.try_send(()).expect("room");
        tx.try_send(()).expect("room");
        assert!(tx.try_send(()).is_err());
        drop(tx);
        assert_eq!(rx.iter().count(), 2);
    });
}

#[test]
fn a_huge_bound_costs_nothing_until_it_is_used() {
    actors(|| {
        let (tx, rx) = bounded::<[u8; 4096]>(1 << 40);
        tx.send([1; 4096]).expect("room");
        assert_eq!(rx.recv().expect("a message")[4095], 1);
        let (tx, rx) = bounded::<u8>(usize::MAX);
        tx.send(1).expect("room");
        assert_eq!(rx.recv(), Ok(1));
    });
}

#[test]
fn a_pipeline_of_small_bounds_moves_everything() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let (first, mut rx) = bounded::<u64>(1);
            for stage in 0..20 {
                let (tx, next) = bounded(1 + stage % 3);
                let before = std::mem::replace(&mut rx, next);
                spawn(move || before.iter().for_each(|n| tx.send(n + 1).expect("the next stage lives")));
            }
            spawn(move || (0..500).for_each(|n| first.send(n).expect("the first stage lives")));
            assert!(rx.iter().eq(20..520));
        });
    }
}

#[test]
fn works_outside_any_runtime() {
    plain(|| {
        let (tx, rx) = bounded(2);
        let sender = std::thread::spawn(move || (0..1000).for_each(|n| tx.send(n).expect("it receives")));
        assert!(rx.iter().eq(0..1000));
        sender.join().expect("no panic");
    });
}
