//! smarm from plain threads: what works there, what does not, and the way in.

use smarm::channel::{TrySendError, bounded, oneshot};
use smarm::{RuntimeHandle, channel, current, scope, sleep, spawn, try_current, yield_now};
use smarm_tests::{Tally, actors, panic_message, panic_payload, plain, runtime};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_plain_thread_sends_to_an_actor() {
    for workers in [1, 2] {
        plain(|| {
            let (tx, rx) = channel();
            let thread = thread::spawn(move || (0..1000).for_each(|n| tx.send(n).expect("it receives")));
            assert!(runtime(workers).run(move || rx.iter().eq(0..1000)));
            thread.join().expect("no panic");
        });
    }
}

#[test]
fn an_actor_sends_to_a_plain_thread() {
    for workers in [1, 2] {
        plain(|| {
            let (tx, rx) = channel();
            let thread = thread::spawn(move || rx.iter().eq(0..1000));
            runtime(workers).run(move || (0..1000).for_each(|n| tx.send(n).expect("it receives")));
            assert!(thread.join().expect("no panic"));
        });
    }
}

#[test]
fn a_plain_thread_and_an_actor_take_turns() {
    for (room, workers) in [(0, 1), (0, 2), (1, 1), (1, 2)] {
        plain(|| {
            let (ping, pinged) = bounded(room);
            let (pong, ponged) = bounded(room);
            let thread =
                thread::spawn(move || pinged.iter().for_each(|n: u32| pong.send(n + 1).expect("it waits")));
            runtime(workers).run(move || {
                for n in 0..500 {
                    ping.send(n).expect("the thread lives");
                    assert_eq!(ponged.recv(), Ok(n + 1));
                }
            });
            thread.join().expect("no panic");
        });
    }
}

#[test]
fn plain_threads_and_actors_send_side_by_side() {
    plain(|| {
        let tally = Tally::new();
        let (tx, rx) = bounded(2);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (tx, tally) = (tx.clone(), tally.clone());
                thread::spawn(move || (0..100).for_each(|n| tx.send(tally.token(n)).expect("it receives")))
            })
            .collect();
        let inside = tally.clone();
        let count = runtime(2).run(move || {
            for _ in 0..3 {
                let (tx, tally) = (tx.clone(), inside.clone());
                spawn(move || (0..100).for_each(|n| tx.send(tally.token(n)).expect("it receives")));
            }
            drop(tx);
            rx.iter().count()
        });
        assert_eq!(count, 600);
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        tally.check();
    });
}

#[test]
fn a_plain_sender_is_told_when_the_receiving_actor_ends() {
    plain(|| {
        let (tx, rx) = bounded(1);
        let thread = thread::spawn(move || (0..).find(|n| tx.send(*n).is_err()).expect("it ends"));
        runtime(1).run(move || rx.iter().take(10).count());
        assert!(thread.join().expect("no panic") >= 10);
    });
}

#[test]
fn a_plain_receiver_is_told_when_the_sending_actors_end() {
    plain(|| {
        let (tx, rx) = channel::<u32>();
        let thread = thread::spawn(move || rx.iter().count());
        runtime(2).run(move || {
            for n in 0..10 {
                let tx = tx.clone();
                spawn(move || {
                    tx.send(n).expect("the thread receives");
                    assert!(n % 2 == 0, "half of them panic");
                });
            }
        });
        assert_eq!(thread.join().expect("no panic"), 10);
    });
}

#[test]
fn timeouts_work_on_plain_threads() {
    plain(|| {
        let (tx, rx) = bounded(1);
        assert!(rx.recv_timeout(Duration::from_millis(1)).is_err());
        tx.send_timeout(1, Duration::from_millis(1)).expect("room");
        assert!(tx.send_timeout(2, Duration::from_millis(1)).is_err());
        assert!(matches!(tx.try_send(3), Err(TrySendError::Full(3))));
        assert_eq!(rx.recv_timeout(Duration::MAX), Ok(1));
    });
}

#[test]
fn a_oneshot_answers_a_plain_thread() {
    plain(|| {
        let (ask, asked) = channel();
        let (reply, answer) = oneshot();
        ask.send((20, reply)).expect("somebody will receive");
        let server = thread::spawn(move || {
            runtime(1).run(move || {
                for (n, reply) in asked.iter() {
                    reply.send(n * 2).expect("it waits");
                }
            });
        });
        assert_eq!(answer.recv(), Ok(40));
        for n in 0..100 {
            let (reply, answer) = oneshot();
            ask.send((n, reply)).expect("the server lives");
            assert_eq!(answer.recv(), Ok(n * 2));
        }
        drop(ask);
        server.join().expect("no panic");
    });
}

#[test]
fn sleep_and_yield_and_check_work_on_plain_threads() {
    plain(|| {
        let before = Instant::now();
        sleep(Duration::from_millis(2));
        assert!(before.elapsed() >= Duration::from_millis(2));
        yield_now();
        smarm::check!();
        assert_eq!(try_current(), None);
    });
}

/// Runs `body` on a plain thread while a runtime waits for it, with a handle to that runtime.
fn beside_a_runtime<T: Send + 'static>(
    workers: usize,
    body: impl FnOnce(RuntimeHandle) -> T + Send + 'static,
) -> T {
    plain(|| {
        let (give, take) = channel();
        let (done, wait) = channel();
        let thread = thread::spawn(move || {
            let value = body(take.recv().expect("the root gives its handle"));
            done.send(()).expect("the root waits");
            value
        });
        runtime(workers).run(move || {
            give.send(smarm::handle()).expect("the thread waits");
            wait.recv().expect("the thread ends well");
        });
        thread.join().expect("no panic")
    })
}

#[test]
fn a_handle_spawns_from_a_plain_thread() {
    for workers in [1, 2] {
        let sum = beside_a_runtime(workers, |handle| {
            let handles: Vec<_> = (0..100_u32).map(|n| handle.spawn(move || (n, try_current()))).collect();
            let ends = handles.into_iter().map(|handle| handle.join().expect("no panic"));
            ends.map(|(n, pid)| if pid.is_some() { n } else { 0 }).sum::<u32>()
        });
        assert_eq!(sum, 4950);
    }
}

#[test]
fn enter_lends_the_runtime_to_a_plain_thread() {
    beside_a_runtime(2, |handle| {
        let value = handle.enter(|| {
            assert_eq!(try_current(), None, "it is still no actor");
            panic_message(current);
            smarm::handle().spawn(|| 1).join().expect("no panic") + spawn(|| 2).join().expect("no panic")
        });
        assert_eq!(value, 3);
        panic_message(|| spawn(|| ()));
        panic_message(smarm::handle);
    });
}

#[test]
fn enter_ends_with_a_panic_too() {
    beside_a_runtime(1, |handle| {
        panic_payload(|| handle.enter(|| panic!("inside")));
        panic_message(|| spawn(|| ()));
        assert_eq!(handle.enter(|| handle.enter(|| 1) + spawn(|| 2).join().expect("no panic")), 3);
    });
}

#[test]
fn enter_chooses_among_runtimes() {
    beside_a_runtime(1, |outer| {
        beside_a_runtime(3, move |inner| {
            let workers = |handle: JoinOn| handle.join().expect("no panic");
            type JoinOn = smarm::JoinHandle<u32>;
            outer.enter(|| {
                let first = spawn(|| 1);
                let second = inner.enter(|| spawn(|| 2));
                let third = spawn(|| 3);
                assert_eq!([first, second, third].map(workers), [1, 2, 3]);
            });
        });
    });
}

#[test]
fn scope_works_for_a_plain_thread_that_has_entered() {
    beside_a_runtime(2, |handle| {
        let words = ["some", "words"];
        let lengths = handle.enter(|| {
            scope(|s| {
                words.map(|word| s.spawn(move || word.len())).map(|child| child.join().expect("no panic"))
            })
        });
        assert_eq!(lengths, [4, 5]);
    });
}

#[test]
fn handles_are_for_everybody() {
    fn has<T: Clone + Send + Sync + std::fmt::Debug + 'static>() {}
    has::<RuntimeHandle>();
    beside_a_runtime(1, |handle| {
        let clones = vec![handle; 4];
        let threads: Vec<_> = clones
            .into_iter()
            .map(|h| thread::spawn(move || h.spawn(|| 1).join().expect("no panic")))
            .collect();
        assert_eq!(threads.into_iter().map(|thread| thread.join().expect("no panic")).sum::<u32>(), 4);
    });
}

#[test]
fn what_a_plain_thread_spawned_is_waited_for() {
    plain(|| {
        let (give, take) = channel();
        let (tx, rx) = channel();
        let thread = thread::spawn(move || {
            let handle: RuntimeHandle = take.recv().expect("the root gives its handle");
            handle.spawn(move || {
                sleep(Duration::from_millis(5));
                tx.send("done").expect("it is read afterwards");
            });
        });
        runtime(1).run(move || {
            give.send(smarm::handle()).expect("the thread waits");
            let joined = spawn(move || {
                while !thread.is_finished() {
                    yield_now();
                }
            });
            joined.join().expect("no panic");
        });
        assert_eq!(rx.try_recv(), Ok("done"));
    });
}

#[test]
fn a_handle_may_be_kept_by_an_actor() {
    actors(|| {
        let handle = smarm::handle();
        let child = spawn(move || handle.spawn(|| 4).join().expect("no panic"));
        assert_eq!(child.join().expect("no panic"), 4);
    });
}

#[test]
fn a_runtime_gives_handles_too() {
    plain(|| {
        let runtime = runtime(2);
        let handle = runtime.handle();
        let sum = runtime.run(move || {
            let thread = thread::spawn(move || handle.spawn(|| 2).join().expect("no panic"));
            while !thread.is_finished() {
                yield_now();
            }
            thread.join().expect("no panic")
        });
        assert_eq!(sum, 2);
    });
}

#[test]
fn smarm_handle_outside_panics_and_says_so() {
    plain(|| {
        let message = panic_message(smarm::handle);
        assert!(message.contains("actor"), "{message}");
    });
}

#[test]
fn plain_scoped_threads_inside_an_actor_may_use_its_channels() {
    actors(|| {
        let (tx, rx) = channel();
        thread::scope(|s| {
            for n in 0..4 {
                let tx = tx.clone();
                s.spawn(move || tx.send(n).expect("the actor receives"));
            }
        });
        drop(tx);
        assert_eq!(rx.iter().sum::<u32>(), 6);
    });
}
