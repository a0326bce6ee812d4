//! `run`, `Runtime::run`, `try_run`, `Config`.

use smarm::runtime::{Config, init};
use smarm::{ExitReason, channel, spawn, try_current, yield_now};
use smarm_tests::{Tally, actors, message_of, on, panic_message, panic_payload, plain, runtime};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

#[test]
fn run_returns_the_value_of_the_root() {
    plain(|| assert_eq!(smarm::run(|| "done".to_owned()), "done"));
}

#[test]
fn run_moves_captures_into_the_root() {
    plain(|| {
        let words = ["a".to_owned(), "b".to_owned()];
        assert_eq!(smarm::run(move || words.concat()), "ab");
    });
}

#[test]
fn root_returns_values_of_any_size() {
    plain(|| {
        smarm::run(|| ());
        assert_eq!(smarm::run(|| [7_u64; 4096]).iter().sum::<u64>(), 7 * 4096);
        let never: Option<std::convert::Infallible> = smarm::run(|| None);
        assert!(never.is_none());
    });
}

#[test]
fn captures_of_the_root_are_dropped_before_run_returns() {
    plain(|| {
        let tally = Tally::new();
        let token = tally.token(3);
        assert_eq!(smarm::run(move || token.value()), 3);
        tally.check();
    });
}

#[test]
fn value_of_the_root_is_dropped_once() {
    plain(|| {
        let tally = Tally::new();
        let token = tally.token(3);
        let token = smarm::run(move || token);
        assert_eq!((token.value(), tally.alive()), (3, 1));
        drop(token);
        tally.check();
    });
}

#[test]
fn root_is_an_actor() {
    plain(|| {
        assert!(try_current().is_none());
        assert!(smarm::run(|| try_current().is_some()));
        assert!(try_current().is_none(), "the caller of run is no actor afterwards");
    });
}

#[test]
fn run_waits_for_detached_actors() {
    for workers in [1, 2] {
        let done = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&done);
        on(workers, move || {
            spawn(move || {
                for _ in 0..100 {
                    yield_now();
                }
                told.store(true, SeqCst);
            });
        });
        assert!(done.load(SeqCst));
    }
}

#[test]
fn run_waits_for_a_detached_actor_that_sleeps() {
    let done = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&done);
    on(1, move || {
        spawn(move || {
            smarm::sleep(Duration::from_millis(20));
            told.store(true, SeqCst);
        });
    });
    assert!(done.load(SeqCst));
}

#[test]
fn run_waits_for_detached_actors_that_spawn_more() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    on(2, move || {
        fn chain(left: usize, count: Arc<AtomicUsize>) {
            count.fetch_add(1, SeqCst);
            if left > 1 {
                spawn(move || chain(left - 1, count));
            }
        }
        spawn(move || chain(1000, counted));
    });
    assert_eq!(count.load(SeqCst), 1000);
}

#[test]
fn run_waits_for_actors_that_serve_each_other_after_the_root_has_returned() {
    let total = Arc::new(AtomicUsize::new(0));
    let sum = Arc::clone(&total);
    on(1, move || {
        let (numbers, inbox) = channel::<usize>();
        spawn(move || inbox.iter().for_each(|n| _ = sum.fetch_add(n, SeqCst)));
        spawn(move || {
            for n in 1..=100 {
                numbers.send(n).expect("the receiver lives until the sender is dropped");
                yield_now();
            }
        });
    });
    assert_eq!(total.load(SeqCst), 5050);
}

#[test]
fn a_timeout_that_was_not_needed_does_not_hold_up_the_end_of_run() {
    // The first smarm waited for every timer it had ever armed: the watchdog notices.
    actors(|| {
        let hour = Duration::from_secs(3600);
        let (tx, rx) = channel();
        spawn(move || {
            yield_now();
            tx.send(1).expect("the root receives");
        });
        assert_eq!(rx.recv_timeout(hour), Ok(1));
        let (tx, rx) = channel::bounded(1);
        tx.send_timeout(1, hour).expect("room for one");
        let receiver = spawn(move || (rx.recv_timeout(hour), rx.recv_timeout(hour)));
        tx.send_timeout(2, hour).expect("room when the first was taken");
        assert_eq!(receiver.join().expect("no panic"), (Ok(1), Ok(2)));
    });
}

#[test]
fn run_inside_an_actor_returns_its_value() {
    actors(|| {
        let before = smarm::current();
        assert_eq!(smarm::run(|| smarm::run(|| 7) + 1), 8);
        assert_eq!(smarm::current(), before, "the actor is itself again");
    });
}

#[test]
fn run_inside_an_actor_parks_it_and_lets_its_neighbours_run() {
    actors(|| {
        let (tx, rx) = channel();
        spawn(move || tx.send(5).expect("the inner root receives"));
        assert_eq!(smarm::run(move || rx.recv()), Ok(5));
    });
}

#[test]
fn a_panic_of_an_inner_root_resumes_on_the_actor_that_ran_it() {
    actors(|| {
        let payload = panic_payload(|| smarm::run(|| panic!("inner")));
        assert_eq!(message_of(&*payload), Some("inner"));
    });
}

#[test]
fn a_runtime_runs_again_and_again() {
    plain(|| {
        let runtime = runtime(2);
        for n in 0..200 {
            let value = runtime.run(move || spawn(move || n + 1).join().expect("no panic"));
            assert_eq!(value, n + 1);
        }
    });
}

#[test]
fn a_runtime_need_not_run_at_all() {
    plain(|| {
        drop(runtime(1));
        drop(runtime(4));
    });
}

#[test]
fn try_run_returns_the_value_of_the_root() {
    plain(|| {
        let value = runtime(1).try_run(|| 42);
        assert!(matches!(value, Ok(42)), "{value:?}");
    });
}

#[test]
fn try_run_returns_the_panic_of_the_root() {
    plain(|| match runtime(1).try_run(|| panic!("of the root")) {
        Err(ExitReason::Panicked(info)) => {
            let payload = info.take_payload().expect("nobody else asked");
            assert_eq!(message_of(&*payload), Some("of the root"));
        }
        other => panic!("{other:?}"),
    });
}

#[test]
fn a_runtime_runs_on_after_its_root_has_panicked() {
    plain(|| {
        let runtime = runtime(2);
        for n in 0..10 {
            assert_eq!(panic_message(|| runtime.run(move || panic!("number {n}"))), format!("number {n}"));
            assert!(runtime.try_run(|| panic!("again")).is_err());
            assert_eq!(runtime.run(move || n), n);
        }
    });
}

#[test]
fn values_left_by_one_run_are_of_use_in_the_next() {
    plain(|| {
        let runtime = runtime(2);
        let (tx, rx) = runtime.run(|| {
            let (tx, rx) = channel();
            tx.send(1).expect("the receiver is here");
            (tx, rx)
        });
        tx.send(2).expect("the receiver is here");
        drop(tx);
        assert_eq!(runtime.run(move || rx.iter().collect::<Vec<_>>()), [1, 2]);
    });
}

#[test]
fn a_handle_left_by_one_run_can_be_joined_afterwards() {
    plain(|| {
        let handle = runtime(2).run(|| spawn(|| 5));
        assert!(handle.is_finished());
        assert_eq!(handle.join().expect("no panic"), 5);
    });
}

#[test]
fn config_exact_starts_that_many_workers() {
    plain(|| {
        for workers in [1, 2, 3, 8] {
            let runtime = Arc::new(init(Config::exact(workers)));
            let inside = Arc::clone(&runtime);
            assert_eq!(runtime.run(move || inside.stats().scheduler_count()), workers);
        }
    });
}

#[test]
fn config_new_clamps_the_number_of_processors() {
    plain(|| {
        let workers = |config| {
            let runtime = Arc::new(init(config));
            let inside = Arc::clone(&runtime);
            runtime.run(move || inside.stats().scheduler_count())
        };
        let processors = std::thread::available_parallelism().expect("Linux knows").get();
        assert_eq!(workers(Config::new(1, 1, None)), 1);
        assert_eq!(workers(Config::new(1, 4096, None)), processors);
        assert_eq!(workers(Config::new(processors + 1, processors + 1, None)), processors + 1);
        assert_eq!(workers(Config::new(1, 8, Some(3))), 3);
        assert_eq!(workers(Config::default()), processors);
    });
}

#[test]
fn config_refuses_no_workers_with_a_sentence() {
    plain(|| {
        for message in [
            panic_message(|| init(Config::exact(0))),
            panic_message(|| init(Config::new(0, 0, None))),
            panic_message(|| init(Config::new(1, 2, Some(0)))),
        ] {
            assert!(message.contains("worker"), "{message}");
        }
    });
}

#[test]
fn config_refuses_a_minimum_above_the_maximum() {
    plain(|| _ = panic_message(|| init(Config::new(3, 2, None))));
}

#[test]
fn config_options_chain_and_runs_work_under_them() {
    plain(|| {
        let config = Config::exact(2).alloc_interval(1).timeslice_cycles(1).stack_size(128 << 10).deadlock(
            // The last one wins.
            smarm::runtime::Deadlock::Warn,
        );
        let config = config.deadlock(smarm::runtime::Deadlock::Fail);
        let sum = init(config).run(|| {
            let workers: Vec<_> = (0..100_u64)
                .map(|n| {
                    spawn(move || {
                        (0..100)
                            .map(|_| {
                                smarm::check!();
                                n
                            })
                            .sum::<u64>()
                    })
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().expect("no panic")).sum::<u64>()
        });
        assert_eq!(sum, 4950 * 100);
    });
}

#[test]
fn a_root_that_panics_does_not_wait_for_ever_for_actors_that_wait_for_it() {
    for workers in [1, 2] {
        let tally = Tally::new();
        let token = tally.token(1);
        let message = panic_message(|| {
            on(workers, move || {
                let (tx, rx) = channel::<()>();
                let kept_open = tx.clone();
                let (ready, waiting) = channel();
                spawn(move || {
                    let _on_the_stack = token;
                    let _kept_open = kept_open;
                    ready.send(()).expect("the root waits for it");
                    rx.recv()
                });
                waiting.recv().expect("the actor says that it runs");
                let _tx = tx;
                panic!("the root has had enough");
            })
        });
        assert_eq!(message, "the root has had enough");
        tally.check();
    }
}
