//! `spawn` and `Builder`.

use smarm::{Builder, channel, spawn, yield_now};
use smarm_tests::{Tally, actors, on, panic_message, plain};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[test]
fn a_spawned_actor_runs_and_gives_its_value() {
    actors(|| assert_eq!(spawn(|| 40 + 2).join().expect("no panic"), 42));
}

#[test]
fn spawn_takes_functions_as_well_as_closures() {
    fn answer() -> u32 {
        42
    }
    actors(|| {
        let pointer: fn() -> u32 = answer;
        let boxed: Box<dyn FnOnce() -> u32 + Send> = Box::new(answer);
        for handle in [spawn(answer), spawn(pointer), spawn(boxed)] {
            assert_eq!(handle.join().expect("no panic"), 42);
        }
    });
}

#[test]
fn captures_and_results_may_be_large() {
    actors(|| {
        let numbers = [3_u64; 512];
        let doubled = spawn(move || numbers.map(|n| n * 2)).join().expect("no panic");
        assert_eq!(doubled.iter().sum::<u64>(), 6 * 512);
    });
}

#[test]
fn captures_and_results_keep_their_alignment() {
    #[derive(Clone, Copy)]
    #[repr(align(256))]
    struct Wide(u8);
    fn aligned(wide: &Wide) -> bool {
        std::ptr::from_ref(std::hint::black_box(wide)).addr().is_multiple_of(256)
    }
    actors(|| {
        for n in 0..100 {
            let wide = Wide(n);
            let result = spawn(move || {
                assert!(aligned(&wide));
                Wide(wide.0)
            });
            let result = result.join().expect("no panic");
            assert!(aligned(&result));
            assert_eq!(result.0, n);
        }
    });
}

#[test]
fn captures_are_dropped_once_when_the_actor_ends() {
    actors(|| {
        let tally = Tally::new();
        let token = tally.token(1);
        spawn(move || assert_eq!(token.value(), 1)).join().expect("no panic");
        tally.check();
    });
}

#[test]
fn captures_are_dropped_once_when_the_actor_panics() {
    actors(|| {
        let tally = Tally::new();
        let token = tally.token(1);
        let panicked = spawn(move || {
            assert_eq!(token.value(), 1);
            panic!("with a token in hand");
        });
        assert!(panicked.join().is_err());
        tally.check();
    });
}

#[test]
fn a_result_that_nobody_takes_is_dropped_once() {
    for workers in [1, 2] {
        let tally = Tally::new();
        let inside = tally.clone();
        on(workers, move || {
            let (done, wait) = channel();
            for n in 0..50 {
                let (inside, done) = (inside.clone(), done.clone());
                let handle = spawn(move || {
                    let token = inside.token(n);
                    done.send(()).expect("the root counts");
                    token
                });
                // Dropped before its actor has started, while it runs, or after it has ended.
                match n % 3 {
                    0 => drop(handle),
                    1 => drop(wait.recv().map(|()| handle)),
                    _ => {
                        while !handle.is_finished() {
                            yield_now();
                        }
                    }
                }
            }
        });
        assert_eq!(tally.made(), 50);
        tally.check();
    }
}

#[test]
fn actors_that_have_not_started_run_before_run_returns() {
    const ACTORS: usize = 20_000;
    for workers in [1, 2] {
        let count = Arc::new(AtomicUsize::new(0));
        let shared = Arc::clone(&count);
        on(workers, move || {
            for _ in 0..ACTORS {
                let count = Arc::clone(&shared);
                spawn(move || count.fetch_add(1, SeqCst));
            }
        });
        assert_eq!(count.load(SeqCst), ACTORS);
    }
}

#[test]
fn ten_thousand_actors_wait_at_once_and_all_are_woken() {
    const ACTORS: u64 = 10_000;
    actors(|| {
        let (ready, started) = channel();
        let waiting: Vec<_> = (0..ACTORS)
            .map(|n| {
                let (tx, rx) = channel::<u64>();
                let ready = ready.clone();
                let handle = spawn(move || {
                    ready.send(()).expect("the root counts");
                    n + rx.recv().expect("a number from the root")
                });
                (tx, handle)
            })
            .collect();
        for _ in 0..ACTORS {
            started.recv().expect("all start");
        }
        for (tx, _) in &waiting {
            tx.send(1).expect("it waits");
        }
        let sum: u64 = waiting.into_iter().map(|(_, handle)| handle.join().expect("no panic")).sum();
        assert_eq!(sum, ACTORS * (ACTORS + 1) / 2);
    });
}

#[test]
fn spawn_and_join_nest_a_thousand_deep() {
    fn depth(left: u32) -> u32 {
        if left == 0 { 0 } else { 1 + spawn(move || depth(left - 1)).join().expect("no panic") }
    }
    actors(|| assert_eq!(depth(1000), 1000));
}

#[test]
fn a_tree_of_actors_counts_its_leaves() {
    fn leaves(level: u32) -> u64 {
        if level == 0 {
            return 1;
        }
        let children: Vec<_> = (0..4).map(|_| spawn(move || leaves(level - 1))).collect();
        children.into_iter().map(|child| child.join().expect("no panic")).sum()
    }
    actors(|| assert_eq!(leaves(5), 1024));
    assert_eq!(on(4, || leaves(5)), 1024);
}

#[test]
fn an_actor_outlives_the_one_that_spawned_it() {
    actors(|| {
        let (tx, rx) = channel();
        spawn(move || {
            spawn(move || {
                for _ in 0..10 {
                    yield_now();
                }
                tx.send("still here").expect("the root waits");
            });
        })
        .join()
        .expect("no panic");
        assert_eq!(rx.recv(), Ok("still here"));
    });
}

#[test]
fn a_started_actor_stays_on_its_thread() {
    on(4, || {
        let handles: Vec<_> = (0..200)
            .map(|n| {
                spawn(move || {
                    // What is not Send may live across any wait.
                    let held = Rc::new(n);
                    let thread = std::thread::current().id();
                    for round in 0..50 {
                        match (n + round) % 3 {
                            0 => yield_now(),
                            1 => smarm::sleep(std::time::Duration::from_micros(50)),
                            _ => spawn(yield_now).join().expect("no panic"),
                        }
                        assert_eq!(std::thread::current().id(), thread);
                    }
                    *held
                })
            })
            .collect();
        for (n, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.join().expect("no panic"), n);
        }
    });
}

#[test]
fn builder_spawns_with_every_option() {
    actors(|| {
        let handle = Builder::new()
            .name("worker")
            .stack_size(1 << 20)
            .spread()
            .spawn(|| smarm_tests::burn_stack(512))
            .expect("room for one more stack");
        handle.join().expect("no panic");
        let name = String::from("a name that was made up at run time");
        let handle = Builder::new().name(name).spawn(smarm::current).expect("room for one more stack");
        assert_eq!(handle.pid(), handle.join().expect("no panic"));
    });
}

#[test]
fn names_need_not_be_unique_or_tame() {
    actors(|| {
        let long = "x".repeat(10_000);
        for name in ["", "twice", "twice", "two\nlines", "nul \0 inside", "größer als ASCII", &long] {
            let handle = Builder::new().name(name).spawn(|| 1).expect("any name will do");
            assert_eq!(handle.join().expect("no panic"), 1);
        }
    });
}

#[test]
fn spread_actors_use_more_than_one_worker() {
    // A hint, not a promise: but of hundreds at least one has to land elsewhere.
    on(2, || {
        let here = std::thread::current().id();
        let mut elsewhere = false;
        while !elsewhere {
            let handle = Builder::new().spread().spawn(|| std::thread::current().id()).expect("a stack");
            elsewhere = handle.join().expect("no panic") != here;
        }
    });
}

#[test]
fn work_reaches_the_second_worker_by_itself() {
    on(2, || {
        let (tx, rx) = channel();
        // The root hogs its worker until somebody else has run the actor.
        spawn(move || tx.send(std::thread::current().id()).expect("the root polls"));
        let there = loop {
            if let Ok(thread) = rx.try_recv() {
                break thread;
            }
            std::hint::spin_loop();
        };
        assert_ne!(there, std::thread::current().id());
    });
}

#[test]
fn work_is_shared_by_four_workers() {
    on(4, || {
        // All four have to run at once to pass the barrier; each holds its worker meanwhile.
        let barrier = Arc::new(std::sync::Barrier::new(4));
        let handles: Vec<_> = (0..3)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                spawn(move || {
                    barrier.wait();
                    std::thread::current().id()
                })
            })
            .collect();
        barrier.wait();
        let mut threads: HashSet<_> = handles.into_iter().map(|h| h.join().expect("no panic")).collect();
        threads.insert(std::thread::current().id());
        assert_eq!(threads.len(), 4);
    });
}

#[test]
fn spawn_outside_an_actor_panics_and_says_so() {
    plain(|| {
        let message = panic_message(|| spawn(|| ()));
        assert!(message.contains("actor"), "{message}");
        let message = panic_message(|| Builder::new().spawn(|| ()));
        assert!(message.contains("actor"), "{message}");
    });
}

#[test]
fn spawn_on_a_thread_started_by_an_actor_panics() {
    actors(|| {
        let panicked = std::thread::spawn(|| spawn(|| ())).join();
        assert!(panicked.is_err(), "a thread of one's own is outside");
    });
}
