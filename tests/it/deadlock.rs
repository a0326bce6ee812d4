//! The end of a run, and when it is none: `Deadlock::Fail` and what it must not take for a deadlock.
//!
//! A report comes after a second of silence, so what is no deadlock has to be silent for longer than that here.

use smarm::channel::bounded;
use smarm::runtime::{Config, Deadlock, Runtime, init};
use smarm::{Builder, ExitReason, channel, current, sleep, spawn, yield_now};
use smarm_tests::{panic_message, plain};
use std::thread;
use std::time::Duration;

/// Longer than the second after which a deadlock is reported.
const SILENCE: Duration = Duration::from_millis(1700);

fn failing(workers: usize) -> Runtime {
    init(Config::exact(workers).deadlock(Deadlock::Fail))
}

/// The report of a run of `body`, which locks itself up.
#[track_caller]
fn report_of(workers: usize, body: impl FnOnce() + Send + 'static) -> String {
    plain(|| panic_message(|| failing(workers).run(body)))
}

#[track_caller]
fn says_one_of(report: &str, words: &[&str]) {
    let lower = report.to_lowercase();
    assert!(words.iter().any(|word| lower.contains(word)), "{words:?} in: {report}");
}

#[test]
fn a_root_that_waits_for_itself_is_reported() {
    for workers in [1, 2] {
        let report = report_of(workers, || {
            let (_open, rx) = channel::<()>();
            unreachable!("received {:?}", rx.recv());
        });
        says_one_of(&report, &["deadlock"]);
        says_one_of(&report, &["recv", "receiv", "channel"]);
    }
}

#[test]
fn the_report_names_the_actors_by_name_and_pid() {
    let (tell, pids) = channel();
    let report = report_of(2, move || {
        let (a, from_a) = channel::<()>();
        let (b, from_b) = channel::<()>();
        let wait = |name: &str, own, other: channel::Receiver<()>| {
            Builder::new()
                .name(name)
                .spawn(move || {
                    let _own: channel::Sender<()> = own;
                    unreachable!("received {:?}", other.recv());
                })
                .expect("a stack")
        };
        let (first, second) = (wait("waits-for-b", a, from_b), wait("waits-for-a", b, from_a));
        tell.send([first.pid(), second.pid(), current()]).expect("read after the report");
        _ = first.join();
        _ = second.join();
    });
    for word in ["waits-for-a", "waits-for-b"] {
        assert!(report.contains(word), "{word} in: {report}");
    }
    for pid in pids.recv().expect("the root told them") {
        assert!(report.contains(&pid.to_string()), "{pid} in: {report}");
    }
    says_one_of(&report, &["join"]);
}

#[test]
fn a_sender_that_waits_for_room_for_ever_is_reported() {
    for room in [0, 1] {
        let report = report_of(1, move || {
            let (tx, _open) = bounded(room);
            (0..=room).for_each(|_| _ = tx.send(()));
            unreachable!("sent");
        });
        says_one_of(&report, &["send", "channel"]);
    }
}

#[test]
fn a_detached_actor_that_waits_for_ever_is_reported_after_the_root_has_returned() {
    let report = report_of(2, || {
        drop(Builder::new().name("left-behind").spawn(|| {
            let (_open, rx) = channel::<()>();
            unreachable!("received {:?}", rx.recv());
        }));
    });
    assert!(report.contains("left-behind"), "{report}");
}

#[test]
fn actors_that_join_each_other_are_reported() {
    let report = report_of(1, || {
        let (to_first, handle_of_second) = channel::<smarm::JoinHandle<()>>();
        let first = spawn(move || _ = handle_of_second.recv().expect("the other's handle").join());
        let (to_second, handle_of_first) = channel::<smarm::JoinHandle<()>>();
        let second = spawn(move || _ = handle_of_first.recv().expect("the other's handle").join());
        let (_open, rx) = channel::<()>();
        to_first.send(second).expect("it waits");
        to_second.send(first).expect("it waits");
        unreachable!("received {:?}", rx.recv());
    });
    says_one_of(&report, &["join"]);
}

#[test]
fn a_child_of_a_scope_that_waits_for_its_parent_is_reported() {
    let report = report_of(2, || {
        let (_open, rx) = channel::<()>();
        smarm::scope(|s| _ = s.spawn(move || unreachable!("received {:?}", rx.recv())));
    });
    says_one_of(&report, &["scope"]);
}

#[test]
fn try_run_gives_the_deadlock_as_a_reason() {
    plain(|| {
        let ended = failing(1).try_run(|| {
            let (_open, rx) = channel::<()>();
            rx.recv().is_ok()
        });
        let reason = ended.expect_err("a deadlock");
        assert!(!matches!(reason, ExitReason::Normal), "{reason}");
    });
}

#[test]
fn other_runtimes_go_on_after_one_has_locked_itself_up() {
    plain(|| {
        let stuck = failing(2).try_run(|| {
            let (_open, rx) = channel::<()>();
            rx.recv().is_ok()
        });
        assert!(stuck.is_err());
        assert_eq!(failing(2).run(|| spawn(|| 1).join().expect("no panic")), 1);
    });
}

// What is none.

#[test]
fn waiting_for_a_channel_that_a_plain_thread_made_is_none() {
    plain(|| {
        let (tx, rx) = channel();
        let thread = thread::spawn(move || {
            thread::sleep(SILENCE);
            tx.send(1)
        });
        assert_eq!(failing(2).run(move || rx.recv()), Ok(1));
        assert!(thread.join().expect("no panic").is_ok());
    });
}

#[test]
fn waiting_for_a_sender_that_a_plain_thread_cloned_is_none() {
    plain(|| {
        let received = failing(1).run(|| {
            let (tx, rx) = channel();
            thread::spawn(move || {
                let clone = tx.clone();
                drop(tx);
                thread::sleep(SILENCE);
                clone.send(1)
            });
            rx.recv()
        });
        assert_eq!(received, Ok(1));
    });
}

#[test]
fn waiting_for_a_sender_that_a_plain_thread_has_used_is_none() {
    plain(|| {
        let received = failing(1).run(|| {
            let (tx, rx) = channel();
            thread::spawn(move || {
                tx.send(1).expect("it receives");
                thread::sleep(SILENCE);
                tx.send(2)
            });
            (rx.recv(), rx.recv())
        });
        assert_eq!(received, (Ok(1), Ok(2)));
    });
}

#[test]
fn waiting_for_room_that_a_plain_thread_will_make_is_none() {
    plain(|| {
        let (tx, rx) = bounded(0);
        let thread = thread::spawn(move || {
            thread::sleep(SILENCE);
            rx.recv()
        });
        assert!(failing(1).run(move || tx.send(1)).is_ok());
        assert_eq!(thread.join().expect("no panic"), Ok(1));
    });
}

#[test]
fn waiting_for_what_a_handle_may_still_spawn_is_none() {
    plain(|| {
        let received = failing(2).run(|| {
            let (tx, rx) = channel();
            let handle = smarm::handle();
            thread::spawn(move || {
                thread::sleep(SILENCE);
                handle.spawn(move || tx.send(1).expect("it receives"));
            });
            rx.recv()
        });
        assert_eq!(received, Ok(1));
    });
}

#[test]
fn waiting_for_an_actor_that_sleeps_is_none() {
    plain(|| {
        let slept = failing(2).run(|| {
            let (tx, rx) = channel::<()>();
            let sleeper = spawn(move || {
                sleep(SILENCE);
                drop(tx);
            });
            (rx.recv().is_err(), sleeper.join().is_ok())
        });
        assert_eq!(slept, (true, true));
    });
}

#[test]
fn waiting_with_a_timeout_is_none() {
    plain(|| {
        failing(1).run(|| {
            let (tx, rx) = channel::bounded(1);
            tx.send(0).expect("room");
            assert!(tx.send_timeout(1, SILENCE).is_err());
            drop(rx);
            let (_open, rx) = channel::<()>();
            assert!(rx.recv_timeout(SILENCE).is_err());
        });
    });
}

#[test]
fn an_actor_that_computes_is_none() {
    plain(|| {
        failing(2).run(|| {
            let (tx, rx) = channel();
            spawn(move || {
                // A block of the thread, as in a system call: nothing is queued and nobody yields.
                thread::sleep(SILENCE);
                tx.send(1).expect("it receives");
            });
            assert_eq!(rx.recv(), Ok(1));
        });
    });
}

#[test]
fn waiting_for_an_inner_run_is_none() {
    plain(|| {
        failing(1).run(|| {
            let inner = spawn(|| failing(1).run(|| sleep(SILENCE)));
            inner.join().expect("no panic");
        });
    });
}

#[test]
fn waiting_for_an_actor_of_another_runtime_is_none() {
    plain(|| {
        let (give, take) = channel();
        let other = thread::spawn(move || {
            failing(1).run(move || {
                let (tx, handle): (channel::Sender<u8>, _) = take.recv().expect("from the first runtime");
                tx.send(1).expect("it receives");
                let me: smarm::JoinHandle<()> = handle;
                sleep(SILENCE);
                tx.send(2).expect("it receives");
                me.join().expect("no panic");
            });
        });
        failing(1).run(move || {
            let (tx, rx) = channel();
            let receiver = spawn(move || {
                assert_eq!((rx.recv(), rx.recv()), (Ok(1), Ok(2)));
            });
            give.send((tx, receiver)).expect("the other runtime waits");
            yield_now();
        });
        other.join().expect("no panic");
    });
}

#[test]
fn joining_an_actor_of_another_runtime_is_none() {
    plain(|| {
        let (give, take) = channel();
        let other = thread::spawn(move || {
            failing(1).run(move || {
                let sleeper = spawn(|| sleep(SILENCE));
                give.send(sleeper).expect("the first runtime waits");
            });
        });
        failing(1).run(move || take.recv().expect("a handle").join().expect("no panic"));
        other.join().expect("no panic");
    });
}
