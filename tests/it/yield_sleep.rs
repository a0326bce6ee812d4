//! `yield_now`, `sleep`, `check!`.

use smarm::time::{MissedTicks, interval};
use smarm::{channel, check, sleep, sleep_until, spawn, yield_now};
use smarm_tests::{Rng, actors, on};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

#[test]
fn yield_lets_the_others_run() {
    on(1, || {
        let flag = Arc::new(AtomicBool::new(false));
        let raise = Arc::clone(&flag);
        spawn(move || raise.store(true, SeqCst));
        while !flag.load(SeqCst) {
            yield_now();
        }
    });
}

#[test]
fn actors_that_yield_to_each_other_all_get_on() {
    on(1, || {
        const ACTORS: usize = 10;
        let turns = Arc::new([const { AtomicUsize::new(0) }; ACTORS]);
        let handles: Vec<_> = (0..ACTORS)
            .map(|me| {
                let turns = Arc::clone(&turns);
                spawn(move || {
                    // Until everybody has had a hundred turns: nobody is starved, or this never ends.
                    while turns.iter().any(|turns| turns.load(SeqCst) < 100) {
                        turns[me].fetch_add(1, SeqCst);
                        yield_now();
                    }
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
    });
}

#[test]
fn yield_alone_returns() {
    actors(|| (0..1000).for_each(|_| yield_now()));
}

#[test]
fn check_lets_the_others_run_in_the_end() {
    on(1, || {
        let flag = Arc::new(AtomicBool::new(false));
        let raise = Arc::clone(&flag);
        spawn(move || raise.store(true, SeqCst));
        while !flag.load(SeqCst) {
            check!();
        }
    });
}

#[test]
fn two_hogs_that_check_share_one_worker_with_a_talker() {
    on(1, || {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..2 {
            let stop = Arc::clone(&stop);
            spawn(move || {
                while !stop.load(SeqCst) {
                    check!();
                }
            });
        }
        let (tx, rx) = channel();
        spawn(move || (0..20).for_each(|n| tx.send(n).expect("the root receives")));
        assert!(rx.iter().eq(0..20));
        sleep(Duration::from_micros(100));
        stop.store(true, SeqCst);
    });
}

#[test]
fn sleep_never_ends_early() {
    actors(|| {
        let mut rng = Rng::new(3);
        for _ in 0..50 {
            let (before, time) = (Instant::now(), rng.micros(1500));
            sleep(time);
            assert!(before.elapsed() >= time, "{:?} of {time:?}", before.elapsed());
        }
    });
}

#[test]
fn timeouts_never_end_early() {
    actors(|| {
        let mut rng = Rng::new(4);
        let (tx, rx) = channel::bounded(1);
        tx.send(0).expect("room");
        let (_open, empty) = channel::<()>();
        for _ in 0..25 {
            let (before, time) = (Instant::now(), rng.micros(1500));
            assert!(empty.recv_timeout(time).is_err());
            assert!(before.elapsed() >= time, "recv: {:?} of {time:?}", before.elapsed());
            let before = Instant::now();
            assert!(tx.send_timeout(1, time).is_err());
            assert!(before.elapsed() >= time, "send: {:?} of {time:?}", before.elapsed());
        }
        drop(rx);
    });
}

#[test]
fn sleep_of_no_time_returns() {
    actors(|| (0..100).for_each(|_| sleep(Duration::ZERO)));
}

#[test]
fn a_sleeper_does_not_keep_its_worker() {
    on(1, || {
        let (tx, rx) = channel();
        let sleeper = spawn(move || {
            sleep(Duration::from_millis(5));
            tx.send(1).expect("the root receives");
        });
        let busy = spawn(|| (0..100).for_each(|_| yield_now()));
        busy.join().expect("no panic");
        assert_eq!(rx.recv(), Ok(1));
        sleeper.join().expect("no panic");
    });
}

#[test]
fn no_short_sleep_is_ever_lost() {
    // In the first smarm a timer that fired before its actor had parked was dropped, and the actor slept for ever.
    for workers in [1, 2, 4] {
        on(workers, || {
            let handles: Vec<_> = (0..200)
                .map(|n| {
                    spawn(move || {
                        let mut rng = Rng::new(n);
                        (0..50).for_each(|_| sleep(rng.micros(60)));
                    })
                })
                .collect();
            handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
        });
    }
}

#[test]
fn ten_thousand_sleepers_all_wake() {
    actors(|| {
        let handles: Vec<_> =
            (0..10_000).map(|n| spawn(move || sleep(Duration::from_micros(n % 5000)))).collect();
        handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
    });
}

#[test]
fn a_timeout_that_lost_does_not_wake_a_later_wait() {
    // The timer of a wait that was satisfied must not cut the next one short.
    for workers in [1, 2] {
        on(workers, || {
            let mut rng = Rng::new(5);
            for _ in 0..100 {
                let (tx, rx) = channel();
                let sender = spawn(move || tx.send(1).expect("the root receives"));
                assert_eq!(rx.recv_timeout(Duration::from_secs(3600)), Ok(1));
                let (tx, rx) = channel::<u8>();
                let (wake, wait) = channel::<u8>();
                let mut slow = rng.fork();
                let later = spawn(move || {
                    sleep(slow.micros(100));
                    drop(wake);
                });
                _ = rx.recv_timeout(rng.micros(50));
                assert!(wait.recv().is_err(), "only the drop of its sender ends this wait");
                drop(tx);
                sender.join().expect("no panic");
                later.join().expect("no panic");
            }
        });
    }
}

#[test]
fn ticks_come_in_their_order_and_never_early() {
    actors(|| {
        let begin = Instant::now();
        let period = Duration::from_millis(1);
        let mut ticks = interval(period);
        assert_eq!(ticks.period(), period);
        let mut last = begin;
        for n in 1..=5 {
            let due = ticks.tick();
            assert!(due > last && Instant::now() >= begin + period * n);
            last = due;
        }
    });
}

#[test]
fn ticks_that_were_missed_come_at_once_if_that_is_wanted() {
    actors(|| {
        let period = Duration::from_millis(1);
        let mut ticks = interval(period).missed_ticks(MissedTicks::Burst);
        let first = ticks.tick();
        sleep(5 * period);
        let due: Vec<_> = (0..4).map(|_| ticks.tick()).collect();
        assert!(due[3] < first + 5 * period, "a tick was left out");
        let reset = Instant::now();
        ticks.reset();
        ticks.tick();
        assert!(reset.elapsed() >= period);
    });
}

#[test]
fn a_moment_that_has_passed_is_not_waited_for() {
    actors(|| {
        sleep_until(Instant::now());
        let later = Instant::now() + Duration::from_millis(1);
        sleep_until(later);
        assert!(Instant::now() >= later);
    });
}

#[test]
#[should_panic(expected = "`interval(0)` has no meaning")]
fn an_interval_of_nothing_is_refused() {
    drop(interval(Duration::ZERO));
}
