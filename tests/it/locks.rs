//! `smarm::sync` but for the mutex: semaphore, read-write lock, condition variable, barrier, once.

use smarm::runtime::{Config, Deadlock, init};
use smarm::sync::{Barrier, Condvar, Mutex, Once, OnceCell, RwLock, Semaphore};
use smarm::{channel, no_preempt, sleep, spawn, yield_now};
use smarm_tests::{Rng, actors, on, panic_message, plain};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(2);

/// So that those who were spawned wait by now: on one worker for certain, on several most often.
fn let_others_wait() {
    for _ in 0..50 {
        yield_now();
    }
    sleep(SHORT);
}

/// Runs `in_drop` in a destructor, while its actor unwinds.
struct InDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for InDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Runs `check` while an actor unwinds; what it gave.
fn while_unwinding<T: Send + 'static>(check: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = channel();
    let mut check = Some(check);
    let other = spawn(move || {
        let _in_drop = InDrop(|| tell.send(check.take().expect("dropped once")()).expect("it is waited for"));
        panic!("to unwind");
    });
    assert!(other.join().is_err());
    told.recv().expect("the check ran")
}

// ---- semaphore ------------------------------------------------------------------------------------------------------------

#[test]
fn a_semaphore_lets_so_many_in() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let semaphore = Arc::new(Semaphore::new(3));
            let inside = Arc::new(AtomicUsize::new(0));
            let actors: Vec<_> = (0..12)
                .map(|n| {
                    let (semaphore, inside) = (Arc::clone(&semaphore), Arc::clone(&inside));
                    spawn(move || {
                        for _ in 0..50 {
                            let count = 1 + n % 3;
                            let permit = semaphore.acquire(count).expect("they come back");
                            assert_eq!(permit.count(), count);
                            assert!(inside.fetch_add(count, SeqCst) + count <= 3);
                            yield_now();
                            inside.fetch_sub(count, SeqCst);
                        }
                    })
                })
                .collect();
            actors.into_iter().for_each(|actor| actor.join().expect("no panic"));
            assert_eq!(semaphore.available(), 3);
        });
    }
}

#[test]
fn permits_are_forgotten_made_and_sent() {
    actors(|| {
        let semaphore = Semaphore::new(2);
        semaphore.acquire(1).expect("there is one").forget();
        assert!(semaphore.try_acquire(2).is_none());
        semaphore.add_permits(1);
        let both = semaphore.try_acquire(2).expect("two again");
        assert_eq!(semaphore.available(), 0);
        smarm::scope(|s| _ = s.spawn(move || drop(both)));
        assert_eq!(semaphore.available(), 2);
        assert!(semaphore.try_acquire(0).is_some());
        assert!(panic_message(|| semaphore.add_permits(usize::MAX)).contains("more permits"));
        assert_eq!(semaphore.available(), 2);
    });
}

#[test]
fn who_wants_many_is_not_overtaken_and_who_leaves_lets_the_others_pass() {
    on(1, || {
        let semaphore = Arc::new(Semaphore::new(1));
        let theirs = Arc::clone(&semaphore);
        let many = spawn(move || theirs.acquire(2).map(drop));
        let_others_wait();
        assert!(semaphore.try_acquire(1).is_none(), "it is first");
        let theirs = Arc::clone(&semaphore);
        let few = spawn(move || theirs.acquire(1).map(drop));
        let_others_wait();
        assert!(!few.is_finished());
        smarm::kill(many.pid());
        assert!(few.join().expect("no panic").is_ok());
        assert!(many.join().is_err());
        assert_eq!(semaphore.available(), 1);
    });
}

#[test]
fn a_semaphore_of_plain_threads() {
    plain(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let theirs = Arc::clone(&semaphore);
        let thread = thread::spawn(move || theirs.acquire(2).map(|permit| permit.count()));
        semaphore.add_permits(1);
        semaphore.add_permits(1);
        assert_eq!(thread.join().expect("no panic"), Ok(2));
        assert!(semaphore.acquire_timeout(3, SHORT).expect_err("there are two").is_timeout());
    });
}

#[test]
fn no_permit_is_lost_whoever_is_killed_or_gives_up() {
    for workers in [1, 2, 5] {
        on(workers, move || {
            let mut rng = Rng::new(5 + workers as u64);
            let semaphore = Arc::new(Semaphore::new(2));
            for _ in 0..20 {
                let victims: Vec<_> = (0..8)
                    .map(|_| {
                        let (semaphore, mut rng) = (Arc::clone(&semaphore), rng.fork());
                        spawn(move || {
                            for _ in 0..20 {
                                let count = 1 + rng.below(2);
                                let _permit = semaphore.acquire_timeout(count, rng.micros(100));
                                yield_now();
                            }
                        })
                    })
                    .collect();
                for victim in victims.iter().step_by(2) {
                    sleep(rng.micros(50));
                    smarm::kill(victim.pid());
                }
                victims.into_iter().for_each(|victim| _ = victim.join());
                assert_eq!(semaphore.available(), 2);
                assert!(semaphore.try_acquire(2).is_some(), "nobody is left in the queue");
            }
        });
    }
}

// ---- read-write lock ------------------------------------------------------------------------------------------------------

#[test]
fn many_read_and_one_writes() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let lock = Arc::new(RwLock::new((0, 0)));
            let actors: Vec<_> = (0..8)
                .map(|n| {
                    let lock = Arc::clone(&lock);
                    spawn(move || {
                        for turn in 0..100 {
                            if (turn + n) % 4 == 0 {
                                let mut pair = lock.write().expect("released");
                                pair.0 += 1;
                                yield_now();
                                pair.1 += 1;
                            } else {
                                let pair = lock.read().expect("released");
                                yield_now();
                                assert_eq!(pair.0, pair.1);
                            }
                        }
                    })
                })
                .collect();
            actors.into_iter().for_each(|actor| actor.join().expect("no panic"));
            assert_eq!(*lock.read().expect("free"), (200, 200));
        });
    }
}

#[test]
fn readers_share_and_try_does_not_wait() {
    actors(|| {
        let mut lock = RwLock::from(1);
        {
            let (one, two) = (lock.read().expect("free"), lock.try_read().expect("shared"));
            assert_eq!(*one + *two, 2);
            assert!(lock.try_write().is_none());
        }
        {
            let _writes = lock.try_write().expect("free");
            assert!(lock.try_read().is_none() && lock.try_write().is_none());
            assert!(lock.read().expect_err("it is ours").is_deadlock());
            assert!(lock.write().expect_err("it is ours").is_deadlock());
        }
        {
            let _reads = lock.read().expect("free");
            assert!(lock.write_timeout(SHORT).expect_err("it is read").is_timeout());
            assert!(lock.try_read().is_some(), "the writer has left nothing behind");
        }
        *lock.get_mut() += 1;
        assert_eq!(format!("{lock:?}"), "RwLock { value: 2 }");
        assert_eq!(lock.into_inner(), 2);
    });
}

#[test]
fn readers_behind_a_writer_that_leaves_go_on() {
    for kills in [true, false] {
        actors(move || {
            let lock = Arc::new(RwLock::new(0));
            let reads = lock.read().expect("free");
            let theirs = Arc::clone(&lock);
            let timeout = if kills { Duration::MAX } else { SHORT * 10 };
            let writer = spawn(move || theirs.write_timeout(timeout).map(drop));
            let_others_wait();
            let (theirs, (tell, told)) = (Arc::clone(&lock), channel());
            let reader = spawn(move || {
                let value = *theirs.read().expect("the writer leaves");
                tell.send(value).expect("the root waits");
            });
            let_others_wait();
            if kills {
                smarm::kill(writer.pid());
            }
            assert_eq!(told.recv(), Ok(0));
            reader.join().expect("no panic");
            assert!(!matches!(writer.join(), Ok(Ok(()))));
            drop(reads);
            assert!(lock.try_write().is_some());
        });
    }
}

#[test]
fn writers_that_lock_each_other_out_are_told() {
    actors(|| {
        let locks = Arc::new([RwLock::new(()), RwLock::new(())]);
        let meet = Arc::new(Barrier::new(2));
        let others = [0, 1].map(|n| {
            let (locks, meet) = (Arc::clone(&locks), Arc::clone(&meet));
            spawn(move || {
                let _own = locks[n].write().expect("free");
                meet.wait().expect("the other comes");
                if n == 0 { locks[1].read().map(drop) } else { locks[0].write().map(drop) }
            })
        });
        let got = others.map(|other| other.join().expect("no panic"));
        assert!(got.iter().any(|got| got.as_ref().is_err_and(|error| error.is_deadlock())), "{got:?}");
    });
}

#[test]
fn a_read_write_lock_goes_on_whoever_is_killed_or_gives_up() {
    for workers in [1, 2, 5] {
        on(workers, move || {
            let mut rng = Rng::new(3 + workers as u64);
            let lock = Arc::new(RwLock::new(0_u64));
            for _ in 0..20 {
                let victims: Vec<_> = (0..8)
                    .map(|n| {
                        let (lock, mut rng) = (Arc::clone(&lock), rng.fork());
                        spawn(move || {
                            for _ in 0..20 {
                                let timeout = rng.micros(100);
                                if n % 3 == 0 {
                                    let Ok(mut value) = lock.write_timeout(timeout) else { continue };
                                    let before = *value;
                                    yield_now();
                                    assert_eq!(*value, before);
                                    *value += 1;
                                } else if let Ok(value) = lock.read_timeout(timeout) {
                                    let before = *value;
                                    yield_now();
                                    assert_eq!(*value, before);
                                }
                            }
                        })
                    })
                    .collect();
                for victim in victims.iter().step_by(2) {
                    sleep(rng.micros(50));
                    smarm::kill(victim.pid());
                }
                victims.into_iter().for_each(|victim| _ = victim.join());
                assert!(lock.try_write().is_some(), "nobody has it, nobody waits");
            }
        });
    }
}

// ---- condition variable ---------------------------------------------------------------------------------------------------

#[test]
fn a_notification_finds_who_waits() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let shared = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
            let takers: Vec<_> = (0..4)
                .map(|_| {
                    let shared = Arc::clone(&shared);
                    spawn(move || {
                        let (queue, changed) = &*shared;
                        let take = |_| {
                            let queue = queue.lock().expect("released");
                            let mut queue =
                                changed.wait_while(queue, |queue| queue.is_empty()).expect("more");
                            queue.pop().expect("not empty")
                        };
                        (0..50).map(take).sum::<u32>()
                    })
                })
                .collect();
            for n in 0..200 {
                shared.0.lock().expect("released").push(n);
                shared.1.notify_one();
                if n % 3 == 0 {
                    yield_now();
                }
            }
            let sum: u32 = takers.into_iter().map(|taker| taker.join().expect("no panic")).sum();
            assert_eq!(sum, 199 * 200 / 2);
        });
    }
}

#[test]
fn notify_all_wakes_all_and_nobody_is_woken_without() {
    actors(|| {
        let shared = Arc::new((Mutex::new(false), Condvar::new()));
        let waiters: Vec<_> = (0..10)
            .map(|_| {
                let shared = Arc::clone(&shared);
                spawn(move || {
                    *shared.1.wait_while(shared.0.lock().expect("released"), |go| !*go).expect("told")
                })
            })
            .collect();
        let (guard, result) = shared.1.wait_timeout(shared.0.lock().expect("released"), SHORT).expect("free");
        assert!(result.timed_out() && !*guard);
        drop(guard);
        *shared.0.lock().expect("released") = true;
        shared.1.notify_all();
        assert!(waiters.into_iter().all(|waiter| waiter.join().expect("no panic")));
        shared.1.notify_all();
        shared.1.notify_one();
    });
}

#[test]
fn a_wait_while_with_a_timeout_says_whether_the_condition_held_to_the_end() {
    actors(|| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let hour = Duration::from_secs(3600);
        let wait = |timeout, below| {
            let guard = shared.0.lock().expect("released");
            let (guard, result) = shared.1.wait_timeout_while(guard, timeout, |n| *n < below).expect("free");
            (*guard, result.timed_out())
        };
        assert_eq!(wait(Duration::ZERO, 0), (0, false));
        assert_eq!(wait(Duration::ZERO, 1), (0, true));
        assert_eq!(wait(SHORT, 1), (0, true));
        let theirs = Arc::clone(&shared);
        let counts = spawn(move || {
            for _ in 0..3 {
                *theirs.0.lock().expect("released") += 1;
                theirs.1.notify_one();
                yield_now();
            }
        });
        // Notified three times, of which the first two are not enough.
        assert_eq!(wait(hour, 3), (3, false));
        counts.join().expect("no panic");
        // Notifications do not make the time longer.
        let stop = Arc::new(AtomicBool::new(false));
        let (theirs, stopped) = (Arc::clone(&shared), Arc::clone(&stop));
        let notifies = spawn(move || {
            while !stopped.load(SeqCst) {
                theirs.1.notify_one();
                yield_now();
            }
        });
        assert_eq!(wait(SHORT, 4), (3, true));
        stop.store(true, SeqCst);
        notifies.join().expect("no panic");
    });
}

#[test]
fn a_waiter_that_was_notified_and_is_killed_passes_it_on() {
    on(1, || {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                spawn(move || {
                    let guard = shared.0.lock().expect("released");
                    *shared.1.wait(guard).expect("notified") += 1;
                })
            })
            .collect();
        let_others_wait();
        // On one worker neither of them runs before both calls are made.
        shared.1.notify_one();
        smarm::kill(waiters[0].pid());
        let ended: Vec<_> = waiters.into_iter().map(|waiter| waiter.join().is_ok()).collect();
        assert_eq!(ended, [false, true]);
        assert_eq!(*shared.0.lock().expect("free"), 1);
    });
}

#[test]
fn a_killed_waiter_leaves_neither_the_mutex_nor_the_queue_taken() {
    actors(|| {
        let shared = Arc::new((Mutex::new(()), Condvar::new()));
        let theirs = Arc::clone(&shared);
        let waiter = spawn(move || drop(theirs.1.wait(theirs.0.lock().expect("free"))));
        let_others_wait();
        smarm::kill(waiter.pid());
        assert!(waiter.join().is_err());
        assert!(shared.0.try_lock().is_some());
        let (_guard, result) = shared.1.wait_timeout(shared.0.lock().expect("free"), SHORT).expect("free");
        assert!(result.timed_out());
    });
}

#[test]
fn plain_threads_notify_actors() {
    plain(|| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let theirs = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for _ in 0..100 {
                *theirs.0.lock().expect("released") += 1;
                theirs.1.notify_all();
            }
            let enough = theirs.1.wait_while(theirs.0.lock().expect("released"), |n| *n < 200);
            *enough.expect("told")
        });
        on(2, move || {
            let enough = shared.1.wait_while(shared.0.lock().expect("released"), |n| *n < 100);
            *enough.expect("told") += 100;
            shared.1.notify_all();
        });
        assert_eq!(thread.join().expect("no panic"), 200);
    });
}

// ---- barrier --------------------------------------------------------------------------------------------------------------

#[test]
fn all_meet_again_and_again_and_one_leads() {
    for workers in [1, 2, 4] {
        on(workers, || {
            const ACTORS: usize = 7;
            let (barrier, came) = (Arc::new(Barrier::new(ACTORS)), Arc::new(AtomicUsize::new(0)));
            let actors: Vec<_> = (0..ACTORS)
                .map(|_| {
                    let (barrier, came) = (Arc::clone(&barrier), Arc::clone(&came));
                    spawn(move || {
                        let meet = |round: usize| {
                            came.fetch_add(1, SeqCst);
                            let result = barrier.wait().expect("all come");
                            assert!(came.load(SeqCst) >= (round + 1) * ACTORS);
                            usize::from(result.is_leader())
                        };
                        (0..50).map(meet).sum::<usize>()
                    })
                })
                .collect();
            let leaders: usize = actors.into_iter().map(|actor| actor.join().expect("no panic")).sum();
            assert_eq!(leaders, 50);
        });
    }
}

#[test]
fn who_leaves_a_barrier_does_not_count() {
    actors(|| {
        assert!(Barrier::new(0).wait().expect("nobody else").is_leader());
        assert!(no_preempt(|| Barrier::new(1).wait()).expect("nobody else").is_leader());
        let barrier = Arc::new(Barrier::new(2));
        assert!(barrier.wait_timeout(SHORT).expect_err("alone").is_timeout());
        let theirs = Arc::clone(&barrier);
        let killed = spawn(move || theirs.wait());
        let_others_wait();
        smarm::kill(killed.pid());
        assert!(killed.join().is_err());
        assert!(barrier.wait_timeout(SHORT).expect_err("alone again").is_timeout());
        let theirs = Arc::clone(&barrier);
        let other = spawn(move || theirs.wait().map(|result| result.is_leader()));
        let leads = barrier.wait().expect("two").is_leader();
        assert_eq!(other.join().expect("no panic"), Ok(!leads));
    });
}

// ---- once -----------------------------------------------------------------------------------------------------------------

#[test]
fn one_initialises_and_the_others_wait() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let (cell, calls) = (Arc::new(OnceCell::new()), Arc::new(AtomicUsize::new(0)));
            let actors: Vec<_> = (0..10)
                .map(|n| {
                    let (cell, calls) = (Arc::clone(&cell), Arc::clone(&calls));
                    spawn(move || {
                        let init = || {
                            calls.fetch_add(1, SeqCst);
                            sleep(Duration::from_micros(100));
                            n
                        };
                        *cell.get_or_init(init).expect("it is made")
                    })
                })
                .collect();
            let values: Vec<_> = actors.into_iter().map(|actor| actor.join().expect("no panic")).collect();
            assert!(values.iter().all(|value| Some(value) == cell.get()), "{values:?}");
            assert_eq!(calls.load(SeqCst), 1);
        });
    }
}

#[test]
fn an_initialiser_that_panics_or_is_killed_lets_the_next_one_try() {
    actors(|| {
        let cell = Arc::new(OnceCell::new());
        assert_eq!(panic_message(|| _ = cell.get_or_init(|| panic!("no value"))), "no value");
        let (theirs, (tell, told)) = (Arc::clone(&cell), channel());
        let killed = spawn(move || {
            let init = || {
                tell.send(()).expect("the root waits");
                sleep(Duration::MAX);
                1
            };
            theirs.get_or_init(init).map(|_| ())
        });
        told.recv().expect("it initialises");
        assert_eq!(cell.get(), None);
        assert_eq!(cell.set(2), Err(2), "somebody is about to");
        smarm::kill(killed.pid());
        assert_eq!(cell.get_or_init(|| 3), Ok(&3));
        assert_eq!(cell.get_or_init(|| 4), Ok(&3));
        assert_eq!(cell.set(5), Err(5));
        assert!(killed.join().is_err());
    });
}

#[test]
fn an_initialiser_that_needs_its_own_cell_is_an_error() {
    actors(|| {
        let cell = OnceCell::new();
        let value =
            cell.get_or_init(|| cell.get_or_init(|| 1).expect_err("it is being made").is_deadlock() as i32);
        assert_eq!(value, Ok(&1));
        let once = Once::new();
        assert!(!once.is_completed());
        once.call_once(|| assert!(once.call_once(|| ()).is_err())).expect("the first call");
        assert!(once.is_completed());
        once.call_once(|| unreachable!("once")).expect("done");
    });
}

#[test]
fn a_cell_gives_its_value_back() {
    plain(|| {
        let mut cell = OnceCell::new();
        assert_eq!(cell.set(String::from("a")), Ok(()));
        cell.get_mut().expect("it is there").push('b');
        assert_eq!(format!("{cell:?}"), "OnceCell(\"ab\")");
        assert_eq!(cell.take().as_deref(), Some("ab"));
        assert_eq!(cell.get_or_init(|| "c".into()).map(String::as_str), Ok("c"));
        assert_eq!(cell.into_inner().as_deref(), Some("c"));
    });
}

// ---- all of them ----------------------------------------------------------------------------------------------------------

#[test]
fn while_unwinding_what_is_there_is_taken_and_nothing_is_waited_for() {
    actors(|| {
        let taken = while_unwinding(|| {
            let (semaphore, lock, cell) = (Semaphore::new(1), RwLock::new(()), OnceCell::new());
            let permit = semaphore.acquire(1).is_ok();
            let errors = [
                semaphore.acquire(2).map(drop).expect_err("there is one"),
                Condvar::new()
                    .wait(Mutex::new(()).lock().expect("free"))
                    .map(drop)
                    .expect_err("nobody notifies"),
                Barrier::new(2).wait().map(drop).expect_err("nobody comes"),
            ];
            let read = lock.read().is_ok() && lock.write().is_ok();
            let written = lock.write().expect("free");
            let refused = lock.read().map(drop).expect_err("it is written").is_unwinding();
            drop(written);
            let made = cell.get_or_init(|| 1) == Ok(&1);
            [permit, read, refused, made, errors.iter().all(|error| error.is_unwinding())]
        });
        assert_eq!(taken, [true; 5]);
    });
}

#[test]
fn in_no_preempt_what_is_there_is_taken_and_a_wait_panics() {
    actors(|| {
        let (semaphore, lock) = (Semaphore::new(1), RwLock::new(()));
        no_preempt(|| {
            drop(semaphore.acquire(1).expect("there is one"));
            drop(lock.write().expect("free"));
        });
        let says = |message: String, word: &str| {
            assert!(message.contains(word) && message.contains("no_preempt"), "{message}");
        };
        says(panic_message(|| _ = no_preempt(|| semaphore.acquire(2).map(drop))), "`acquire`");
        says(panic_message(|| _ = no_preempt(|| Barrier::new(2).wait())), "barrier");
        let written = lock.write().expect("free");
        says(panic_message(|| _ = no_preempt(|| lock.read().map(drop))), "`read`");
        drop(written);
        let mutex = Mutex::new(());
        let wait = || _ = no_preempt(|| Condvar::new().wait(mutex.lock().expect("free")).map(drop));
        says(panic_message(wait), "condition variable");
        assert!(
            mutex.try_lock().is_some() && lock.try_write().is_some() && semaphore.try_acquire(1).is_some()
        );
    });
}

/// The report of a run that locks itself up.
fn report_of(body: impl FnOnce() + Send + 'static) -> String {
    plain(|| panic_message(|| init(Config::exact(2).deadlock(Deadlock::Fail)).run(body)))
}

#[test]
fn waits_without_limit_that_are_certainly_in_vain_are_reported() {
    let report = report_of(|| _ = Semaphore::new(0).acquire(1).map(drop));
    assert!(report.contains("acquire of a semaphore"), "{report}");
    let report = report_of(|| _ = Barrier::new(2).wait());
    assert!(report.contains("wait at a barrier"), "{report}");
    let report = report_of(|| _ = Condvar::new().wait(Mutex::new(()).lock().expect("free")).map(drop));
    assert!(report.contains("wait on a condition variable"), "{report}");
}

#[test]
fn waits_that_a_plain_thread_will_end_are_no_deadlock() {
    plain(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let theirs = Arc::clone(&semaphore);
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(1700));
            theirs.add_permits(1);
        });
        init(Config::exact(1).deadlock(Deadlock::Fail)).run(move || assert!(semaphore.acquire(1).is_ok()));
        thread.join().expect("no panic");
    });
}
