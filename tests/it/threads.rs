//! Actors with a thread of their own.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::runtime::{Config, Deadlock, Runtime, init};
use smarm::{Builder, ExitReason, JoinHandle, channel, kill, scope, sleep, spawn};
use smarm_tests::{Tally, plain};
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

/// One worker that nobody stands in for.
fn runtime() -> Runtime {
    init(Config::exact(1).spares(0).deadlock(Deadlock::Fail))
}

fn with_own_thread<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().own_thread().spawn(f).expect("a thread")
}

fn here() -> ThreadId {
    thread::current().id()
}

#[test]
fn it_may_block_its_thread_while_others_run() {
    plain(|| {
        runtime().run(|| {
            let (tell, told) = mpsc::channel();
            let blocker = with_own_thread(move || told.recv());
            let child = spawn(move || tell.send(7));
            child.join().expect("it returns").expect("the blocker receives");
            assert_eq!(blocker.join().expect("it returns"), Ok(7));
        });
    });
}

#[test]
fn nobody_else_runs_on_its_thread() {
    plain(|| {
        runtime().run(|| {
            let worker = here();
            let own = with_own_thread(move || {
                assert_eq!(spawn(here).join().expect("it returns"), worker);
                let child = spawn(here);
                let (tx, rx) = channel();
                let many: Vec<_> = (0..100)
                    .map(|n| {
                        let tx = tx.clone();
                        spawn(move || tx.send((n, here())))
                    })
                    .collect();
                drop(tx);
                let threads: Vec<_> = rx.iter().map(|(_, thread)| thread).collect();
                many.into_iter().for_each(|one| one.join().expect("it returns").expect("received"));
                assert_eq!(threads.len(), 100);
                assert!(threads.iter().all(|thread| *thread == worker));
                assert_eq!(child.join().expect("it returns"), worker);
                here()
            });
            assert_ne!(own.join().expect("it returns"), worker);
        });
    });
}

#[test]
fn its_messages_arrive_in_both_directions() {
    plain(|| {
        runtime().run(|| {
            let (there, receives) = channel();
            let (back, returns) = channel();
            let echo = with_own_thread(move || {
                for n in receives.iter() {
                    let n: u32 = n;
                    back.send(n).expect("the root receives");
                }
            });
            for n in 0..1000 {
                there.send(n).expect("the echo receives");
                assert_eq!(returns.recv(), Ok(n));
            }
            drop(there);
            echo.join().expect("it returns");
        });
    });
}

#[test]
fn its_panic_kill_and_sleep_are_those_of_any_actor() {
    plain(|| {
        runtime().run(|| {
            let panicking = with_own_thread(|| panic!("on its own"));
            let reason: ExitReason = panicking.join().expect_err("it panics");
            assert!(reason.to_string().contains("on its own"));
            let sleeper = with_own_thread(|| sleep(Duration::MAX));
            kill(sleeper.pid());
            assert!(matches!(sleeper.join(), Err(ExitReason::Killed)));
            with_own_thread(|| sleep(Duration::from_millis(1))).join().expect("it returns");
        });
    });
}

#[test]
fn its_closure_is_dropped_once_whenever_it_is_killed() {
    plain(|| {
        let tally = Tally::new();
        for n in 0..100 {
            let token = tally.token(n);
            runtime().run(move || {
                let own = with_own_thread(move || drop(token));
                kill(own.pid());
                drop(own.join());
            });
        }
        tally.check();
    });
}

#[test]
fn threads_are_used_again() {
    plain(|| {
        let runtime = runtime();
        for _ in 0..2000 {
            runtime.run(|| with_own_thread(|| ()).join().expect("it returns"));
        }
    });
}

#[test]
fn more_than_the_limit_are_an_error_and_the_closure_comes_to_nothing() {
    plain(|| {
        runtime().run(|| {
            let (tx, rx) = channel::<()>();
            let rx = std::sync::Arc::new(std::sync::Mutex::new(rx));
            let mut waiting = Vec::new();
            let error = loop {
                let rx = std::sync::Arc::clone(&rx);
                match Builder::new().own_thread().stack_size(1).spawn(move || drop(rx)) {
                    Ok(handle) => waiting.push(handle),
                    Err(error) => break error,
                }
                assert!(waiting.len() <= 1000);
                if waiting.len() == 1000 {
                    break std::io::Error::other("all have ended already");
                }
            };
            assert!(!error.to_string().is_empty());
            drop(tx);
            waiting.into_iter().for_each(|one| one.join().expect("it returns"));
        });
    });
}

#[test]
fn a_joiner_does_not_start_it_on_the_wrong_thread() {
    plain(|| {
        runtime().run(|| {
            let worker = here();
            for _ in 0..100 {
                assert_ne!(with_own_thread(here).join().expect("it returns"), worker);
            }
        });
    });
}

#[test]
fn a_plain_thread_can_spawn_one() {
    plain(|| {
        let runtime = runtime();
        let handle = runtime.handle();
        let thread = handle.enter(|| with_own_thread(here));
        assert_ne!(thread.join().expect("it returns"), here());
        drop(handle);
    });
}

#[test]
fn it_lives_beside_a_scope() {
    plain(|| {
        runtime().run(|| {
            let own = with_own_thread(|| {
                let numbers = [1, 2, 3];
                scope(|s| s.spawn(|| numbers.iter().sum::<i32>()).join().expect("it returns"))
            });
            assert_eq!(own.join().expect("it returns"), 6);
        });
    });
}

#[test]
fn a_deadlock_with_one_is_found() {
    plain(|| {
        let ended = runtime().try_run(|| {
            let (tx, rx) = channel::<()>();
            let own = with_own_thread(move || rx.recv());
            drop(own.join());
            drop(tx);
        });
        assert!(ended.expect_err("nobody sends").to_string().contains("deadlock"));
    });
}

// ---- servers ----------------------------------------------------------------------------------------------------------

#[derive(Default)]
struct Blocker {
    calls: u32,
}

#[smarm::actor(own_thread, timeout = none)]
impl Blocker {
    pub fn wait(&mut self, gate: mpsc::Receiver<u32>) -> u32 {
        self.calls += 1;
        gate.recv().expect("somebody sends")
    }
    pub fn thread(&mut self) -> ThreadId {
        self.calls += 1;
        here()
    }
    pub fn park(&mut self, gate: smarm::channel::Receiver<u32>) -> (u32, ThreadId) {
        (gate.recv().expect("somebody sends"), here())
    }
    pub fn calls(&self) -> u32 {
        self.calls
    }
    pub fn note(&mut self) {
        self.calls += 1;
    }
}

#[test]
fn a_server_with_its_own_thread_may_block_it() {
    plain(|| {
        runtime().run(|| {
            let blocker = Blocker::default().start();
            let (tell, told) = mpsc::channel();
            let asker = blocker.clone();
            let asked = spawn(move || asker.wait(told));
            spawn(move || tell.send(7)).join().expect("it returns").expect("the server receives");
            assert_eq!(asked.join().expect("it returns").expect("it answers"), 7);
        });
    });
}

#[test]
fn a_server_with_its_own_thread_stays_there() {
    plain(|| {
        init(Config::exact(2).deadlock(Deadlock::Fail)).run(|| {
            let blocker = Blocker::default().start();
            let first = blocker.thread().expect("it answers");
            let askers: Vec<_> = (0..50)
                .map(|_| {
                    let blocker = blocker.clone();
                    spawn(move || (blocker.thread(), here()))
                })
                .collect();
            for asker in askers {
                let (thread, other) = asker.join().expect("it returns");
                assert_eq!(thread.expect("it answers"), first);
                assert_ne!(other, first);
            }
            let (tx, rx) = channel();
            let asker = blocker.clone();
            let asked = spawn(move || asker.park(rx));
            tx.send(1).expect("the server receives");
            assert_eq!(asked.join().expect("it returns").expect("it answers"), (1, first));
            (0..5000).for_each(|_| blocker.note());
            assert_eq!(blocker.calls().expect("it answers"), 5051);
        });
    });
}

#[test]
fn servers_with_their_own_threads_end_with_the_run() {
    plain(|| {
        let runtime = runtime();
        for _ in 0..10 {
            runtime.run(|| {
                let many: Vec<_> = (0..5).map(|_| Blocker::default().start()).collect();
                many.iter().for_each(|one| one.note());
            });
        }
        assert_eq!(runtime.stats().live(), 0);
    });
}

#[test]
fn a_server_with_its_own_thread_is_killed_idle_and_busy() {
    plain(|| {
        runtime().run(|| {
            for busy in [false, true] {
                let blocker = Blocker::default().start();
                let (tx, rx) = channel();
                let asker = blocker.clone();
                let asked = busy.then(|| spawn(move || asker.park(rx)));
                smarm::yield_now();
                blocker.kill();
                assert!(matches!(blocker.join(), ExitReason::Killed));
                drop(tx);
                asked.map(|asked| asked.join().expect("it returns").expect_err("the server is gone"));
            }
        });
    });
}
