//! Several runtimes in one process.

use smarm::channel::bounded;
use smarm::{channel, run, spawn, yield_now};
use smarm_tests::{Tally, in_child, plain, runtime};
use std::thread;

#[test]
fn two_runtimes_run_at_once() {
    plain(|| {
        let (ping, pinged) = channel();
        let (pong, ponged) = channel();
        let one = thread::spawn(move || {
            runtime(1).run(move || {
                for n in 0..1000 {
                    ping.send(n).expect("the other one lives");
                    assert_eq!(ponged.recv(), Ok(n));
                }
            });
        });
        let other = thread::spawn(move || {
            runtime(2).run(move || pinged.iter().for_each(|n: u32| pong.send(n).expect("it waits")));
        });
        one.join().expect("no panic");
        other.join().expect("no panic");
    });
}

#[test]
fn two_runtimes_share_a_bounded_channel_and_a_rendezvous() {
    for room in [0, 1, 16] {
        plain(|| {
            let (tx, rx) = bounded(room);
            let sender = thread::spawn(move || {
                runtime(2).run(move || {
                    for sender in 0..4 {
                        let tx = tx.clone();
                        spawn(move || (0..100).for_each(|n| tx.send((sender, n)).expect("it receives")));
                    }
                });
            });
            let received = runtime(1).run(move || {
                let mut next = [0; 4];
                for (sender, n) in rx.iter() {
                    assert_eq!(n, next[sender]);
                    next[sender] += 1;
                }
                next
            });
            assert_eq!(received, [100; 4]);
            sender.join().expect("no panic");
        });
    }
}

#[test]
fn many_threads_each_run_their_own() {
    plain(|| {
        let threads: Vec<_> = (0..8_u64)
            .map(|n| thread::spawn(move || (0..20).map(|m| run(move || n * m)).sum::<u64>()))
            .collect();
        for (n, thread) in threads.into_iter().enumerate() {
            assert_eq!(thread.join().expect("no panic"), n as u64 * 190);
        }
    });
}

#[test]
fn a_runtime_that_ends_leaves_the_other_alone() {
    plain(|| {
        let (tx, rx) = channel();
        let long = thread::spawn(move || {
            runtime(2).run(move || {
                let (open, wait) = channel::<()>();
                let waiting: Vec<_> = (0..50)
                    .map(|_| {
                        let open = open.clone();
                        spawn(move || drop(open))
                    })
                    .collect();
                drop(open);
                assert!(wait.recv().is_err());
                waiting.into_iter().for_each(|handle| handle.join().expect("no panic"));
                rx.iter().sum::<u64>()
            })
        });
        for n in 0..100 {
            runtime(2).run({
                let tx = tx.clone();
                move || spawn(move || tx.send(n).expect("the long one lives")).join().expect("no panic")
            });
        }
        drop(tx);
        assert_eq!(long.join().expect("no panic"), 4950);
    });
}

#[test]
fn ends_of_channels_outlive_the_runtime_they_were_used_on() {
    plain(|| {
        let tally = Tally::new();
        let inside = tally.clone();
        let (tx, rx) = run(move || {
            let (tx, rx) = channel();
            let waiter = spawn(move || (rx.recv().map(drop), rx));
            yield_now();
            tx.send(inside.token(1)).expect("it receives");
            tx.send(inside.token(2)).expect("it receives");
            (tx, waiter.join().expect("no panic").1)
        });
        // Late wakers: the actor that waited is gone, and so is its worker.
        tx.send(tally.token(3)).expect("the receiver is here");
        let token = run(move || rx.recv().expect("the second token"));
        assert_eq!(token.value(), 2);
        drop(token);
        drop(tx.send(tally.token(4)).expect_err("disconnected"));
        drop(tx);
        tally.check();
    });
}

#[test]
fn runtimes_nest_and_exchange_messages() {
    plain(|| {
        let sum = runtime(2).run(|| {
            let (tx, rx) = channel();
            let inner: Vec<_> = (0..4)
                .map(|n| {
                    let tx = tx.clone();
                    spawn(move || runtime(1).run(move || tx.send(n).expect("the outer root receives")))
                })
                .collect();
            drop(tx);
            let sum = rx.iter().sum::<u32>();
            inner.into_iter().for_each(|handle| handle.join().expect("no panic"));
            sum
        });
        assert_eq!(sum, 6);
    });
}

#[test]
fn runtimes_that_are_gone_leave_no_threads_and_few_descriptors_behind() {
    fn entries(folder: &str) -> usize {
        std::fs::read_dir(folder).expect("Linux has it").count()
    }
    in_child(|| {
        for _ in 0..50 {
            runtime(4).run(|| (0..20).for_each(|_| drop(spawn(yield_now))));
        }
        let (threads, descriptors) = (entries("/proc/self/task"), entries("/proc/self/fd"));
        assert!(threads < 20, "{threads} threads after 50 runtimes of 4 workers");
        assert!(descriptors < 60, "{descriptors} descriptors after 50 runtimes of 4 workers");
    })
    .is_success();
}
