//! Calls: their replies, and all the ways in which there is none.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, Sender};
use smarm::{CallError, ExitReason, ReplyTo, channel, kill, sleep, spawn, yield_now};
use smarm_tests::{Rng, Tally, Token, actors, in_child, is_chaos, on, plain, runtime};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

/// Answers with what it is told to, when it is told to.
#[derive(Default)]
struct Desk {
    kept: Vec<ReplyTo<Token>>,
}

#[smarm::actor(mailbox = bounded(2), timeout = none)]
impl Desk {
    pub fn echo(&mut self, token: Token) -> Token {
        token
    }
    pub fn late(&mut self, token: Token, begun: Sender<()>, gate: Receiver<()>) -> Token {
        begun.send(()).ok();
        gate.recv().ok();
        token
    }
    pub fn keep(&mut self, reply: ReplyTo<Token>) {
        self.kept.push(reply);
    }
    pub fn kept(&self) -> usize {
        self.kept.len()
    }
    pub fn panics(&mut self) -> u64 {
        panic!("of the desk")
    }
    pub fn dies(&mut self) -> u64 {
        self.kept.clear();
        kill(smarm::current());
        yield_now();
        unreachable!("killed")
    }
    pub fn holds(&mut self, begun: Sender<()>, gate: Receiver<()>) {
        begun.send(()).ok();
        gate.recv().ok();
    }
    pub fn leaves(self) -> u64 {
        panic!("of the last message")
    }
}

fn held() -> (DeskHandle, Sender<()>) {
    let desk = Desk::default().start();
    let (open, gate) = channel();
    let (begun, begins) = channel();
    desk.holds(begun, gate);
    begins.recv().expect("it begins");
    (desk, open)
}

#[track_caller]
fn is_down<T, E>(result: Result<T, CallError<E>>, expected: bool, as_it: fn(&ExitReason) -> bool) {
    match result {
        Err(CallError::Down { reason, delivered, .. }) => {
            assert!(as_it(&reason), "{reason:?}");
            assert_eq!(delivered, expected, "{reason:?}");
        }
        Err(CallError::Unanswered { .. }) => panic!("unanswered"),
        Err(CallError::Full { .. }) => panic!("full"),
        Err(CallError::Timeout { .. }) => panic!("timeout"),
        Err(_) => panic!("another error"),
        Ok(_) => panic!("a reply"),
    }
}

/// A way to end a server, and the reason that it gives.
type End = (fn(&DeskHandle), fn(&ExitReason) -> bool);

// ---- timeouts -----------------------------------------------------------------------------------------------------------

#[test]
fn a_call_that_times_out_says_so_and_its_late_reply_is_dropped_once() {
    actors(|| {
        let tally = Tally::new();
        let desk = Desk::default().start();
        let (open, gate) = channel();
        let (begun, begins) = channel();
        let error =
            desk.timeout(Duration::from_millis(3)).late(tally.token(1), begun, gate).expect_err("too late");
        let CallError::Timeout { timeout, callee, .. } = error else { panic!("{error:?}") };
        assert_eq!((timeout, callee), (Duration::from_millis(3), desk.pid()));
        begins.recv().expect("it was delivered");
        assert_eq!(tally.dropped(), 0);
        drop(open);
        assert_eq!(desk.echo(tally.token(2)).expect("it lives").value(), 2);
        tally.check();
    });
}

#[test]
fn the_timeout_includes_the_wait_for_room() {
    actors(|| {
        let tally = Tally::new();
        let (desk, open) = held();
        let waiting: Vec<_> = (0..4)
            .map(|n| {
                let (desk, token) = (desk.timeout(Duration::from_millis(2)), tally.token(n));
                spawn(move || desk.echo(token).map(|token| token.value()))
            })
            .collect();
        for caller in waiting {
            assert!(caller.join().expect("no panic").is_err_and(|error| error.is_timeout()));
        }
        assert_eq!(desk.actor().info().mailbox_len, 2, "those that had room were sent");
        drop(open);
        assert_eq!(desk.echo(tally.token(9)).expect("it lives").value(), 9);
        tally.check();
    });
}

#[test]
fn a_long_timeout_wakes_nobody_early() {
    actors(|| {
        let tally = Tally::new();
        let (desk, open) = held();
        let callers: Vec<_> =
            [Duration::from_secs(5), Duration::MAX, Duration::from_secs(3600), Duration::from_secs(2)]
                .into_iter()
                .map(|timeout| {
                    let (desk, token) = (desk.timeout(timeout), tally.token(1));
                    spawn(move || desk.echo(token).expect("in time").value())
                })
                .collect();
        // Wakes that have nothing to do with it.
        for caller in &callers {
            smarm::unpark(caller.pid());
            yield_now();
        }
        drop(open);
        for caller in callers {
            assert_eq!(caller.join().expect("no panic"), 1);
        }
        tally.check();
    });
}

#[test]
fn a_plain_thread_that_calls_times_out_too() {
    plain(|| {
        let tally = Tally::new();
        let inside = tally.clone();
        let (give, given) = channel::<(DeskHandle, Token)>();
        let thread = thread::spawn(move || {
            let (desk, token) = given.recv().expect("the root gives them");
            let timed_out =
                desk.timeout(Duration::from_millis(2)).echo(token).is_err_and(|error| error.is_timeout());
            drop(given);
            timed_out
        });
        runtime(1).run(move || {
            let (desk, open) = held();
            give.send((desk.clone(), inside.token(1))).expect("it waits");
            // The thread takes one message, and drops its end when it is done.
            while give.send((desk.clone(), inside.token(2))).is_ok() {
                sleep(Duration::from_millis(1));
            }
            drop(open);
        });
        assert!(thread.join().expect("no panic"));
        tally.check();
    });
}

#[test]
fn replies_and_timeouts_at_the_same_time_lose_and_leak_nothing() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let tally = Tally::new();
            let desks: Vec<_> = (0..3).map(|_| Desk::default().start()).collect();
            let callers: Vec<_> = (0..8)
                .map(|n| {
                    let (desks, tally, mut rng) = (desks.clone(), tally.clone(), Rng::new(n));
                    smarm::Builder::new()
                        .spread()
                        .spawn(move || {
                            let (mut answers, mut timeouts) = (0, 0);
                            for n in 0..150 {
                                let desk = &desks[rng.below(desks.len())];
                                match desk.timeout(rng.micros(40)).echo(tally.token(n)) {
                                    Ok(token) => {
                                        assert_eq!(token.value(), n);
                                        answers += 1;
                                    }
                                    Err(error) => {
                                        assert!(error.is_timeout(), "{error:?}");
                                        timeouts += 1;
                                    }
                                }
                            }
                            answers + timeouts
                        })
                        .expect("a stack")
                })
                .collect();
            for caller in callers {
                assert_eq!(caller.join().expect("no panic"), 150);
            }
            for desk in desks {
                desk.stop();
                desk.join();
            }
            tally.check();
        });
    }
}

// ---- down ---------------------------------------------------------------------------------------------------------------

#[test]
fn a_call_whose_handler_panics_was_delivered() {
    actors(|| {
        is_down(Desk::default().start().panics(), true, |reason| {
            reason.panic().is_some_and(|panic| panic.message() == "of the desk")
        });
        is_down(Desk::default().start().leaves(), true, |reason| {
            reason.panic().is_some_and(|panic| panic.message() == "of the last message")
        });
        is_down(Desk::default().start().dies(), true, |reason| matches!(reason, ExitReason::Killed));
    });
}

#[test]
fn a_call_that_is_queued_when_the_server_ends_was_not_delivered() {
    let ends: [End; 3] = [
        (|desk| desk.stop(), ExitReason::is_normal),
        (|desk| desk.actor().stop_now(), ExitReason::is_normal),
        (|desk| desk.kill(), |reason| matches!(reason, ExitReason::Killed)),
    ];
    for (end, as_it) in ends {
        // On one worker, in this order.
        on(1, move || {
            let tally = Tally::new();
            let (desk, open) = held();
            end(&desk);
            let callers: Vec<_> = (0..4)
                .map(|n| {
                    let (desk, token) = (desk.clone(), tally.token(n));
                    spawn(move || desk.echo(token))
                })
                .collect();
            while desk.actor().info().mailbox_len < 2 && desk.actor().info().state != smarm::ActorState::Ended
            {
                yield_now();
            }
            drop(open);
            for caller in callers {
                is_down(caller.join().expect("no panic"), false, as_it);
            }
            assert!(as_it(&desk.join()));
            is_down(desk.echo(tally.token(9)), false, as_it);
            tally.check();
        });
    }
}

#[test]
fn a_call_that_is_queued_when_the_handler_before_it_panics_was_not_delivered() {
    on(1, || {
        let tally = Tally::new();
        let (desk, open) = held();
        let first = spawn({
            let desk = desk.clone();
            move || desk.panics()
        });
        while desk.actor().info().mailbox_len == 0 {
            yield_now();
        }
        let second = spawn({
            let (desk, token) = (desk.clone(), tally.token(1));
            move || desk.echo(token)
        });
        while desk.actor().info().mailbox_len < 2 {
            yield_now();
        }
        drop(open);
        is_down(first.join().expect("no panic"), true, |reason| reason.panic().is_some());
        is_down(second.join().expect("no panic"), false, |reason| reason.panic().is_some());
        tally.check();
    });
}

#[test]
fn rights_to_a_reply_that_end_with_the_state_were_delivered() {
    let ends: [End; 4] = [
        (|desk| desk.stop(), ExitReason::is_normal),
        (|desk| desk.actor().stop_now(), ExitReason::is_normal),
        (|desk| desk.kill(), |reason| matches!(reason, ExitReason::Killed)),
        (|desk| drop(desk.panics()), |reason| reason.panic().is_some()),
    ];
    for workers in [1, 2, 4] {
        for (end, as_it) in ends {
            on(workers, move || {
                for _ in 0..20 {
                    let desk = Desk::default().start();
                    let callers: Vec<_> = (0..4)
                        .map(|_| {
                            let desk = desk.clone();
                            smarm::Builder::new().spread().spawn(move || desk.keep()).expect("a stack")
                        })
                        .collect();
                    while desk.kept().expect("it lives") < 4 {
                        yield_now();
                    }
                    end(&desk);
                    for caller in callers {
                        is_down(caller.join().expect("no panic"), true, as_it);
                    }
                }
            });
        }
    }
}

#[test]
fn a_right_to_reply_that_is_used_in_a_panicking_handler_counts() {
    struct Hasty;
    #[smarm::actor]
    impl Hasty {
        pub fn answer_and_panic(&mut self, reply: ReplyTo<u64>) {
            reply.send(7);
            panic!("afterwards");
        }
        pub fn catch(&mut self, reply: ReplyTo<u64>) {
            drop(catch_unwind(AssertUnwindSafe(move || {
                let _reply = reply;
                panic!("caught");
            })));
        }
        pub fn lives(&self) -> bool {
            true
        }
    }
    actors(|| {
        let hasty = Hasty.start();
        assert!(matches!(hasty.catch(), Err(CallError::Unanswered { .. })));
        assert!(hasty.lives().expect("the panic was caught"));
        assert_eq!(hasty.answer_and_panic().expect("it answered first"), 7);
        assert!(hasty.join().panic().is_some());
    });
}

// ---- cycles -------------------------------------------------------------------------------------------------------------

struct Node {
    next: Option<NodeHandle>,
    asks_first: bool,
}

#[smarm::actor(timeout = none)]
impl Node {
    #[call]
    pub fn link(&mut self, next: NodeHandle) {
        self.next = Some(next);
    }
    /// How many nodes come after this one.
    pub fn depth(&self) -> Result<usize, Vec<smarm::Pid>> {
        let Some(next) = &self.next else { return Ok(0) };
        match next.depth() {
            Ok(depth) => Ok(depth + 1),
            Err(CallError::Deadlock { cycle, .. }) => Err(cycle.into_vec()),
            Err(CallError::Reply(cycle)) => Err(cycle),
            Err(error) => panic!("{error:?}"),
        }
    }
    /// Answered by the next one; this one goes on.
    pub fn deferred(&mut self, left: usize, reply: ReplyTo<usize>) {
        match &self.next {
            Some(next) if left > 0 => next.pass(left - 1, reply),
            _ => reply.send(left),
        }
    }
    #[cast]
    pub fn pass(&mut self, left: usize, reply: ReplyTo<usize>) {
        self.deferred(left, reply);
    }
    pub fn ask(&self, whom: NodeHandle) -> bool {
        whom.asks().expect("no cycle")
    }
    pub fn asks(&self) -> bool {
        self.asks_first
    }
    pub fn joins(&self, handle: smarm::JoinHandle<bool>) -> bool {
        handle.join().expect("no panic")
    }
}

fn ring(length: usize) -> Vec<NodeHandle> {
    let nodes = chain(length);
    nodes[length - 1].link(nodes[0].clone()).expect("it lives");
    nodes
}

fn chain(length: usize) -> Vec<NodeHandle> {
    let nodes: Vec<_> = (0..length).map(|_| Node { next: None, asks_first: true }.start()).collect();
    for pair in nodes.windows(2) {
        pair[0].link(pair[1].clone()).expect("it lives");
    }
    nodes
}

#[test]
fn a_call_that_would_wait_for_its_own_caller_is_a_deadlock() {
    for length in [1, 2, 3, 10, 60] {
        actors(move || {
            let ring = ring(length);
            let Err(CallError::Reply(mut cycle)) = ring[0].depth() else { panic!("no error") };
            // The last one in the ring found it; the cycle begins with itself.
            assert_eq!(cycle[0], ring[length - 1].pid());
            cycle.rotate_left(1);
            assert!(cycle.iter().copied().eq(ring.iter().map(|node| node.pid())), "{cycle:?}");
            assert!(ring[0].asks().expect("all live"), "and it goes on");
        });
    }
}

#[test]
fn the_error_names_the_cycle() {
    struct Self_;
    #[smarm::actor]
    impl Self_ {
        pub fn ask(&self, me: Self_Handle) -> String {
            me.name().expect_err("it waits for itself").to_string()
        }
        pub fn name(&self) -> u8 {
            0
        }
    }
    actors(|| {
        let me = Self_.start();
        let text = me.ask(me.clone()).expect("it lives");
        let pid = me.pid();
        assert_eq!(text, format!("the call would never return: actor {pid} waits for actor {pid}"));
    });
}

#[test]
fn rings_that_are_closed_by_two_at_once_are_found_by_one_at_least() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            for round in 0..60 {
                let ring = ring(2 + round % 3);
                let callers: Vec<_> = ring
                    .iter()
                    .cloned()
                    .map(|node| {
                        smarm::Builder::new().spread().spawn(move || node.depth().is_err()).expect("a stack")
                    })
                    .collect();
                // None hangs: that is the test.
                let errors = callers.into_iter().map(|caller| caller.join().expect("no panic"));
                assert!(errors.filter(|failed| *failed).count() >= 1);
            }
        });
    }
}

#[test]
fn chains_and_diamonds_are_no_cycles() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let nodes = chain(12);
            let callers: Vec<_> = (0..6)
                .map(|n| {
                    let nodes = nodes.clone();
                    smarm::Builder::new()
                        .spread()
                        .spawn(move || {
                            for round in 0..30 {
                                let at = (n + round) % 12;
                                assert_eq!(nodes[at].depth().expect("no cycle"), 11 - at);
                                // From the front to anyone behind: two ways to one node.
                                assert!(nodes[at / 2].ask(nodes[6 + at / 2].clone()).expect("no cycle"));
                            }
                        })
                        .expect("a stack")
                })
                .collect();
            callers.into_iter().for_each(|caller| caller.join().expect("no panic"));
        });
    }
}

#[test]
fn a_deferred_reply_may_go_round_in_a_ring() {
    actors(|| {
        let ring = ring(3);
        assert_eq!(ring[0].deferred(10).expect("somebody answers"), 0);
    });
}

#[test]
fn a_server_that_joins_its_caller_makes_the_call_a_deadlock() {
    actors(|| {
        let node = chain(1).remove(0);
        let (give, given) = channel::<NodeHandle>();
        let caller =
            spawn(move || given.recv().expect("it comes").asks().is_err_and(|error| error.is_deadlock()));
        let waits = spawn({
            let node = node.clone();
            move || node.joins(caller)
        });
        // A call that comes before the join is answered or waits behind it, and a join has no error for that.
        while node.actor().info().state != smarm::ActorState::Parked {
            yield_now();
        }
        give.send(node).expect("it waits");
        assert!(waits.join().expect("no panic").expect("it lives"), "the call is refused");
    });
}

#[test]
fn no_false_alarms_under_load() {
    struct Relay {
        peers: Vec<RelayHandle>,
    }
    #[smarm::actor(timeout = none)]
    impl Relay {
        #[call]
        pub fn meet(&mut self, peers: Vec<RelayHandle>) {
            self.peers = peers;
        }
        /// Calls upwards only: there is never a cycle.
        pub fn climb(&self, from: usize, seed: u64) -> usize {
            let mut rng = Rng::new(seed);
            let above = self.peers.len() - from - 1;
            if above == 0 || rng.one_in(3) {
                return 1;
            }
            let to = from + 1 + rng.below(above);
            1 + self.peers[to].climb(to, rng.next_u64()).expect("there is no cycle")
        }
    }
    for workers in [1, 2, 4] {
        on(workers, || {
            let relays: Vec<_> = (0..10).map(|_| Relay { peers: Vec::new() }.start()).collect();
            relays.iter().for_each(|relay| relay.meet(relays.clone()).expect("it lives"));
            let callers: Vec<_> = (0..8)
                .map(|n| {
                    let relays = relays.clone();
                    smarm::Builder::new()
                        .spread()
                        .spawn(move || {
                            let mut rng = Rng::new(n);
                            for _ in 0..100 {
                                let from = rng.below(relays.len());
                                assert!(
                                    relays[from].climb(from, rng.next_u64()).expect("there is no cycle") >= 1
                                );
                            }
                        })
                        .expect("a stack")
                })
                .collect();
            callers.into_iter().for_each(|caller| caller.join().expect("no panic"));
        });
    }
}

// ---- unwinding, kills ---------------------------------------------------------------------------------------------------

struct CallsWhenDropped(DeskHandle, Arc<AtomicBool>);

impl Drop for CallsWhenDropped {
    fn drop(&mut self) {
        if matches!(self.0.kept(), Err(CallError::Unwinding { .. })) {
            self.1.store(true, SeqCst);
        }
    }
}

#[test]
fn a_call_while_unwinding_is_an_error_and_is_not_sent() {
    actors(|| {
        let (desk, open) = held();
        let told = Arc::new(AtomicBool::new(false));
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _calls = CallsWhenDropped(desk.clone(), Arc::clone(&told));
            panic!("to unwind");
        }));
        assert!(caught.is_err());
        assert!(told.load(SeqCst));
        assert_eq!(desk.actor().info().mailbox_len, 0);
        drop(open);
    });
}

#[test]
fn a_killed_caller_leaves_and_the_late_reply_is_dropped_once() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let tally = Tally::new();
            let mut rng = Rng::new(workers as u64);
            for round in 0..60 {
                let desk = Desk::default().start();
                let (open, gate) = channel();
                let (begun, begins) = channel();
                let caller = spawn({
                    let (desk, token) = (desk.clone(), tally.token(round));
                    move || desk.late(token, begun, gate)
                });
                begins.recv().expect("it begins");
                if rng.one_in(2) {
                    kill(caller.pid());
                    drop(open);
                } else {
                    drop(open);
                    kill(caller.pid());
                }
                match caller.join() {
                    Ok(reply) => assert_eq!(reply.expect("the desk lives").value(), round),
                    Err(reason) => assert!(matches!(reason, ExitReason::Killed)),
                }
                assert_eq!(desk.echo(tally.token(5)).expect("it lives").value(), 5);
            }
            tally.check();
        });
    }
}

#[test]
fn a_satisfied_call_returns_its_value_before_the_kill_is_delivered() {
    on(1, || {
        let tally = Tally::new();
        let desk = Desk::default().start();
        let (open, gate) = channel();
        let (begun, begins) = channel();
        let got = Arc::new(AtomicUsize::new(0));
        let caller = spawn({
            let (desk, token, got) = (desk.clone(), tally.token(3), Arc::clone(&got));
            move || {
                let token = desk.late(token, begun, gate).expect("it lives");
                got.store(token.value() as usize, SeqCst);
                yield_now();
                while is_chaos() {
                    yield_now(); // it may go on before the root has seen the answer
                }
                unreachable!("killed");
            }
        });
        begins.recv().expect("it begins");
        drop(open);
        // The desk answers before this goes on.
        while desk.actor().info().state != smarm::ActorState::Idle {
            yield_now();
        }
        kill(caller.pid());
        assert!(matches!(caller.join(), Err(ExitReason::Killed)));
        assert_eq!(got.load(SeqCst), 3);
        tally.check();
    });
}

#[test]
fn a_server_that_is_killed_while_its_handler_calls_tells_its_caller() {
    struct Middle(DeskHandle);
    #[smarm::actor(timeout = none)]
    impl Middle {
        pub fn ask(&self, token: Token) -> u64 {
            self.0.echo(token).expect("the desk lives").value()
        }
    }
    actors(|| {
        let tally = Tally::new();
        let (desk, open) = held();
        let middle = Middle(desk.clone()).start();
        let caller = spawn({
            let (middle, token) = (middle.clone(), tally.token(1));
            move || middle.ask(token)
        });
        while desk.actor().info().mailbox_len == 0 {
            yield_now();
        }
        middle.kill();
        is_down(caller.join().expect("no panic"), true, |reason| matches!(reason, ExitReason::Killed));
        drop(open);
        assert_eq!(desk.echo(tally.token(2)).expect("it lives").value(), 2);
        tally.check();
    });
}

// ---- plain threads --------------------------------------------------------------------------------------------------------

#[test]
fn calls_from_plain_threads_get_replies_and_ends() {
    plain(|| {
        let tally = Tally::new();
        let (give, given) = channel::<DeskHandle>();
        let threads = {
            let tally = tally.clone();
            thread::spawn(move || {
                let desk = given.recv().expect("the root gives one");
                let all = Arc::new(Barrier::new(4));
                let threads: Vec<_> = (0..4)
                    .map(|n| {
                        let (desk, tally, all) = (desk.clone(), tally.clone(), Arc::clone(&all));
                        thread::spawn(move || {
                            for m in 0..100 {
                                assert_eq!(desk.echo(tally.token(m)).expect("it lives").value(), m);
                            }
                            all.wait();
                            if n == 0 {
                                desk.panics().is_err_and(|error| error.is_down())
                            } else {
                                desk.keep().is_err()
                            }
                        })
                    })
                    .collect();
                threads.into_iter().all(|thread| thread.join().expect("no panic"))
            })
        };
        runtime(2).run(move || {
            let desk = Desk::default().start();
            give.send(desk.clone()).expect("it waits");
            assert!(desk.join().panic().is_some());
        });
        assert!(threads.join().expect("no panic"));
        tally.check();
    });
}

#[test]
fn a_call_in_the_message_of_a_call_is_refused_aloud() {
    in_child(|| {
        on(1, || {
            let desk = Desk::default().start();
            let caught = catch_unwind(AssertUnwindSafe(|| {
                desk.actor().call::<Token>(|reply| {
                    drop(desk.kept());
                    DeskMsg::Keep { reply }
                })
            }));
            let payload = caught.expect_err("it cannot work");
            assert!(
                smarm_tests::message_of(&*payload).is_some_and(|text| text.contains("made a call itself"))
            );
            assert_eq!(desk.kept().expect("it lives"), 0);
        });
    })
    .is_success();
}
