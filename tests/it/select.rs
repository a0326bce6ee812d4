//! `select!`: one of several things is done, and of the others nothing.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, RecvError, Sender, TryRecvError, TrySendError, bounded, oneshot};
use smarm::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use smarm::runtime::{Config, Deadlock, Runtime, init};
use smarm::{Builder, ExitReason, JoinHandle, channel, io, no_preempt, scope, select, spawn, yield_now};
use smarm_tests::{Rng, Tally, Token, actors, on, panic_message, plain, runtime};
use std::cell::Cell;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);

pub struct Idler;

#[smarm::actor]
impl Idler {
    pub fn nothing(&self) -> u8 {
        7
    }
}

/// Starts an actor that waits in `body`; on one worker it has begun to when this returns.
fn waiting<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let running = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&running);
    let actor = spawn(move || {
        tell.store(true, SeqCst);
        body()
    });
    while !running.load(SeqCst) {
        yield_now();
    }
    (0..4).for_each(|_| yield_now());
    actor
}

/// Runs `body` on one worker, and with more workers than processors, with the runtime in hand.
fn with_runtimes<F: FnOnce(&Runtime) + Clone + Send + 'static>(body: F) {
    plain(|| {
        for workers in [1, 2, 4] {
            let runtime = Arc::new(runtime(workers));
            let (inside, body) = (Arc::clone(&runtime), body.clone());
            runtime.run(move || body(&inside));
        }
    });
}

/// Runs it in an actor, and on a plain thread.
fn anywhere(body: impl FnOnce() + Clone + Send + 'static) {
    actors(body.clone());
    plain(|| thread::spawn(body).join().expect("no panic"));
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let one = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
    (one, listener.accept().expect("a connection").0)
}

fn tcp_listener() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

// ---- each operation: at once ---------------------------------------------------------------------------------------------

#[test]
fn a_message_that_is_there_is_received_from_every_kind_of_channel() {
    anywhere(|| {
        for (tx, rx) in [channel(), bounded(1)] {
            tx.send(7).expect("a receiver");
            let (_open, silent) = channel::<u32>();
            let got = select! {
                _ = silent.recv() => unreachable!(),
                n = rx.recv() => n,
            };
            assert_eq!(got, Ok(7));
        }
        let (tx, rx) = oneshot();
        tx.send(7).expect("a receiver");
        assert_eq!(select! { n = rx.recv() => n }, Ok(7));
    });
}

#[test]
fn a_value_is_sent_where_there_is_room() {
    anywhere(|| {
        for (tx, rx) in [channel(), bounded(1)] {
            let (_open, silent) = channel::<u32>();
            select! {
                _ = silent.recv() => unreachable!(),
                sent = tx.send(7) => assert_eq!(sent, Ok(())),
            }
            assert_eq!(rx.try_recv(), Ok(7));
        }
    });
}

#[test]
fn a_channel_whose_other_side_has_gone_is_ready_with_its_error() {
    anywhere(|| {
        for (tx, rx) in [channel::<u8>(), bounded(1), bounded(0)] {
            drop(tx);
            let error = select! { n = rx.recv() => n.expect_err("nobody sends") };
            assert!(!error.is_unwinding());
        }
        for (tx, rx) in [channel::<u8>(), bounded(1), bounded(0)] {
            drop(rx);
            let error = select! { sent = tx.send(7) => sent.expect_err("nobody receives") };
            assert_eq!((error.is_unwinding(), error.into_inner()), (false, 7));
        }
        let (tx, rx) = oneshot::<u8>();
        drop(tx);
        assert!(select! { n = rx.recv() => n.is_err() });
    });
}

#[test]
fn an_end_that_has_come_is_joined() {
    actors(|| {
        let actor = spawn(|| 7);
        while !actor.is_finished() {
            yield_now();
        }
        assert_eq!(select! { result = actor.join() => result.expect("no panic") }, 7);

        let server = Idler.start();
        server.stop();
        assert!(select! { why = server.join() => why.is_normal() });
        assert!(select! { why = server.actor().join() => why.is_normal() });
    });
}

#[test]
fn a_connection_that_is_there_is_accepted() {
    anywhere(|| {
        let (listener, address) = tcp_listener();
        let _client = TcpStream::connect(address).expect("it listens");
        let (stream, from) = select! { accepted = listener.accept() => accepted.expect("a connection") };
        assert_eq!(stream.peer_addr().expect("connected"), from);
    });
}

#[test]
fn a_descriptor_that_is_ready_is_chosen() {
    anywhere(|| {
        let (mut one, other) = tcp_pair();
        one.write_all(b"x").expect("a reader");
        select! { ready = other.wait_readable() => ready.expect("readable") }
        select! { ready = other.wait_writable() => ready.expect("writable") }
        select! { ready = io::wait_readable(&other) => ready.expect("readable") }
        select! { ready = smarm::io::wait_writable(&other) => ready.expect("writable") }
    });
}

#[test]
fn times_that_have_passed_are_chosen() {
    anywhere(|| {
        let (_open, silent) = channel::<u32>();
        let by = |time: &str| -> &'static str {
            let (now, begin) = (time == "now", Instant::now());
            select! {
                _ = silent.recv() => unreachable!(),
                after(Duration::ZERO) if now => "after",
                at(begin) if !now => "at",
            }
        };
        assert_eq!((by("now"), by("then")), ("after", "at"));
    });
}

#[test]
fn default_is_chosen_if_nothing_is_ready_and_only_then() {
    anywhere(|| {
        let (tx, rx) = channel();
        let (full, _rx) = bounded(0);
        let look = || {
            select! {
                n = rx.recv() => n.ok(),
                _ = full.send(1) => unreachable!("nobody receives"),
                default => None,
            }
        };
        assert_eq!(look(), None);
        tx.send(7).expect("a receiver");
        assert_eq!((look(), look()), (Some(7), None));
    });
}

// ---- each operation: after a wait ----------------------------------------------------------------------------------------

/// A select that waits is ended by each of its arms.
fn is_woken_by(arm: impl Fn() -> String + Send + 'static, end: impl FnOnce(), expected: &str) {
    let selects = waiting(arm);
    end();
    assert_eq!(selects.join().expect("no panic"), expected);
}

#[test]
fn who_waits_is_woken_by_each_kind_of_arm() {
    actors(|| {
        for arm in 0..10 {
            let (unbounded_tx, unbounded_rx) = channel::<u8>();
            let (bounded_tx, bounded_rx) = bounded::<u8>(1);
            let (rendezvous_tx, rendezvous_rx) = bounded::<u8>(0);
            let (oneshot_tx, oneshot_rx) = oneshot::<u8>();
            let (full_tx, full_rx) = bounded::<u8>(1);
            let (unmet_tx, unmet_rx) = bounded::<u8>(0);
            full_tx.send(0).expect("room");
            let (listener, address) = tcp_listener();
            let (mut one, other) = tcp_pair();
            let (release, released) = channel::<()>();
            let thread_actor = spawn(move || released.recv().is_err());
            let server = Idler.start();
            let server_too = server.clone();
            let selects = waiting(move || {
                select! {
                    n = unbounded_rx.recv() => format!("0 {n:?}"),
                    n = bounded_rx.recv() => format!("1 {n:?}"),
                    n = rendezvous_rx.recv() => format!("2 {n:?}"),
                    n = oneshot_rx.recv() => format!("3 {n:?}"),
                    sent = full_tx.send(9) => format!("4 {sent:?}"),
                    sent = unmet_tx.send(9) => format!("5 {sent:?}"),
                    accepted = listener.accept() => format!("6 {}", accepted.is_ok()),
                    ready = other.wait_readable() => format!("7 {ready:?}"),
                    ended = thread_actor.join() => format!("8 {ended:?}"),
                    why = server_too.join() => format!("9 {why:?}"),
                    after(HOUR) => unreachable!(),
                }
            });
            let mut client = None;
            match arm {
                0 => unbounded_tx.send(7).expect("a receiver"),
                1 => bounded_tx.send(7).expect("a receiver"),
                2 => rendezvous_tx.send(7).expect("a receiver"),
                3 => oneshot_tx.send(7).expect("a receiver"),
                4 => assert_eq!(full_rx.recv(), Ok(0)),
                5 => assert_eq!(unmet_rx.recv(), Ok(9)),
                6 => client = Some(TcpStream::connect(address).expect("it listens")),
                7 => one.write_all(b"x").expect("a reader"),
                8 => drop(release),
                _ => server.stop(),
            }
            let chosen = selects.join().expect("no panic");
            let expected = match arm {
                0..=3 => format!("{arm} Ok(7)"),
                4 | 5 | 7 => format!("{arm} Ok(())"),
                6 | 8 => format!("{arm} {}", if arm == 6 { "true" } else { "Ok(true)" }),
                _ => "9 Normal".to_owned(),
            };
            assert_eq!(chosen, expected);
            server.stop();
            drop(client);
        }
    });
}

#[test]
fn who_waits_is_woken_by_the_end_of_the_other_side() {
    actors(|| {
        let (tx, rx) = channel::<u8>();
        is_woken_by(move || select! { n = rx.recv() => format!("{}", n.is_err()) }, || drop(tx), "true");
        for room in [1, 0] {
            let (tx, rx) = bounded::<u8>(room);
            is_woken_by(move || select! { n = rx.recv() => format!("{}", n.is_err()) }, || drop(tx), "true");
            let (tx, rx) = bounded::<u8>(room);
            (0..room).for_each(|_| tx.send(1).expect("room"));
            is_woken_by(
                move || select! { sent = tx.send(7) => format!("{}", sent.unwrap_err().into_inner()) },
                || drop(rx),
                "7",
            );
        }
        let (tx, rx) = oneshot::<u8>();
        let rx = Cell::new(Some(rx));
        is_woken_by(
            move || {
                let rx = rx.take().expect("called once");
                select! { n = rx.recv() => format!("{}", n.is_err()) }
            },
            || drop(tx),
            "true",
        );
    });
}

#[test]
fn descriptors_of_somebody_else_wake_who_waits() {
    anywhere(|| {
        let (one, mut other) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let (_open, silent) = channel::<()>();
        let writes = thread::spawn(move || {
            other.write_all(b"x").expect("a reader");
            other
        });
        select! {
            ready = io::wait_readable(&one) => ready.expect("readable"),
            _ = silent.recv() => unreachable!(),
            after(HOUR) => unreachable!(),
        }
        drop(writes.join());
    });
}

#[test]
fn plain_threads_wait_for_everything_too() {
    plain(|| {
        for arm in 0..4 {
            let (tx, rx) = channel::<u8>();
            let (full_tx, full_rx) = bounded::<u8>(0);
            let (listener, address) = tcp_listener();
            let chosen = thread::spawn(move || {
                select! {
                    n = rx.recv() => n.map_or(9, |_| 0),
                    sent = full_tx.send(1) => sent.map_or(9, |()| 1),
                    accepted = listener.accept() => accepted.map_or(9, |_| 2),
                    after(if arm == 3 { Duration::from_millis(1) } else { HOUR }) => 3,
                }
            });
            match arm {
                0 => tx.send(1).expect("a receiver"),
                1 => assert_eq!(full_rx.recv(), Ok(1)),
                2 => drop(TcpStream::connect(address).expect("it listens")),
                _ => {}
            }
            assert_eq!(chosen.join().expect("no panic"), arm);
        }
    });
}

#[test]
fn a_time_ends_the_wait() {
    anywhere(|| {
        let (_open, silent) = channel::<()>();
        let begin = Instant::now();
        let limit = Duration::from_millis(2);
        select! {
            _ = silent.recv() => unreachable!(),
            after(HOUR) => unreachable!(),
            after(limit) => {}
        }
        select! {
            at(begin + 2 * limit) => {}
            _ = silent.recv() => unreachable!(),
        }
        assert!(begin.elapsed() >= 2 * limit);
    });
}

// ---- losing arms have done nothing ---------------------------------------------------------------------------------------

#[test]
fn a_message_that_was_not_chosen_is_still_there() {
    actors(|| {
        for (a, from_a) in [channel(), bounded(2)] {
            let (b, from_b) = channel();
            for n in 0..2 {
                a.send(n).expect("a receiver");
                b.send(10 + n).expect("a receiver");
            }
            let mut got = Vec::new();
            for _ in 0..4 {
                select! {
                    n = from_a.recv() => got.push(n.expect("sent")),
                    n = from_b.recv() => got.push(n.expect("sent")),
                }
            }
            got.sort_unstable();
            assert_eq!(got, [0, 1, 10, 11]);
        }
    });
}

#[test]
fn a_value_that_was_not_sent_is_dropped_and_the_channel_has_nothing() {
    actors(|| {
        let tally = Tally::new();
        for room in [0, 1] {
            let (tx, rx) = bounded(room);
            (0..room).for_each(|_| tx.send(tally.token(0)).expect("room"));
            let (ready, is_ready) = channel();
            let (go, goes) = channel::<()>();
            let token = tally.token(1);
            let selects = waiting(move || {
                ready.send(()).expect("a receiver");
                select! {
                    _ = tx.send(token) => unreachable!(),
                    _ = goes.recv() => {}
                }
                tx
            });
            is_ready.recv().expect("it begins");
            go.send(()).expect("a receiver");
            let tx = selects.join().expect("no panic");
            assert_eq!(tally.alive(), room as u64);
            drop(rx.try_iter().collect::<Vec<Token>>());
            assert!(matches!(rx.try_recv(), Err(TryRecvError::Empty)));
            // Nobody is in line, so this is not sent by another one's turn.
            let full = tx.try_send(tally.token(2));
            assert_eq!(matches!(full, Err(TrySendError::Full(_))), room == 0);
        }
        tally.check();
    });
}

#[test]
fn a_rendezvous_that_was_not_chosen_has_nobody_waiting() {
    actors(|| {
        let (tx, rx) = bounded::<u8>(0);
        let (rx, back) = (rx, channel());
        let (go, goes) = channel::<()>();
        let selects = waiting(move || {
            select! {
                _ = rx.recv() => unreachable!(),
                _ = goes.recv() => {}
            }
            back.0.send(rx).expect("the root waits");
        });
        go.send(()).expect("a receiver");
        selects.join().expect("no panic");
        let rx = back.1.recv().expect("sent");
        assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
        drop(rx);
    });
}

#[test]
fn a_connection_that_was_not_chosen_is_the_next_ones() {
    actors(|| {
        let (listener, address) = tcp_listener();
        let (tx, rx) = channel();
        for n in 0..20_u32 {
            let mut client = TcpStream::connect(address).expect("it listens");
            client.write_all(&n.to_ne_bytes()).expect("connected");
            tx.send(n).expect("a receiver");
            select! {
                biased;
                got = rx.recv() => assert_eq!(got, Ok(n)),
                _ = listener.accept() => unreachable!(),
            }
            let (mut stream, _) = listener.accept().expect("the connection is there");
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes).expect("what was sent");
            assert_eq!(u32::from_ne_bytes(bytes), n);
        }
    });
}

#[test]
fn a_handle_that_was_not_chosen_can_be_joined_later() {
    actors(|| {
        let (release, released) = channel::<()>();
        let actor = spawn(move || released.recv().is_err());
        let (tx, rx) = channel();
        tx.send(()).expect("a receiver");
        let actor = select! {
            _ = actor.join() => unreachable!(),
            _ = rx.recv() => actor,
        };
        for _ in 0..3 {
            select! {
                _ = actor.join() => unreachable!(),
                after(Duration::from_micros(10)) => {}
            }
        }
        drop(release);
        assert!(actor.join().expect("no panic"));
    });
}

#[test]
fn a_oneshot_that_was_not_chosen_can_be_received_later() {
    actors(|| {
        let (tx, rx) = oneshot();
        let rx = select! {
            _ = rx.recv() => unreachable!(),
            after(Duration::from_micros(10)) => rx,
        };
        tx.send(7).expect("a receiver");
        assert_eq!(rx.recv(), Ok(7));
    });
}

#[test]
fn a_select_leaves_no_timer() {
    with_runtimes(|runtime| {
        for _ in 0..100 {
            let (tx, rx) = channel();
            let selects = waiting(move || {
                select! {
                    n = rx.recv() => n,
                    after(HOUR) => unreachable!(),
                    at(Instant::now() + HOUR) => unreachable!(),
                }
            });
            tx.send(1).expect("a receiver");
            assert_eq!(selects.join().expect("no panic"), Ok(1));
            assert_eq!(runtime.stats().sleeping_count(), 0);
        }
    });
}

#[test]
fn a_kill_in_a_select_leaves_nothing_in_any_of_its_arms() {
    with_runtimes(|runtime| {
        for round in 0..30 {
            let tally = Tally::new();
            let (a, from_a) = channel::<u64>();
            let (b, from_b) = bounded::<u64>(0);
            let (full, room) = bounded(1);
            full.send(tally.token(0)).expect("room");
            let (listener, address) = tcp_listener();
            let (listener, from_a, from_b) =
                (Arc::new(listener), Arc::new(Mutex::new(from_a)), Arc::new(Mutex::new(from_b)));
            let (release, released) = channel::<()>();
            let joined = spawn(move || released.recv().is_err());
            let server = Idler.start();
            let victim = {
                let (full, token) = (full.clone(), tally.token(1));
                let (listener, from_a, from_b) = (listener.clone(), from_a.clone(), from_b.clone());
                let server = server.clone();
                move || {
                    // Locks of `std` would be poisoned, and held over a wait: nobody else wants them meanwhile.
                    let from_a = from_a.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    let from_b = from_b.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    select! {
                        _ = from_a.recv() => unreachable!(),
                        _ = from_b.recv() => unreachable!(),
                        _ = full.send(token) => unreachable!(),
                        _ = listener.accept() => unreachable!(),
                        _ = joined.join() => unreachable!(),
                        _ = server.join() => unreachable!(),
                        after(HOUR) => unreachable!(),
                    }
                }
            };
            let victim = if round % 2 == 0 { waiting(victim) } else { spawn(victim) };
            victim.kill();
            assert!(matches!(victim.join(), Err::<(), _>(ExitReason::Killed)));
            // It has been taken back; what is counted may be a moment old.
            while runtime.stats().sleeping_count() > 0 {
                smarm::yield_now();
            }
            a.send(1).expect("a receiver");
            let lock = |rx: &Arc<Mutex<Receiver<u64>>>| {
                rx.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).try_recv()
            };
            assert_eq!(lock(&from_a), Ok(1));
            assert_eq!(b.try_send(2), Err(TrySendError::Full(2)));
            assert_eq!(lock(&from_b), Err(TryRecvError::Empty));
            assert_eq!(room.recv().expect("it was full").value(), 0);
            assert!(matches!(room.try_recv(), Err(TryRecvError::Empty)));
            tally.check();
            let client = TcpStream::connect(address).expect("it listens");
            assert!(listener.accept().is_ok());
            drop((client, release));
            assert_eq!(server.nothing().expect("it lives"), 7);
            server.stop();
        }
    });
}

/// Senders and receivers that select among rendezvous and bounded channels, give up after a while, and are killed: each value arrives once or
/// stays with its sender.
fn tournament(seed: u64, room: usize, workers: usize) {
    const PLAYERS: usize = 4;
    let tally = Tally::new();
    let in_test = tally.clone();
    on(workers, move || {
        let arrived = Arc::new(AtomicUsize::new(0));
        let gone = Arc::new(AtomicUsize::new(0));
        let (txs, rxs): (Vec<Sender<Token>>, Vec<Receiver<Token>>) =
            (0..PLAYERS).map(|_| bounded::<Token>(room)).unzip();
        let receivers: Vec<_> = rxs
            .into_iter()
            .zip(0..)
            .map(|(rx, number)| {
                let (other_tx, other_rx) = channel::<Token>();
                let (arrived, mut rng) = (arrived.clone(), Rng::new(seed + number));
                spawn(move || {
                    loop {
                        select! {
                            message = rx.recv() => match message {
                                Ok(_token) => _ = arrived.fetch_add(1, SeqCst),
                                Err(_) => break,
                            },
                            _ = other_rx.recv() => unreachable!(),
                            after(Duration::from_micros(rng.below(50) as u64)) => {}
                        }
                    }
                    drop(other_tx);
                })
            })
            .collect();
        let senders: Vec<_> = (0..PLAYERS as u64)
            .map(|number| {
                let (txs, gone, tally) = (txs.clone(), gone.clone(), in_test.clone());
                let mut rng = Rng::new(seed + 100 + number);
                spawn(move || {
                    for n in 0..200 {
                        let (one, other) = (tally.token(n), tally.token(n));
                        let (first, second) = (rng.below(4), rng.below(4));
                        let sent = select! {
                            sent = txs[first].send(one) => sent.is_ok(),
                            sent = txs[second].send(other) => sent.is_ok(),
                            after(Duration::from_micros(rng.below(50) as u64)) => false,
                        };
                        if sent {
                            gone.fetch_add(1, SeqCst);
                        }
                    }
                })
            })
            .collect();
        drop(txs);
        // One of the senders does not come to its end.
        senders[0].kill();
        senders.into_iter().for_each(|sender| drop(sender.join()));
        receivers.into_iter().for_each(|receiver| receiver.join().expect("no panic"));
        // A kill may come between the end of a select and the count.
        let (gone, arrived) = (gone.load(SeqCst), arrived.load(SeqCst));
        assert!(gone == arrived || gone + 1 == arrived, "{gone} sent, {arrived} received");
    });
    tally.check();
}

#[test]
fn values_arrive_once_or_not_at_all_whoever_selects() {
    for (seed, room) in [(1, 0), (2, 1), (3, 0), (4, 3)] {
        for workers in [1, 2, 4] {
            tournament(seed * 1000, room, workers);
        }
    }
}

#[test]
fn two_selects_meet_in_one_of_two_rendezvous() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let (a, from_a) = bounded::<u32>(0);
            let (b, from_b) = bounded::<u32>(0);
            let one = spawn(move || {
                let (mut sent, mut received) = (Vec::new(), Vec::new());
                for n in 0..300 {
                    select! {
                        done = a.send(n) => { done.expect("a receiver"); sent.push(n) }
                        got = from_b.recv() => received.push(got.expect("a sender")),
                    }
                }
                (sent, received)
            });
            let other = spawn(move || {
                let (mut sent, mut received) = (Vec::new(), Vec::new());
                for n in 0..300 {
                    select! {
                        done = b.send(n) => { done.expect("a receiver"); sent.push(n) }
                        got = from_a.recv() => received.push(got.expect("a sender")),
                    }
                }
                (sent, received)
            });
            let ((a_sent, b_received), (b_sent, a_received)) =
                (one.join().expect("no panic"), other.join().expect("no panic"));
            assert_eq!((a_sent, b_sent), (a_received, b_received));
        });
    }
}

#[test]
fn nobody_meets_himself_in_a_rendezvous() {
    actors(|| {
        let (tx, rx) = bounded::<u8>(0);
        let (go, goes) = channel::<()>();
        let selects = waiting(move || {
            select! {
                _ = tx.send(1) => unreachable!(),
                _ = rx.recv() => unreachable!(),
                _ = goes.recv() => (tx, rx),
            }
        });
        go.send(()).expect("a receiver");
        let (tx, rx) = selects.join().expect("no panic");
        // Others meet either.
        let meets = waiting(move || {
            (0..2)
                .map(|_| select! { sent = tx.send(1) => sent.is_ok(), got = rx.recv() => got.is_err() })
                .count()
        });
        meets.kill();
        assert!(matches!(meets.join(), Err(ExitReason::Killed)));
    });
}

// ---- the same thing twice, few and many -----------------------------------------------------------------------------------

#[test]
fn one_thing_may_stand_in_several_arms() {
    actors(|| {
        for (tx, rx) in [channel::<u8>(), bounded(1), bounded(0)] {
            let receives = waiting(move || {
                (0..10).map(|_| select! { n = rx.recv() => n, n = rx.recv() => n }).collect::<Vec<_>>()
            });
            (0..10).for_each(|n| tx.send(n).expect("a receiver"));
            let got = receives.join().expect("no panic");
            assert_eq!(got, (0..10).map(Ok).collect::<Vec<_>>());
        }
        let (tx, rx) = oneshot();
        let receives = waiting(move || select! { n = rx.recv() => n, n = rx.recv() => n });
        tx.send(7).expect("a receiver");
        assert_eq!(receives.join().expect("no panic"), Ok(7));
        let (tx, rx) = bounded::<u8>(0);
        let sends = waiting(move || select! { sent = tx.send(1) => sent, sent = tx.send(2) => sent });
        assert!(matches!(rx.recv(), Ok(1 | 2)));
        assert_eq!((sends.join().expect("no panic"), rx.recv().is_err()), (Ok(()), true));
        let (release, released) = channel::<()>();
        let slow = spawn(move || released.recv().is_err());
        let joins = waiting(move || select! { end = slow.join() => end, end = slow.join() => end });
        drop(release);
        assert!(joins.join().expect("no panic").expect("no panic"));
        let (listener, address) = tcp_listener();
        let accepts = waiting(move || {
            select! { stream = listener.accept() => stream.is_ok(), stream = listener.accept() => stream.is_ok() }
        });
        drop(TcpStream::connect(address).expect("it listens"));
        assert!(accepts.join().expect("no panic"));
    });
}

#[test]
fn a_dozen_arms_are_no_more_than_two() {
    actors(|| {
        let (txs, rxs): (Vec<_>, Vec<_>) = (0..12).map(|_| channel::<usize>()).unzip();
        let chosen = waiting(move || {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = &rxs[..] else { unreachable!() };
            let mut sum = 0;
            for _ in 0..24 {
                sum += select! {
                    n = a.recv() => n, n = b.recv() => n, n = c.recv() => n, n = d.recv() => n,
                    n = e.recv() => n, n = f.recv() => n, n = g.recv() => n, n = h.recv() => n,
                    n = i.recv() => n, n = j.recv() => n, n = k.recv() => n, n = l.recv() => n,
                }
                .expect("a sender");
            }
            sum
        });
        for (n, tx) in txs.iter().enumerate() {
            tx.send(n).expect("a receiver");
            yield_now();
            tx.send(100 * n).expect("a receiver");
        }
        assert_eq!(chosen.join().expect("no panic"), 101 * 66);
    });
}

// ---- order ---------------------------------------------------------------------------------------------------------------

#[test]
fn by_chance_each_arm_that_is_ready_is_chosen_now_and_then() {
    actors(|| {
        let (a, from_a) = channel();
        let (b, from_b) = channel();
        let (c, from_c) = channel();
        let mut counts = [0; 3];
        (0..900).for_each(|_| [&a, &b, &c].into_iter().for_each(|tx| tx.send(()).expect("a receiver")));
        for _ in 0..900 {
            let chosen = select! {
                _ = from_a.recv() => 0,
                _ = from_b.recv() => 1,
                _ = from_c.recv() => 2,
            };
            counts[chosen] += 1;
        }
        // Each by chance 300 times; of a thousand million million runs, one has fewer.
        assert!(counts.iter().all(|count| *count > 150), "{counts:?}");
    });
}

#[test]
fn biased_is_the_order_of_the_arms() {
    actors(|| {
        let (a, from_a) = channel();
        let (b, from_b) = channel();
        (0..50).for_each(|n| a.send(n).expect("a receiver"));
        (50..100).for_each(|n| b.send(n).expect("a receiver"));
        let next = || {
            select! {
                biased;
                n = from_a.recv() if !matches!(from_a_is_done(&from_a), Some(())) => n.expect("sent"),
                n = from_b.recv() => n.expect("sent"),
                after(Duration::ZERO) => unreachable!("both have messages first"),
            }
        };
        fn from_a_is_done(_: &Receiver<u32>) -> Option<()> {
            None
        }
        let got: Vec<u32> = (0..100).map(|_| next()).collect();
        assert_eq!(got, (0..100).collect::<Vec<_>>());
    });
}

// ---- guards, and what is evaluated when ------------------------------------------------------------------------------------

#[test]
fn an_arm_behind_a_false_guard_is_not_there() {
    actors(|| {
        let (tx, rx) = channel();
        tx.send(1).expect("a receiver");
        let nothing: Option<Receiver<u32>> = None;
        for open in [false, true] {
            let got = select! {
                n = rx.recv() if open => n.ok(),
                n = nothing.as_ref().expect("behind a guard").recv() if nothing.is_some() => n.ok(),
                after(Duration::ZERO) if !open => None,
            };
            assert_eq!(got, open.then_some(1));
        }
    });
}

#[test]
fn without_an_open_guard_and_default_it_panics_with_a_sentence() {
    let message = plain(|| {
        panic_message(|| {
            let (_tx, rx) = channel::<u8>();
            let open = std::hint::black_box(false);
            select! { _ = rx.recv() if open => {} }
        })
    });
    assert!(message.contains("nothing to wait for"), "{message}");
}

#[test]
fn what_arms_name_is_evaluated_once_and_in_their_order() {
    actors(|| {
        let log = Mutex::new(Vec::new());
        let note = |word| log.lock().expect("no panic").push(word);
        let (tx, rx) = channel::<u8>();
        let (full, _unread) = bounded(0);
        let receiver = || {
            note("receiver");
            &rx
        };
        let sends = spawn(move || tx.send(1));
        let got = select! {
            n = receiver().recv() if { note("guard"); true } => n.ok(),
            sent = { note("sender"); &full }.send({ note("value"); 1 }) => unreachable!("{sent:?}"),
            after({ note("time"); HOUR }) => None,
        };
        assert_eq!(got, Some(1));
        drop(sends.join());
        assert_eq!(*log.lock().expect("no panic"), ["guard", "receiver", "sender", "value", "time"]);
    });
}

// ---- it is an expression -------------------------------------------------------------------------------------------------

#[test]
fn bodies_leave_loops_and_functions() {
    fn first_even(rx: &Receiver<u32>) -> Result<u32, RecvError> {
        loop {
            let n = select! {
                n = rx.recv() => n?,
                after(HOUR) => return Ok(0),
            };
            if n % 2 == 1 {
                continue;
            }
            select! {
                after(Duration::ZERO) => return Ok(n),
            }
        }
    }
    fn last(rx: &Receiver<u32>) -> u32 {
        let mut last = 0;
        'outer: loop {
            loop {
                select! {
                    n = rx.recv() => match n {
                        Ok(n) => last = n,
                        Err(_) => break 'outer,
                    },
                }
                select! { default => unreachable!(), _ = rx.recv() if false => {} , after_all = some_ready().recv() => {
                    assert_eq!(after_all, Ok(()));
                    continue 'outer;
                } }
            }
        }
        last
    }
    fn some_ready() -> Receiver<()> {
        let (tx, rx) = channel();
        tx.send(()).expect("a receiver");
        rx
    }
    actors(|| {
        let (tx, rx) = channel();
        (1..=3).for_each(|n| tx.send(n).expect("a receiver"));
        assert_eq!(first_even(&rx), Ok(2));
        drop(tx);
        assert_eq!(last(&rx), 3);
        assert!(first_even(&rx).is_err());
    });
}

#[test]
fn a_pattern_takes_its_result_apart() {
    actors(|| {
        let (listener, address) = tcp_listener();
        let _client = TcpStream::connect(address).expect("it listens");
        let either = select! {
            Ok(_) | Err(_) = listener.accept() => true,
        };
        assert!(either);
    });
}

// ---- where it may not wait -------------------------------------------------------------------------------------------------

/// Runs something when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn while_unwinding_the_first_arm_has_its_error() {
    actors(|| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&seen);
        let (release, released) = channel::<()>();
        let message = panic_message(move || {
            let (tx, rx) = channel::<u8>();
            let (full, _unread) = bounded::<u8>(0);
            let (_kept, once) = oneshot::<u8>();
            let (listener, _) = tcp_listener();
            let slow = spawn(move || released.recv().is_err());
            let (mut once, mut slow) = (Some(once), Some(slow));
            let _guard = OnDrop(|| {
                let (once, slow) = (once.take().expect("once"), slow.take().expect("once"));
                let mut seen = tell.lock().expect("no panic");
                seen.push(select! { n = rx.recv() => n.unwrap_err().is_unwinding(), after(HOUR) => false });
                seen.push(select! { sent = full.send(7) => {
                    let error = sent.unwrap_err();
                    error.is_unwinding() && error.into_inner() == 7
                }, after(HOUR) => false });
                seen.push(select! { n = once.recv() => n.unwrap_err().is_unwinding() });
                seen.push(
                    select! { got = listener.accept() => io::is_unwinding(&got.map(|_| ()).unwrap_err()) },
                );
                seen.push(select! { got = listener.wait_readable() => io::is_unwinding(&got.unwrap_err()) });
                seen.push(
                    select! { got = io::wait_readable(&listener) => io::is_unwinding(&got.unwrap_err()) },
                );
                seen.push(select! { end = slow.join() => matches!(end, Err(ExitReason::Unwinding)) });
                seen.push(select! { after(HOUR) => true });
                tx.send(1).expect("a receiver");
                seen.push(select! { _ = full.send(7) => false, n = rx.recv() => n == Ok(1) });
            });
            panic!("to unwind");
        });
        assert_eq!(message, "to unwind");
        assert_eq!(*seen.lock().expect("no panic"), [true; 9]);
        drop(release);
    });
}

#[test]
fn inside_no_preempt_it_panics_if_it_would_have_to_wait() {
    actors(|| {
        let (tx, rx) = channel::<u8>();
        tx.send(1).expect("a receiver");
        assert_eq!(no_preempt(|| select! { n = rx.recv() => n }), Ok(1));
        let message = panic_message(|| no_preempt(|| select! { n = rx.recv() => _ = n }));
        assert!(message.contains("`select!`") && message.contains("no_preempt"), "{message}");
    });
}

#[test]
fn a_kill_that_is_due_takes_nothing() {
    actors(|| {
        let (tx, rx) = channel();
        let rx = Arc::new(Mutex::new(rx));
        let theirs = Arc::clone(&rx);
        let victim = spawn(move || {
            smarm::kill(smarm::current());
            let rx = theirs.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            select! { n = rx.recv() => _ = n }
        });
        tx.send(7).expect("a receiver");
        assert!(matches!(victim.join(), Err(ExitReason::Killed)));
        assert_eq!(rx.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).try_recv(), Ok(7));
    });
}

#[test]
fn a_select_works_in_a_scope_and_joins_its_actors() {
    actors(|| {
        let base = 40;
        let sum = scope(|s| {
            let (tx, rx) = channel();
            let one = s.spawn(move || tx.send(base + 1));
            let other = s.spawn(|| base + 2);
            let mut got = Vec::new();
            got.push(select! { n = rx.recv() => n.expect("sent") });
            got.push(select! { n = other.join() => n.expect("no panic"), after(HOUR) => 0 });
            one.join().expect("no panic").expect("a receiver");
            got.into_iter().sum::<u32>()
        });
        assert_eq!(sum, 83);
    });
}

#[test]
fn a_server_selects_in_its_handlers() {
    pub struct Waiter {
        rx: Receiver<u32>,
    }
    #[smarm::actor]
    impl Waiter {
        pub fn next(&self) -> Option<u32> {
            select! {
                n = self.rx.recv() => n.ok(),
                after(HOUR) => None,
            }
        }
    }
    actors(|| {
        let (tx, rx) = channel();
        let waiter = Waiter { rx }.start();
        let asks = waiting({
            let waiter = waiter.clone();
            move || waiter.timeout(HOUR).next()
        });
        tx.send(7).expect("a receiver");
        assert_eq!(asks.join().expect("no panic").expect("it lives"), Some(7));
        waiter.stop();
    });
}

// ---- deadlocks -----------------------------------------------------------------------------------------------------------

fn failing() -> Runtime {
    init(Config::exact(2).deadlock(Deadlock::Fail))
}

#[test]
fn a_select_that_waits_for_actors_alone_is_reported_with_its_place() {
    let report = plain(|| {
        panic_message(|| {
            failing().run(|| {
                let (_a, from_a) = channel::<()>();
                let (b, _from_b) = bounded::<()>(0);
                let (_c, from_c) = oneshot::<()>();
                let name = Builder::new().name("chooser");
                let chooser = name.spawn(move || {
                    select! {
                        n = from_a.recv() => _ = n,
                        n = b.send(()) => _ = n,
                        n = from_c.recv() => _ = n,
                    }
                });
                drop(chooser.expect("a stack").join());
            });
        })
    });
    assert!(report.contains("'chooser'") && report.contains("waits in a select at "), "{report}");
    assert!(report.contains("select.rs:"), "{report}");
}

#[test]
fn one_arm_that_somebody_outside_may_end_is_enough() {
    const SILENCE: Duration = Duration::from_millis(1700);
    plain(|| {
        let (outside, from_outside) = channel::<u8>();
        let later = thread::spawn(move || {
            thread::sleep(SILENCE);
            outside.send(7)
        });
        let got = failing().run(move || {
            let (_a, from_a) = channel::<u8>();
            select! {
                n = from_a.recv() => n,
                n = from_outside.recv() => n,
            }
        });
        assert_eq!(got, Ok(7));
        drop(later.join());
    });
}

#[test]
fn sockets_of_the_system_and_unix_sockets_are_selected_too() {
    actors(|| {
        let folder = std::env::temp_dir().join(format!("smarm-select-{}", std::process::id()));
        drop(std::fs::remove_file(&folder));
        let listener = UnixListener::bind(&folder).expect("a name");
        let accepts = waiting(move || {
            select! {
                accepted = listener.accept() => accepted.is_ok(),
                after(HOUR) => false,
            }
        });
        let client = UnixStream::connect(&folder).expect("it listens");
        assert!(accepts.join().expect("no panic"));
        drop(client);
        drop(std::fs::remove_file(&folder));
    });
}
