//! `send_interval`: a message again and again, one at a time, until it is cancelled or its server ends.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, Sender, bounded};
use smarm::{Ctx, ExitReason, Timer, channel, sleep, yield_now};
use smarm_tests::{Tally, Token, actors, on, plain, runtime};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

const PERIOD: Duration = Duration::from_micros(100);
const HOUR: Duration = Duration::from_secs(3600);

#[derive(Default)]
pub struct Clock {
    ticks: u32,
    own: Option<Timer>,
}

#[smarm::actor(mailbox = bounded(1))]
impl Clock {
    pub fn tick(&mut self) {
        self.ticks += 1;
    }

    pub fn tick_with(&mut self, token: Token) {
        self.ticks += token.value() as u32;
    }

    pub fn ticks(&self) -> u32 {
        self.ticks
    }

    /// Handles what comes on `go` and says so, so that all else waits.
    pub fn hold(&self, held: Sender<()>, go: Receiver<()>) {
        held.send(()).expect("a receiver");
        assert!(go.recv().is_err());
    }

    pub fn tick_by_yourself(&mut self, ctx: &mut Ctx<Self>) {
        self.own = Some(ctx.send_interval(PERIOD, || ClockMsg::TickThrice {}));
    }

    pub fn tick_thrice(&mut self) {
        self.ticks += 1;
        if self.ticks == 3 {
            assert!(self.own.take().expect("it ticks").cancel());
        }
    }

    pub fn fail(&self) {
        panic!("as asked");
    }
}

fn await_ticks(clock: &ClockHandle, at_least: u32) -> u32 {
    loop {
        let ticks = clock.ticks().expect("it lives");
        if ticks >= at_least {
            return ticks;
        }
        sleep(PERIOD);
    }
}

/// An interval whose closure has a token.
fn with_token(clock: &ClockHandle, token: Token) -> Timer {
    clock.actor().send_interval(PERIOD, move || {
        std::hint::black_box(&token);
        ClockMsg::Tick {}
    })
}

#[test]
fn a_message_comes_again_and_again_until_it_is_cancelled() {
    actors(|| {
        let clock = Clock::default().start();
        let timer = clock.actor().send_interval(PERIOD, || ClockMsg::Tick {});
        await_ticks(&clock, 5);
        assert!(timer.cancel());
        let ticks = clock.ticks().expect("it lives");
        sleep(20 * PERIOD);
        assert_eq!(clock.ticks().expect("it lives"), ticks);
    });
}

#[test]
fn the_closure_makes_each_message_when_its_time_has_come() {
    actors(|| {
        let tally = Tally::new();
        let clock = Clock::default().start();
        let (tokens, mut next) = (tally.clone(), 0);
        let timer = clock.actor().send_interval(PERIOD, move || {
            next += 1;
            ClockMsg::TickWith { token: tokens.token(next) }
        });
        let ticks = await_ticks(&clock, 15);
        let of_the_first = |n: u32| n * (n + 1) / 2;
        assert!((5..1000).map(of_the_first).any(|sum| sum == ticks), "{ticks} is no such sum");
        assert!(timer.cancel());
        assert_eq!(clock.ticks().map(|_| tally.alive()).expect("it lives"), 0);
        tally.check();
    });
}

#[test]
fn plain_threads_and_the_server_itself_begin_one() {
    actors(|| {
        let clock = Clock::default().start();
        clock.tick_by_yourself();
        assert_eq!(await_ticks(&clock, 3), 3);
        let outside = clock.clone();
        let timer = thread::spawn(move || outside.actor().send_interval(PERIOD, || ClockMsg::Tick {}));
        let timer = timer.join().expect("no panic");
        await_ticks(&clock, 5);
        assert!(thread::spawn(|| timer.cancel()).join().expect("no panic"));
    });
}

#[test]
fn no_more_than_one_waits_and_a_full_mailbox_is_nothing_to_it() {
    actors(|| {
        let clock = Clock::default().start();
        let ((held, is_held), (go, goes)) = (channel(), bounded(0));
        let made = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&made);
        let timer = clock.actor().send_interval(PERIOD, move || {
            count.fetch_add(1, SeqCst);
            ClockMsg::Tick {}
        });
        clock.hold(held, goes);
        is_held.recv().expect("it holds");
        let before = made.load(SeqCst);
        assert!(clock.try_send(ClockMsg::Tick {}).is_ok());
        assert!(clock.try_send(ClockMsg::Tick {}).is_err(), "the mailbox is full");
        sleep(50 * PERIOD);
        assert_eq!(made.load(SeqCst), before, "messages are made when they are handled");
        drop(go);
        // The call comes after what is in the mailbox; the ticks of fifty periods would have come before.
        drop(clock.timeout(HOUR).ticks());
        let missed = made.load(SeqCst) - before;
        assert!(missed < 25, "{missed} ticks in a row");
        assert!(timer.cancel());
    });
}

#[test]
fn the_end_of_a_run_does_not_wait_for_it() {
    plain(|| {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let tally = Tally::new();
            let (token, hours) = (tally.token(1), tally.token(2));
            let timer = runtime.run(move || {
                let clock = Clock::default().start();
                drop(clock.actor().send_interval(HOUR, move || {
                    std::hint::black_box(&hours);
                    ClockMsg::Tick {}
                }));
                let timer = with_token(&clock, token);
                await_ticks(&clock, 2);
                timer
            });
            assert_eq!(runtime.stats().sleeping_count(), 0);
            tally.check();
            assert!(!timer.cancel(), "it was over with its server");
        }
    });
}

#[test]
fn it_ends_with_its_server_however_that_ends_and_leaves_no_timer() {
    plain(|| {
        for workers in [1, 2] {
            let runtime = Arc::new(runtime(workers));
            let inside = Arc::clone(&runtime);
            runtime.run(move || {
                for way in 0..4 {
                    let tally = Tally::new();
                    let clock = Clock::default().start();
                    let timers: Vec<Timer> = (0..3).map(|n| with_token(&clock, tally.token(n))).collect();
                    await_ticks(&clock, way);
                    match way {
                        0 => clock.stop(),
                        1 => clock.actor().stop_now(),
                        2 => clock.kill(),
                        _ => clock.fail(),
                    }
                    let why = clock.join();
                    assert_eq!(why.is_normal(), way < 2);
                    // Another worker's timer goes when that worker next looks.
                    while inside.stats().sleeping_count() > 0 {
                        yield_now();
                    }
                    assert_eq!(tally.alive(), 0);
                    tally.check();
                    assert!(timers.into_iter().all(|timer| !timer.cancel()));
                }
            });
        }
    });
}

#[test]
fn of_a_server_that_has_ended_it_is_over_at_once() {
    actors(|| {
        let tally = Tally::new();
        let clock = Clock::default().start();
        clock.stop();
        clock.join();
        let timer = with_token(&clock, tally.token(1));
        assert_eq!(tally.alive(), 0);
        assert!(!timer.cancel());
    });
}

#[test]
fn a_cancel_leaves_no_timer_however_many_there_are_and_drops_the_closure() {
    plain(|| {
        let runtime = Arc::new(runtime(1));
        let inside = Arc::clone(&runtime);
        runtime.run(move || {
            let tally = Tally::new();
            let clock = Clock::default().start();
            let timers: Vec<Timer> = (0..500)
                .map(|n| {
                    let token = tally.token(n);
                    clock.actor().send_interval(HOUR, move || {
                        std::hint::black_box(&token);
                        ClockMsg::Tick {}
                    })
                })
                .collect();
            // They have begun when the server has come to this.
            assert_eq!(clock.ticks().expect("it lives"), 0);
            assert_eq!(inside.stats().sleeping_count(), 500);
            assert!(timers.into_iter().rev().all(Timer::cancel));
            assert_eq!(inside.stats().sleeping_count(), 0);
            tally.check();
            // Before it has begun, too.
            let timer = with_token(&clock, tally.token(1));
            assert!(timer.cancel());
            tally.check();
            assert_eq!(clock.ticks().expect("it lives"), 0);
        });
    });
}

#[test]
fn a_panic_in_the_closure_is_the_servers() {
    actors(|| {
        let clock = Clock::default().start();
        let timer = clock.actor().send_interval(PERIOD, || panic!("no message today"));
        match clock.join() {
            ExitReason::Panicked(info) => assert_eq!(info.message(), "no message today"),
            other => unreachable!("{other:?}"),
        }
        assert!(!timer.cancel());
    });
}

#[test]
fn a_server_that_nobody_has_ends_although_it_has_an_interval() {
    #[derive(Default)]
    pub struct Lonely {
        token: Option<Token>,
    }
    #[smarm::actor(stop_on_drop)]
    impl Lonely {
        pub fn take(&mut self, token: Token) {
            self.token = Some(token);
        }
        pub fn tick(&self) {}
    }
    actors(|| {
        let tally = Tally::new();
        let lonely = Lonely::default().start();
        lonely.take(tally.token(1));
        drop(lonely.actor().send_interval(PERIOD, || LonelyMsg::Tick {}));
        drop(lonely);
        while tally.alive() > 0 {
            yield_now();
        }
    });
}

#[test]
fn cancels_from_elsewhere_meet_ticks_at_any_moment() {
    on(4, || {
        let tally = Tally::new();
        let clock = Clock::default().start();
        let canceller: Vec<_> = (0..200)
            .map(|n| {
                let timer = with_token(&clock, tally.token(n));
                smarm::spawn(move || {
                    sleep(Duration::from_micros(n % 7 * 50));
                    assert!(timer.cancel());
                })
            })
            .collect();
        canceller.into_iter().for_each(|canceller| canceller.join().expect("no panic"));
        assert!(clock.ticks().is_ok());
        tally.check();
    });
}

#[test]
fn a_period_of_zero_panics_with_a_sentence() {
    actors(|| {
        let clock = Clock::default().start();
        let message = smarm_tests::panic_message(|| {
            drop(clock.actor().send_interval(Duration::ZERO, || ClockMsg::Tick {}));
        });
        assert!(message.contains("send_interval(0)"), "{message}");
    });
}
