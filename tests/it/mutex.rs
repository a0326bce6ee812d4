//! `Mutex`: one at a time, in order, with an end to every wait, and nothing left behind by who leaves.

use smarm::sync::LockTimeout;
use smarm::{LockError, Mutex, channel, current, no_preempt, scope, sleep, spawn, yield_now};
use smarm_tests::{Rng, actors, on, panic_message, plain};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// Longer than a waiter is overtaken.
const PATIENCE: Duration = Duration::from_millis(2);

/// Until `pid` waits in something: it has come as far as it gets on one worker, and on several after some turns.
fn let_others_wait() {
    for _ in 0..50 {
        yield_now();
    }
    sleep(PATIENCE);
}

#[test]
fn one_at_a_time_has_the_value() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let count = Arc::new(Mutex::new(0_u64));
            let inside = Arc::new(AtomicUsize::new(0));
            let handles: Vec<_> = (0..8)
                .map(|n| {
                    let (count, inside) = (Arc::clone(&count), Arc::clone(&inside));
                    spawn(move || {
                        for turn in 0..500 {
                            let mut count = count.lock().expect("it is released");
                            assert_eq!(inside.fetch_add(1, SeqCst), 0);
                            *count += 1;
                            if (turn + n) % 17 == 0 {
                                yield_now();
                            }
                            inside.fetch_sub(1, SeqCst);
                        }
                    })
                })
                .collect();
            handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
            assert_eq!(*count.lock().expect("free"), 4000);
        });
    }
}

#[test]
fn plain_threads_and_actors_share_one() {
    plain(|| {
        let count = Arc::new(Mutex::new(0));
        let add = |count: Arc<Mutex<u32>>| (0..2000).for_each(|_| *count.lock().expect("released") += 1);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let count = Arc::clone(&count);
                thread::spawn(move || add(count))
            })
            .collect();
        let theirs = Arc::clone(&count);
        on(2, move || {
            let actors: Vec<_> = (0..3)
                .map(|_| {
                    let count = Arc::clone(&theirs);
                    spawn(move || add(count))
                })
                .collect();
            actors.into_iter().for_each(|actor| actor.join().expect("no panic"));
        });
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert_eq!(*count.lock().expect("free"), 12_000);
    });
}

#[test]
fn it_is_made_in_a_const_and_gives_its_value_back() {
    static STATIC: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    actors(|| {
        STATIC.lock().expect("free").push(1);
        let mut own = Mutex::from(3);
        *own.get_mut() += 1;
        assert_eq!(format!("{own:?}"), "Mutex { value: 4 }");
        assert_eq!(own.into_inner(), 4);
        let of_unsized: &Mutex<[u8]> = &Mutex::new([1, 2]);
        assert_eq!(of_unsized.lock().expect("free").len(), 2);
    });
}

#[test]
fn try_lock_never_waits() {
    actors(|| {
        let lock = Mutex::new(1);
        let held = lock.try_lock().expect("free");
        assert!(lock.try_lock().is_none());
        assert_eq!(format!("{lock:?}"), "Mutex { value: <locked> }");
        no_preempt(|| assert!(lock.try_lock().is_none()));
        drop(held);
        assert!(lock.try_lock().is_some());
    });
}

#[test]
fn a_guard_is_shared_by_reference_but_not_sent() {
    fn is_sync<T: Sync>() {}
    is_sync::<smarm::MutexGuard<'static, u8>>();
    is_sync::<Mutex<std::cell::Cell<u8>>>();
}

#[test]
fn a_wait_ends_at_its_timeout_and_leaves_nothing_behind() {
    actors(|| {
        let lock = Arc::new(Mutex::new(()));
        let held = lock.lock().expect("free");
        for timeout in [Duration::ZERO, Duration::from_millis(2)] {
            let (theirs, (tell, told)) = (Arc::clone(&lock), channel());
            spawn(move || tell.send(theirs.lock_timeout(timeout).map(drop)).expect("the root waits"));
            // Not by a join: with that it would be a cycle.
            let error: LockTimeout = told.recv().expect("an answer").expect_err("it is held");
            assert!(error.is_timeout() && !error.is_deadlock() && !error.is_unwinding());
            assert_eq!(error, error.clone());
            assert_eq!(error.to_string(), format!("not acquired within {timeout:?}"));
        }
        drop(held);
        assert!(lock.try_lock().is_some());
        assert!(lock.lock_timeout(Duration::ZERO).is_ok(), "what is free needs no time");
        assert!(lock.lock_timeout(Duration::MAX).is_ok());
    });
}

#[test]
fn a_killed_waiter_leaves_nothing_behind_and_the_next_one_has_its_turn() {
    actors(|| {
        let lock = Arc::new(Mutex::new(0));
        let held = lock.lock().expect("free");
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let lock = Arc::clone(&lock);
                spawn(move || *lock.lock().expect("released") += 1)
            })
            .collect();
        let_others_wait();
        smarm::kill(waiters[0].pid());
        smarm::kill(waiters[1].pid());
        drop(held);
        let ended: Vec<_> = waiters.into_iter().map(|waiter| waiter.join().is_ok()).collect();
        assert!(ended[2]);
        let turns = ended.iter().filter(|ended| **ended).count();
        assert_eq!(*lock.lock().expect("free"), turns);
    });
}

#[test]
fn a_killed_owner_releases_and_poisons_nothing() {
    actors(|| {
        let lock = Arc::new(Mutex::new(0));
        let theirs = Arc::clone(&lock);
        let (tell, told) = channel();
        let owner = spawn(move || {
            let mut value = theirs.lock().expect("free");
            *value = 1;
            tell.send(()).expect("the root waits");
            sleep(Duration::MAX);
        });
        told.recv().expect("it has the lock");
        smarm::kill(owner.pid());
        assert_eq!(*lock.lock().expect("released"), 1);
        assert!(owner.join().is_err());
    });
}

#[test]
fn a_panic_releases_and_poisons_nothing() {
    actors(|| {
        let lock = Mutex::new(0);
        let message = panic_message(|| {
            *lock.lock().expect("free") = 1;
            let _held = lock.lock().expect("free");
            panic!("while it is held");
        });
        assert_eq!(message, "while it is held");
        assert_eq!(*lock.lock().expect("free"), 1);
    });
}

#[test]
fn those_who_have_waited_are_served_in_the_order_in_which_they_came() {
    actors(|| {
        let served = Arc::new(Mutex::new(Vec::new()));
        let held = served.lock().expect("free");
        let waiters: Vec<_> = (0..10)
            .map(|n| {
                let (theirs, (tell, told)) = (Arc::clone(&served), channel());
                let waiter = spawn(move || {
                    tell.send(()).expect("the root waits");
                    let mut served = theirs.lock().expect("released");
                    served.push(n);
                    // Who waits behind has waited long by now: it is handed over, whoever else asks for it.
                    sleep(PATIENCE);
                    drop(served);
                    let late = theirs.lock().expect("released").len();
                    assert!(n == 9 || late == 10, "{n} has overtaken the others at {late}");
                });
                told.recv().expect("it is about to wait");
                let_others_wait();
                waiter
            })
            .collect();
        drop(held);
        waiters.into_iter().for_each(|waiter| waiter.join().expect("in order"));
        assert_eq!(*served.lock().expect("free"), (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn locking_twice_is_an_error_at_once() {
    let twice = || {
        let lock = Mutex::new(());
        let _held = lock.lock().expect("free");
        let error = lock.lock().expect_err("it is ours");
        assert!(error.is_deadlock());
        assert!(error.to_string().starts_with("it would never be acquired: actor <"), "{error}");
    };
    actors(twice);
    plain(twice);
}

/// Who has one lock and asks for the next, in a ring: what each of them gets.
fn ring(actors: usize) -> Vec<Result<(), LockError>> {
    let locks: Arc<Vec<_>> = Arc::new((0..actors).map(|_| Mutex::new(())).collect());
    let ready = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> = (0..actors)
        .map(|n| {
            let (locks, ready) = (Arc::clone(&locks), Arc::clone(&ready));
            spawn(move || {
                let _own = locks[n].lock().expect("free");
                ready.fetch_add(1, SeqCst);
                while ready.load(SeqCst) < actors {
                    yield_now();
                }
                locks[(n + 1) % actors].lock().map(drop)
            })
        })
        .collect();
    handles.into_iter().map(|handle| handle.join().expect("no panic")).collect()
}

#[test]
fn a_ring_of_owners_is_an_error_for_who_closes_it() {
    for workers in [1, 2, 4] {
        on(workers, || {
            for actors in [2, 3, 10] {
                let got = ring(actors);
                let refused = got.iter().filter_map(|got| got.as_ref().err());
                assert!(refused.clone().all(LockError::is_deadlock), "{got:?}");
                assert!(refused.count() >= 1);
            }
        });
    }
}

#[test]
fn plain_threads_that_lock_each_other_out_are_told() {
    plain(|| {
        let locks = Arc::new([Mutex::new(()), Mutex::new(())]);
        let barrier = Arc::new(std::sync::Barrier::new(2));
        let threads = [0, 1].map(|n| {
            let (locks, barrier) = (Arc::clone(&locks), Arc::clone(&barrier));
            thread::spawn(move || {
                let _own = locks[n].lock().expect("free");
                barrier.wait();
                locks[1 - n].lock().map(drop)
            })
        });
        let got = threads.map(|thread| thread.join().expect("no panic"));
        assert!(got.iter().any(|got| got.as_ref().is_err_and(LockError::is_deadlock)), "{got:?}");
    });
}

#[test]
fn an_owner_that_joins_who_waits_for_its_lock_is_a_cycle_whoever_came_first() {
    for waits_first in [false, true] {
        actors(move || {
            let lock = Arc::new(Mutex::new(()));
            let held = lock.lock().expect("free");
            let theirs = Arc::clone(&lock);
            let waiter = spawn(move || theirs.lock().map(drop));
            if waits_first {
                let_others_wait();
            }
            let got = waiter.join().expect("no panic");
            assert!(got.expect_err("its owner waits for it").is_deadlock());
            drop(held);
        });
    }
}

struct Shared {
    lock: Arc<Mutex<u32>>,
}

#[smarm::actor]
impl Shared {
    pub(crate) fn add(&mut self) -> Result<u32, LockError> {
        let mut value = self.lock.lock()?;
        *value += 1;
        Ok(*value)
    }
}

#[test]
fn a_call_to_a_server_that_needs_the_callers_lock_is_a_cycle() {
    actors(|| {
        let lock = Arc::new(Mutex::new(0));
        let server = Shared { lock: Arc::clone(&lock) }.start();
        let held = lock.lock().expect("free");
        let Err(smarm::CallError::Reply(error)) = server.add() else { panic!("it cannot have the lock") };
        assert!(error.is_deadlock());
        drop(held);
        assert_eq!(server.add().expect("free"), 1);
    });
}

#[test]
fn a_call_to_a_server_that_waits_for_the_callers_lock_is_a_cycle() {
    actors(|| {
        let lock = Arc::new(Mutex::new(0));
        let server = Shared { lock: Arc::clone(&lock) }.start();
        let held = lock.lock().expect("free");
        let theirs = server.clone();
        let other = spawn(move || theirs.add());
        let_others_wait();
        assert!(server.add().expect_err("it waits for us").is_deadlock());
        drop(held);
        assert_eq!(other.join().expect("no panic").expect("released"), 1);
    });
}

#[test]
fn who_waits_for_an_owner_that_is_only_slow_is_no_cycle() {
    on(2, || {
        let locks = Arc::new([Mutex::new(()), Mutex::new(())]);
        let theirs = Arc::clone(&locks);
        let (tell, told) = channel();
        let slow = spawn(move || {
            let _second = theirs[1].lock().expect("free");
            tell.send(()).expect("the root waits");
            sleep(PATIENCE);
        });
        let _first = locks[0].lock().expect("free");
        told.recv().expect("it has the second");
        assert!(locks[1].lock().is_ok());
        slow.join().expect("no panic");
    });
}

/// Locks when it is dropped, and tells what it got.
struct LocksInDrop(Arc<Mutex<u32>>, Arc<AtomicUsize>);

impl Drop for LocksInDrop {
    fn drop(&mut self) {
        let got = match self.0.lock() {
            Ok(_) => 1,
            Err(error) if error.is_unwinding() => 2,
            Err(_) => 3,
        };
        self.1.store(got, SeqCst);
    }
}

#[test]
fn while_unwinding_what_is_free_is_taken_and_nothing_is_waited_for() {
    actors(|| {
        let lock = Arc::new(Mutex::new(0));
        let got = Arc::new(AtomicUsize::new(0));
        for (is_held, expected) in [(false, 1), (true, 2)] {
            let held = is_held.then(|| lock.lock().expect("free"));
            let in_drop = LocksInDrop(Arc::clone(&lock), Arc::clone(&got));
            let other = spawn(move || {
                let _in_drop = in_drop;
                panic!("to unwind");
            });
            assert!(other.join().is_err());
            assert_eq!(got.load(SeqCst), expected);
            drop(held);
        }
    });
}

#[test]
fn in_no_preempt_what_is_free_is_taken_and_a_wait_panics() {
    actors(|| {
        let lock = Arc::new(Mutex::new(0));
        no_preempt(|| *lock.lock().expect("free") += 1);
        let held = lock.lock().expect("free");
        let theirs = Arc::clone(&lock);
        let other = spawn(move || {
            [
                panic_message(|| drop(no_preempt(|| theirs.lock()))),
                panic_message(|| drop(smarm::forbid_yield(|| theirs.lock()))),
            ]
        });
        let [in_no_preempt, in_forbid_yield] = other.join().expect("caught");
        assert!(in_no_preempt.contains("a lock that is taken would have to wait"), "{in_no_preempt}");
        assert!(in_forbid_yield.contains("inside `smarm::forbid_yield`"), "{in_forbid_yield}");
        drop(held);
    });
}

#[test]
fn a_kill_that_is_masked_does_not_end_the_wait() {
    actors(|| {
        let lock = Arc::new(Mutex::new(0));
        let held = lock.lock().expect("free");
        let (theirs, done) = (Arc::clone(&lock), Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&done);
        let waiter = spawn(move || {
            smarm::mask_kill(|| *theirs.lock().expect("released") += 1);
            told.store(true, SeqCst);
            yield_now();
            unreachable!("it was killed");
        });
        let_others_wait();
        smarm::kill(waiter.pid());
        let_others_wait();
        drop(held);
        assert!(waiter.join().is_err());
        assert!(done.load(SeqCst));
        assert_eq!(*lock.lock().expect("free"), 1);
    });
}

#[test]
fn a_guard_that_is_forgotten_locks_for_ever_and_says_so() {
    actors(|| {
        let lock = Arc::new(Mutex::new(0));
        let theirs = Arc::clone(&lock);
        let pid = spawn(move || {
            std::mem::forget(theirs.lock());
            current()
        });
        let pid = pid.join().expect("no panic");
        assert_ne!(pid, current());
        assert!(lock.try_lock().is_none());
        assert!(lock.lock_timeout(Duration::from_millis(1)).expect_err("for ever").is_timeout());
    });
}

#[test]
fn a_scope_borrows_one() {
    actors(|| {
        let mut lock = Mutex::new(0);
        scope(|s| {
            for _ in 0..20 {
                s.spawn(|| *lock.lock().expect("released") += 1);
            }
        });
        assert_eq!(*lock.get_mut(), 20);
    });
}

#[test]
fn whoever_is_killed_or_gives_up_the_lock_goes_on() {
    for workers in [1, 2, 5] {
        on(workers, move || {
            let mut rng = Rng::new(11 + workers as u64);
            let lock = Arc::new(Mutex::new(0_u64));
            let turns = Arc::new(AtomicUsize::new(0));
            for _ in 0..20 {
                let victims: Vec<_> = (0..8)
                    .map(|_| {
                        let (lock, turns, mut rng) = (Arc::clone(&lock), Arc::clone(&turns), rng.fork());
                        spawn(move || {
                            for _ in 0..30 {
                                let Ok(mut value) = lock.lock_timeout(rng.micros(200)) else { continue };
                                let before = *value;
                                if rng.below(4) == 0 {
                                    yield_now();
                                }
                                assert_eq!(*value, before);
                                *value += 1;
                                turns.fetch_add(1, SeqCst);
                            }
                        })
                    })
                    .collect();
                for victim in &victims {
                    if rng.below(2) == 0 {
                        sleep(rng.micros(50));
                        smarm::kill(victim.pid());
                    }
                }
                victims.into_iter().for_each(|victim| _ = victim.join());
                let value = lock.lock_timeout(Duration::ZERO).expect("nobody has it");
                assert_eq!(*value, turns.load(SeqCst) as u64);
            }
        });
    }
}
