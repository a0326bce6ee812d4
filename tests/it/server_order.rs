//! The order of a server's messages: per sender first in, first out, however they are sent.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]
#![allow(
    dead_code,
    reason = "servers that differ in an option are written by one macro, with messages that not each test needs"
)]

use smarm::channel::{Receiver, TrySendError};
use smarm::{channel, check, spawn, yield_now};
use smarm_tests::{Rng, is_chaos, on, plain, runtime};
use std::thread;
use std::time::Duration;

/// Notes in which order the messages of each sender come.
#[derive(Default)]
struct Ledger {
    entries: Vec<(usize, u64)>,
}

macro_rules! ledger {
    ($name:ident, $handle:ident, $message:ident, $($options:tt)*) => {
        #[derive(Default)]
        struct $name(Ledger);

        #[smarm::actor(handle = $handle, msg = $message, $($options)*)]
        impl $name {
            pub fn note(&mut self, sender: usize, n: u64) {
                self.0.entries.push((sender, n));
            }
            pub fn ask(&mut self, sender: usize, n: u64) -> usize {
                self.0.entries.push((sender, n));
                self.0.entries.len()
            }
            /// Lets the senders go on in the middle of a message.
            pub fn slowly(&mut self, sender: usize, n: u64) {
                yield_now();
                self.0.entries.push((sender, n));
                yield_now();
            }
            pub fn hold(&mut self, gate: Receiver<()>) {
                gate.recv().ok();
            }
            pub fn close(self) -> Vec<(usize, u64)> {
                self.0.entries
            }
        }

        impl Server for $handle {
            fn send(&self, how: u64, sender: usize, n: u64) {
                match how {
                    0 => self.note(sender, n),
                    1 => _ = self.ask(sender, n).expect("it lives"),
                    2 => self.slowly(sender, n),
                    _ => {
                        let mut message = $message::Note { sender, n };
                        while let Err(TrySendError::Full(back)) = self.try_send(message) {
                            message = back;
                            yield_now();
                        }
                    }
                }
            }
            fn entries(&self) -> Vec<(usize, u64)> {
                self.close().expect("it answers")
            }
        }
    };
}

trait Server: Clone + Send + 'static {
    fn send(&self, how: u64, sender: usize, n: u64);
    fn entries(&self) -> Vec<(usize, u64)>;
}

ledger!(Usual, UsualHandle, UsualMsg, timeout = none);
ledger!(Tight, TightHandle, TightMsg, mailbox = bounded(1), timeout = none);
ledger!(Narrow, NarrowHandle, NarrowMsg, mailbox = bounded(3), timeout = none);
ledger!(Wide, WideHandle, WideMsg, mailbox = unbounded, timeout = none);

const SENDERS: usize = 4;

#[track_caller]
fn are_in_order(entries: &[(usize, u64)], each: u64) {
    let mut next = [0; SENDERS];
    for (sender, n) in entries {
        assert_eq!(*n, next[*sender], "of sender {sender}");
        next[*sender] += 1;
    }
    assert_eq!(next, [each; SENDERS]);
}

fn send_in_all_ways<S: Server>(server: &S, sender: usize, each: u64, seed: u64) {
    let mut rng = Rng::new(seed + sender as u64);
    for n in 0..each {
        check!();
        server.send(rng.range(0..4), sender, n);
        if rng.one_in(8) {
            yield_now();
        }
    }
}

fn keeps_order<S: Server>(start: fn() -> S) {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let server = start();
            let senders: Vec<_> = (0..SENDERS)
                .map(|sender| {
                    let server = server.clone();
                    smarm::Builder::new()
                        .spread()
                        .spawn(move || send_in_all_ways(&server, sender, 150, workers as u64))
                        .expect("a stack")
                })
                .collect();
            senders.into_iter().for_each(|sender| sender.join().expect("no panic"));
            are_in_order(&server.entries(), 150);
        });
    }
}

#[test]
fn each_senders_messages_are_handled_in_the_order_in_which_it_sent_them() {
    keeps_order(|| Usual::default().start());
    keeps_order(|| Wide::default().start());
}

#[test]
fn that_holds_for_senders_that_wait_for_room_too() {
    keeps_order(|| Tight::default().start());
    keeps_order(|| Narrow::default().start());
}

fn keeps_order_of_threads<S: Server + Sync>(start: fn() -> S) {
    plain(|| {
        for workers in [1, 2] {
            let (give, given) = channel::<S>();
            let senders: Vec<_> = (0..SENDERS)
                .map(|sender| {
                    let (tell, told) = std::sync::mpsc::channel::<S>();
                    let thread = thread::spawn(move || {
                        send_in_all_ways(&told.recv().expect("a server"), sender, 50, 7);
                    });
                    (tell, thread)
                })
                .collect();
            let outside = thread::spawn(move || {
                let server = given.recv().expect("the root gives one");
                senders.iter().for_each(|(tell, _)| tell.send(server.clone()).expect("it waits"));
                senders.into_iter().for_each(|(_, thread)| thread.join().expect("no panic"));
                server.entries()
            });
            runtime(workers).run(move || {
                let server = start();
                give.send(server.clone()).expect("the thread waits");
                // Until the thread is done; a call by value ends the server.
                while give.send(server.clone()).is_ok() {
                    smarm::sleep(Duration::from_millis(1));
                }
            });
            are_in_order(&outside.join().expect("no panic"), 50);
        }
    });
}

#[test]
fn that_holds_for_plain_threads() {
    keeps_order_of_threads(|| Usual::default().start());
    keeps_order_of_threads(|| Tight::default().start());
}

#[test]
fn senders_that_wait_for_room_are_served_in_the_order_in_which_they_came() {
    // On one worker a sender that has begun is at its wait when the root goes on.
    on(1, || {
        let server = Tight::default().start();
        let (open, gate) = channel();
        let (begun, waits) = channel();
        server.hold(gate);
        while server.actor().info().mailbox_len > 0 {
            yield_now();
        }
        server.note(0, 0);
        let mut parked = Vec::new();
        for sender in 1..6 {
            let (server, begun) = (server.clone(), begun.clone());
            parked.push(spawn(move || {
                begun.send(()).expect("the root listens");
                server.note(sender, 0);
            }));
            waits.recv().expect("it begins");
        }
        drop(open);
        parked.into_iter().for_each(|handle| handle.join().expect("no panic"));
        let order: Vec<_> =
            server.close().expect("it answers").into_iter().map(|(sender, _)| sender).collect();
        // In the chaos build the second one may be told before the first one has come to send.
        assert!(order == [0, 1, 2, 3, 4, 5] || is_chaos(), "{order:?}");
    });
}

#[test]
fn a_sender_that_is_woken_for_no_reason_keeps_its_place() {
    on(1, || {
        let server = Tight::default().start();
        let (open, gate) = channel();
        server.hold(gate);
        while server.actor().info().mailbox_len > 0 {
            yield_now();
        }
        server.note(0, 0);
        let senders: Vec<_> = (1..4)
            .map(|sender| {
                let server = server.clone();
                let handle = spawn(move || server.note(sender, 0));
                (0..3).for_each(|_| yield_now());
                handle
            })
            .collect();
        smarm::unpark(senders[0].pid());
        (0..3).for_each(|_| yield_now());
        drop(open);
        senders.into_iter().for_each(|handle| handle.join().expect("no panic"));
        let order: Vec<_> =
            server.close().expect("it answers").into_iter().map(|(sender, _)| sender).collect();
        assert!(order == [0, 1, 2, 3] || is_chaos(), "{order:?}");
    });
}

/// What one actor did before it sent is seen by the handler, and by the next activation what the one before did.
#[test]
fn what_happens_before_a_send_happens_before_its_handler() {
    struct Cell(u64);

    #[smarm::actor]
    impl Cell {
        pub fn step(&mut self, from: Vec<u64>) {
            assert_eq!(self.0, from[0]);
            self.0 += 1;
        }
        pub fn get(&self) -> u64 {
            self.0
        }
    }

    for workers in [2, 4] {
        on(workers, || {
            let cells: Vec<_> = (0..8).map(|_| Cell(0).start()).collect();
            let steppers: Vec<_> = cells
                .iter()
                .cloned()
                .map(|cell| {
                    smarm::Builder::new()
                        .spread()
                        .spawn(move || {
                            for n in 0..200 {
                                cell.step(vec![n]);
                                if n % 16 == 0 {
                                    yield_now();
                                }
                            }
                        })
                        .expect("a stack")
                })
                .collect();
            steppers.into_iter().for_each(|stepper| stepper.join().expect("no panic"));
            for cell in cells {
                assert_eq!(cell.get().expect("it lives"), 200);
            }
        });
    }
}
