//! `JoinHandle`.

use smarm::{ExitReason, JoinHandle, channel, current, spawn, yield_now};
use smarm_tests::{Rng, Tally, actors, on, plain, runtime};

#[test]
fn join_gives_the_typed_value() {
    actors(|| {
        let text: Result<String, ExitReason> = spawn(|| "text".to_owned()).join();
        assert_eq!(text.expect("no panic"), "text");
    });
}

#[test]
fn join_waits_until_the_actor_has_ended() {
    actors(|| {
        let (tx, rx) = channel::<u32>();
        let handle = spawn(move || rx.iter().sum::<u32>());
        for n in 0..10 {
            tx.send(n).expect("it receives");
            yield_now();
        }
        assert!(!handle.is_finished(), "its channel is still open");
        drop(tx);
        assert_eq!(handle.join().expect("no panic"), 45);
    });
}

#[test]
fn join_of_an_ended_actor_returns_at_once() {
    actors(|| {
        let handle = spawn(|| 1);
        while !handle.is_finished() {
            yield_now();
        }
        assert_eq!(handle.join().expect("no panic"), 1);
    });
}

#[test]
fn a_finished_actor_has_dropped_its_captures() {
    actors(|| {
        let tally = Tally::new();
        let token = tally.token(1);
        let handle = spawn(move || token.value());
        while !handle.is_finished() {
            yield_now();
        }
        tally.check();
    });
}

#[test]
fn a_handle_knows_the_pid() {
    actors(|| {
        let handle = spawn(current);
        let pid = handle.pid();
        assert_ne!(pid, current());
        assert_eq!(handle.join().expect("no panic"), pid);
    });
}

#[test]
fn dropping_the_handle_detaches() {
    actors(|| {
        let (tx, rx) = channel();
        drop(spawn(move || {
            yield_now();
            tx.send(1).expect("the root receives")
        }));
        assert_eq!(rx.recv(), Ok(1));
    });
}

#[test]
fn joins_may_come_in_any_order() {
    for workers in [1, 4] {
        on(workers, move || {
            let mut rng = Rng::new(workers as u64);
            let mut handles: Vec<_> = (0..1000).map(|n| (n, spawn(move || n * 3))).collect();
            while !handles.is_empty() {
                let (n, handle) = handles.swap_remove(rng.below(handles.len()));
                assert_eq!(handle.join().expect("no panic"), n * 3);
            }
        });
    }
}

#[test]
fn another_actor_may_join() {
    actors(|| {
        let worker = spawn(|| {
            yield_now();
            7
        });
        let joiner = spawn(move || worker.join().expect("no panic") + 1);
        assert_eq!(joiner.join().expect("no panic"), 8);
    });
}

#[test]
fn a_plain_thread_may_join() {
    actors(|| {
        let (tx, rx) = channel::<u32>();
        let handle = spawn(move || rx.recv().expect("a number") + 1);
        let joiner = std::thread::spawn(move || handle.join().expect("no panic"));
        tx.send(1).expect("it receives");
        // Blocks this worker: the actor has to have ended before, on this worker or another one.
        let sum = smarm::spawn(move || {
            while !joiner.is_finished() {
                yield_now();
            }
            joiner.join().expect("no panic")
        });
        assert_eq!(sum.join().expect("no panic"), 2);
    });
}

#[test]
fn an_actor_of_another_runtime_may_join() {
    plain(|| {
        let (tx, rx) = channel();
        let other = std::thread::spawn(move || {
            runtime(1).run(move || {
                let (value, wait) = channel::<u32>();
                let handle = spawn(move || wait.recv().expect("a value from the other runtime"));
                tx.send((value, handle)).expect("the other runtime waits");
            });
        });
        let joined = runtime(2).run(move || {
            let (value, handle) = rx.recv().expect("a handle");
            let joiner = spawn(move || handle.join().expect("no panic"));
            yield_now();
            value.send(9).expect("it waits");
            joiner.join().expect("no panic")
        });
        assert_eq!(joined, 9);
        other.join().expect("no panic");
    });
}

#[test]
fn a_joined_value_is_dropped_once() {
    actors(|| {
        let tally = Tally::new();
        let inside = tally.clone();
        let token = spawn(move || inside.token(4)).join().expect("no panic");
        assert_eq!((token.value(), tally.alive()), (4, 1));
        drop(token);
        tally.check();
    });
}

#[test]
fn a_long_chain_of_joins_resolves() {
    actors(|| {
        let (start, wait) = channel::<u64>();
        let mut last: JoinHandle<u64> = spawn(move || wait.recv().expect("a number"));
        for _ in 0..500 {
            let before = last;
            last = spawn(move || before.join().expect("no panic") + 1);
        }
        yield_now();
        start.send(1).expect("the first waits");
        assert_eq!(last.join().expect("no panic"), 501);
    });
}

#[test]
fn a_result_may_own_the_means_to_talk_to_others() {
    actors(|| {
        let (tx, rx) = channel();
        let (tx, rx) = spawn(move || (tx, rx)).join().expect("no panic");
        tx.send(3).expect("the receiver is here");
        assert_eq!(rx.recv(), Ok(3));
    });
}

#[test]
fn handles_are_send_sync_and_debug() {
    fn has<T: Send + Sync + std::fmt::Debug>() {}
    has::<JoinHandle<String>>();
}
