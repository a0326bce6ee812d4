//! A server's mailbox: its room, and what happens when there is none.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, Sender, TrySendError};
use smarm::{ActorState, CallError, Ctx, Handle, ReplyTo, channel, dead_letters, kill, spawn, yield_now};
use smarm_tests::{Rng, Tally, Token, actors, in_child, is_chaos, on, plain, runtime};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

macro_rules! bins {
    ($($name:ident, $handle:ident, $message:ident, ($($options:tt)*);)*) => { $(
        struct $name(Vec<u64>);

        #[smarm::actor(handle = $handle, msg = $message, timeout = none, $($options)*)]
        impl $name {
            pub fn put(&mut self, token: Token) {
                self.0.push(token.value());
            }
            pub fn ask(&mut self, token: Token) -> u64 {
                self.0.push(token.value());
                token.value()
            }
            pub fn hold(&mut self, begun: Sender<()>, gate: Receiver<()>) {
                begun.send(()).ok();
                gate.recv().ok();
            }
            pub fn content(&self) -> Vec<u64> {
                self.0.clone()
            }
        }

        impl $handle {
            /// The server, in the middle of a message, and how to have it go on.
            #[allow(dead_code)]
            fn held() -> (Self, Sender<()>) {
                let bin = $name(Vec::new()).start();
                let (open, gate) = channel();
                let (begun, begins) = channel();
                bin.hold(begun, gate);
                begins.recv().expect("it begins");
                (bin, open)
            }
        }
    )* };
}

bins! {
    One, OneHandle, OneMsg, (mailbox = bounded(1));
    Three, ThreeHandle, ThreeMsg, (mailbox = bounded(3));
    Usual, UsualHandle, UsualMsg, (name = "usual");
    Free, FreeHandle, FreeMsg, (mailbox = unbounded);
    Rejecting, RejectingHandle, RejectingMsg, (mailbox = bounded(3), overflow = reject);
    Newest, NewestHandle, NewestMsg, (mailbox = bounded(3), overflow = drop_newest);
    Oldest, OldestHandle, OldestMsg, (mailbox = bounded(3), overflow = drop_oldest);
}

macro_rules! fill {
    ($bin:expr, $message:ident, $tally:expr) => {{
        let mut sent = 0;
        loop {
            match $bin.try_send($message::Put { token: $tally.token(sent) }) {
                Ok(()) => sent += 1,
                Err(TrySendError::Full(_)) => break sent,
                Err(error) => panic!("{error:?}"),
            }
        }
    }};
}

#[test]
fn there_is_room_for_exactly_as_many_as_promised() {
    actors(|| {
        let tally = Tally::new();
        let (bin, open) = OneHandle::held();
        assert_eq!(fill!(bin, OneMsg, tally), 1);
        drop((bin, open));
        let (bin, open) = UsualHandle::held();
        assert_eq!(fill!(bin, UsualMsg, tally), 1024, "by default");
        assert_eq!(bin.actor().info().mailbox_len, 1024);
        drop(open);
        assert_eq!(bin.content().expect("it lives"), (0..1024).collect::<Vec<_>>());
        bin.stop();
        bin.join();
        tally.check();
    });
}

#[test]
fn a_mailbox_without_a_bound_takes_all() {
    actors(|| {
        let tally = Tally::new();
        let (bin, open) = FreeHandle::held();
        (0..5000).for_each(|n| bin.put(tally.token(n)));
        assert_eq!(bin.actor().info().mailbox_len, 5000);
        drop(open);
        assert_eq!(bin.content().expect("it lives"), (0..5000).collect::<Vec<_>>());
        tally.check();
    });
}

#[test]
fn a_sender_never_gets_further_ahead_than_there_is_room() {
    struct Slow {
        handled: usize,
        sent: Arc<AtomicUsize>,
    }

    #[smarm::actor(mailbox = bounded(3))]
    impl Slow {
        pub fn step(&mut self) {
            // One is being handled, three wait, and one may be sent by a caller that has not counted it.
            assert!(self.sent.load(SeqCst) <= self.handled + 4);
            self.handled += 1;
            yield_now();
        }
        pub fn handled(&self) -> usize {
            self.handled
        }
    }

    actors(|| {
        let sent = Arc::new(AtomicUsize::new(0));
        let slow = Slow { handled: 0, sent: Arc::clone(&sent) }.start();
        for _ in 0..200 {
            slow.step();
            sent.fetch_add(1, SeqCst);
        }
        assert_eq!(slow.handled().expect("it lives"), 200);
    });
}

#[test]
fn a_sender_that_waits_goes_on_when_there_is_room() {
    actors(|| {
        let tally = Tally::new();
        let (bin, open) = OneHandle::held();
        bin.put(tally.token(0));
        let senders: Vec<_> = (1..20)
            .map(|n| {
                let (bin, token) = (bin.clone(), tally.token(n));
                spawn(move || if n % 2 == 0 { bin.put(token) } else { _ = bin.ask(token).expect("it lives") })
            })
            .collect();
        yield_now();
        drop(open);
        senders.into_iter().for_each(|sender| sender.join().expect("no panic"));
        let mut content = bin.content().expect("it lives");
        content.sort_unstable();
        assert_eq!(content, (0..20).collect::<Vec<_>>());
        tally.check();
    });
}

#[test]
fn a_plain_thread_that_waits_goes_on_when_there_is_room() {
    plain(|| {
        for workers in [1, 2] {
            let tally = Tally::new();
            let tokens: Vec<_> = (0..50).map(|n| tally.token(n)).collect();
            let (give, given) = channel::<OneHandle>();
            let thread = thread::spawn(move || {
                let bin = given.recv().expect("the root gives one");
                tokens.into_iter().for_each(|token| bin.put(token));
                bin.content().expect("it lives")
            });
            runtime(workers).run(move || {
                let (bin, open) = OneHandle::held();
                give.send(bin.clone()).expect("it waits");
                while bin.actor().info().mailbox_len == 0 {
                    yield_now();
                }
                drop(open);
                while give.send(bin.clone()).is_ok() {
                    yield_now();
                }
            });
            assert_eq!(thread.join().expect("no panic"), (0..50).collect::<Vec<_>>());
            tally.check();
        }
    });
}

#[test]
fn a_mailbox_that_rejects_refuses_what_comes_last() {
    in_child(|| {
        actors(|| {
            let (tally, before) = (Tally::new(), dead_letters());
            let (bin, open) = RejectingHandle::held();
            (0..5).for_each(|n| bin.put(tally.token(n)));
            assert_eq!(dead_letters() - before, 2);
            let error = bin.ask(tally.token(5)).expect_err("there is no room");
            assert!(matches!(error, CallError::Full { callee, .. } if callee == bin.pid()), "{error:?}");
            assert!(error.retry_is_safe());
            assert!(matches!(
                bin.try_send(RejectingMsg::Put { token: tally.token(6) }),
                Err(TrySendError::Full(_))
            ));
            assert_eq!(dead_letters() - before, 2, "a caller was told, a message was handed back");
            drop(open);
            bin.stop();
            bin.join();
            tally.check();
            assert_eq!(dead_letters() - before, 2);
        });
    })
    .is_success();
}

#[test]
fn a_mailbox_may_drop_the_newest() {
    in_child(|| {
        actors(|| {
            let (tally, before) = (Tally::new(), dead_letters());
            let (bin, open) = NewestHandle::held();
            (0..5).for_each(|n| bin.put(tally.token(n)));
            assert_eq!(dead_letters() - before, 2);
            assert!(matches!(bin.ask(tally.token(5)), Err(CallError::Full { .. })));
            drop(open);
            while bin.actor().info().mailbox_len > 0 {
                yield_now();
            }
            assert_eq!(bin.content().expect("it lives"), [0, 1, 2]);
            tally.check();
        });
    })
    .is_success();
}

#[test]
fn a_mailbox_may_drop_the_oldest() {
    in_child(|| {
        actors(|| {
            let (tally, before) = (Tally::new(), dead_letters());
            let (bin, open) = OldestHandle::held();
            (0..5).for_each(|n| bin.put(tally.token(n)));
            assert_eq!(dead_letters() - before, 2);
            assert!(bin.try_send(OldestMsg::Put { token: tally.token(5) }).is_ok());
            assert_eq!(dead_letters() - before, 3);
            assert_eq!(bin.actor().info().mailbox_len, 3);
            drop(open);
            while bin.actor().info().mailbox_len > 0 {
                yield_now();
            }
            assert_eq!(bin.content().expect("it lives"), [3, 4, 5]);
            tally.check();
        });
    })
    .is_success();
}

#[test]
fn a_call_that_is_dropped_for_a_newer_message_is_told_so() {
    in_child(|| {
        on(1, || {
            let (tally, before) = (Tally::new(), dead_letters());
            let (bin, open) = OldestHandle::held();
            let caller = spawn({
                let (bin, token) = (bin.clone(), tally.token(0));
                move || bin.ask(token)
            });
            while bin.actor().info().mailbox_len == 0 {
                yield_now();
            }
            (1..4).for_each(|n| bin.put(tally.token(n)));
            let error = caller.join().expect("no panic").expect_err("it was dropped");
            assert!(matches!(error, CallError::Full { .. }), "{error:?}");
            assert_eq!(dead_letters() - before, 0, "its caller was told");
            drop(open);
            bin.stop();
            bin.join();
            tally.check();
        });
    })
    .is_success();
}

/// Its destructor calls a server, as any code of the user may.
struct CallsWhenDropped(OldestHandle, Tally, Arc<AtomicUsize>);

impl Drop for CallsWhenDropped {
    fn drop(&mut self) {
        let answer = self.0.ask(self.1.token(77)).expect("it lives");
        self.2.fetch_add(answer as usize, SeqCst);
    }
}

struct Vain(u64);

#[smarm::actor(mailbox = bounded(1), overflow = drop_oldest, timeout = none)]
impl Vain {
    pub fn put(&mut self, what: CallsWhenDropped) {
        std::mem::forget(what);
    }
    pub fn get(&self) -> u64 {
        self.0
    }
    pub fn hold(&mut self, begun: Sender<()>, gate: Receiver<()>) {
        begun.send(()).ok();
        gate.recv().ok();
    }
}

#[test]
fn a_message_whose_destructor_calls_may_make_room_for_a_call() {
    on(1, || {
        let (tally, sum) = (Tally::new(), Arc::new(AtomicUsize::new(0)));
        let other = Oldest(Vec::new()).start();
        let vain = Vain(5).start();
        let (open, gate) = channel();
        let (begun, begins) = channel();
        vain.hold(begun, gate);
        begins.recv().expect("it begins");
        vain.put(CallsWhenDropped(other, tally.clone(), Arc::clone(&sum)));
        let caller = spawn({
            let vain = vain.clone();
            move || vain.get()
        });
        yield_now();
        drop(open);
        assert_eq!(caller.join().expect("no panic").expect("it is answered"), 5);
        // In the chaos build the message may be handled before the call comes.
        assert!(sum.load(SeqCst) == 77 || is_chaos());
        tally.check();
    });
}

// ---- waiting for room, and giving up ------------------------------------------------------------------------------------

#[test]
fn a_killed_sender_leaves_nothing_and_passes_the_room_on() {
    on(1, || {
        let tally = Tally::new();
        let (bin, open) = OneHandle::held();
        bin.put(tally.token(0));
        let sender = |n| {
            let (bin, token) = (bin.clone(), tally.token(n));
            spawn(move || bin.put(token))
        };
        let (killed, patient) = (sender(1), sender(2));
        yield_now();
        kill(killed.pid());
        assert!(killed.join().is_err());
        assert_eq!(tally.dropped(), 1, "what it wanted to send");
        drop(open);
        patient.join().expect("no panic");
        assert_eq!(bin.content().expect("it lives"), [0, 2]);
        tally.check();
    });
}

#[test]
fn a_sender_that_is_killed_when_it_was_told_of_room_passes_it_on() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let mut rng = Rng::new(workers as u64);
            for round in 0..60 {
                let tally = Tally::new();
                let (bin, open) = OneHandle::held();
                bin.put(tally.token(0));
                let mut senders: Vec<_> = (1..5)
                    .map(|n| {
                        let (bin, token) = (bin.clone(), tally.token(n));
                        spawn(move || bin.put(token))
                    })
                    .collect();
                let patient = spawn({
                    let (bin, token) = (bin.clone(), tally.token(9));
                    move || _ = bin.ask(token).expect("it lives")
                });
                if round % 2 == 0 {
                    yield_now();
                }
                drop(open);
                for _ in 0..rng.range(0..4) {
                    yield_now();
                }
                let chosen = rng.below(senders.len());
                let killed = senders.swap_remove(chosen);
                kill(killed.pid());
                senders.into_iter().for_each(|sender| sender.join().expect("no panic"));
                patient.join().expect("no panic");
                let sent = killed.join().is_ok();
                let content = bin.content().expect("it lives").len();
                assert!(content == 6 || content == 5 && !sent, "{content}, {sent}");
                tally.check();
            }
        });
    }
}

#[test]
fn a_caller_that_gives_up_waiting_for_room_passes_it_on() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let mut rng = Rng::new(3 + workers as u64);
            for _ in 0..60 {
                let tally = Tally::new();
                let (bin, open) = OneHandle::held();
                bin.put(tally.token(0));
                let hasty: Vec<_> = (1..4)
                    .map(|n| {
                        let (bin, token) = (bin.timeout(rng.micros(80)), tally.token(n));
                        spawn(move || drop(bin.ask(token)))
                    })
                    .collect();
                let patient = spawn({
                    let (bin, token) = (bin.clone(), tally.token(9));
                    move || bin.put(token)
                });
                smarm::sleep(rng.micros(80));
                drop(open);
                patient.join().expect("no panic");
                hasty.into_iter().for_each(|caller| caller.join().expect("no panic"));
                let content = bin.content().expect("it lives");
                assert_eq!((content[0], content.contains(&9)), (0, true));
                tally.check();
            }
        });
    }
}

#[test]
fn senders_that_wait_are_told_when_the_server_ends() {
    in_child(|| {
        on(1, || {
            let (tally, before) = (Tally::new(), dead_letters());
            let (bin, open) = OneHandle::held();
            bin.put(tally.token(0));
            let casts: Vec<_> = (1..4)
                .map(|n| {
                    let (bin, token) = (bin.clone(), tally.token(n));
                    spawn(move || bin.put(token))
                })
                .collect();
            let caller = spawn({
                let (bin, token) = (bin.clone(), tally.token(9));
                move || bin.ask(token)
            });
            yield_now();
            bin.kill();
            casts.into_iter().for_each(|cast| cast.join().expect("no panic"));
            let error = caller.join().expect("no panic").expect_err("it has ended");
            assert!(matches!(error, CallError::Down { delivered: false, .. }), "{error:?}");
            assert_eq!(dead_letters() - before, 4);
            drop(open);
            tally.check();
        });
    })
    .is_success();
}

// ---- cycles -------------------------------------------------------------------------------------------------------------

struct Selfish {
    count: usize,
}

#[smarm::actor(mailbox = bounded(1))]
impl Selfish {
    pub fn many(&mut self, count: usize, ctx: &mut Ctx<Self>) {
        (0..count).for_each(|_| ctx.handle().one());
    }
    pub fn one(&mut self) {
        self.count += 1;
    }
    pub fn count(&self) -> usize {
        self.count
    }
}

#[test]
fn a_cast_to_oneself_goes_over_the_bound() {
    actors(|| {
        let selfish = Selfish { count: 0 }.start();
        selfish.many(50);
        while selfish.count().expect("it lives") < 50 {
            yield_now();
        }
    });
}

struct Player {
    other: Option<PlayerHandle>,
    got: usize,
}

#[smarm::actor(mailbox = bounded(1), timeout = none)]
impl Player {
    #[call]
    pub fn meet(&mut self, other: PlayerHandle) {
        self.other = Some(other);
    }
    pub fn serve(&mut self, balls: usize, throws: usize) {
        self.got += 1;
        if let Some(other) = self.other.as_ref().filter(|_| throws > 0) {
            (0..balls).for_each(|_| other.serve(balls, throws - 1));
        }
    }
    pub fn got(&self) -> usize {
        self.got
    }
}

fn play(players: usize, balls: usize, throws: usize) {
    let all: Vec<_> = (0..players).map(|_| Player { other: None, got: 0 }.start()).collect();
    for (n, player) in all.iter().enumerate() {
        player.meet(all[(n + 1) % players].clone()).expect("it lives");
    }
    all.iter().for_each(|player| player.serve(balls, throws));
    let each: usize = (0..=throws).map(|throw| balls.pow(throw as u32)).sum();
    loop {
        let got: usize = all.iter().map(|player| player.got().expect("it lives")).sum();
        if got == each * players {
            break;
        }
        assert!(got < each * players);
        yield_now();
    }
}

#[test]
fn servers_that_fill_each_others_mailboxes_do_not_lock_each_other_up() {
    for workers in [1, 2, 4] {
        on(workers, || {
            for round in 0..30 {
                play(2 + round % 2, 3, 4);
            }
        });
    }
}

/// A cast that waits for room in the mailbox of a server whose handler calls the caster: the call is refused.
#[test]
fn a_call_of_one_who_waits_for_room_here_is_a_deadlock() {
    struct Front {
        back: Option<BackHandle>,
    }
    #[smarm::actor(mailbox = bounded(1), timeout = none)]
    impl Front {
        pub fn go(&mut self, back: BackHandle) {
            back.fill();
            back.fill();
            back.fill();
            self.back = Some(back);
        }
        pub fn name(&self) -> &'static str {
            "front"
        }
    }
    struct Back {
        answers: Vec<bool>,
    }
    #[smarm::actor(mailbox = bounded(1), timeout = none)]
    impl Back {
        pub fn ask(&mut self, begun: Sender<()>, gate: Receiver<()>, front: FrontHandle) {
            begun.send(()).expect("the root listens");
            gate.recv().ok();
            self.answers.push(front.name().is_err_and(|error| error.is_deadlock()));
        }
        pub fn fill(&mut self) {}
        pub fn answers(&self) -> Vec<bool> {
            self.answers.clone()
        }
    }
    on(1, || {
        let (front, back) = (Front { back: None }.start(), Back { answers: Vec::new() }.start());
        let (open, gate) = channel();
        let (begun, begins) = channel();
        back.ask(begun, gate, front.clone());
        begins.recv().expect("it begins");
        front.go(back.clone());
        while front.actor().info().state != ActorState::Parked {
            yield_now();
        }
        drop(open);
        assert_eq!(back.answers().expect("it lives"), [true]);
        assert_eq!(front.name().expect("it goes on"), "front");
    });
}

#[test]
fn a_cast_while_unwinding_goes_over_the_bound() {
    struct CastsWhenDropped(OneHandle, Option<Token>);
    impl Drop for CastsWhenDropped {
        fn drop(&mut self) {
            assert!(thread::panicking());
            self.0.put(self.1.take().expect("dropped once"));
        }
    }
    actors(|| {
        let tally = Tally::new();
        let (bin, open) = OneHandle::held();
        bin.put(tally.token(0));
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _first = CastsWhenDropped(bin.clone(), Some(tally.token(2)));
            let _second = CastsWhenDropped(bin.clone(), Some(tally.token(1)));
            panic!("to unwind");
        }));
        assert!(caught.is_err());
        assert_eq!(bin.actor().info().mailbox_len, 3);
        drop(open);
        assert_eq!(bin.content().expect("it lives"), [0, 1, 2]);
        tally.check();
    });
}

// ---- stop ---------------------------------------------------------------------------------------------------------------

#[test]
fn a_stop_keeps_its_place_when_the_oldest_are_dropped() {
    in_child(|| {
        actors(|| {
            let (tally, before) = (Tally::new(), dead_letters());
            let (bin, open) = OldestHandle::held();
            (0..3).for_each(|n| bin.put(tally.token(n)));
            bin.stop();
            (3..5).for_each(|n| bin.put(tally.token(n)));
            // 2 comes before the stop; 3 and 4 after it.
            let bin_state = bin.clone();
            drop(open);
            assert!(bin.join().is_normal());
            tally.check();
            assert!(bin_state.content().is_err());
            assert_eq!(dead_letters() - before, 4);
        });
    })
    .is_success();
}

// ---- deferred replies ---------------------------------------------------------------------------------------------------

/// A right to reply in a message that is dropped: the caller is told, and the message counts.
#[test]
fn a_right_to_reply_that_travels_is_not_the_call_that_it_travels_in() {
    struct Front(BackHandle);
    #[smarm::actor(timeout = none)]
    impl Front {
        pub fn ask(&mut self, reply: ReplyTo<u64>) {
            self.0.answer(reply);
        }
    }
    struct Back;
    #[smarm::actor]
    impl Back {
        #[cast]
        pub fn answer(&mut self, reply: ReplyTo<u64>) {
            reply.send(1);
        }
    }
    in_child(|| {
        actors(|| {
            let before = dead_letters();
            let back = Back.start();
            let front = Front(back.clone()).start();
            assert_eq!(front.ask().expect("the other one answers"), 1);
            back.stop();
            back.join();
            let error = front.ask().expect_err("nobody answers");
            assert!(matches!(error, CallError::Unanswered { .. }), "the message was handled: {error:?}");
            assert!(!error.retry_is_safe());
            assert_eq!(dead_letters() - before, 1, "a cast was lost");
        });
    })
    .is_success();
}

/// Of the type of the server only.
fn mailbox_len<H: Handle>(handle: &H) -> usize {
    handle.actor().info().mailbox_len
}

#[test]
fn an_idle_server_has_no_mail() {
    actors(|| {
        let bin = Free(Vec::new()).start();
        assert_eq!(mailbox_len(&bin), 0);
        assert_eq!(bin.content().expect("it lives"), []);
        assert_eq!(mailbox_len(&bin), 0);
        let error = bin.timeout(Duration::ZERO).content();
        assert!(error.is_ok_and(|content| content.is_empty()) || error_is_timeout(&bin));
    });
}

fn error_is_timeout(bin: &FreeHandle) -> bool {
    bin.timeout(Duration::ZERO).content().err().is_none_or(|error| error.is_timeout())
}
