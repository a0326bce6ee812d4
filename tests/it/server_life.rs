//! A server's life: how it starts, what it does by itself, how it ends.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, Sender};
use smarm::{
    ActorState, CallError, Ctx, ExitReason, ReplyTo, channel, dead_letters, kill, reserve, sleep, spawn,
    start_with, yield_now,
};
use smarm_tests::{Rng, Tally, Token, actors, in_child, on, panic_message, plain, runtime};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// Tells of every step of its life.
struct Diary {
    tell: Sender<String>,
    panics_in: &'static str,
    #[expect(dead_code, reason = "carried to be dropped")]
    token: Option<Token>,
}

#[smarm::actor(timeout = none)]
impl Diary {
    pub fn note(&mut self, what: &'static str) {
        self.step(what);
    }
    pub fn ask(&mut self) -> u64 {
        self.step("ask");
        1
    }
    pub fn hold(&mut self, begun: Sender<()>, gate: Receiver<()>) {
        begun.send(()).ok();
        gate.recv().ok();
    }
    pub fn leave(&mut self, ctx: &mut Ctx<Self>) {
        ctx.stop();
        self.step("leave");
    }
    pub fn close(self) {
        self.step("close");
    }
    #[on_start]
    fn begin(&mut self) {
        self.step("start");
    }
    #[on_exit]
    fn end(&mut self, why: &ExitReason) {
        self.tell.send(format!("exit: {}", word(why))).ok();
        assert_ne!(self.panics_in, "exit", "on purpose");
    }
}

fn word(why: &ExitReason) -> &'static str {
    match why {
        ExitReason::Normal => "normal",
        ExitReason::Shutdown => "shutdown",
        ExitReason::Killed => "killed",
        ExitReason::Panicked(_) => "panicked",
        _ => "other",
    }
}

impl Diary {
    fn step(&self, what: &'static str) {
        self.tell.send(what.to_owned()).ok();
        assert_ne!(self.panics_in, what, "on purpose");
    }
}

impl Drop for Diary {
    fn drop(&mut self) {
        self.tell.send("drop".to_owned()).ok();
        assert_ne!(self.panics_in, "drop", "on purpose");
    }
}

fn diary(panics_in: &'static str) -> (DiaryHandle, Receiver<String>) {
    let (tell, told) = channel();
    (Diary { tell, panics_in, token: None }.start(), told)
}

fn steps(told: &Receiver<String>) -> Vec<String> {
    told.try_iter().collect()
}

// ---- start --------------------------------------------------------------------------------------------------------------

#[test]
fn a_server_starts_before_its_first_message_and_tells_of_its_end() {
    actors(|| {
        let (diary, told) = diary("");
        diary.note("a");
        assert_eq!(diary.ask().expect("it lives"), 1);
        diary.stop();
        assert!(diary.join().is_normal());
        assert_eq!(steps(&told), ["start", "a", "ask", "exit: normal", "drop"]);
    });
}

#[test]
fn a_server_with_a_hook_at_its_start_starts_without_a_message() {
    actors(|| {
        let (_diary, told) = diary("");
        assert_eq!(told.recv().expect("it starts"), "start");
    });
}

#[test]
fn without_a_runtime_a_start_panics_and_drops_the_state() {
    plain(|| {
        let tally = Tally::new();
        let (tell, told) = channel();
        let message = panic_message(|| Diary { tell, panics_in: "", token: Some(tally.token(1)) }.start());
        assert!(message.contains("RuntimeHandle"), "{message}");
        assert_eq!(steps(&told), ["drop"]);
        tally.check();
    });
}

#[test]
fn a_panic_in_any_step_is_an_exit_reason() {
    let cases: [(&'static str, &[&str]); 4] = [
        ("start", &["start", "exit: panicked", "drop"]),
        ("a", &["start", "a", "exit: panicked", "drop"]),
        ("ask", &["start", "ask", "exit: panicked", "drop"]),
        ("close", &["start", "close", "drop"]),
    ];
    for (panics_in, expected) in cases {
        actors(move || {
            let (diary, told) = diary(panics_in);
            match panics_in {
                "a" => diary.note("a"),
                "ask" => assert!(diary.ask().is_err_and(|error| error.is_down())),
                "close" => diary.close(),
                _ => {}
            }
            let reason = diary.join();
            assert!(reason.panic().is_some_and(|panic| panic.message().contains("on purpose")), "{reason:?}");
            assert_eq!(steps(&told), expected);
        });
    }
}

#[test]
fn a_panic_in_the_steps_of_the_end_does_not_change_the_reason() {
    for panics_in in ["exit", "drop"] {
        actors(move || {
            let (diary, told) = diary(panics_in);
            diary.stop();
            assert!(diary.join().is_normal());
            assert_eq!(steps(&told), ["start", "exit: normal", "drop"]);
            let (diary, _told) = self::diary(panics_in);
            diary.kill();
            assert!(matches!(diary.join(), ExitReason::Killed));
        });
    }
}

// ---- start_with -----------------------------------------------------------------------------------------------------------

struct Table(Vec<u32>, #[expect(dead_code, reason = "carried to be dropped")] Option<Token>);

#[smarm::actor]
impl Table {
    pub fn read(text: &str) -> Result<Self, std::num::ParseIntError> {
        Ok(Self(text.split(',').map(str::parse).collect::<Result<_, _>>()?, None))
    }
    pub fn sum(&self) -> u32 {
        self.0.iter().sum()
    }
    pub fn wait(&self, gate: Receiver<()>) {
        gate.recv().ok();
    }
}

#[test]
fn a_state_may_be_built_inside_its_server() {
    actors(|| {
        let table = start_with(|| Table(vec![1, 2], None)).expect("it is built");
        assert_eq!(table.sum().expect("it lives"), 3);
        let table = start_with(|| Table::read("1,2,3")).expect("it is built");
        assert_eq!(table.sum().expect("it lives"), 6);
    });
}

#[test]
fn a_failure_to_build_is_the_starters_error() {
    actors(|| {
        let error = start_with(|| Table::read("1,two")).expect_err("it is no number");
        assert!(matches!(error.reason(), ExitReason::Error(_)), "{error:?}");
        assert!(error.to_string().contains("invalid digit"), "{error}");
        assert!(std::error::Error::source(&error).is_some());
        let error = start_with(|| -> Table { panic!("no table today") }).expect_err("it panics");
        assert!(error.reason().panic().is_some_and(|panic| panic.message() == "no table today"));
        let error = start_with(|| -> Table {
            kill(smarm::current());
            yield_now();
            unreachable!("killed")
        });
        assert!(matches!(error.expect_err("it was killed").reason(), ExitReason::Killed));
    });
}

#[test]
fn a_builder_may_park_and_its_starter_may_go() {
    actors(|| {
        let tally = Tally::new();
        let (open, gate) = channel::<()>();
        let (begun, begins) = channel();
        let starter = spawn({
            let token = tally.token(1);
            move || {
                start_with(move || {
                    begun.send(smarm::current()).expect("the root listens");
                    gate.recv().ok();
                    Table(vec![5], Some(token))
                })
                .map(drop)
            }
        });
        let server = begins.recv().expect("it begins");
        kill(starter.pid());
        assert!(starter.join().is_err());
        drop(open);
        // Nobody has a handle; it lives all the same.
        assert_eq!(tally.dropped(), 0);
        kill(server);
        while tally.dropped() == 0 {
            yield_now();
        }
    });
}

// ---- reserve --------------------------------------------------------------------------------------------------------------

#[test]
fn mail_to_a_reserved_server_waits_for_its_start() {
    actors(|| {
        let (handle, reserved) = reserve::<Diary>();
        let (tell, told) = channel();
        handle.note("a");
        let caller = spawn({
            let handle = handle.clone();
            move || handle.ask().expect("it is started")
        });
        while handle.actor().info().mailbox_len < 2 {
            yield_now();
        }
        assert_eq!(handle.actor().info().state, ActorState::Idle);
        let same = reserved.start(Diary { tell, panics_in: "", token: None });
        assert_eq!(same, handle);
        assert_eq!(caller.join().expect("no panic"), 1);
        handle.stop();
        assert!(handle.join().is_normal());
        assert_eq!(steps(&told), ["start", "a", "ask", "exit: normal", "drop"]);
    });
}

#[test]
fn a_reservation_that_is_dropped_ends_the_server() {
    in_child(|| {
        actors(|| {
            let before = dead_letters();
            let (handle, reserved) = reserve::<Diary>();
            handle.note("a");
            let caller = spawn({
                let handle = handle.clone();
                move || handle.ask()
            });
            while handle.actor().info().mailbox_len < 2 {
                yield_now();
            }
            drop(reserved);
            let error = caller.join().expect("no panic").expect_err("it is never started");
            assert!(
                matches!(error, CallError::Down { reason: ExitReason::NoProc, delivered: false, .. }),
                "{error:?}"
            );
            assert!(matches!(handle.join(), ExitReason::NoProc));
            assert_eq!(dead_letters() - before, 1);
        });
    })
    .is_success();
}

#[test]
fn a_reserved_server_that_ends_before_its_start_drops_the_state_it_is_given() {
    actors(|| {
        let tally = Tally::new();
        let (handle, reserved) = reserve::<Diary>();
        handle.kill();
        assert!(matches!(handle.join(), ExitReason::Killed));
        let (tell, told) = channel();
        reserved.start(Diary { tell, panics_in: "", token: Some(tally.token(1)) });
        assert_eq!(steps(&told), ["drop"]);
        assert!(matches!(handle.ask(), Err(CallError::Down { delivered: false, .. })));
        tally.check();
    });
}

#[test]
fn a_reserved_server_may_be_stopped_before_its_start() {
    actors(|| {
        for now in [false, true] {
            let (handle, reserved) = reserve::<Diary>();
            handle.note("a");
            if now {
                handle.actor().stop_now()
            } else {
                handle.stop()
            }
            handle.note("b");
            let (tell, told) = channel();
            reserved.start(Diary { tell, panics_in: "", token: None });
            assert!(handle.join().is_normal());
            let expected: &[&str] = if now { &["start"] } else { &["start", "a"] };
            let steps = steps(&told);
            assert_eq!(steps[..expected.len()], *expected);
            assert_eq!(steps[expected.len()..], ["exit: normal", "drop"]);
        }
    });
}

#[test]
fn two_servers_that_need_each_other_are_reserved() {
    struct Ping(PongHandle);
    struct Pong(PingHandle);
    #[smarm::actor]
    impl Ping {
        pub fn name(&self) -> &'static str {
            "ping"
        }
        pub fn other(&self) -> &'static str {
            self.0.name().expect("it lives")
        }
    }
    #[smarm::actor]
    impl Pong {
        pub fn name(&self) -> &'static str {
            "pong"
        }
        pub fn other(&self) -> &'static str {
            self.0.name().expect("it lives")
        }
    }
    actors(|| {
        let (ping, reserved) = reserve::<Ping>();
        let pong = Pong(ping).start();
        let ping = reserved.start(Ping(pong.clone()));
        assert_eq!(ping.other().expect("it lives"), "pong");
        assert_eq!(pong.other().expect("it lives"), "ping");
    });
}

// ---- stop, kill, join -------------------------------------------------------------------------------------------------------

fn held() -> (DiaryHandle, Receiver<String>, Sender<()>) {
    let (diary, told) = diary("");
    let (open, gate) = channel();
    let (begun, begins) = channel();
    diary.hold(begun, gate);
    begins.recv().expect("it begins");
    assert_eq!(told.recv().expect("it has begun"), "start");
    (diary, told, open)
}

#[test]
fn a_stop_takes_its_place_in_the_queue() {
    in_child(|| {
        actors(|| {
            let before = dead_letters();
            let (diary, told, open) = held();
            diary.note("before");
            diary.stop();
            diary.stop();
            diary.note("after");
            drop(open);
            assert!(diary.join().is_normal());
            assert_eq!(steps(&told), ["before", "exit: normal", "drop"]);
            assert_eq!(dead_letters() - before, 1);
            diary.stop();
            diary.note("late");
            assert_eq!(dead_letters() - before, 2);
        });
    })
    .is_success();
}

#[test]
fn stop_now_takes_effect_after_the_message_in_hand() {
    in_child(|| {
        actors(|| {
            let before = dead_letters();
            let (diary, told, open) = held();
            diary.note("queued");
            diary.note("queued too");
            diary.actor().stop_now();
            drop(open);
            assert!(diary.join().is_normal());
            assert_eq!(steps(&told), ["exit: normal", "drop"]);
            assert_eq!(dead_letters() - before, 2);
        });
    })
    .is_success();
}

#[test]
fn a_server_may_stop_itself() {
    in_child(|| {
        actors(|| {
            let before = dead_letters();
            let (diary, told, open) = held();
            diary.leave();
            diary.note("queued");
            drop(open);
            assert!(diary.join().is_normal());
            assert_eq!(steps(&told), ["leave", "exit: normal", "drop"]);
            assert_eq!(dead_letters() - before, 1);
        });
    })
    .is_success();
}

#[test]
fn a_kill_ends_a_handler_that_waits() {
    in_child(|| {
        actors(|| {
            let before = dead_letters();
            let (diary, told, _open) = held();
            diary.note("queued");
            diary.kill();
            assert!(matches!(diary.join(), ExitReason::Killed));
            assert_eq!(steps(&told), ["exit: killed", "drop"]);
            assert_eq!(dead_letters() - before, 1);
        });
    })
    .is_success();
}

#[test]
fn a_kill_ends_an_idle_server_and_one_that_never_ran() {
    actors(|| {
        let (diary, told) = diary("");
        assert_eq!(diary.ask().expect("it lives"), 1);
        diary.kill();
        assert!(matches!(diary.join(), ExitReason::Killed));
        assert_eq!(steps(&told), ["start", "ask", "exit: killed", "drop"]);
        let tally = Tally::new();
        let table = Table(Vec::new(), Some(tally.token(1))).start();
        table.kill();
        assert!(matches!(table.join(), ExitReason::Killed));
        tally.check();
    });
}

#[test]
fn several_join_one_server_and_all_are_told() {
    plain(|| {
        for workers in [1, 2, 4] {
            let (give, given) = channel::<DiaryHandle>();
            let outside = thread::spawn(move || {
                let diary = given.recv().expect("the root gives one");
                let threads: Vec<_> = (0..3)
                    .map(|_| {
                        let diary = diary.clone();
                        thread::spawn(move || diary.join())
                    })
                    .collect();
                threads.into_iter().all(|thread| thread.join().expect("no panic").is_normal())
            });
            runtime(workers).run(move || {
                let (diary, _told, open) = held();
                give.send(diary.clone()).expect("it waits");
                let joiners: Vec<_> = (0..5)
                    .map(|_| {
                        let diary = diary.clone();
                        spawn(move || diary.join())
                    })
                    .collect();
                yield_now();
                diary.stop();
                drop(open);
                assert!(diary.join().is_normal());
                joiners.into_iter().for_each(|joiner| assert!(joiner.join().expect("no panic").is_normal()));
                assert!(diary.join().is_normal(), "again");
            });
            assert!(outside.join().expect("no panic"));
        }
    });
}

#[test]
fn a_killed_joiner_leaves() {
    actors(|| {
        let (diary, _told, open) = held();
        let joiner = spawn({
            let diary = diary.clone();
            move || diary.join()
        });
        yield_now();
        kill(joiner.pid());
        assert!(matches!(joiner.join(), Err(ExitReason::Killed)));
        drop(open);
        diary.stop();
        assert!(diary.join().is_normal());
    });
}

struct Slow {
    dropped: Arc<AtomicBool>,
    seen: Arc<AtomicUsize>,
}

#[smarm::actor]
impl Slow {
    pub fn go(&self) {}
    #[on_exit]
    fn bye(&mut self) {
        for _ in 0..10 {
            yield_now();
        }
        sleep(Duration::from_millis(1));
        self.seen.fetch_add(1, SeqCst);
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        yield_now();
        sleep(Duration::from_millis(1));
        self.dropped.store(true, SeqCst);
    }
}

#[test]
fn hook_and_state_are_done_before_joiners_are_told_even_if_they_park_and_are_killed() {
    for workers in [1, 2, 4] {
        on(workers, || {
            for kills in 0..4 {
                let (dropped, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
                let slow = Slow { dropped: Arc::clone(&dropped), seen: Arc::clone(&seen) }.start();
                slow.go();
                if kills == 3 {
                    slow.kill()
                } else {
                    slow.stop()
                }
                for _ in 0..kills {
                    yield_now();
                    slow.kill();
                }
                slow.join();
                assert!(dropped.load(SeqCst));
                assert_eq!(seen.load(SeqCst), 1);
            }
        });
    }
}

/// Its destructor takes its time.
struct Lingers(Token, Arc<AtomicUsize>);

impl Drop for Lingers {
    fn drop(&mut self) {
        sleep(Duration::from_millis(1));
        self.1.fetch_add(1, SeqCst);
        assert_eq!(self.0.value() % 2, 0, "on purpose");
    }
}

struct Bin;

#[smarm::actor(timeout = none)]
impl Bin {
    pub fn put(&mut self, what: Lingers) {
        drop(what);
    }
    pub fn ask(&mut self, what: Lingers) -> u64 {
        what.0.value()
    }
    pub fn hold(&mut self, begun: Sender<()>, gate: Receiver<()>) {
        begun.send(()).ok();
        gate.recv().ok();
    }
    pub fn reply(&mut self, number: u64) -> Token2 {
        Token2(number)
    }
}

/// A reply whose destructor panics.
#[derive(Debug)]
struct Token2(u64);

impl Drop for Token2 {
    fn drop(&mut self) {
        assert_ne!(self.0, 7, "on purpose");
    }
}

#[test]
fn messages_that_are_left_are_dropped_before_joiners_are_told_even_if_they_park_and_panic() {
    in_child(|| {
        for workers in [1, 2] {
            on(workers, || {
                let (tally, before) = (Tally::new(), dead_letters());
                let dropped = Arc::new(AtomicUsize::new(0));
                let bin = Bin.start();
                let (open, gate) = channel();
                let (begun, begins) = channel();
                bin.hold(begun, gate);
                begins.recv().expect("it begins");
                (0..6).for_each(|n| bin.put(Lingers(tally.token(n), Arc::clone(&dropped))));
                let caller = spawn({
                    let (bin, what) = (bin.clone(), Lingers(tally.token(7), Arc::clone(&dropped)));
                    move || bin.ask(what)
                });
                while bin.actor().info().mailbox_len < 7 {
                    yield_now();
                }
                bin.actor().stop_now();
                drop(open);
                assert!(bin.join().is_normal());
                assert_eq!(dropped.load(SeqCst), 7);
                assert_eq!(dead_letters() - before, 6);
                assert!(matches!(caller.join(), Ok(Err(CallError::Down { delivered: false, .. }))));
                tally.check();
            });
        }
    })
    .is_success();
}

#[test]
fn a_panic_in_the_drop_of_a_late_reply_is_the_servers() {
    actors(|| {
        let bin = Bin.start();
        let (open, gate) = channel();
        let (begun, begins) = channel();
        bin.hold(begun, gate);
        begins.recv().expect("it begins");
        assert!(bin.timeout(Duration::from_millis(1)).reply(7).is_err_and(|error| error.is_timeout()));
        drop(open);
        assert!(bin.join().panic().is_some(), "nobody waited for it, so its handler dropped it");
    });
}

// ---- stop_on_drop -----------------------------------------------------------------------------------------------------------

struct Guest {
    tell: Sender<String>,
    kept: Option<GuestHandle>,
}

#[smarm::actor(stop_on_drop, timeout = none)]
impl Guest {
    pub fn note(&mut self, what: &'static str) {
        self.tell.send(what.to_owned()).ok();
    }
    pub fn hold(&mut self, begun: Sender<()>, gate: Receiver<()>) {
        begun.send(()).ok();
        gate.recv().ok();
    }
    /// Hands out a handle of itself.
    pub fn invite(&mut self, to: Sender<GuestHandle>, ctx: &mut Ctx<Self>) {
        to.send(ctx.handle()).ok();
    }
    pub fn keep(&mut self, ctx: &mut Ctx<Self>) {
        self.kept = Some(ctx.handle());
    }
    pub fn remind(&mut self, ctx: &mut Ctx<Self>) {
        ctx.send_after(Duration::from_millis(3), GuestMsg::Note { what: "reminded" });
    }
    pub fn again(&mut self, left: u32, ctx: &mut Ctx<Self>) {
        self.tell.send(left.to_string()).ok();
        if left > 0 {
            ctx.handle().again(left - 1);
        }
    }
    #[on_exit]
    fn bye(&mut self, why: &ExitReason) {
        self.tell.send(word(why).to_owned()).ok();
    }
}

fn guest() -> (GuestHandle, Receiver<String>) {
    let (tell, told) = channel();
    (Guest { tell, kept: None }.start(), told)
}

#[test]
fn a_server_may_stop_when_its_last_handle_is_dropped() {
    actors(|| {
        let (guest, told) = guest();
        drop(guest);
        assert_eq!(told.iter().collect::<Vec<_>>(), ["normal"]);
        let (guest, told) = self::guest();
        let other = guest.clone();
        guest.note("a");
        drop(guest);
        other.note("b");
        other.again(3);
        drop(other);
        assert_eq!(told.iter().collect::<Vec<_>>(), ["a", "b", "3", "2", "1", "0", "normal"]);
    });
}

#[test]
fn a_handle_that_the_server_hands_out_keeps_it() {
    actors(|| {
        let (guest, told) = guest();
        let (open, gate) = channel();
        let (begun, begins) = channel();
        let (to, invited) = channel();
        guest.hold(begun, gate);
        guest.invite(to);
        begins.recv().expect("it begins");
        drop(guest);
        drop(open);
        // For a moment there was no handle.
        let again = invited.recv().expect("it invites");
        yield_now();
        again.note("a");
        again.again(0);
        drop(again);
        assert_eq!(told.iter().collect::<Vec<_>>(), ["a", "0", "normal"]);
    });
}

#[test]
fn a_message_underway_keeps_it() {
    actors(|| {
        let (guest, told) = guest();
        let (open, gate) = channel();
        let (begun, begins) = channel();
        guest.hold(begun, gate);
        guest.remind();
        begins.recv().expect("it begins");
        drop(guest);
        drop(open);
        assert_eq!(told.iter().collect::<Vec<_>>(), ["reminded", "normal"]);
    });
}

#[test]
fn a_server_that_keeps_a_handle_of_itself_lives_until_the_run_ends() {
    plain(|| {
        let told = runtime(2).run(|| {
            let (guest, told) = guest();
            guest.keep();
            drop(guest);
            told
        });
        assert_eq!(told.iter().collect::<Vec<_>>(), ["shutdown"]);
    });
}

// ---- every, idle ----------------------------------------------------------------------------------------------------------

struct Clock {
    tell: Sender<&'static str>,
    ticks: u32,
    waiting: Vec<ReplyTo<u32>>,
}

#[smarm::actor(timeout = none)]
impl Clock {
    pub fn ticks(&self) -> u32 {
        self.ticks
    }
    pub fn next_tick(&mut self, reply: ReplyTo<u32>) {
        self.waiting.push(reply);
    }
    #[every("1ms")]
    fn tick(&mut self) {
        self.ticks += 1;
        self.waiting.drain(..).for_each(|reply| reply.send(self.ticks));
        self.tell.send("tick").ok();
    }
    #[every(Duration::from_millis(2))]
    fn tock(&mut self, ctx: &mut Ctx<Self>) {
        self.tell.send("tock").ok();
        if self.ticks > 1_000_000 {
            ctx.stop();
        }
    }
}

#[test]
fn a_period_comes_again_and_again_without_any_message() {
    actors(|| {
        let (tell, told) = channel();
        let clock = Clock { tell, ticks: 0, waiting: Vec::new() }.start();
        for what in ["tick", "tock", "tick", "tock"] {
            while told.recv().expect("it goes on") != what {}
        }
        let ticks = clock.ticks().expect("it lives");
        assert!(clock.next_tick().expect("it ticks") > ticks);
        clock.stop();
        assert!(clock.join().is_normal());
        while told.try_recv().is_ok() {}
        assert!(told.recv().is_err(), "the state is gone, and nothing ticks any more");
    });
}

struct Sleeper {
    tell: Sender<u32>,
    idles: u32,
    panics: bool,
}

#[smarm::actor]
impl Sleeper {
    pub fn poke(&mut self) {}
    #[idle("2ms")]
    fn dream(&mut self, ctx: &mut Ctx<Self>) {
        self.idles += 1;
        self.tell.send(self.idles).ok();
        assert!(!self.panics, "a nightmare");
        if self.idles == 3 {
            ctx.stop();
        }
    }
}

#[test]
fn a_server_without_messages_is_told_that_it_is_idle() {
    actors(|| {
        let (tell, told) = channel();
        let sleeper = Sleeper { tell, idles: 0, panics: false }.start();
        sleeper.poke();
        assert!(sleeper.join().is_normal());
        assert_eq!(told.iter().collect::<Vec<_>>(), [1, 2, 3]);
    });
}

#[test]
fn a_panic_in_a_hook_is_an_exit_reason() {
    actors(|| {
        let (tell, _told) = channel();
        let sleeper = Sleeper { tell, idles: 0, panics: true }.start();
        assert!(sleeper.join().panic().is_some_and(|panic| panic.message() == "a nightmare"));
    });
}

// ---- send_after -----------------------------------------------------------------------------------------------------------

struct Keeper {
    tell: Sender<u64>,
}

#[smarm::actor(mailbox = bounded(1), timeout = none)]
impl Keeper {
    pub fn keep(&mut self, token: Token) {
        self.tell.send(token.value()).ok();
    }
    pub fn later(&mut self, token: Token, ctx: &mut Ctx<Self>) {
        ctx.send_after(Duration::from_millis(1), KeeperMsg::Keep { token });
    }
    pub fn hold(&mut self, begun: Sender<()>, gate: Receiver<()>) {
        begun.send(()).ok();
        gate.recv().ok();
    }
}

fn keeper() -> (KeeperHandle, Receiver<u64>) {
    let (tell, told) = channel();
    (Keeper { tell }.start(), told)
}

#[test]
fn a_message_may_be_sent_later() {
    actors(|| {
        let tally = Tally::new();
        let (keeper, told) = keeper();
        let send = |millis, n| {
            drop(keeper.send_after(Duration::from_millis(millis), KeeperMsg::Keep { token: tally.token(n) }));
        };
        send(4, 3);
        send(2, 2);
        send(0, 1);
        keeper.later(tally.token(9));
        let mut got: Vec<_> = told.iter().take(4).collect();
        assert!(got.iter().position(|n| *n == 1) < got.iter().position(|n| *n == 2));
        assert!(got.iter().position(|n| *n == 2) < got.iter().position(|n| *n == 3));
        got.sort_unstable();
        assert_eq!(got, [1, 2, 3, 9]);
        keeper.stop(); // the last token goes after it was told of
        keeper.join();
        tally.check();
    });
}

#[test]
fn a_message_that_is_sent_later_may_be_taken_back() {
    in_child(|| {
        actors(|| {
            let (tally, before) = (Tally::new(), dead_letters());
            let (keeper, told) = keeper();
            let hour = Duration::from_secs(3600);
            let timer = keeper.send_after(hour, KeeperMsg::Keep { token: tally.token(1) });
            assert_eq!(tally.alive(), 1);
            assert!(timer.cancel());
            tally.check();
            let timer = keeper.send_after(Duration::ZERO, KeeperMsg::Keep { token: tally.token(2) });
            assert_eq!(told.recv(), Ok(2));
            assert!(!timer.cancel());
            assert_eq!(dead_letters(), before);
        });
    })
    .is_success();
}

#[test]
fn a_message_that_is_sent_later_to_one_who_has_ended_is_a_dead_letter() {
    in_child(|| {
        actors(|| {
            let (tally, before) = (Tally::new(), dead_letters());
            let (keeper, _told) = keeper();
            drop(keeper.send_after(Duration::from_millis(2), KeeperMsg::Keep { token: tally.token(1) }));
            keeper.stop();
            keeper.join();
            while tally.dropped() == 0 {
                sleep(Duration::from_millis(1));
            }
            while dead_letters() == before {
                yield_now();
            }
            assert_eq!(dead_letters() - before, 1);
        });
    })
    .is_success();
}

#[test]
fn messages_that_are_sent_later_go_over_the_bound() {
    actors(|| {
        let tally = Tally::new();
        let (keeper, told) = keeper();
        let (open, gate) = channel();
        let (begun, begins) = channel();
        keeper.hold(begun, gate);
        begins.recv().expect("it begins");
        for n in 0..5 {
            drop(keeper.send_after(Duration::ZERO, KeeperMsg::Keep { token: tally.token(n) }));
        }
        while keeper.actor().info().mailbox_len < 5 {
            sleep(Duration::from_millis(1));
        }
        drop(open);
        let mut got: Vec<_> = told.iter().take(5).collect();
        got.sort_unstable();
        assert_eq!(got, [0, 1, 2, 3, 4]);
        // The keeper tells of a token, and then drops it.
        while tally.alive() > 0 {
            sleep(Duration::from_millis(1));
        }
        tally.check();
    });
}

#[test]
fn plain_threads_send_later_too() {
    in_child(|| {
        plain(|| {
            let (tally, before) = (Tally::new(), dead_letters());
            let inside = tally.clone();
            let (give, given) = channel::<KeeperHandle>();
            let thread = thread::spawn(move || {
                let keeper = given.recv().expect("the root gives one");
                let send = |millis, n| {
                    keeper
                        .send_after(Duration::from_millis(millis), KeeperMsg::Keep { token: inside.token(n) })
                };
                drop(send(2, 2));
                drop(send(0, 1));
                assert!(send(3_600_000, 3).cancel());
                keeper
            });
            let keeper = runtime(2).run(move || {
                let (keeper, told) = keeper();
                give.send(keeper.clone()).expect("it waits");
                assert_eq!((told.recv(), told.recv()), (Ok(1), Ok(2)));
                keeper
            });
            assert_eq!(thread.join().expect("no panic"), keeper);
            assert_eq!(dead_letters(), before);
            let late = keeper.send_after(Duration::ZERO, KeeperMsg::Keep { token: tally.token(4) });
            assert_eq!(dead_letters() - before, 1, "it has ended with its run");
            assert!(!late.cancel());
            tally.check();
        });
    })
    .is_success();
}

#[test]
fn what_a_plain_thread_wanted_to_send_later_to_a_busy_server_that_ends_is_a_dead_letter() {
    in_child(|| {
        plain(|| {
            let (tally, before) = (Tally::new(), dead_letters());
            let token = tally.token(1);
            let (give, given) = channel::<KeeperHandle>();
            let (done, is_done) = channel::<()>();
            let thread = thread::spawn(move || {
                let keeper = given.recv().expect("the root gives one");
                let timer = keeper.send_after(Duration::from_secs(3600), KeeperMsg::Keep { token });
                drop(done);
                timer
            });
            runtime(2).run(move || {
                let (keeper, _told) = keeper();
                let (_open, gate) = channel::<()>();
                let (begun, begins) = channel();
                keeper.hold(begun, gate);
                begins.recv().expect("it begins");
                give.send(keeper.clone()).expect("it waits");
                assert!(is_done.recv().is_err());
                keeper.kill();
                keeper.join();
            });
            let timer = thread.join().expect("no panic");
            assert_eq!(dead_letters() - before, 1);
            assert!(!timer.cancel());
            tally.check();
        });
    })
    .is_success();
}

#[test]
fn cancels_and_deliveries_at_the_same_time_lose_and_leak_nothing() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let tally = Tally::new();
            let (keeper, told) = keeper();
            let senders: Vec<_> = (0..4)
                .map(|n| {
                    let (keeper, tally, mut rng) = (keeper.clone(), tally.clone(), Rng::new(n));
                    smarm::Builder::new()
                        .spread()
                        .spawn(move || {
                            let mut cancelled = 0;
                            for n in 0..60 {
                                let timer = keeper
                                    .send_after(rng.micros(60), KeeperMsg::Keep { token: tally.token(n) });
                                sleep(rng.micros(60));
                                cancelled += usize::from(timer.cancel());
                            }
                            cancelled
                        })
                        .expect("a stack")
                })
                .collect();
            let cancelled: usize = senders.into_iter().map(|sender| sender.join().expect("no panic")).sum();
            keeper.stop();
            keeper.join();
            drop(keeper);
            assert_eq!(told.try_iter().count() + cancelled, 240);
            tally.check();
        });
    }
}

// ---- kills in the middle ----------------------------------------------------------------------------------------------------

#[test]
fn a_server_that_is_killed_at_any_moment_ends_once() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let mut rng = Rng::new(workers as u64);
            for _ in 0..100 {
                let tally = Tally::new();
                let (tell, told) = channel();
                let diary = Diary { tell, panics_in: "", token: Some(tally.token(1)) }.start();
                let poker = smarm::Builder::new()
                    .spread()
                    .spawn({
                        let diary = diary.clone();
                        move || (0..20).for_each(|_| diary.note("a"))
                    })
                    .expect("a stack");
                for _ in 0..rng.range(0..3) {
                    yield_now();
                }
                match rng.range(0..3) {
                    0 => diary.kill(),
                    1 => diary.stop(),
                    _ => diary.actor().stop_now(),
                }
                diary.kill();
                diary.join();
                tally.check();
                let steps = steps(&told);
                assert_eq!(steps.iter().filter(|step| *step == "drop").count(), 1, "{steps:?}");
                assert_eq!(steps.last().map(String::as_str), Some("drop"));
                poker.join().expect("no panic");
            }
        });
    }
}
