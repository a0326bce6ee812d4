//! Panics in numbers, on small stacks, in a busy hook, and one upon the other.

use smarm::runtime::{Config, init};
use smarm::{Builder, JoinHandle, channel, check, current, sleep, spawn, yield_now};
use smarm_tests::{Child, Ended, in_child, runtime};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// Below the smallest stack there is.
const SMALL: usize = 1;

/// The rounds of a crash loop, and the actors in each.
const ROUNDS: usize = 20;
const ACTORS: usize = 16;

/// Some frames of its own, so that there is something to unwind and to show.
fn fall(level: usize) -> usize {
    assert!(level > 0, "at the bottom");
    black_box(fall(level - 1)) + 1
}

fn crash_loop(workers: usize) {
    runtime(workers).run(|| {
        for _ in 0..ROUNDS {
            let falling = |_| Builder::new().stack_size(SMALL).spawn(|| fall(20)).expect("a stack");
            let fallen: Vec<JoinHandle<usize>> = (0..ACTORS).map(falling).collect();
            fallen.into_iter().for_each(|actor| assert!(actor.join().is_err()));
        }
    });
}

#[track_caller]
fn told_of_each_crash(ended: &Ended) {
    ended.is_success();
    let told = ended.stderr.lines().filter(|line| line.contains("at the bottom")).count();
    assert_eq!(told, ROUNDS * ACTORS, "each is told of once");
    assert!(ended.stderr.contains("panics::fall"), "{}", ended.stderr);
}

#[test]
fn a_crash_loop_with_backtraces_does_not_run_off_small_stacks() {
    told_of_each_crash(&Child::new().env("RUST_BACKTRACE", "1").run(|| crash_loop(1)));
}

#[test]
fn a_crash_loop_on_several_workers_with_full_backtraces_does_not_run_off_small_stacks() {
    told_of_each_crash(&Child::new().env("RUST_BACKTRACE", "full").run(|| crash_loop(4)));
}

/// A server that crashes and is started again, and again.
struct Crashing;

#[smarm::actor(stack = 1, timeout = none)]
impl Crashing {
    pub(crate) fn crash(&mut self) -> usize {
        fall(20)
    }
}

#[test]
fn a_crash_loop_of_servers_with_backtraces_does_not_run_off_small_stacks() {
    let ended = Child::new().env("RUST_BACKTRACE", "1").run(|| {
        runtime(2).run(|| {
            for _ in 0..ROUNDS * ACTORS {
                assert!(Crashing.start().crash().is_err());
            }
        });
    });
    told_of_each_crash(&ended);
}

#[test]
fn a_panic_hook_that_allocates_and_asks_for_a_switch_is_not_switched_out() {
    let ended = in_child(|| {
        static IN_HOOK: AtomicBool = AtomicBool::new(false);
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        std::panic::set_hook(Box::new(|_| {
            // On one worker, so another one here is on the same thread.
            if IN_HOOK.swap(true, SeqCst) {
                std::process::exit(1);
            }
            for n in 0..20_000 {
                black_box(vec![n; 16]);
                check!();
            }
            yield_now();
            sleep(Duration::from_micros(1));
            CALLS.fetch_add(1, SeqCst);
            IN_HOOK.store(false, SeqCst);
        }));
        // Each slice is over at once.
        init(Config::exact(1).spares(0).alloc_interval(1).timeslice_cycles(1)).run(|| {
            let panicking: Vec<_> = (0..10).map(|n| spawn(move || fall(n))).collect();
            let bystander = spawn(|| {
                for _ in 0..100 {
                    assert!(!thread::panicking() && !IN_HOOK.load(SeqCst));
                    yield_now();
                }
            });
            panicking.into_iter().for_each(|actor| assert!(actor.join().is_err()));
            bystander.join().expect("it saw nothing");
        });
        assert_eq!(CALLS.load(SeqCst), 10);
    });
    ended.is_success();
}

#[test]
fn the_line_of_an_actor_comes_before_the_hook_that_the_program_had_set() {
    let ended = in_child(|| {
        std::panic::set_hook(Box::new(|info| eprintln!("hook: {}", info.payload_as_str().unwrap_or("?"))));
        runtime(1).run(|| assert!(spawn(|| panic!("twice told")).join().is_err()));
    });
    ended.is_success();
    let told: Vec<_> = ended.stderr.lines().filter(|line| line.contains("twice told")).collect();
    assert_eq!(told.len(), 2, "{}", ended.stderr);
    assert!(told[0].contains("panicked at"), "{}", ended.stderr);
    assert_eq!(told[1], "hook: twice told");
}

/// Runs something when it is dropped.
struct OnDrop(fn());

impl Drop for OnDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_panic_in_a_drop_during_a_kill_aborts_and_is_told() {
    let ended = in_child(|| {
        runtime(1).run(|| {
            let (running, runs) = channel();
            let victim = Builder::new().name("clumsy").spawn(move || {
                eprintln!("victim {}", current());
                let _bomb = OnDrop(|| panic!("in a drop"));
                running.send(()).expect("the root waits");
                sleep(Duration::MAX);
            });
            let victim = victim.expect("a stack");
            runs.recv().expect("it runs");
            victim.kill();
            _ = victim.join();
        });
    });
    ended.is_abort();
    let victim = ended.line_with(&["victim"]).strip_prefix("victim ").expect("its pid follows");
    ended.line_with(&["clumsy", victim, "in a drop"]);
}

/// Calls this in a drop while its actor unwinds, which is to abort.
#[track_caller]
fn aborts_while_unwinding(ended: &Ended, call: &str) {
    ended.is_abort();
    ended.line_with(&["smarm:", call, "unwinds"]);
    assert!(!ended.stderr.contains("it ran"), "{}", ended.stderr);
}

fn unwind_with(drop: fn()) {
    runtime(1).run(move || {
        let unwinding = spawn(move || {
            let _drop = OnDrop(drop);
            std::panic::resume_unwind(Box::new(1));
        });
        _ = unwinding.join();
    });
}

#[test]
fn a_run_in_an_actor_that_unwinds_aborts_with_a_sentence() {
    let ended = in_child(|| unwind_with(|| runtime(1).run(|| eprintln!("it ran"))));
    aborts_while_unwinding(&ended, "`run`");
}

#[test]
fn a_future_that_is_not_ready_in_an_actor_that_unwinds_aborts_with_a_sentence() {
    let ended = in_child(|| {
        unwind_with(|| {
            smarm::block_on(std::future::pending::<()>());
            eprintln!("it ran");
        });
    });
    aborts_while_unwinding(&ended, "`block_on`");
}

/// Panics with its number, in the middle of so many others.
fn one_of_many(number: usize) -> usize {
    let _last_words = OnDrop(|| {
        yield_now();
        sleep(Duration::from_micros(1));
    });
    yield_now();
    std::panic::panic_any(number)
}

#[test]
fn many_actors_that_panic_at_once_on_few_workers_are_each_told_of_once() {
    let ended = in_child(|| {
        for workers in [1, 4] {
            runtime(workers).run(|| {
                let (tx, rx) = channel();
                let panicking: Vec<_> = (0..200)
                    .map(|n| {
                        let tx = tx.clone();
                        spawn(move || {
                            tx.send(()).expect("the root counts");
                            one_of_many(n)
                        })
                    })
                    .collect();
                drop(tx);
                assert_eq!(rx.iter().count(), 200);
                panicking.into_iter().for_each(|actor| assert!(actor.join().is_err()));
            });
        }
    });
    ended.is_success();
    assert_eq!(ended.stderr.lines().filter(|line| line.contains("panicked at")).count(), 400);
}
