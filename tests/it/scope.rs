//! `scope`: borrowing actors.

use smarm::{ExitReason, channel, current, scope, sleep, spawn, yield_now};
use smarm_tests::{Rng, Tally, actors, message_of, on, panic_message, panic_payload, plain};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

#[test]
fn scope_returns_the_value_of_its_body() {
    actors(|| {
        assert_eq!(scope(|_| 1), 1);
        assert_eq!(scope(|s| s.spawn(|| 2).join().expect("no panic")), 2);
    });
}

#[test]
fn children_borrow_from_the_frame_around_the_scope() {
    actors(|| {
        let words = ["one", "two", "three"];
        let mut lengths = [0; 3];
        scope(|s| {
            for (word, length) in words.iter().zip(&mut lengths) {
                s.spawn(move || *length = word.len());
            }
        });
        assert_eq!(lengths, [3, 3, 5]);
    });
}

#[test]
fn results_of_children_may_borrow() {
    actors(|| {
        let text = String::from("to be or not to be");
        let longest = scope(|s| {
            let children: Vec<_> =
                text.split(" or ").map(|part| s.spawn(move || part.split(' ').next_back())).collect();
            children.into_iter().filter_map(|child| child.join().expect("no panic")).collect::<Vec<&str>>()
        });
        assert_eq!(longest, ["be", "be"]);
    });
}

#[test]
fn scope_waits_for_children_that_are_not_joined() {
    actors(|| {
        let count = AtomicUsize::new(0);
        scope(|s| {
            for n in 0..100 {
                let count = &count;
                drop(s.spawn(move || {
                    for _ in 0..n % 7 {
                        yield_now();
                    }
                    count.fetch_add(1, SeqCst);
                }));
            }
        });
        assert_eq!(count.load(SeqCst), 100);
    });
}

#[test]
fn children_spawn_siblings() {
    actors(|| {
        let count = AtomicUsize::new(0);
        scope(|s| {
            let count = &count;
            s.spawn(move || {
                count.fetch_add(1, SeqCst);
                s.spawn(move || {
                    yield_now();
                    count.fetch_add(1, SeqCst);
                    s.spawn(move || count.fetch_add(1, SeqCst));
                });
            });
        });
        assert_eq!(count.load(SeqCst), 3);
    });
}

#[test]
fn scopes_nest() {
    fn sum(numbers: &[u64]) -> u64 {
        if numbers.len() < 4 {
            return numbers.iter().sum();
        }
        let (left, right) = numbers.split_at(numbers.len() / 2);
        scope(|s| {
            let left = s.spawn(|| sum(left));
            sum(right) + left.join().expect("no panic")
        })
    }
    let numbers: Vec<u64> = (1..=5000).collect();
    actors(move || assert_eq!(sum(&numbers), 5000 * 5001 / 2));
    assert_eq!(on(4, || sum(&(1..=5000).collect::<Vec<_>>())), 5000 * 5001 / 2);
}

#[test]
fn a_thousand_children_share_a_counter() {
    actors(|| {
        let count = AtomicUsize::new(0);
        scope(|s| {
            let children: Vec<_> = (0..1000).map(|_| s.spawn(|| count.fetch_add(1, SeqCst))).collect();
            for child in children {
                child.join().expect("no panic");
            }
        });
        assert_eq!(count.into_inner(), 1000);
    });
}

#[test]
fn handles_of_children_know_pid_and_end() {
    actors(|| {
        scope(|s| {
            let child = s.spawn(current);
            let pid = child.pid();
            while !child.is_finished() {
                yield_now();
            }
            assert_eq!(child.join().expect("no panic"), pid);
        });
    });
}

#[test]
fn children_of_a_scope_talk_over_channels() {
    actors(|| {
        let total = scope(|s| {
            let (tx, rx) = channel::bounded::<u64>(2);
            for n in 0..4 {
                let tx = tx.clone();
                s.spawn(move || (0..100).for_each(|_| tx.send(n).expect("the summer receives")));
            }
            drop(tx);
            s.spawn(move || rx.iter().sum::<u64>()).join().expect("no panic")
        });
        assert_eq!(total, 600);
    });
}

#[test]
fn a_panic_of_a_child_reaches_the_one_that_joins_it() {
    actors(|| {
        let value = scope(|s| {
            let child = s.spawn(|| -> u32 { panic!("of the child") });
            match child.join() {
                Err(ExitReason::Panicked(info)) => info.take_payload(),
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(message_of(&*value.expect("nobody else asked")), Some("of the child"));
    });
}

#[test]
fn a_panic_of_a_child_that_nobody_joined_is_a_panic_of_the_scope() {
    actors(|| {
        let sibling_ended = AtomicBool::new(false);
        panic_payload(|| {
            scope(|s| {
                s.spawn(|| panic!("unseen"));
                s.spawn(|| {
                    for _ in 0..10 {
                        yield_now();
                    }
                    sibling_ended.store(true, SeqCst);
                });
            });
        });
        assert!(sibling_ended.load(SeqCst), "its siblings were waited for");
    });
}

#[test]
fn a_scope_without_its_caught_panics_is_fine() {
    actors(|| {
        for _ in 0..20 {
            assert!(panic_message(|| scope(|_| panic!("body"))).contains("body"));
            assert_eq!(scope(|s| s.spawn(|| 1).join().expect("no panic")), 1);
        }
    });
}

/// Runs a scope whose body panics while this child is alive, and checks that the child is gone before the panic goes on.
#[track_caller]
fn killed_with_the_body(child: fn()) {
    let tally = Tally::new();
    let message = panic_message(|| {
        scope(|s| {
            let (running, wait) = channel();
            let token = tally.token(1);
            s.spawn(move || {
                let _token = token;
                running.send(()).expect("the body waits");
                child();
            });
            wait.recv().expect("it runs");
            panic!("the body has had enough");
        });
    });
    assert_eq!(message, "the body has had enough");
    tally.check();
}

#[test]
fn a_child_that_receives_is_killed_when_the_body_panics() {
    actors(|| {
        killed_with_the_body(|| {
            let (_open, rx) = channel::<()>();
            unreachable!("received {:?}", rx.recv());
        });
    });
}

#[test]
fn a_child_that_receives_with_a_timeout_is_killed_when_the_body_panics() {
    actors(|| {
        killed_with_the_body(|| {
            let (_open, rx) = channel::<()>();
            unreachable!("received {:?}", rx.recv_timeout(Duration::MAX));
        });
    });
}

#[test]
fn a_child_that_sends_is_killed_when_the_body_panics() {
    actors(|| {
        killed_with_the_body(|| {
            let (tx, _open) = channel::bounded(0);
            unreachable!("sent {:?}", tx.send(()));
        });
        killed_with_the_body(|| {
            let (tx, _open) = channel::bounded(1);
            tx.send(()).expect("room for one");
            unreachable!("sent {:?}", tx.send(()));
        });
    });
}

#[test]
fn a_child_that_sleeps_is_killed_when_the_body_panics() {
    actors(|| {
        killed_with_the_body(|| sleep(Duration::from_secs(3600)));
        killed_with_the_body(|| sleep(Duration::MAX));
    });
}

#[test]
fn a_child_that_yields_for_ever_is_killed_when_the_body_panics() {
    actors(|| {
        killed_with_the_body(|| {
            loop {
                yield_now();
            }
        });
    });
}

#[test]
fn a_child_that_checks_for_ever_is_killed_when_the_body_panics() {
    on(2, || {
        killed_with_the_body(|| {
            loop {
                smarm::check!();
            }
        });
    });
}

#[test]
fn a_child_that_joins_is_killed_when_the_body_panics() {
    actors(|| {
        killed_with_the_body(|| {
            // A detached one that would wait for ever, but for its channel, which goes with the child's stack.
            let (_open, rx) = channel::<()>();
            _ = spawn(move || rx.recv()).join();
            unreachable!("joined");
        });
    });
}

#[test]
fn a_child_inside_a_scope_is_killed_with_its_own_children() {
    actors(|| {
        let tally = Tally::new();
        panic_payload(|| {
            scope(|outer| {
                let (running, wait) = channel();
                let tally = &tally;
                outer.spawn(move || {
                    let _child = tally.token(1);
                    let local = AtomicUsize::new(0);
                    scope(|inner| {
                        for n in 0..5 {
                            let (running, local) = (running.clone(), &local);
                            inner.spawn(move || {
                                let _grandchild = tally.token(n);
                                local.fetch_add(1, SeqCst);
                                running.send(()).expect("the body counts");
                                let (_open, rx) = channel::<()>();
                                unreachable!("received {:?}", rx.recv());
                            });
                        }
                    });
                    unreachable!("the inner scope ended");
                });
                for _ in 0..5 {
                    wait.recv().expect("all run");
                }
                panic!("the body has had enough");
            });
        });
        assert_eq!(tally.made(), 6);
        tally.check();
    });
}

#[test]
fn children_that_have_not_started_are_dropped_when_the_body_panics() {
    actors(|| {
        let tally = Tally::new();
        panic_payload(|| {
            scope(|s| {
                for n in 0..100 {
                    let token = tally.token(n);
                    s.spawn(move || {
                        let _token = token;
                        sleep(Duration::MAX);
                    });
                }
                panic!("at once");
            });
        });
        tally.check();
    });
}

#[test]
fn a_child_that_is_killed_finishes_its_drops_even_if_they_wait() {
    struct Slow<'a>(&'a AtomicBool);
    impl Drop for Slow<'_> {
        fn drop(&mut self) {
            // All of these return while the stack unwinds.
            yield_now();
            sleep(Duration::from_secs(3600));
            self.0.store(true, SeqCst);
        }
    }
    actors(|| {
        let dropped = AtomicBool::new(false);
        panic_payload(|| {
            scope(|s| {
                let (running, wait) = channel();
                let dropped = &dropped;
                s.spawn(move || {
                    let _slow = Slow(dropped);
                    running.send(()).expect("the body waits");
                    sleep(Duration::MAX);
                });
                wait.recv().expect("it runs");
                panic!("the body has had enough");
            });
        });
        assert!(dropped.load(SeqCst));
    });
}

#[test]
fn a_child_that_swallows_its_kill_is_killed_again() {
    actors(|| {
        let swallowed = AtomicUsize::new(0);
        panic_payload(|| {
            scope(|s| {
                let (running, wait) = channel();
                let swallowed = &swallowed;
                s.spawn(move || {
                    for _ in 0..3 {
                        running.send(()).ok();
                        if std::panic::catch_unwind(|| sleep(Duration::MAX)).is_err() {
                            swallowed.fetch_add(1, SeqCst);
                        }
                    }
                });
                wait.recv().expect("it runs");
                panic!("the body has had enough");
            });
        });
        assert_eq!(swallowed.load(SeqCst), 3, "each of its waits was cut short");
    });
}

#[test]
fn a_kill_that_is_caught_and_resumed_goes_on() {
    actors(|| {
        let tally = Tally::new();
        let (tx, rx) = channel();
        panic_payload(|| {
            scope(|s| {
                let (running, wait) = channel();
                let tally = &tally;
                s.spawn(move || {
                    let _token = tally.token(1);
                    running.send(()).expect("the body waits");
                    let caught = panic_payload(|| sleep(Duration::MAX));
                    tx.send(message_of(&*caught).map(str::to_owned)).expect("it is read afterwards");
                    std::panic::resume_unwind(caught);
                });
                wait.recv().expect("it runs");
                panic!("the body has had enough");
            });
        });
        tally.check();
        assert_eq!(rx.recv(), Ok(None), "the payload of a kill is no text that looks like a bug");
    });
}

#[test]
fn a_satisfied_wait_returns_its_value_before_the_kill() {
    // A child that was sent a value, and killed, has taken it or left it: it is dropped once in any case.
    actors(|| {
        let tally = Tally::new();
        for round in 0..100 {
            panic_payload(|| {
                scope(|s| {
                    let (tx, rx) = channel();
                    let (running, wait) = channel();
                    s.spawn(move || {
                        running.send(()).expect("the body waits");
                        _ = rx.recv().map(|token: smarm_tests::Token| token.value());
                        loop {
                            yield_now();
                        }
                    });
                    wait.recv().expect("it runs");
                    tx.send(tally.token(round)).expect("it receives");
                    panic!("the body has had enough");
                });
            });
        }
        tally.check();
    });
}

#[test]
fn bodies_and_children_that_panic_in_any_order_are_survived() {
    on(4, || {
        let mut rng = Rng::new(11);
        let tally = Tally::new();
        for _ in 0..100 {
            let (body, children) = (rng.one_in(2), rng.range(0..6));
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                scope(|s| {
                    for n in 0..children {
                        let (token, mut rng) = (tally.token(n), rng.fork());
                        s.spawn(move || {
                            sleep(rng.micros(100));
                            assert!(!rng.one_in(4), "a child of chance, token {}", token.value());
                        });
                    }
                    sleep(rng.micros(100));
                    assert!(!body, "a body of chance");
                });
            }));
            assert!(!body || result.is_err());
            assert_eq!(tally.alive(), 0, "the scope has waited for all");
        }
        tally.check();
    });
}

#[test]
fn scope_outside_an_actor_panics_when_it_spawns() {
    plain(|| {
        let message = panic_message(|| scope(|s| _ = s.spawn(|| ())));
        assert!(message.contains("actor"), "{message}");
    });
}
