//! `block_on_io` and `smarm::fs`: blocking code beside the workers.

use smarm::runtime::{Config, Deadlock, Runtime, init};
use smarm::{
    Builder, ExitReason, JoinHandle, block_on_io, channel, check, current, forbid_yield, fs, kill, mask_kill,
    no_preempt, scope, sleep, spawn, try_current, yield_now,
};
use smarm_tests::{Tally, actors, in_child, message_of, on, panic_message, panic_payload, plain, runtime};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// Longer than the second after which a deadlock is reported.
const SILENCE: Duration = Duration::from_millis(1700);

fn here() -> ThreadId {
    thread::current().id()
}

/// A runtime with so many threads for blocking code.
fn with_pool(workers: usize, threads: usize) -> Runtime {
    init(Config::exact(workers).deadlock(Deadlock::Fail).blocking_threads(threads))
}

/// An actor whose blocking code has begun, and waits to be let go; what it returns is counted.
fn begun(tally: &Tally) -> (JoinHandle<()>, mpsc::Sender<()>) {
    let (begin, has_begun) = channel();
    let (go, wait) = mpsc::channel::<()>();
    let tally = tally.clone();
    let caller = spawn(move || {
        drop(block_on_io(move || {
            begin.send(()).expect("the test waits");
            _ = wait.recv(); // or its sender is gone
            tally.token(1)
        }));
    });
    has_begun.recv().expect("it begins");
    (caller, go)
}

#[test]
fn a_result_comes_back_and_the_code_runs_elsewhere() {
    actors(|| {
        let (me, my_thread) = (current(), here());
        let answer = block_on_io(move || (try_current(), here() == my_thread, vec![1, 2, 3]));
        assert_eq!(answer, (None, false, vec![1, 2, 3]));
        assert_eq!(current(), me);
    });
}

#[test]
fn results_of_all_sizes_and_of_no_size_come_back() {
    actors(|| {
        block_on_io(|| ());
        assert_eq!(block_on_io(|| [7_u64; 1000]), [7; 1000]);
        assert_eq!(block_on_io(|| Err::<(), _>("no")), Err("no"));
    });
}

#[test]
fn others_run_meanwhile() {
    on(1, || {
        let (tell, told) = mpsc::channel();
        let other = spawn(move || tell.send(7));
        assert_eq!(block_on_io(move || told.recv()), Ok(7));
        other.join().expect("no panic").expect("it was received");
    });
}

#[test]
fn a_panic_comes_to_the_caller_with_its_payload() {
    actors(|| {
        let payload = panic_payload(|| block_on_io(|| std::panic::resume_unwind(Box::new(7_u64))));
        assert_eq!(payload.downcast_ref::<u64>(), Some(&7));
        assert!(!thread::panicking());
        // The thread is as good as before.
        assert_eq!(block_on_io(|| 1), 1);
    });
}

#[test]
fn a_panic_that_the_caller_does_not_catch_is_its_own() {
    actors(|| {
        let caller = spawn(|| block_on_io(|| panic!("no such file")));
        match caller.join().expect_err("it panicked") {
            ExitReason::Panicked(panic) => {
                assert_eq!(panic.message(), "no such file");
                let payload = panic.take_payload().expect("nobody else asked");
                assert_eq!(message_of(&*payload), Some("no such file"));
            }
            other => unreachable!("{other:?}"),
        }
    });
}

#[test]
fn a_panic_of_the_root_in_blocking_code_is_that_of_the_run() {
    let message = plain(|| panic_message(|| runtime(2).run(|| block_on_io(|| panic!("from below")))));
    assert_eq!(message, "from below");
}

#[test]
fn on_a_plain_thread_it_runs_in_place() {
    plain(|| {
        let me = here();
        assert!(block_on_io(move || here() == me));
        // Blocking code is on a plain thread itself.
        assert!(on(1, || block_on_io(|| {
            let outer = here();
            block_on_io(move || here() == outer)
        })));
    });
}

#[test]
fn while_its_actor_unwinds_it_runs_in_place() {
    struct Flush(Arc<AtomicBool>);
    impl Drop for Flush {
        fn drop(&mut self) {
            let (in_place, me) = (self.0.clone(), here());
            block_on_io(move || in_place.store(here() == me, SeqCst));
        }
    }
    actors(|| {
        for is_killed in [false, true] {
            let in_place = Arc::new(AtomicBool::new(false));
            let flush = Flush(in_place.clone());
            let unwinding = spawn(move || {
                let _flush = flush;
                if is_killed {
                    kill(current());
                    yield_now();
                }
                std::panic::resume_unwind(Box::new(()));
            });
            assert!(unwinding.join().is_err());
            assert!(in_place.load(SeqCst));
        }
    });
}

#[test]
fn where_waits_are_forbidden_it_panics_and_nothing_runs() {
    actors(|| {
        let tally = Tally::new();
        for forbidding in [no_preempt as fn(_), forbid_yield] {
            let token = tally.token(0);
            let message = panic_message(|| forbidding(move || block_on_io(move || drop(token))));
            // The safe point at its beginning may find the slice over, and panic first.
            let is_refused = message.contains("`block_on_io`") || message.starts_with("a safe point");
            assert!(is_refused, "{message}");
        }
        tally.check();
        assert_eq!(block_on_io(|| 1), 1);
    });
}

#[test]
fn a_killed_caller_leaves_at_once_and_the_result_is_dropped() {
    actors(|| {
        let tally = Tally::new();
        let (caller, go) = begun(&tally);
        caller.kill();
        assert!(matches!(caller.join(), Err(ExitReason::Killed)));
        assert_eq!(tally.made(), 0);
        drop(go);
        // Its thread takes the next one, and the result is gone by the end of the run, if not by now.
        block_on_io(|| ());
    });
}

#[test]
fn the_end_of_a_run_waits_for_blocking_code_whose_caller_was_killed() {
    plain(|| {
        for workers in [1, 3] {
            let tally = Tally::new();
            let inside = tally.clone();
            runtime(workers).run(move || {
                let (caller, go) = begun(&inside);
                caller.kill();
                assert!(caller.join().is_err());
                // Let go by a thread that is nobody's, so most often after the root has ended.
                thread::spawn(move || drop(go));
            });
            assert_eq!(tally.made(), 1);
            tally.check();
        }
    });
}

#[test]
fn a_killed_caller_does_not_take_its_thread_with_it() {
    plain(|| {
        with_pool(2, 1).run(|| {
            for _ in 0..10 {
                let (caller, go) = begun(&Tally::new());
                caller.kill();
                assert!(caller.join().is_err());
                go.send(()).expect("it waits");
                assert_eq!(block_on_io(|| 1), 1);
            }
        });
    });
}

#[test]
fn what_has_not_begun_when_its_caller_is_killed_is_dropped_and_never_runs() {
    plain(|| {
        let tally = Tally::new();
        let inside = tally.clone();
        with_pool(1, 1).run(move || {
            let (blocker, go) = begun(&inside);
            let token = inside.token(2);
            let waiting = spawn(move || block_on_io(move || unreachable!("it began with {}", token.value())));
            yield_now(); // it waits for the one thread now
            waiting.kill();
            assert!(matches!(waiting.join(), Err::<(), _>(ExitReason::Killed)));
            assert_eq!(inside.dropped(), 1, "dropped by its caller");
            go.send(()).expect("it waits");
            blocker.join().expect("no panic");
        });
        tally.check();
    });
}

#[test]
fn a_masked_kill_lets_blocking_code_end_and_comes_later() {
    actors(|| {
        let (begin, has_begun) = channel();
        let (go, wait) = mpsc::channel();
        let ended = Arc::new(AtomicUsize::new(0));
        let seen = ended.clone();
        let caller = spawn(move || {
            let got = mask_kill(|| {
                block_on_io(move || {
                    begin.send(()).expect("the test waits");
                    wait.recv().expect("it is let go")
                })
            });
            seen.store(got, SeqCst);
            check!();
            seen.store(0, SeqCst);
        });
        has_begun.recv().expect("it begins");
        caller.kill();
        yield_now();
        go.send(7).expect("it waits");
        assert!(matches!(caller.join(), Err(ExitReason::Killed)));
        assert_eq!(ended.load(SeqCst), 7);
    });
}

#[test]
fn a_payload_that_panics_when_it_is_dropped_does_not_cost_a_thread() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            // No hook, so no line in the middle of the tests'.
            std::panic::resume_unwind(Box::new("boom"));
        }
    }
    plain(|| {
        with_pool(2, 1).run(|| {
            for panics in [false, true] {
                let (begin, has_begun) = channel();
                let (go, wait) = mpsc::channel::<()>();
                let caller = spawn(move || {
                    std::mem::forget(block_on_io(move || {
                        begin.send(()).expect("the test waits");
                        _ = wait.recv(); // or its sender is gone
                        if panics {
                            std::panic::resume_unwind(Box::new(Bomb));
                        }
                        Bomb
                    }));
                });
                has_begun.recv().expect("it begins");
                caller.kill();
                assert!(caller.join().is_err());
                drop(go);
                assert_eq!(block_on_io(|| 1), 1);
            }
        });
    });
}

#[test]
fn more_closures_than_threads_wait_for_their_turn() {
    plain(|| {
        for threads in [1, 3] {
            let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let seen = most.clone();
            let sum: u64 = with_pool(2, threads).run(move || {
                let calls: Vec<_> = (0..200_u64)
                    .map(|n| {
                        let (running, most) = (running.clone(), most.clone());
                        spawn(move || {
                            block_on_io(move || {
                                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                                thread::yield_now();
                                running.fetch_sub(1, SeqCst);
                                n
                            })
                        })
                    })
                    .collect();
                calls.into_iter().map(|call| call.join().expect("no panic")).sum()
            });
            assert_eq!(sum, 19_900);
            assert!((1..=threads).contains(&seen.load(SeqCst)));
        }
    });
}

#[test]
fn so_many_closures_as_threads_run_at_once() {
    const THREADS: usize = 20;
    plain(|| {
        with_pool(1, THREADS).run(|| {
            let barrier = Arc::new(std::sync::Barrier::new(THREADS));
            scope(|s| {
                for _ in 0..THREADS {
                    let barrier = barrier.clone();
                    s.spawn(move || _ = block_on_io(move || barrier.wait()));
                }
            });
        });
    });
}

#[test]
fn thousands_of_short_ones_from_several_workers() {
    plain(|| {
        let tally = Tally::new();
        let inside = tally.clone();
        let sum: u64 = runtime(4).run(move || {
            let callers: Vec<_> = (0..40_u64)
                .map(|n| {
                    let tally = inside.clone();
                    let body = move || {
                        let call = |m| {
                            let token = tally.token(n * 100 + m);
                            block_on_io(move || token).value()
                        };
                        (0..100).map(call).sum::<u64>()
                    };
                    Builder::new().spread().spawn(body).expect("a stack")
                })
                .collect();
            callers.into_iter().map(|caller| caller.join().expect("no panic")).sum()
        });
        assert_eq!(sum, (0..4000).sum());
        tally.check();
    });
}

#[test]
fn callers_killed_at_any_time_lose_nothing() {
    plain(|| {
        let tally = Tally::new();
        let inside = tally.clone();
        with_pool(4, 3).run(move || {
            for round in 0..30 {
                let callers: Vec<_> = (0..20)
                    .map(|n| {
                        let token = inside.token(n);
                        let body = move || drop(block_on_io(move || token));
                        Builder::new().spread().spawn(body).expect("a stack")
                    })
                    .collect();
                (0..round % 4).for_each(|_| yield_now());
                callers.iter().for_each(JoinHandle::kill);
                callers.into_iter().for_each(|caller| drop(caller.join()));
            }
        });
        tally.check();
    });
}

#[test]
fn it_is_no_deadlock_while_blocking_code_runs() {
    plain(|| {
        let received = runtime(2).run(|| {
            let (tx, rx) = channel();
            let caller = spawn(move || {
                block_on_io(|| thread::sleep(SILENCE));
                tx.send(1).expect("it receives");
            });
            (rx.recv(), caller.join().is_ok())
        });
        assert_eq!(received, (Ok(1), true));
    });
}

#[test]
fn it_is_no_deadlock_while_blocking_code_of_a_killed_caller_runs() {
    plain(|| {
        let received = runtime(2).run(|| {
            let (tx, rx) = channel();
            let (begin, has_begun) = channel();
            let caller = spawn(move || {
                block_on_io(move || {
                    begin.send(()).expect("the root waits");
                    thread::sleep(SILENCE);
                    tx.send(1)
                })
            });
            has_begun.recv().expect("it begins");
            caller.kill();
            rx.recv()
        });
        assert_eq!(received, Ok(1));
    });
}

#[test]
fn a_deadlock_is_found_after_blocking_code_has_ended_that_nobody_waited_for() {
    let report = plain(|| {
        panic_message(|| {
            runtime(2).run(|| {
                let (caller, go) = begun(&Tally::new());
                caller.kill();
                assert!(caller.join().is_err());
                go.send(()).expect("it waits");
                let (_open, rx) = channel::<()>();
                unreachable!("received {:?}", rx.recv());
            });
        })
    });
    assert!(report.contains("deadlock"), "{report}");
}

struct Idler;

#[smarm::actor]
impl Idler {
    pub(crate) fn read(&self) -> u64 {
        block_on_io(|| 7)
    }
}

#[test]
fn servers_block_and_idle_ones_end_with_the_run() {
    plain(|| {
        for _ in 0..20 {
            let pid = runtime(2).run(|| {
                let idler = Idler.start();
                let (caller, go) = begun(&Tally::new());
                assert_eq!(idler.read().expect("it lives"), 7);
                caller.kill();
                thread::spawn(move || drop(go));
                idler.pid()
            });
            kill(pid); // a stale one
        }
    });
}

#[test]
fn a_shutdown_gives_up_on_code_that_never_returns() {
    in_child(|| {
        let quick = Config::exact(2).shutdown_timeout(Duration::from_millis(50));
        let runtime = init(quick);
        let ended = runtime.try_run(|| {
            let (begin, has_begun) = channel();
            let caller = spawn(move || {
                block_on_io(move || {
                    begin.send(()).expect("the root waits");
                    loop {
                        thread::park();
                    }
                })
            });
            has_begun.recv().expect("it begins");
            caller.kill();
            kill(current());
            yield_now();
        });
        assert!(matches!(ended, Err(ExitReason::Killed)));
        drop(runtime);
        eprintln!("it was not waited for");
    })
    .is_success()
    .line_with(&["smarm:", "1 closure given to `block_on_io` still runs"]);
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("Linux has it").count()
}

#[test]
fn threads_that_have_nothing_to_do_end_and_others_are_started() {
    const CALLS: usize = 8;
    in_child(|| {
        with_pool(1, CALLS).run(|| {
            let before = threads();
            let barrier = Arc::new(std::sync::Barrier::new(CALLS));
            scope(|s| {
                for _ in 0..CALLS {
                    let barrier = barrier.clone();
                    s.spawn(move || _ = block_on_io(move || barrier.wait()));
                }
            });
            assert!(threads() >= before + CALLS);
            while threads() > before {
                sleep(Duration::from_millis(20));
            }
            assert_eq!(block_on_io(|| 7), 7);
        });
    })
    .is_success();
}

#[test]
fn threads_end_with_their_runtime() {
    in_child(|| {
        let before = threads();
        for _ in 0..20 {
            with_pool(1, 8).run(|| {
                let calls: Vec<_> = (0..8).map(|_| spawn(|| block_on_io(thread::yield_now))).collect();
                calls.into_iter().for_each(|call| call.join().expect("no panic"));
            });
        }
        // One that has told that it ends may be in the list for a moment.
        while threads() > before {
            thread::yield_now();
        }
    })
    .is_success();
}

#[test]
fn a_runtime_runs_again_with_its_pool() {
    plain(|| {
        let runtime = with_pool(2, 2);
        for n in 0..50 {
            assert_eq!(runtime.run(move || block_on_io(move || n)), n);
        }
    });
}

#[test]
fn a_runtime_inside_blocking_code_has_its_own() {
    plain(|| {
        let answer = with_pool(1, 1).run(|| block_on_io(|| with_pool(1, 1).run(|| block_on_io(|| 7))));
        assert_eq!(answer, 7);
    });
}

#[test]
fn blocking_code_sends_to_actors_and_spawns_by_a_handle() {
    actors(|| {
        let (tx, rx) = channel();
        let handle = smarm::handle();
        let sum = spawn(move || rx.iter().sum::<u32>());
        let spawned = block_on_io(move || {
            (0..10).for_each(|n| tx.send(n).expect("it receives"));
            handle.spawn(current)
        });
        assert!(spawned.join().is_ok());
        assert_eq!(sum.join().expect("no panic"), 45);
    });
}

#[test]
fn files_are_written_read_moved_and_removed() {
    actors(|| {
        let name = format!("smarm-{}-{}", std::process::id(), current());
        let folder = std::env::temp_dir().join(name.replace(['<', '>'], ""));
        let (inner, file, other) = (folder.join("a/b"), folder.join("a/b/file"), folder.join("a/other"));
        fs::create_dir_all(&inner).expect("a new folder");
        fs::write(&file, "hello").expect("a new file");
        assert_eq!(fs::read(&file).expect("it is there"), b"hello");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), "hello");
        assert_eq!(fs::metadata(&file).expect("it is there").len(), 5);
        assert_eq!(fs::copy(&file, &other).expect("room"), 5);
        fs::rename(&other, inner.join("third")).expect("the same disk");
        assert!(!fs::exists(&other).expect("a readable folder"));
        let entries = fs::read_dir(&inner).expect("a readable folder");
        let mut names: Vec<_> = entries.iter().map(std::fs::DirEntry::file_name).collect();
        names.sort();
        assert_eq!(names, ["file", "third"]);
        let crooked = folder.join("a/../a/b");
        assert_eq!(
            fs::canonicalize(crooked).expect("it is there"),
            fs::canonicalize(&inner).expect("it is there")
        );
        fs::remove_file(&file).expect("it is there");
        let missing = fs::read(&file).expect_err("it is gone");
        assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
        fs::remove_dir_all(&folder).expect("it is there");
        assert!(!fs::exists(&folder).expect("a readable folder"));
    });
}
