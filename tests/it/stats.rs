//! `RuntimeStats`.

use smarm::runtime::{Runtime, RuntimeStats};
use smarm::{channel, scope, sleep, spawn, yield_now};
use smarm_tests::{panic_payload, plain, runtime};
use std::sync::Arc;
use std::time::Duration;

/// Runs `body` with the runtime it runs on in hand.
fn with_runtime(workers: usize, body: impl FnOnce(&Runtime) + Send + 'static) -> RuntimeStats {
    plain(|| {
        let runtime = Arc::new(runtime(workers));
        let inside = Arc::clone(&runtime);
        runtime.run(move || body(&inside));
        runtime.stats()
    })
}

#[test]
fn a_new_runtime_has_done_nothing() {
    plain(|| {
        let stats = runtime(2).stats();
        assert_eq!(stats.total_run_queue_len(), 0);
        assert_eq!(stats.io_parked_count(), 0);
        assert_eq!(stats.sleeping_count(), 0);
        assert_eq!((stats.spawned(), stats.exited().normal), (0, 0));
    });
}

#[test]
fn scheduler_count_is_the_number_of_workers() {
    for workers in [1, 2, 5] {
        with_runtime(workers, move |runtime| assert_eq!(runtime.stats().scheduler_count(), workers));
    }
}

#[test]
fn spawned_counts_each_actor_once() {
    with_runtime(2, |runtime| {
        let before = runtime.stats().spawned();
        for _ in 0..10 {
            spawn(|| ()).join().expect("no panic");
        }
        scope(|s| (0..5).for_each(|_| drop(s.spawn(yield_now))));
        drop(smarm::Builder::new().spawn(|| ()).expect("a stack"));
        assert_eq!(runtime.stats().spawned() - before, 16);
    });
}

#[test]
fn exits_are_counted_by_reason() {
    let stats = with_runtime(2, |runtime| {
        let before = runtime.stats().exited();
        for n in 0..10 {
            let handle = spawn(move || assert!(n % 5 != 0, "every fifth"));
            _ = handle.join();
        }
        panic_payload(|| {
            scope(|s| {
                (0..3).for_each(|_| drop(s.spawn(|| sleep(Duration::MAX))));
                panic!("which kills the children");
            });
        });
        let after = runtime.stats().exited();
        assert_eq!(after.normal - before.normal, 8);
        assert_eq!(after.panicked - before.panicked, 2);
        assert_eq!(after.killed - before.killed, 3);
        assert_eq!(after.error - before.error, 0);
    });
    let exited = stats.exited();
    assert_eq!(stats.spawned(), exited.normal + exited.panicked + exited.killed + exited.error);
}

#[test]
fn a_panic_of_the_root_is_counted_as_one() {
    plain(|| {
        let runtime = runtime(1);
        panic_payload(|| runtime.run(|| panic!("of the root")));
        let exited = runtime.stats().exited();
        assert_eq!(exited.panicked, 1);
        assert!(exited.normal <= 1, "the actor that conducts the shutdown, if somebody was left for it");
    });
}

#[test]
fn sleeping_count_counts_those_that_sleep() {
    let stats = with_runtime(2, |runtime| {
        panic_payload(|| {
            scope(|s| {
                (0..3).for_each(|_| drop(s.spawn(|| sleep(Duration::from_secs(3600)))));
                while runtime.stats().sleeping_count() < 3 {
                    yield_now();
                }
                assert_eq!(runtime.stats().sleeping_count(), 3);
                panic!("which wakes them");
            });
        });
        assert_eq!(runtime.stats().sleeping_count(), 0);
    });
    assert_eq!(stats.sleeping_count(), 0);
}

#[test]
fn a_run_queue_has_what_was_spawned_and_not_started() {
    let stats = with_runtime(1, |runtime| {
        (0..1000).for_each(|_| drop(spawn(|| ())));
        assert!(runtime.stats().total_run_queue_len() <= 1000);
    });
    assert_eq!(stats.total_run_queue_len(), 0);
}

#[test]
fn counters_only_grow() {
    with_runtime(2, |runtime| {
        let count = |stats: &RuntimeStats| [stats.parks(), stats.wakes(), stats.steals(), stats.spawned()];
        let mut before = count(&runtime.stats());
        let (tx, rx) = channel();
        let (back, answers) = channel();
        spawn(move || rx.iter().for_each(|n: u32| back.send(n).expect("the root receives")));
        for n in 0..100 {
            tx.send(n).expect("it receives");
            assert_eq!(answers.recv(), Ok(n));
            let after = count(&runtime.stats());
            assert!(before.iter().zip(&after).all(|(before, after)| before <= after));
            before = after;
        }
        assert!(before[0] > 0 && before[1] > 0, "an exchange of messages parks and wakes");
    });
}

#[test]
fn a_plain_thread_may_look_while_actors_run() {
    plain(|| {
        let runtime = Arc::new(runtime(2));
        let inside = Arc::clone(&runtime);
        let (tx, rx) = channel();
        let thread = std::thread::spawn(move || {
            inside.run(move || {
                let handles: Vec<_> = (0..500).map(|_| spawn(yield_now)).collect();
                handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
                rx.recv().expect("word from the plain thread");
            });
        });
        while runtime.stats().spawned() < 500 {
            std::thread::yield_now();
        }
        assert_eq!(runtime.stats().io_parked_count(), 0);
        assert!(!format!("{:?}", runtime.stats()).is_empty());
        tx.send(()).expect("the root waits for it");
        thread.join().expect("no panic");
    });
}

struct Slow;

#[smarm::actor]
impl Slow {
    pub(crate) fn answer(&self) -> u32 {
        sleep(Duration::from_millis(1));
        7
    }
}

#[test]
fn sleeping_count_forgets_who_called_though_its_worker_never_sleeps_again() {
    with_runtime(1, |runtime| {
        // The worker sleeps meanwhile, and counts the caller.
        assert_eq!(Slow.start().answer().expect("it answers"), 7);
        while runtime.stats().sleeping_count() > 0 {
            yield_now();
        }
    });
}
