//! `current` and `try_current`: who runs here.

use smarm::{channel, current, scope, sleep, spawn, try_current, yield_now};
use smarm_tests::{actors, on, panic_message, panic_payload, plain};
use std::time::Duration;

#[test]
fn current_is_the_same_for_an_actors_whole_life() {
    for workers in [1, 4] {
        on(workers, || {
            let handles: Vec<_> = (0..100)
                .map(|_| {
                    spawn(|| {
                        let me = current();
                        for _ in 0..20 {
                            yield_now();
                            assert_eq!(current(), me);
                            sleep(Duration::from_micros(20));
                            assert_eq!(try_current(), Some(me));
                        }
                        me
                    })
                })
                .collect();
            for handle in handles {
                assert_eq!(handle.pid(), handle.join().expect("no panic"));
            }
        });
    }
}

#[test]
fn current_outside_an_actor_panics_and_try_current_does_not() {
    plain(|| {
        assert_eq!(try_current(), None);
        let message = panic_message(current);
        assert!(message.contains("actor"), "{message}");
    });
}

#[test]
fn a_thread_started_by_an_actor_is_outside() {
    actors(|| {
        let seen = std::thread::spawn(try_current).join().expect("no panic");
        assert_eq!(seen, None);
        assert!(try_current().is_some());
    });
}

#[test]
fn children_of_a_scope_are_actors_of_their_own() {
    actors(|| {
        let me = current();
        let (first, second) = scope(|s| {
            let (a, b) = (s.spawn(current), s.spawn(current));
            (a.join().expect("no panic"), b.join().expect("no panic"))
        });
        assert!(me != first && me != second && first != second);
        assert_eq!(current(), me);
    });
}

#[test]
fn an_inner_root_is_another_actor() {
    actors(|| {
        let me = current();
        assert_ne!(smarm::run(current), me);
        assert_eq!(current(), me);
    });
}

#[test]
fn current_works_in_drops_while_unwinding_and_after_a_catch() {
    struct Tell(channel::Sender<smarm::Pid>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.send(current()).expect("somebody receives");
        }
    }
    actors(|| {
        let me = current();
        let (tx, rx) = channel();
        panic_payload(|| {
            let _tell = Tell(tx.clone());
            panic!("to unwind");
        });
        assert_eq!((rx.recv(), current()), (Ok(me), me));
        let other = spawn(move || {
            let _tell = Tell(tx);
            panic!("to the end");
        });
        assert_eq!(rx.recv(), Ok(other.pid()));
    });
}

#[test]
fn captures_and_results_are_dropped_by_an_actor() {
    // Drops may send, wait, or ask who they are: never on a bare worker.
    struct Ask(channel::Sender<bool>);
    impl Drop for Ask {
        fn drop(&mut self) {
            self.0.send(try_current().is_some()).expect("somebody receives");
        }
    }
    actors(|| {
        let (tx, rx) = channel();
        let (capture, result) = (Ask(tx.clone()), Ask(tx));
        drop(spawn(move || {
            let _capture = &capture;
            result
        }));
        assert_eq!((rx.recv(), rx.recv()), (Ok(true), Ok(true)));
    });
}

#[test]
fn current_works_deep_down_a_large_stack() {
    fn deep(left: u32) -> smarm::Pid {
        let block = std::hint::black_box([0_u8; 512]);
        if left == 0 {
            yield_now();
            return current();
        }
        let pid = deep(left - 1);
        std::hint::black_box(block);
        pid
    }
    actors(|| {
        assert_eq!(deep(1500), current());
        let handle = smarm::Builder::new().stack_size(4 << 20).spawn(|| deep(800)).expect("a stack");
        assert_eq!(handle.pid(), handle.join().expect("no panic"));
    });
}

#[test]
fn actors_that_take_turns_on_one_worker_do_not_mix_themselves_up() {
    on(1, || {
        let (tx, rx) = channel();
        for _ in 0..20 {
            let tx = tx.clone();
            spawn(move || {
                let me = current();
                for _ in 0..50 {
                    yield_now();
                    tx.send(current() == me).expect("the root receives");
                }
            });
        }
        drop(tx);
        assert!(rx.iter().all(|same| same));
    });
}
