//! `channel()`: unbounded, many senders, one receiver.

use smarm::channel::{Receiver, Sender, TryRecvError};
use smarm::{channel, sleep, spawn, yield_now};
use smarm_tests::{Rng, Tally, Token, actors, on, plain};
use std::time::Duration;

#[test]
fn messages_arrive_in_the_order_they_were_sent() {
    actors(|| {
        let (tx, rx) = channel();
        let sender = spawn(move || (0..1000).for_each(|n| tx.send(n).expect("the root receives")));
        for n in 0..1000 {
            assert_eq!(rx.recv(), Ok(n));
        }
        assert!(rx.recv().is_err());
        sender.join().expect("no panic");
    });
}

#[test]
fn messages_of_each_sender_stay_in_order() {
    for workers in [1, 2, 4] {
        on(workers, || {
            const SENDERS: usize = 8;
            let (tx, rx) = channel();
            for sender in 0..SENDERS {
                let tx = tx.clone();
                spawn(move || {
                    let mut rng = Rng::new(sender as u64);
                    for n in 0..500_usize {
                        tx.send((sender, n)).expect("the root receives");
                        if rng.one_in(10) {
                            yield_now();
                        }
                    }
                });
            }
            drop(tx);
            let mut next = [0; SENDERS];
            for (sender, n) in rx.iter() {
                assert_eq!(n, next[sender], "of sender {sender}");
                next[sender] += 1;
            }
            assert_eq!(next, [500; SENDERS]);
        });
    }
}

#[test]
fn what_happened_before_a_send_is_seen_after_the_receive() {
    use std::sync::{Arc, atomic};
    on(2, || {
        let memory = Arc::new(atomic::AtomicU64::new(0));
        let (tx, rx) = channel();
        let writer = Arc::clone(&memory);
        spawn(move || {
            for n in 1..=1000 {
                writer.store(n, atomic::Ordering::Relaxed);
                tx.send(n).expect("the root receives");
            }
        });
        for n in rx.iter() {
            assert!(memory.load(atomic::Ordering::Relaxed) >= n);
        }
    });
}

#[test]
fn send_never_waits() {
    on(1, || {
        let (tx, rx) = channel();
        for n in 0..100_000 {
            tx.send(n).expect("the receiver is here");
        }
        assert!(tx.try_send(100_000).is_ok());
        assert!(tx.send_timeout(100_001, Duration::ZERO).is_ok());
        drop(tx);
        assert!(rx.iter().eq(0..=100_001));
    });
}

#[test]
fn a_waiting_receiver_is_woken_by_a_message() {
    actors(|| {
        let (tx, rx) = channel();
        let receiver = spawn(move || rx.recv());
        yield_now();
        tx.send(1).expect("it receives");
        assert_eq!(receiver.join().expect("no panic"), Ok(1));
    });
}

#[test]
fn a_waiting_receiver_is_woken_when_the_last_sender_drops() {
    actors(|| {
        let (tx, rx) = channel::<u8>();
        let other = tx.clone();
        let receiver = spawn(move || rx.recv());
        yield_now();
        drop(tx);
        yield_now();
        assert!(!receiver.is_finished(), "one sender is left");
        drop(other);
        assert!(receiver.join().expect("no panic").is_err());
    });
}

#[test]
fn a_receiver_gets_what_was_sent_before_the_senders_dropped() {
    actors(|| {
        let (tx, rx) = channel();
        tx.send(1).expect("the receiver is here");
        tx.send(2).expect("the receiver is here");
        drop(tx);
        assert_eq!(rx.recv(), Ok(1));
        assert_eq!(rx.try_recv(), Ok(2));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        assert!(rx.recv().is_err());
        assert!(rx.recv().is_err(), "and so it stays");
    });
}

#[test]
fn a_sender_learns_that_the_receiver_is_gone_and_gets_its_value_back() {
    actors(|| {
        let (tx, rx) = channel();
        tx.send("kept until the receiver drops".to_owned()).expect("the receiver is here");
        drop(rx);
        assert_eq!(tx.send("back".to_owned()).expect_err("disconnected").0, "back");
        let error = tx.try_send("back".to_owned()).expect_err("disconnected");
        assert!(matches!(error, channel::TrySendError::Disconnected(text) if text == "back"));
        let error = tx.send_timeout("back".to_owned(), Duration::MAX).expect_err("disconnected");
        assert!(matches!(error, channel::SendTimeoutError::Disconnected(text) if text == "back"));
    });
}

#[test]
fn try_recv_tells_empty_from_disconnected() {
    actors(|| {
        let (tx, rx) = channel::<u8>();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        drop(tx);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
}

#[test]
fn recv_timeout_tells_timeout_from_disconnected() {
    use smarm::channel::RecvTimeoutError::{Disconnected, Timeout};
    actors(|| {
        let (tx, rx) = channel::<u8>();
        assert_eq!(rx.recv_timeout(Duration::ZERO), Err(Timeout));
        assert_eq!(rx.recv_timeout(Duration::from_millis(2)), Err(Timeout));
        drop(tx);
        assert_eq!(rx.recv_timeout(Duration::ZERO), Err(Disconnected));
        assert_eq!(rx.recv_timeout(Duration::MAX), Err(Disconnected));
    });
}

#[test]
fn recv_timeout_takes_what_is_there_even_without_time() {
    actors(|| {
        let (tx, rx) = channel();
        tx.send(1).expect("the receiver is here");
        tx.send(2).expect("the receiver is here");
        assert_eq!(rx.recv_timeout(Duration::ZERO), Ok(1));
        assert_eq!(rx.recv_timeout(Duration::MAX), Ok(2));
    });
}

#[test]
fn a_receiver_that_waits_with_a_timeout_is_woken_by_message_and_disconnection() {
    actors(|| {
        let (tx, rx) = channel();
        let receiver = spawn(move || (rx.recv_timeout(Duration::MAX), rx.recv_timeout(Duration::MAX)));
        yield_now();
        tx.send(1).expect("it receives");
        yield_now();
        drop(tx);
        let (first, second) = receiver.join().expect("no panic");
        assert_eq!(first, Ok(1));
        assert_eq!(second, Err(channel::RecvTimeoutError::Disconnected));
    });
}

#[test]
fn iterators_end_where_they_should() {
    actors(|| {
        let (tx, rx) = channel();
        (0..3).for_each(|n| tx.send(n).expect("the receiver is here"));
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(rx.try_iter().next(), None, "empty, not disconnected");
        (3..6).for_each(|n| tx.send(n).expect("the receiver is here"));
        assert_eq!(rx.iter().take(2).collect::<Vec<_>>(), [3, 4]);
        drop(tx);
        assert_eq!(rx.iter().collect::<Vec<_>>(), [5]);
        assert_eq!(rx.iter().next(), None);
    });
}

#[test]
fn a_receiver_can_be_looped_over() {
    actors(|| {
        let (tx, rx) = channel();
        (0..4).for_each(|n| tx.send(n).expect("the receiver is here"));
        for n in &rx {
            if n == 1 {
                break;
            }
        }
        drop(tx);
        let mut rest = Vec::new();
        for n in rx {
            rest.push(n);
        }
        assert_eq!(rest, [2, 3]);
    });
}

#[test]
fn values_left_in_a_channel_are_dropped_with_the_receiver() {
    actors(|| {
        let tally = Tally::new();
        let (tx, rx) = channel();
        for n in 0..100 {
            tx.send(tally.token(n)).expect("the receiver is here");
        }
        assert_eq!(rx.recv().expect("a token").value(), 0);
        drop(rx);
        assert_eq!(tally.alive(), 0, "although a sender is still there");
        drop(tx.send(tally.token(1)).expect_err("disconnected"));
        drop(tx);
        tally.check();
    });
}

#[test]
fn values_left_in_a_channel_are_dropped_when_the_senders_went_first() {
    actors(|| {
        let tally = Tally::new();
        let (tx, rx) = channel();
        for n in 0..100 {
            tx.send(tally.token(n)).expect("the receiver is here");
        }
        drop(tx);
        assert_eq!(tally.alive(), 100);
        drop(rx);
        tally.check();
    });
}

#[test]
fn values_left_by_actors_that_have_ended_are_dropped() {
    for workers in [1, 2, 4] {
        let tally = Tally::new();
        let inside = tally.clone();
        on(workers, move || {
            let (tx, rx) = channel::<Token>();
            for n in 0..50 {
                let (tx, tally) = (tx.clone(), inside.clone());
                spawn(move || {
                    for _ in 0..20 {
                        // Handed back when the receiver has left: dropped here.
                        tx.send(tally.token(n)).ok();
                        yield_now();
                    }
                });
            }
            spawn(move || rx.iter().take(100).count());
        });
        assert_eq!(tally.made(), 1000);
        tally.check();
    }
}

#[test]
fn a_value_whose_drop_uses_its_own_channel_is_fine() {
    struct Echo(Sender<Option<Echo>>);
    impl Drop for Echo {
        fn drop(&mut self) {
            self.0.send(None).ok();
        }
    }
    actors(|| {
        let (tx, rx) = channel();
        for _ in 0..10 {
            tx.send(Some(Echo(tx.clone()))).expect("the receiver is here");
        }
        drop(rx);
        assert!(tx.send(None).is_err());
        let (tx, rx) = channel();
        tx.send(Some(Echo(tx.clone()))).expect("the receiver is here");
        drop(tx);
        let received = rx.recv().expect("an echo");
        drop(received);
        assert!(matches!(rx.recv(), Ok(None)));
        assert!(rx.recv().is_err());
    });
}

#[test]
fn a_value_whose_drop_panics_harms_only_the_one_that_drops_it() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("bomb");
            }
        }
    }
    actors(|| {
        let (tx, rx) = channel();
        for _ in 0..10 {
            assert!(tx.send(Bomb).is_ok(), "the receiver is here");
        }
        smarm_tests::panic_payload(move || drop(rx));
        let returned = std::mem::ManuallyDrop::new(tx.send(Bomb));
        assert!(returned.is_err(), "the receiver is gone all the same");
    });
}

#[test]
fn messages_of_every_size_arrive() {
    actors(|| {
        let (tx, rx) = channel::<()>();
        (0..100).for_each(|_| tx.send(()).expect("the receiver is here"));
        drop(tx);
        assert_eq!(rx.iter().count(), 100);
        let (tx, rx) = channel::<[u64; 1000]>();
        (0..100).for_each(|n| tx.send([n; 1000]).expect("the receiver is here"));
        drop(tx);
        assert!(rx.iter().enumerate().all(|(n, block)| block == [n as u64; 1000]));
    });
}

#[test]
fn over_aligned_messages_stay_aligned() {
    #[repr(align(128))]
    struct Wide(u8);
    actors(|| {
        let (tx, rx) = channel();
        (0..100).for_each(|n| assert!(tx.send(Wide(n)).is_ok(), "the receiver is here"));
        for n in 0..100 {
            let wide = rx.recv().expect("a message");
            assert!(std::ptr::from_ref(std::hint::black_box(&wide)).addr().is_multiple_of(128));
            assert_eq!(wide.0, n);
        }
    });
}

#[test]
fn ends_may_be_sent_over_channels() {
    actors(|| {
        let (tx, rx) = channel::<(Sender<u32>, Receiver<u32>)>();
        let server = spawn(move || {
            for (answers, questions) in rx.iter() {
                questions.iter().for_each(|n| answers.send(n * 2).expect("it asked"));
            }
        });
        for n in 0..10 {
            let (ask, questions) = channel();
            let (answers, answer) = channel();
            tx.send((answers, questions)).expect("the server lives");
            ask.send(n).expect("the server lives");
            drop(ask);
            assert_eq!(answer.iter().collect::<Vec<_>>(), [n * 2]);
        }
        drop(tx);
        server.join().expect("no panic");
    });
}

#[test]
fn a_receiver_moves_to_another_actor_between_messages() {
    actors(|| {
        let (tx, mut rx) = channel();
        for n in 0..100 {
            let receiver = spawn(move || (rx.recv(), rx));
            tx.send(n).expect("somebody receives");
            let got;
            (got, rx) = receiver.join().expect("no panic");
            assert_eq!(got, Ok(n));
        }
    });
}

#[test]
fn ping_pong_goes_on_for_long() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let (ping, pinged) = channel();
            let (pong, ponged) = channel();
            let partner = spawn(move || pinged.iter().for_each(|n: u32| pong.send(n + 1).expect("root")));
            for n in 0..10_000 {
                ping.send(n).expect("the partner lives");
                assert_eq!(ponged.recv(), Ok(n + 1));
            }
            drop(ping);
            partner.join().expect("no panic");
        });
    }
}

#[test]
fn a_message_goes_round_a_ring() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let (first, mut rx) = channel::<u32>();
            for _ in 0..100 {
                let (tx, next) = channel();
                let before = std::mem::replace(&mut rx, next);
                spawn(move || before.iter().for_each(|n| tx.send(n + 1).expect("the ring is whole")));
            }
            let mut n = 0;
            for _ in 0..100 {
                first.send(n).expect("the ring is whole");
                n = rx.recv().expect("the ring is whole");
            }
            assert_eq!(n, 10_000);
        });
    }
}

#[test]
fn a_message_that_races_with_a_timeout_is_received_once_or_stays() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let mut rng = Rng::new(workers as u64);
            let tally = Tally::new();
            for round in 0..300 {
                let (tx, rx) = channel();
                let (mut slow, token) = (rng.fork(), tally.token(round));
                let sender = spawn(move || {
                    sleep(slow.micros(100));
                    tx.send(token).map_err(|error| error.0)
                });
                let received = rx.recv_timeout(rng.micros(100)).is_ok();
                let sent = sender.join().expect("no panic").is_ok();
                assert!(sent, "its receiver was there all the time");
                assert_eq!(rx.try_iter().count(), usize::from(!received));
            }
            tally.check();
        });
    }
}

#[test]
fn works_outside_any_runtime() {
    plain(|| {
        let (tx, rx) = channel();
        let sender = std::thread::spawn(move || (0..1000).for_each(|n| tx.send(n).expect("it receives")));
        assert!(rx.iter().eq(0..1000));
        sender.join().expect("no panic");
    });
}
