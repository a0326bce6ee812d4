//! What one actor does in its life, drawn from its random numbers.

use smarm::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use smarm::{Builder, JoinHandle, channel, scope, sleep, spawn, yield_now};
use smarm_tests::{Rng, Tally, Token};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

/// Generations below the root.
const DEPTH: u32 = 4;

/// What an actor that is meant to panic panics with.
pub(crate) struct Intended(#[expect(dead_code, reason = "carried to be dropped")] pub(crate) Token);

pub(crate) fn is_intended(payload: &(dyn Any + Send)) -> bool {
    // The scope's own panic, about a child that nobody joined, is as much intended.
    payload.is::<Intended>() || smarm_tests::message_of(payload).is_some_and(|text| text.contains("scope"))
}

/// An actor's luck, what it counts with, and how many generations may follow it.
struct Life {
    rng: Rng,
    tally: Tally,
    left: u32,
    children: Vec<JoinHandle<Token>>,
}

/// The root: several lives one after the other, with a plain thread beside them.
pub(crate) fn root(seed: u64, tally: Tally) -> Token {
    let mut life = Life { rng: Rng::new(seed), tally, left: DEPTH, children: Vec::new() };
    let (tx, rx) = life.channel();
    let (tally, mut rng) = (life.tally.clone(), life.rng.fork());
    let thread = std::thread::spawn(move || send_some(&tx, &tally, &mut rng));
    for _ in 0..8 {
        life.step();
    }
    life.receive_some(rx);
    life.join_all();
    // Its receiver is gone: it has ended, or will without waiting for anybody.
    thread.join().expect("no panic");
    life.token()
}

impl Life {
    fn token(&mut self) -> Token {
        self.tally.token(self.rng.next_u64())
    }

    fn heir(&mut self) -> Life {
        Life { rng: self.rng.fork(), tally: self.tally.clone(), left: self.left - 1, children: Vec::new() }
    }

    /// A whole life, with a value at its end.
    fn live(mut self) -> Token {
        let _on_the_stack = self.token();
        for _ in 0..self.rng.range(0..6) {
            self.step();
        }
        if self.rng.one_in(2) {
            self.join_all();
        }
        self.token()
    }

    fn step(&mut self) {
        match self.rng.range(0..14) {
            0..=3 if self.left > 0 => self.spawn_child(),
            4..=6 if self.left > 0 => self.exchange(),
            7 | 8 if self.left > 0 => self.try_scope(),
            9 => sleep(self.rng.micros(150)),
            10 => self.join_one(),
            11 if self.left < DEPTH && self.rng.one_in(3) => panic_any(Intended(self.token())),
            12 => (0..self.rng.range(0..50)).for_each(|_| smarm::check!()),
            _ => yield_now(),
        }
    }

    fn spawn_child(&mut self) {
        let heir = self.heir();
        let child = match self.rng.range(0..3) {
            0 => Builder::new().spread().spawn(move || heir.live()).expect("a stack"),
            1 => Builder::new()
                .name("child")
                .stack_size(512 << 10)
                .spawn(move || heir.live())
                .expect("a stack"),
            _ => spawn(move || heir.live()),
        };
        // Else it is detached.
        if !self.rng.one_in(4) {
            self.children.push(child);
        }
    }

    fn join_one(&mut self) {
        if !self.children.is_empty() {
            let chosen = self.rng.below(self.children.len());
            drop(self.children.swap_remove(chosen).join());
        }
    }

    fn join_all(&mut self) {
        while !self.children.is_empty() {
            self.join_one();
        }
    }

    fn channel(&mut self) -> (Sender<Token>, Receiver<Token>) {
        match self.rng.range(0..4) {
            0 => channel(),
            1 => bounded(0),
            2 => bounded(1),
            _ => bounded(4),
        }
    }

    /// Children send, this actor receives, either may leave early.
    fn exchange(&mut self) {
        let (tx, rx) = self.channel();
        for _ in 0..self.rng.range(1..4) {
            let (tx, mut heir) = (tx.clone(), self.heir());
            drop(spawn(move || {
                send_some(&tx, &heir.tally, &mut heir.rng);
                drop(tx);
                heir.live()
            }));
        }
        drop(tx);
        self.receive_some(rx);
    }

    fn receive_some(&mut self, rx: Receiver<Token>) {
        for _ in 0..self.rng.range(0..40) {
            let ended = match self.rng.range(0..4) {
                0 => rx.recv_timeout(self.rng.micros(60)).map(drop) == Err(RecvTimeoutError::Disconnected),
                1 => rx.try_iter().count() > 100,
                _ => rx.recv().is_err(),
            };
            if ended {
                break;
            }
        }
    }

    /// A scope that may panic, caught; if this actor was killed in it, it goes on until its next wait.
    fn try_scope(&mut self) {
        let shared = self.token();
        let result = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                let mut joined = Vec::new();
                for _ in 0..self.rng.range(0..4) {
                    let (mut heir, shared) = (self.heir(), &shared);
                    let child = s.spawn(move || {
                        assert_ne!(heir.rng.next_u64(), shared.value());
                        heir.live()
                    });
                    if self.rng.one_in(2) {
                        joined.push(child);
                    }
                }
                if self.rng.one_in(3) {
                    self.step();
                }
                if self.rng.one_in(4) {
                    panic_any(Intended(self.token()));
                }
                joined.into_iter().for_each(|child| drop(child.join()));
            });
        }));
        drop(result);
    }
}

/// Sends tokens in every way there is, until luck or the receiver ends it.
fn send_some(tx: &Sender<Token>, tally: &Tally, rng: &mut Rng) {
    for _ in 0..rng.range(0..12) {
        let token = tally.token(rng.next_u64());
        let gone = match rng.range(0..4) {
            0 => matches!(tx.try_send(token), Err(channel::TrySendError::Disconnected(_))),
            1 => matches!(
                tx.send_timeout(token, rng.micros(60)),
                Err(channel::SendTimeoutError::Disconnected(_))
            ),
            _ => tx.send(token).is_err(),
        };
        if gone {
            break;
        }
    }
}
