//! Servers move between messages, have no stack then, and lose nothing on the way.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, Sender};
use smarm::{CallError, ReplyTo, channel, dead_letters, kill, sleep, spawn, yield_now};
use smarm_tests::{Rng, Tally, Token, in_child, on, plain, resident_kib, runtime};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::{self, ThreadId};
use std::time::Duration;

// ---- where they run -----------------------------------------------------------------------------------------------------

struct Nomad {
    seen: HashSet<ThreadId>,
    next: Option<NomadHandle>,
}

#[smarm::actor(timeout = none)]
impl Nomad {
    pub fn here(&mut self) -> ThreadId {
        self.seen.insert(thread::current().id());
        thread::current().id()
    }
    pub fn seen(&self) -> usize {
        self.seen.len()
    }
    /// Parks a few times, with something on the stack that must not move.
    pub fn waits(&mut self, gate: Receiver<Sender<()>>) -> bool {
        let (before, local) = (thread::current().id(), Rc::new(7));
        let mut same = true;
        while let Ok(answer) = gate.recv() {
            let more = Rc::clone(&local);
            same &= thread::current().id() == before && Rc::strong_count(&more) == 2;
            answer.send(()).ok();
            yield_now();
        }
        same
    }
    #[call]
    pub fn meet(&mut self, next: NomadHandle) {
        self.next = Some(next);
    }
    pub fn calls(&self) -> bool {
        let (before, local) = (thread::current().id(), Rc::new(1));
        let Some(next) = &self.next else { return true };
        let below = next.calls().expect("it lives");
        below && thread::current().id() == before && Rc::strong_count(&local) == 1
    }
}

fn nomad() -> NomadHandle {
    Nomad { seen: HashSet::new(), next: None }.start()
}

#[test]
fn an_idle_server_runs_where_its_mail_comes_from() {
    on(2, || {
        let nomad = nomad();
        let (step, steps) = (smarm::channel::bounded(0), smarm::channel::bounded(0));
        // Two actors on two workers, in turn: when one calls, the other one's worker sleeps or waits.
        let other = smarm::Builder::new()
            .spread()
            .spawn({
                let (nomad, step, steps) = (nomad.clone(), step.1, steps.0);
                move || {
                    let mut here = 0;
                    while step.recv().is_ok() {
                        here += usize::from(nomad.here().expect("it lives") == thread::current().id());
                        steps.send(here).expect("the root listens");
                    }
                    here
                }
            })
            .expect("a stack");
        let mut here = 0;
        for _ in 0..200 {
            here += usize::from(nomad.here().expect("it lives") == thread::current().id());
            step.0.send(()).expect("it listens");
            steps.1.recv().expect("it answers");
        }
        drop(step.0);
        let there = other.join().expect("no panic");
        assert!(here + there > 0, "never beside its caller");
        assert!(nomad.seen().expect("it lives") <= 2);
    });
}

#[test]
fn a_handler_that_parks_stays_on_its_thread() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let waiting: Vec<_> = (0..8)
                .map(|_| {
                    let nomad = nomad();
                    let (poke, gate) = channel::<Sender<()>>();
                    let caller = spawn(move || nomad.waits(gate).expect("it lives"));
                    (poke, caller)
                })
                .collect();
            let pokers: Vec<_> = waiting
                .into_iter()
                .map(|(poke, caller)| {
                    smarm::Builder::new()
                        .spread()
                        .spawn(move || {
                            for _ in 0..50 {
                                let (answer, answered) = channel();
                                poke.send(answer).expect("it waits");
                                answered.recv().expect("it answers");
                            }
                            drop(poke);
                            caller.join().expect("no panic")
                        })
                        .expect("a stack")
                })
                .collect();
            assert!(pokers.into_iter().all(|poker| poker.join().expect("no panic")));
        });
    }
}

#[test]
fn a_handler_that_calls_stays_on_its_thread() {
    for workers in [2, 4] {
        on(workers, || {
            let nomads: Vec<_> = (0..6).map(|_| nomad()).collect();
            for pair in nomads.windows(2) {
                pair[0].meet(pair[1].clone()).expect("it lives");
            }
            let callers: Vec<_> = (0..4)
                .map(|n| {
                    let nomads = nomads.clone();
                    smarm::Builder::new()
                        .spread()
                        .spawn(move || (0..100).all(|m| nomads[(n + m) % 6].calls().expect("it lives")))
                        .expect("a stack")
                })
                .collect();
            assert!(callers.into_iter().all(|caller| caller.join().expect("no panic")));
        });
    }
}

// ---- stacks and memory --------------------------------------------------------------------------------------------------

struct Small(#[expect(dead_code, reason = "a state of some size")] u64, bool);

#[smarm::actor]
impl Small {
    pub fn touch(&mut self) {
        self.1 = true;
    }
    pub fn is_touched(&self) -> bool {
        self.1
    }
}

#[test]
fn a_hundred_thousand_idle_servers_have_no_stacks() {
    in_child(|| {
        on(2, || {
            const SERVERS: u64 = 100_000;
            let before = resident_kib();
            let servers: Vec<_> = (0..SERVERS).map(|n| Small(n, false).start()).collect();
            servers.iter().for_each(SmallHandle::touch);
            for server in servers.iter().step_by(1000) {
                assert!(server.is_touched().expect("it lives"));
            }
            let used = resident_kib() - before;
            // A stack each would be 4 KiB at least.
            assert!(used < SERVERS, "{used} KiB");
        });
    })
    .is_success();
}

// ---- at random ----------------------------------------------------------------------------------------------------------

#[derive(Default)]
struct Counts {
    handled: AtomicU64,
    asked: AtomicU64,
}

/// One of many that send each other all kinds of messages.
struct Citizen {
    rng: Rng,
    all: Vec<CitizenHandle>,
    counts: Arc<Counts>,
    tally: Tally,
    promises: Vec<ReplyTo<Token>>,
}

#[smarm::actor(mailbox = bounded(4))]
impl Citizen {
    #[call]
    pub fn meet(&mut self, all: Vec<CitizenHandle>) {
        self.all = all;
    }
    pub fn give(&mut self, token: Token) {
        drop(token);
        self.counts.handled.fetch_add(1, SeqCst);
        if self.rng.one_in(8) {
            yield_now();
        }
    }
    pub fn ask(&mut self, token: Token) -> Token {
        self.counts.asked.fetch_add(1, SeqCst);
        match self.rng.range(0..10) {
            0 => yield_now(),
            1 => sleep(self.rng.micros(50)),
            2 => self.ask_another(),
            _ => {}
        }
        token
    }
    pub fn promise(&mut self, token: Token, reply: ReplyTo<Token>) {
        drop(token);
        self.promises.push(reply);
        if self.rng.one_in(2) {
            let token = self.tally.token(0);
            let reply = self.promises.swap_remove(self.rng.below(self.promises.len()));
            reply.send(token);
        }
    }
    pub fn fail(&mut self, token: Token) -> Token {
        assert!(token.value() > 0, "on purpose");
        token
    }
    pub fn last(self, token: Token) -> u64 {
        token.value()
    }
}

impl Citizen {
    fn ask_another(&mut self) {
        if !self.all.is_empty() {
            let other = &self.all[self.rng.below(self.all.len())];
            drop(other.timeout(self.rng.micros(200)).ask(self.tally.token(1)));
        }
    }
}

struct Outcomes {
    casts: u64,
    calls: u64,
    outcomes: u64,
}

fn visit(all: &[CitizenHandle], tally: &Tally, mut rng: Rng, steps: u32) -> Outcomes {
    let mut seen = Outcomes { casts: 0, calls: 0, outcomes: 0 };
    for _ in 0..steps {
        let who = &all[rng.below(all.len())];
        let token = tally.token(1);
        let mut call = |result: Result<Token, CallError>| {
            seen.calls += 1;
            seen.outcomes += match result {
                Ok(_)
                | Err(CallError::Timeout { .. } | CallError::Down { .. } | CallError::Unanswered { .. }) => 1,
                Err(error) => panic!("{error:?}"),
            };
        };
        match rng.range(0..40) {
            0..=14 => {
                who.give(token);
                seen.casts += 1;
            }
            15..=17 => seen.casts += u64::from(who.try_send(CitizenMsg::Give { token }).is_ok()),
            18 => {
                let timer = who.send_after(rng.micros(100), CitizenMsg::Give { token });
                let cancelled = rng.one_in(3) && timer.cancel();
                seen.casts += u64::from(!cancelled);
            }
            19..=28 => call(who.ask(token)),
            29..=32 => call(who.timeout(rng.micros(60)).ask(token)),
            33..=35 => call(who.timeout(rng.micros(300)).promise(token)),
            36 if rng.one_in(4) => call(who.fail(tally.token(0))),
            37 if rng.one_in(6) => drop(who.last(token)),
            38 if rng.one_in(6) => match rng.range(0..3) {
                0 => who.stop(),
                1 => who.actor().stop_now(),
                _ => who.kill(),
            },
            _ => yield_now(),
        }
    }
    seen
}

fn live_at_random(workers: usize, seed: u64) {
    let before = dead_letters();
    let (tally, counts) = (Tally::new(), Arc::new(Counts::default()));
    let casts = runtime(workers).run({
        let (tally, counts) = (tally.clone(), Arc::clone(&counts));
        move || {
            let mut rng = Rng::new(seed);
            let all: Vec<_> = (0..12)
                .map(|_| {
                    let (counts, tally) = (Arc::clone(&counts), tally.clone());
                    Citizen { rng: rng.fork(), all: Vec::new(), counts, tally, promises: Vec::new() }.start()
                })
                .collect();
            all.iter().for_each(|citizen| drop(citizen.meet(all.clone())));
            let visitors: Vec<_> = (0..6)
                .map(|_| {
                    let (all, tally, rng) = (all.clone(), tally.clone(), rng.fork());
                    smarm::Builder::new()
                        .spread()
                        .spawn(move || visit(&all, &tally, rng, 150))
                        .expect("a stack")
                })
                .collect();
            let thread = {
                let (all, tally, rng) = (all.clone(), tally.clone(), rng.fork());
                thread::spawn(move || visit(&all, &tally, rng, 100))
            };
            // One more, which is killed in the middle: what it was about to send is gone without a trace.
            let victim = {
                let (all, tally, mut rng) = (all.clone(), tally.clone(), rng.fork());
                spawn(move || {
                    loop {
                        drop(all[rng.below(all.len())].ask(tally.token(1)));
                    }
                })
            };
            let mut casts = 0;
            for visitor in visitors {
                let seen = visitor.join().expect("no panic");
                assert_eq!(seen.calls, seen.outcomes, "each call has one outcome");
                casts += seen.casts;
            }
            kill(victim.pid());
            assert!(victim.join().is_err());
            while !thread.is_finished() {
                sleep(Duration::from_millis(1));
            }
            casts += thread.join().expect("no panic").casts;
            // What is underway for later, too: the end would not wait for what is to be sent to one who has ended.
            while counts.handled.load(SeqCst) + dead_letters() - before < casts {
                sleep(Duration::from_millis(1));
            }
            casts
        }
    });
    tally.check();
    let (handled, lost) = (counts.handled.load(SeqCst), dead_letters() - before);
    assert_eq!(handled + lost, casts, "seed {seed}: each cast was handled, or is a dead letter");
}

#[test]
fn at_random_each_call_has_one_outcome_and_each_cast_is_handled_or_a_dead_letter() {
    in_child(|| {
        plain(|| {
            let first = std::env::var("SMARM_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
            for seed in first..first + 12 {
                for workers in [1, 2, 4] {
                    live_at_random(workers, seed);
                }
            }
        });
    })
    .is_success();
}
