//! Kills that end the process, and those that somebody swallows or never comes to: who is named, and how.

use smarm::runtime::{Config, Deadlock, Runtime, init};
use smarm::{Builder, ExitReason, channel, current, kill, mask_kill, sleep, spawn, yield_now};
use smarm_tests::{Ended, in_child, runtime};
use std::panic::catch_unwind;
use std::time::Duration;

/// What a panic of a test gives.
const PANICKED: i32 = 101;

/// Swallows a kill as long as it is thrown.
fn swallow_all(safe_point: fn()) {
    while catch_unwind(safe_point).is_err() {}
}

/// The number that a line which says so begins with this word tells.
#[track_caller]
fn pid_of<'a>(ended: &'a Ended, who: &str) -> &'a str {
    ended.line_with(&[who]).strip_prefix(who).expect("it begins so").trim()
}

#[test]
fn an_actor_that_swallows_its_kill_is_reported_in_one_line_with_name_and_pid_and_place() {
    let ended = in_child(|| {
        runtime(2).run(|| {
            let stubborn = Builder::new().name("stubborn").spawn(|| {
                eprintln!("it is {}", current());
                kill(current());
                swallow_all(yield_now);
                // Nothing of this is told again.
                kill(current());
                yield_now();
                "well"
            });
            assert_eq!(stubborn.expect("a stack").join().expect("it was left to finish"), "well");
        });
    });
    ended.is_success();
    let pid = pid_of(&ended, "it is");
    ended.line_with(&["stubborn", pid, "kills.rs:", "swallows its kill", "16 times", "left to finish"]);
}

struct Stubborn;

#[smarm::actor(name = "stubborn-server")]
impl Stubborn {
    pub(crate) fn swallow(&mut self) -> u64 {
        kill(current());
        swallow_all(yield_now);
        7
    }
}

#[test]
fn a_server_that_swallows_its_kill_is_reported_too() {
    let ended = in_child(|| {
        runtime(1).run(|| {
            let server = Stubborn.start();
            eprintln!("it is {}", server.pid());
            assert_eq!(server.swallow().expect("it answers"), 7);
            server.join();
        });
    });
    ended.is_success();
    ended.line_with(&["stubborn-server", pid_of(&ended, "it is"), "kills.rs:", "swallows its kill"]);
}

#[test]
fn an_actor_that_swallows_fifteen_kills_is_not_reported() {
    let ended = in_child(|| {
        runtime(1).run(|| {
            let patient = spawn(|| {
                kill(current());
                (0..15).for_each(|_| assert!(catch_unwind(yield_now).is_err()));
                yield_now();
            });
            assert!(patient.join().is_err());
        });
    });
    ended.is_success();
    assert_eq!(ended.stderr, "");
}

/// As a callback of a C library would be.
extern "C" fn of_c() {
    yield_now();
}

#[test]
fn a_kill_through_a_function_of_c_aborts() {
    let ended = in_child(|| {
        runtime(1).run(|| {
            let victim = spawn(|| {
                kill(current());
                of_c();
            });
            _ = victim.join();
        });
    });
    ended.is_abort();
}

#[test]
fn a_kill_that_is_masked_over_a_function_of_c_comes_after_it() {
    let ended = in_child(|| {
        runtime(1).run(|| {
            let victim = spawn(|| {
                kill(current());
                mask_kill(|| of_c());
                eprintln!("it came back");
                yield_now();
                eprintln!("too far");
            });
            assert!(victim.join().is_err());
        });
    });
    assert_eq!(ended.is_success().stderr, "it came back\n");
}

/// A runtime that gives up at once on who hangs.
fn impatient(workers: usize) -> Runtime {
    init(Config::exact(workers).shutdown_timeout(Duration::from_millis(500)))
}

/// Waits on the thread: no safe point.
fn spin() -> ! {
    loop {
        std::thread::yield_now();
    }
}

#[test]
fn a_shutdown_names_an_actor_that_comes_to_no_safe_point() {
    struct Endless;
    impl Drop for Endless {
        fn drop(&mut self) {
            spin();
        }
    }
    let ended = in_child(|| {
        impatient(1).run(|| {
            let endless = Endless;
            let spinning = Builder::new().name("spinning").spawn(move || {
                let _endless = endless;
                sleep(Duration::MAX);
            });
            eprintln!("it is {}", spinning.expect("a stack").pid());
            panic!("the root gives up");
        });
    });
    ended.has_code(PANICKED);
    let named = format!("  actor 'spinning' {}", pid_of(&ended, "it is"));
    ended.line_with(&[&named, "kills.rs:", "does not come to a safe point"]);
}

#[test]
fn a_shutdown_says_of_an_actor_that_goes_on_that_it_has_swallowed_its_kill() {
    let ended = in_child(|| {
        impatient(1).run(|| {
            let (running, runs) = channel();
            let (_open, gate) = channel::<()>();
            let deaf = Builder::new().name("deaf").spawn(move || {
                kill(current());
                swallow_all(yield_now);
                running.send(()).expect("the root waits");
                assert!(gate.recv().is_err(), "the root has ended");
                spin();
            });
            drop(deaf.expect("a stack"));
            runs.recv().expect("it runs");
            panic!("the root gives up");
        });
    });
    ended.has_code(PANICKED);
    ended.line_with(&["  actor 'deaf'", "kills.rs:", "runs, and has swallowed its kill"]);
}

#[test]
fn a_shutdown_names_actors_that_mask_or_swallow_their_kills_and_wait() {
    let ended = in_child(|| {
        impatient(2).run(|| {
            let (running, runs) = channel();
            let masked = running.clone();
            let masked = Builder::new().name("masked").spawn(move || {
                mask_kill(|| {
                    masked.send(()).expect("the root waits");
                    sleep(Duration::MAX);
                });
            });
            let deaf = Builder::new().name("deaf").spawn(move || {
                kill(current());
                swallow_all(yield_now);
                running.send(()).expect("the root waits");
                sleep(Duration::MAX);
            });
            drop((masked.expect("a stack"), deaf.expect("a stack")));
            (0..2).for_each(|_| runs.recv().expect("they run"));
            drop(Builder::new().name("innocent").spawn(|| sleep(Duration::MAX)).expect("a stack"));
            panic!("the root gives up");
        });
    });
    ended.has_code(PANICKED);
    ended.line_with(&["  actor 'masked'", "kills.rs:", "waits in sleep, where its kill is masked"]);
    ended.line_with(&["  actor 'deaf'", "kills.rs:", "waits in sleep, and has swallowed its kill"]);
    assert!(!ended.stderr.contains("innocent"), "{}", ended.stderr);
}

/// Never comes to the end of its drop.
struct Hanging;

#[smarm::actor(name = "hanging-server")]
impl Hanging {
    pub(crate) fn nothing(&self) {}
}

impl Drop for Hanging {
    fn drop(&mut self) {
        spin();
    }
}

#[test]
fn a_shutdown_names_a_server_that_hangs_and_one_that_waits_behind_it() {
    let ended = in_child(|| {
        // Without spare workers, which would take the second one.
        let config = Config::exact(1).spares(0).shutdown_timeout(Duration::from_millis(500));
        init(config).run(|| {
            drop((Hanging.start(), Hanging.start()));
            panic!("the root gives up");
        });
    });
    ended.has_code(PANICKED);
    ended.line_with(&["actor 'hanging-server'", "kills.rs:", "does not come to a safe point"]);
    ended.line_with(&["actor 'hanging-server'", "kills.rs:", "waits for a worker"]);
}

/// Runs a root that hangs when all wait for each other.
fn hang_as_root(body: fn()) {
    let config = Config::exact(1).deadlock(Deadlock::Fail);
    let ended = init(config.shutdown_timeout(Duration::from_millis(500))).try_run(body);
    assert!(matches!(ended, Err(ExitReason::Error(_))), "{ended:?}");
}

/// Waits for ever, for what nobody will send.
fn wait_in_vain() {
    let (_open, rx) = channel::<()>();
    _ = rx.recv();
}

#[test]
fn a_root_that_masks_the_end_of_a_deadlock_is_named_and_not_waited_for() {
    let ended = in_child(|| hang_as_root(|| mask_kill(wait_in_vain)));
    ended.is_success();
    ended.line_with(&["actor 'root'", "waits in recv on a channel, where its kill is masked"]);
}

#[test]
fn a_root_that_swallows_the_end_of_a_deadlock_is_named_and_not_waited_for() {
    let ended = in_child(|| {
        hang_as_root(|| {
            swallow_all(wait_in_vain);
            unreachable!("nobody sends");
        });
    });
    ended.is_success();
    ended.line_with(&["actor 'root'", "waits in recv on a channel, and has swallowed its kill"]);
    ended.line_with(&["actor 'root'", "swallows its kill"]);
}

#[test]
fn a_killed_actor_does_not_wait_for_ever_for_the_hanging_root_of_its_runtime() {
    let ended = in_child(|| {
        runtime(1).run(|| {
            let (running, runs) = channel();
            let outer = spawn(move || {
                let inner = impatient(1).try_run(move || {
                    running.send(()).expect("the outer root waits");
                    mask_kill(wait_in_vain);
                });
                assert!(matches!(inner, Err(ExitReason::Killed)), "{inner:?}");
                yield_now();
            });
            runs.recv().expect("it runs");
            outer.kill();
            assert!(matches!(outer.join(), Err(ExitReason::Killed)));
        });
    });
    ended.is_success();
    ended.line_with(&["actor 'root'", "waits in recv on a channel, where its kill is masked"]);
}
