//! The end of a run with servers, and what is left of them afterwards.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, Sender, TrySendError};
use smarm::runtime::{Config, Deadlock, init};
use smarm::{
    ActorState, CallError, Ctx, ExitReason, ReplyTo, channel, dead_letters, reserve, run, sleep, spawn,
    yield_now,
};
use smarm_tests::{Tally, Token, actors, in_child, panic_message, plain, runtime};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

struct Member {
    number: u64,
    tell: Sender<(u64, String)>,
    /// Told at the end, and asked.
    older: Option<MemberHandle>,
    got: u64,
    kept: Vec<ReplyTo<u64>>,
}

#[smarm::actor(timeout = none)]
impl Member {
    pub fn got(&self) -> u64 {
        self.got
    }
    pub fn give(&mut self, by: u64) {
        self.got += by;
    }
    pub fn keep_reply(&mut self, reply: ReplyTo<u64>) {
        self.kept.push(reply);
    }
    pub fn carry(&mut self, token: Token) {
        self.got += token.value();
    }
    pub fn hold(&mut self, begun: Sender<()>, gate: Receiver<()>) {
        begun.send(()).ok();
        gate.recv().ok();
    }
    pub fn meet(&mut self, other: MemberHandle) {
        self.older = Some(other);
    }
    pub fn ask_other(&self) -> u64 {
        self.older.as_ref().expect("they have met").got().expect("it lives")
    }
    #[on_exit]
    fn bye(&mut self, why: &ExitReason) {
        if let Some(older) = &self.older {
            older.give(1);
            older.got().ok();
        }
        self.tell.send((self.got, format!("{} {why}", self.number))).ok();
    }
}

fn member(number: u64, tell: &Sender<(u64, String)>, older: Option<&MemberHandle>) -> MemberHandle {
    Member { number, tell: tell.clone(), older: older.cloned(), got: 0, kept: Vec::new() }.start()
}

#[test]
fn idle_servers_stop_newest_first_when_nobody_else_is_left() {
    plain(|| {
        for workers in [1, 2, 4] {
            let (tell, told) = channel();
            runtime(workers).run(move || {
                let mut older = None;
                for n in 0..20 {
                    let member = member(n, &tell, older.as_ref());
                    member.give(100);
                    older = Some(member);
                }
            });
            let ends: Vec<_> = told.iter().collect();
            let expected: Vec<_> =
                (0..20).rev().map(|n| (if n == 19 { 100 } else { 101 }, format!("{n} shutdown"))).collect();
            assert_eq!(ends, expected, "each could still tell the one before");
        }
    });
}

#[test]
fn servers_that_have_handles_of_each_other_do_not_hold_up_the_end() {
    actors(|| {
        let (tell, _told) = channel();
        let (one, other) = (member(1, &tell, None), member(2, &tell, None));
        one.meet(other.clone());
        other.meet(one);
    });
}

#[test]
fn what_was_sent_before_the_end_is_handled() {
    plain(|| {
        for workers in [1, 2] {
            let (tell, told) = channel();
            runtime(workers).run(move || {
                let member = member(1, &tell, None);
                for _ in 0..1000 {
                    member.give(1);
                }
                spawn(move || (0..1000).for_each(|_| member.give(1)));
            });
            assert_eq!(told.recv().expect("it has ended"), (2000, "1 shutdown".to_owned()));
        }
    });
}

#[test]
fn what_is_underway_for_later_is_delivered_before_the_end() {
    plain(|| {
        for workers in [1, 2] {
            let (tell, told) = channel();
            runtime(workers).run(move || {
                let (first, second) = (member(1, &tell, None), member(2, &tell, None));
                for n in 0..5 {
                    first.send_after(Duration::from_millis(3 * n), MemberMsg::Give { by: 1 });
                    second.send_after(Duration::from_millis(2 * n), MemberMsg::Give { by: 1 });
                }
            });
            let ends: Vec<_> = told.iter().collect();
            assert_eq!(ends, [(5, "2 shutdown".to_owned()), (5, "1 shutdown".to_owned())]);
        }
    });
}

#[test]
fn what_is_underway_to_one_who_has_ended_does_not_hold_up_the_end() {
    plain(|| {
        for workers in [1, 2] {
            let (tell, told) = channel();
            runtime(workers).run(move || {
                let (first, second) = (member(1, &tell, None), member(2, &tell, None));
                first.send_after(HOUR, MemberMsg::Give { by: 1 });
                second.give(1);
                spawn(move || {
                    sleep(Duration::from_millis(2));
                    first.stop();
                });
            });
            let ends: Vec<_> = told.iter().collect();
            assert_eq!(ends, [(0, "1 normal".to_owned()), (1, "2 shutdown".to_owned())]);
        }
    });
}

#[test]
fn a_server_that_works_holds_up_the_end() {
    plain(|| {
        for workers in [1, 2] {
            let (tell, told) = channel();
            let (open, gate) = channel::<()>();
            let opener = thread::spawn(move || {
                thread::sleep(Duration::from_millis(5));
                drop(open);
            });
            runtime(workers).run(move || {
                let (older, newer) = (member(1, &tell, None), member(2, &tell, None));
                let (begun, begins) = channel();
                older.hold(begun, gate);
                begins.recv().expect("it begins");
                older.give(7);
                newer.give(8);
            });
            let ends: Vec<_> = told.iter().collect();
            assert_eq!(ends, [(8, "2 shutdown".to_owned()), (7, "1 shutdown".to_owned())]);
            opener.join().expect("no panic");
        }
    });
}

#[test]
fn timers_of_idle_servers_do_not_hold_up_the_end() {
    struct Lazy(Arc<AtomicUsize>);
    #[smarm::actor]
    impl Lazy {
        pub fn poke(&mut self) {}
        #[every(HOUR)]
        fn hourly(&mut self) {}
        #[idle(HOUR)]
        fn bored(&mut self) {}
        #[on_exit]
        fn bye(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    plain(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        for workers in [1, 2] {
            let ended = Arc::clone(&ended);
            runtime(workers).run(move || {
                for _ in 0..10 {
                    Lazy(Arc::clone(&ended)).start().poke();
                }
            });
        }
        assert_eq!(ended.load(SeqCst), 20);
    });
}

#[test]
fn servers_that_start_at_the_end_end_too() {
    struct Phoenix {
        left: u32,
        ends: Arc<AtomicUsize>,
    }
    #[smarm::actor]
    impl Phoenix {
        pub fn poke(&mut self) {}
        #[on_exit]
        fn rise(&mut self) {
            self.ends.fetch_add(1, SeqCst);
            if self.left > 0 {
                let next = Phoenix { left: self.left - 1, ends: Arc::clone(&self.ends) }.start();
                next.poke();
                let ends = Arc::clone(&self.ends);
                spawn(move || {
                    yield_now();
                    ends.fetch_add(100, SeqCst);
                });
            }
        }
    }
    plain(|| {
        for workers in [1, 2, 4] {
            let ends = Arc::new(AtomicUsize::new(0));
            let inside = Arc::clone(&ends);
            runtime(workers).run(move || drop(Phoenix { left: 10, ends: inside }.start()));
            assert_eq!(ends.load(SeqCst), 1011);
        }
    });
}

#[test]
fn many_idle_servers_end_soon() {
    plain(|| {
        for workers in [1, 2] {
            let (tell, told) = channel();
            runtime(workers).run(move || {
                for n in 0..20_000 {
                    member(n, &tell, None);
                }
            });
            let ends: Vec<_> = told.iter().map(|(_, end)| end).collect();
            assert_eq!(ends.len(), 20_000);
            assert_eq!((ends[0].as_str(), ends[19_999].as_str()), ("19999 shutdown", "0 shutdown"));
        }
    });
}

#[test]
fn the_end_of_one_run_leaves_the_servers_of_the_next_one_alone() {
    const RUNS: u64 = 500;
    /// So many that workers are held up between two steps.
    const RUNTIMES: usize = 8;
    fn one_after_the_other() {
        let runtime = runtime(4);
        for number in 0..RUNS {
            runtime.run(move || {
                let (tell, _told) = channel();
                let member = member(number, &tell, None);
                assert_eq!(member.got().expect("just started"), 0);
                sleep(Duration::from_micros(number % 50)); // it is idle, and this actor waits
                assert_eq!(member.got().expect("its run goes on"), 0);
            });
        }
    }
    plain(|| {
        let threads = [(); RUNTIMES].map(|()| thread::spawn(one_after_the_other));
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
}

#[test]
fn a_reservation_that_is_kept_does_not_hold_up_the_end() {
    plain(|| {
        let tally = Tally::new();
        let (handle, reserved) = runtime(2).run(reserve::<Member>);
        assert!(matches!(handle.join(), ExitReason::NoProc));
        let (tell, told) = channel();
        let (token, tell_too) = (tally.token(1), tell.clone());
        reserved.start(Member { number: 1, tell, older: None, got: 0, kept: Vec::new() });
        drop((token, tell_too));
        assert!(told.recv().is_err(), "the state was dropped");
        tally.check();
    });
}

// ---- panics, deadlocks ------------------------------------------------------------------------------------------------------

#[test]
fn a_panic_of_the_root_shuts_the_servers_down() {
    plain(|| {
        for workers in [1, 2] {
            let (tell, told) = channel();
            // The second one is in a handler that never returns: half of the time is for it.
            let runtime = init(Config::exact(workers).shutdown_timeout(Duration::from_millis(500)));
            let message = panic_message(|| {
                runtime.run(move || {
                    let (idle, busy) = (member(1, &tell, None), member(2, &tell, None));
                    let (open, gate) = channel::<()>();
                    let (begun, begins) = channel();
                    busy.hold(begun, gate);
                    begins.recv().expect("it begins");
                    idle.send_after(HOUR, MemberMsg::Give { by: 1 });
                    std::mem::forget(open);
                    panic!("of the root");
                })
            });
            assert_eq!(message, "of the root");
            let mut ends: Vec<_> = told.iter().map(|(_, end)| end).collect();
            ends.sort_unstable();
            assert_eq!(ends, ["1 shutdown", "2 shutdown"]);
            // And again on the same runtime.
            let (tell, told) = channel();
            runtime.run(move || assert_eq!(member(3, &tell, None).got().expect("it lives"), 0));
            assert_eq!(told.recv().expect("it has ended").1, "3 shutdown");
        }
    });
}

#[test]
fn a_call_that_nobody_will_answer_is_a_deadlock() {
    plain(|| {
        for workers in [1, 2] {
            let (tell, told) = channel();
            let report = panic_message(|| {
                runtime(workers).run(move || {
                    let keeper = member(1, &tell, None);
                    member(2, &tell, None);
                    drop(keeper.keep_reply());
                    unreachable!("answered");
                })
            });
            for word in ["deadlock", "root", "a call", "1 actor"] {
                assert!(report.contains(word), "{word} in: {report}");
            }
            assert!(!report.contains("Member"), "idle servers wait for nothing: {report}");
            assert_eq!(told.iter().count(), 2, "the servers were killed");
        }
    });
}

#[test]
fn a_handler_that_waits_for_ever_is_a_deadlock_and_is_named() {
    plain(|| {
        for workers in [1, 2] {
            let (tell, told) = channel();
            let report = panic_message(|| {
                runtime(workers).run(move || {
                    let busy = member(1, &tell, None);
                    let idle = member(2, &tell, None);
                    let (open, gate) = channel::<()>();
                    let (begun, begins) = channel();
                    busy.hold(begun, gate);
                    begins.recv().expect("it begins");
                    // The server has its own gate's key in its mailbox.
                    busy.meet(idle);
                    std::mem::forget(open);
                })
            });
            for word in ["deadlock", "'Member'", "recv", "1 actor"] {
                assert!(report.contains(word), "{word} in: {report}");
            }
            assert_eq!(told.iter().count(), 2);
        }
    });
}

#[test]
fn a_wait_for_a_signal_from_a_server_is_no_deadlock() {
    plain(|| {
        let (tell, _told) = channel();
        let (give, given) = channel::<MemberHandle>();
        let thread = thread::spawn(move || {
            let member = given.recv().expect("the root gives one");
            thread::sleep(Duration::from_millis(1700));
            member.stop();
        });
        runtime(2).run(move || {
            let member = member(1, &tell, None);
            give.send(member.clone()).expect("it waits");
            assert!(member.join().is_normal());
        });
        thread.join().expect("no panic");
    });
}

// ---- afterwards -------------------------------------------------------------------------------------------------------------

#[test]
fn handles_survive_their_runtime() {
    in_child(|| {
        plain(|| {
            for workers in [1, 2] {
                let before = dead_letters();
                let (tell, _told) = channel();
                let handle = runtime(workers).run(move || member(1, &tell, None));
                assert!(matches!(handle.join(), ExitReason::Shutdown));
                assert!(matches!(
                    handle.got(),
                    Err(CallError::Down { reason: ExitReason::Shutdown, delivered: false, .. })
                ));
                handle.give(1);
                assert_eq!(dead_letters() - before, 1);
                assert!(matches!(
                    handle.try_send(MemberMsg::Give { by: 1 }),
                    Err(TrySendError::Disconnected(MemberMsg::Give { by: 1 }))
                ));
                handle.stop();
                handle.actor().stop_now();
                handle.kill();
                assert_eq!(handle.actor().info().state, ActorState::Ended);
                assert_eq!(handle.actor().info().name, "Member");
                assert!(!handle.send_after(HOUR, MemberMsg::Give { by: 1 }).cancel());
                assert_eq!(dead_letters() - before, 2);
                // Later runtimes use the same slots.
                for _ in 0..3 {
                    let other = run(|| member(2, &channel().0, None));
                    assert_ne!(handle, other);
                    assert_ne!(handle.pid(), other.pid());
                    handle.kill();
                    assert!(matches!(handle.join(), ExitReason::Shutdown));
                }
            }
        });
    })
    .is_success();
}

#[test]
fn what_was_to_be_sent_after_the_end_is_a_dead_letter_and_its_timer_is_stale() {
    in_child(|| {
        plain(|| {
            let (tally, before) = (Tally::new(), dead_letters());
            let token = tally.token(1);
            let later = runtime(1);
            let timer = later.run(move || {
                let (tell, _told) = channel();
                let member = member(1, &tell, None);
                let timer = member.send_after(HOUR, MemberMsg::Carry { token });
                member.stop();
                member.join();
                timer
            });
            drop(later);
            tally.check();
            assert_eq!(dead_letters() - before, 1);
            // The next one runs on the same worker block.
            let (tell, told) = channel();
            let (token, tell_too) = (tally.token(2), tell.clone());
            runtime(1).run(move || {
                assert!(!timer.cancel());
                let member = member(2, &tell_too, None);
                member.send_after(Duration::from_millis(1), MemberMsg::Carry { token });
            });
            drop(tell);
            assert_eq!(told.iter().collect::<Vec<_>>(), [(2, "2 shutdown".to_owned())]);
            tally.check();
            assert_eq!(dead_letters() - before, 1);
        });
    })
    .is_success();
}

#[test]
fn what_was_to_be_sent_later_may_be_taken_back_after_the_end() {
    in_child(|| {
        plain(|| {
            for _ in 0..20 {
                let tally = Tally::new();
                let token = tally.token(1);
                let runtime = runtime(2);
                let timer = runtime.run(move || {
                    let (tell, _told) = channel();
                    let member = member(1, &tell, None);
                    let timer = member.send_after(HOUR, MemberMsg::Carry { token });
                    member.stop();
                    member.join();
                    timer
                });
                let cancels = thread::spawn(move || timer.cancel());
                drop(runtime);
                cancels.join().expect("no panic");
                tally.check();
            }
        });
    })
    .is_success();
}

// ---- several runtimes, plain threads ------------------------------------------------------------------------------------------

#[test]
fn servers_of_two_runtimes_call_each_other() {
    plain(|| {
        let (tell, _told) = channel();
        let (give, given) = channel::<MemberHandle>();
        let (back, backs) = channel::<u64>();
        let tell_too = tell.clone();
        let one = thread::spawn(move || {
            runtime(1).run(move || {
                let member = member(1, &tell, None);
                member.give(5);
                give.send(member.clone()).expect("the other one waits");
                assert_eq!(backs.recv().expect("it answers"), 505);
            });
        });
        let other = thread::spawn(move || {
            runtime(2).run(move || {
                let far = given.recv().expect("the other one gives it");
                let near = member(2, &tell_too, None);
                near.meet(far.clone());
                for n in 0..100 {
                    assert_eq!(near.ask_other().expect("it lives"), 5 * (n + 1));
                    far.give(5);
                }
                back.send(near.ask_other().expect("it lives")).expect("it waits");
            });
        });
        one.join().expect("no panic");
        other.join().expect("no panic");
    });
}

#[test]
fn a_plain_thread_starts_servers_in_a_runtime_that_it_has_entered() {
    plain(|| {
        let (tell, told) = channel();
        let runtime = runtime(2);
        let handle = runtime.handle();
        let (one, other) = handle.enter(|| {
            let one = member(1, &tell, None);
            let (other, reserved) = reserve::<Member>();
            let started = reserved.start(Member {
                number: 2,
                tell: tell.clone(),
                older: None,
                got: 0,
                kept: Vec::new(),
            });
            assert_eq!(started, other);
            (one, other)
        });
        one.give(3);
        assert_eq!(one.got().expect("it lives without a run"), 3);
        assert_eq!(other.got().expect("it lives without a run"), 0);
        let built = handle.enter(|| {
            let tell = tell.clone();
            smarm::start_with(move || Member { number: 3, tell, older: None, got: 9, kept: Vec::new() })
        });
        assert_eq!(built.expect("it is built").got().expect("it lives"), 9);
        one.stop();
        assert!(one.join().is_normal());
        runtime.run(|| ());
        drop(tell);
        let mut ends: Vec<_> = told.iter().map(|(_, end)| end).collect();
        ends.sort_unstable();
        assert_eq!(ends, ["1 normal", "2 shutdown", "3 shutdown"]);
    });
}

#[test]
fn servers_of_a_runtime_that_never_runs_are_killed_with_it() {
    plain(|| {
        let (tell, told) = channel();
        let runtime = runtime(1);
        let handle = runtime.handle();
        handle.enter(|| {
            member(1, &tell, None);
        });
        drop(runtime);
        assert_eq!(told.recv().expect("it has ended").1, "1 killed");
        let tally = Tally::new();
        let late = tally.token(1);
        let message = panic_message(|| {
            handle.enter(|| {
                struct Late(#[expect(dead_code, reason = "carried to be dropped")] Token);
                #[smarm::actor]
                impl Late {
                    pub fn poke(&self) {}
                }
                let late = Late(late).start();
                late.poke();
            })
        });
        assert!(message.contains("ended"), "{message}");
        tally.check();
    });
}

#[test]
fn messages_of_plain_threads_to_a_runtime_that_ends_are_handled_or_counted() {
    in_child(|| {
        plain(|| {
            for round in 0..60 {
                let before = dead_letters();
                let (tell, told) = channel();
                let go = Arc::new(AtomicBool::new(false));
                let (give, given) = channel::<MemberHandle>();
                let thread = thread::spawn({
                    let go = Arc::clone(&go);
                    move || {
                        let member = given.recv().expect("the root gives one");
                        go.store(true, SeqCst);
                        let (mut casts, mut calls) = (0, 0);
                        for n in 0..200 {
                            if n % 5 == 4 {
                                calls += u64::from(member.got().is_ok());
                            } else {
                                member.give(1);
                                casts += 1;
                            }
                        }
                        assert!(calls <= 40);
                        casts
                    }
                });
                runtime(1 + round % 2).run(move || {
                    let member = member(1, &tell, None);
                    give.send(member).expect("it waits");
                    while !go.load(SeqCst) {
                        yield_now();
                    }
                });
                let casts = thread.join().expect("no panic");
                let (handled, end) = told.recv().expect("it has ended");
                assert_eq!(end, "1 shutdown");
                assert_eq!(handled + (dead_letters() - before), casts, "in round {round}");
            }
        });
    })
    .is_success();
}

#[test]
fn the_end_waits_for_servers_that_wake_each_other_from_their_exits() {
    struct Bell {
        others: Vec<BellHandle>,
        rings: u32,
        all: Arc<AtomicUsize>,
    }
    #[smarm::actor(mailbox = bounded(1))]
    impl Bell {
        #[call]
        pub fn meet(&mut self, others: Vec<BellHandle>) {
            self.others = others;
        }
        pub fn ring(&mut self, left: u32, ctx: &mut Ctx<Self>) {
            self.rings += 1;
            self.all.fetch_add(1, SeqCst);
            if left > 0 {
                ctx.handle().ring(left - 1);
            }
        }
        #[on_exit]
        fn bye(&mut self) {
            self.others.iter().for_each(|other| other.ring(3));
        }
    }
    plain(|| {
        for workers in [1, 2, 4] {
            let all = Arc::new(AtomicUsize::new(0));
            let inside = Arc::clone(&all);
            runtime(workers).run(move || {
                let bells: Vec<_> = (0..8)
                    .map(|_| Bell { others: Vec::new(), rings: 0, all: Arc::clone(&inside) }.start())
                    .collect();
                for bell in &bells {
                    bell.meet(bells.clone()).expect("it lives");
                }
            });
            // Each one that ends rings at those that are older: 7 + 6 + .. + 0 others, four times each.
            assert_eq!(all.load(SeqCst), 28 * 4);
        }
    });
}

#[test]
fn a_deadlock_that_is_only_reported_leaves_servers_alone() {
    plain(|| {
        let (tell, told) = channel();
        init(Config::exact(2).deadlock(Deadlock::Warn)).run(move || {
            let member = member(1, &tell, None);
            sleep(Duration::from_millis(2));
            assert_eq!(member.got().expect("it lives"), 0);
        });
        assert_eq!(told.recv().expect("it has ended").1, "1 shutdown");
    });
}
