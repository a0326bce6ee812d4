//! What once went wrong, and promises that are kept in many places at once.

use smarm::runtime::{Config, init};
use smarm::{
    Builder, ExitReason, JoinHandle, channel, current, kill, mask_kill, park_current, scope, sleep, spawn,
    unpark, yield_now,
};
use smarm_tests::{Tally, Token, actors, in_child, on, panic_message, plain, resident_kib, runtime};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// Keeps a worker busy, without a safe point, until it is dropped.
struct Hog {
    stop: Arc<AtomicBool>,
}

impl Hog {
    /// Takes hold of another worker than the caller's.
    fn on_another_worker() -> Hog {
        let stop = Arc::new(AtomicBool::new(false));
        let up = Arc::new(AtomicBool::new(false));
        let (seen, told) = (Arc::clone(&stop), Arc::clone(&up));
        let body = move || {
            told.store(true, SeqCst);
            wait_until(|| seen.load(SeqCst));
        };
        drop(Builder::new().spread().spawn(body).expect("a stack"));
        wait_until(|| up.load(SeqCst));
        Hog { stop }
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
    }
}

/// Waits on the thread, not as an actor: nobody else runs here meanwhile.
fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

/// Lets others run until this has come true.
fn yield_until(condition: impl Fn() -> bool) {
    while !condition() {
        yield_now();
    }
}

/// An actor that ends in a wait that only its kill can end. It has begun to wait, or is about to.
fn waits_for_ever(running: &channel::Sender<()>) {
    running.send(()).expect("somebody waits for this");
    let (_open, rx) = channel::<()>();
    unreachable!("received {:?}", rx.recv());
}

// ---- who gets to run --------------------------------------------------------------------------------------------------

#[test]
fn an_actor_whose_channel_never_empties_lets_others_run_and_can_be_killed() {
    actors(|| {
        let rounds = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&rounds);
        let busy: JoinHandle<()> = spawn(move || {
            let (tx, rx) = channel();
            tx.send(0_u64).expect("the receiver is here");
            loop {
                let n = rx.recv().expect("the sender is here");
                counted.store(n, SeqCst);
                tx.send(n + 1).expect("the receiver is here");
            }
        });
        yield_until(|| rounds.load(SeqCst) > 0);
        kill(busy.pid());
        assert!(matches!(busy.join(), Err(ExitReason::Killed)));
    });
}

#[test]
fn an_actor_whose_bounded_channel_never_empties_lets_others_run_and_can_be_killed() {
    actors(|| {
        let rounds = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&rounds);
        let busy: JoinHandle<()> = spawn(move || {
            let (tx, rx) = channel::bounded(2);
            tx.send(0_u64).expect("the receiver is here");
            loop {
                let n = rx.recv().expect("the sender is here");
                counted.store(n, SeqCst);
                tx.send(n + 1).expect("the receiver is here");
            }
        });
        yield_until(|| rounds.load(SeqCst) > 0);
        kill(busy.pid());
        assert!(matches!(busy.join(), Err(ExitReason::Killed)));
    });
}

#[test]
fn old_actors_start_although_new_ones_keep_coming() {
    fn chain(stop: Arc<AtomicBool>) {
        if !stop.load(SeqCst) {
            spawn(move || chain(stop));
        }
    }
    actors(|| {
        let started = Arc::new(AtomicUsize::new(0));
        for _ in 0..300 {
            let started = Arc::clone(&started);
            spawn(move || started.fetch_add(1, SeqCst));
        }
        let stop = Arc::new(AtomicBool::new(false));
        chain(Arc::clone(&stop));
        yield_until(|| started.load(SeqCst) == 300);
        stop.store(true, SeqCst);
    });
}

#[test]
fn what_was_spread_to_a_worker_that_is_held_up_runs_on_another() {
    on(3, || {
        let _hog = Hog::on_another_worker();
        let (tx, rx) = channel();
        for n in 0..6 {
            let tx = tx.clone();
            let spread = Builder::new().spread().spawn(move || tx.send(n).expect("the root receives"));
            drop(spread.expect("a stack"));
        }
        drop(tx);
        let mut numbers: Vec<u32> = rx.iter().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
fn joins_of_the_youngest_lose_none_of_their_neighbours() {
    on(2, || {
        for _ in 0..1000 {
            let (tx, rx) = channel::<()>();
            let short = || {
                let tx = tx.clone();
                spawn(move || {
                    (0..30).for_each(|_| std::hint::spin_loop());
                    drop(tx);
                })
            };
            let handles: Vec<_> = (0..64).map(|_| short()).collect();
            drop(tx);
            for handle in handles.into_iter().take(48) {
                if !handle.is_finished() {
                    handle.join().expect("no panic");
                }
            }
            assert!(rx.recv().is_err(), "all have run, nobody has sent");
        }
    });
}

#[test]
fn an_unpark_before_the_first_run_is_kept() {
    actors(|| {
        for _ in 0..100 {
            let parks = spawn(park_current);
            unpark(parks.pid());
            yield_now();
            parks.join().expect("no panic");
        }
    });
}

// ---- kills and scopes -------------------------------------------------------------------------------------------------

#[test]
fn a_child_spawned_after_its_scope_was_killed_is_killed_too() {
    actors(|| {
        let message = panic_message(|| {
            scope(|s| {
                let (running, wait) = channel();
                let (held_open, victims_end) = channel::<()>();
                let of_masked = running.clone();
                s.spawn(move || {
                    mask_kill(|| {
                        of_masked.send(()).expect("the body waits");
                        assert!(victims_end.recv().is_err(), "nothing was sent");
                        s.spawn(|| sleep(Duration::MAX));
                    });
                });
                s.spawn(move || {
                    let _held_open = held_open;
                    waits_for_ever(&running);
                });
                wait.recv().expect("the masked one runs");
                wait.recv().expect("the victim runs");
                panic!("the body has had enough");
            });
        });
        assert_eq!(message, "the body has had enough");
    });
}

#[test]
fn a_masked_kill_does_not_reach_the_children_of_a_scope() {
    actors(|| {
        let finished = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&finished);
        let (running, wait) = channel();
        let (go, gone) = channel::<()>();
        let masked = spawn(move || {
            mask_kill(|| {
                scope(|s| {
                    s.spawn(move || {
                        running.send(()).expect("the root waits");
                        gone.recv().expect("the root sends");
                        told.store(true, SeqCst);
                    });
                });
            });
        });
        wait.recv().expect("the child runs");
        kill(masked.pid());
        // Time for a kill that should not be passed on.
        (0..100).for_each(|_| yield_now());
        _ = go.send(());
        _ = masked.join();
        assert!(finished.load(SeqCst), "the child was killed");
    });
}

#[test]
fn a_kill_of_an_actor_that_runs_a_runtime_reaches_those_inside() {
    actors(|| {
        let tally = Tally::new();
        let token = tally.token(1);
        let (running, wait) = channel();
        let outer = spawn(move || {
            let inner = runtime(1).try_run(move || {
                let _token = token;
                waits_for_ever(&running);
            });
            assert!(matches!(inner, Err(ExitReason::Killed)), "{inner:?}");
            yield_now();
            unreachable!("it was killed too");
        });
        wait.recv().expect("the inner root runs");
        kill(outer.pid());
        let ended: Result<(), _> = outer.join();
        assert!(matches!(ended, Err(ExitReason::Killed)), "{ended:?}");
        tally.check();
    });
}

#[test]
fn a_runtime_dropped_by_an_actor_that_unwinds_lets_nobody_see_that_it_unwinds() {
    // One worker: what the unwinding actor would switch to runs on its thread.
    on(1, || {
        let over = Arc::new(AtomicBool::new(false));
        let watched = Arc::clone(&over);
        let watcher = spawn(move || {
            yield_until(|| {
                assert!(!thread::panicking(), "it is another that unwinds");
                watched.load(SeqCst)
            });
        });
        let unwinding = spawn(|| {
            let inner = runtime(1);
            let (running, wait) = channel();
            // The drop has to wait for this one.
            inner.handle().spawn(move || {
                mask_kill(|| {
                    running.send(()).expect("the owner waits");
                    sleep(Duration::from_millis(50));
                });
            });
            wait.recv().expect("it runs");
            panic!("to unwind");
        });
        assert!(unwinding.join().is_err());
        over.store(true, SeqCst);
        watcher.join().expect("it saw nothing");
    });
}

#[test]
fn unwinding_that_was_resumed_has_no_place_of_an_older_panic() {
    on(1, || {
        let first = spawn(|| panic_message(|| panic!("first")));
        assert_eq!(first.join().expect("it was caught"), "first");
        // On the same worker it gets what the first one left behind.
        let second: JoinHandle<()> = spawn(|| std::panic::resume_unwind(Box::new("second")));
        let Err(ExitReason::Panicked(info)) = second.join() else { panic!("it did not panic") };
        assert_eq!((info.message(), info.place()), ("second", None));
    });
}

// ---- messages ---------------------------------------------------------------------------------------------------------

/// A message, and whether its drop panics.
struct Message(bool, #[expect(dead_code, reason = "for its drop")] Token);

impl Drop for Message {
    fn drop(&mut self) {
        assert!(!self.0, "a message that is clumsy");
    }
}

/// Drops a receiver with three messages in its channel, the first of which panics in its drop.
fn drop_a_clumsy_message((tx, rx): (channel::Sender<Message>, channel::Receiver<Message>)) {
    let tally = Tally::new();
    for n in 0..3 {
        assert!(tx.send(Message(n == 0, tally.token(n))).is_ok());
    }
    // Whether the panic is passed on is not what this is about.
    _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(rx)));
    assert!(tx.send(Message(false, tally.token(3))).is_err(), "the receiver is gone");
    drop(tx);
    tally.check();
}

#[test]
fn a_message_whose_drop_panics_takes_nobody_along_in_an_unbounded_channel() {
    actors(|| drop_a_clumsy_message(channel()));
}

#[test]
fn a_message_whose_drop_panics_takes_nobody_along_in_a_bounded_channel() {
    actors(|| drop_a_clumsy_message(channel::bounded(3)));
}

// ---- runtimes that end ------------------------------------------------------------------------------------------------

#[test]
fn runtimes_end_as_soon_as_they_have_begun() {
    plain(|| {
        for n in 0..300 {
            drop(runtime(1 + n % 4));
        }
    });
}

#[test]
fn runtimes_end_just_after_their_workers_were_busy() {
    plain(|| {
        for _ in 0..100 {
            let three = runtime(3);
            let burst = three.handle().spawn(|| {
                for _ in 0..2 {
                    drop(Builder::new().spread().spawn(|| ()).expect("a stack"));
                }
            });
            burst.join().expect("no panic");
            wait_until(|| three.stats().live() == 0);
        }
    });
}

#[test]
fn a_runtime_dropped_by_its_own_actor_leaves_no_threads_behind() {
    fn threads() -> usize {
        std::fs::read_dir("/proc/self/task").expect("Linux has it").count()
    }
    let ended = in_child(|| {
        let before = threads();
        for _ in 0..50 {
            let own = runtime(3);
            let handle = own.handle();
            handle.spawn(move || drop(own)).join().expect("no panic");
        }
        wait_until(|| threads() == before);
    });
    ended.is_success();
}

#[test]
fn a_handle_of_a_runtime_that_is_gone_knows_nothing_of_the_next_one() {
    let ended = in_child(|| {
        let gone = runtime(1);
        let handle = gone.handle();
        gone.run(|| _ = spawn(|| ()).join());
        drop(gone);
        let shown = format!("{handle:?}");
        let next = runtime(1);
        next.run(|| {
            for _ in 0..100 {
                spawn(yield_now).join().expect("no panic");
            }
        });
        assert_eq!(format!("{handle:?}"), shown);
        drop(next);
    });
    ended.is_success();
}

#[test]
fn a_shutdown_timeout_without_end_is_fine() {
    plain(|| {
        let patient = init(Config::exact(1).shutdown_timeout(Duration::MAX));
        let reason = patient.try_run(|| -> u32 { panic!("the root gives up") }).expect_err("it panics");
        assert_eq!(reason.panic().expect("a panic").message(), "the root gives up");
    });
}

// ---- deadlocks that are none ------------------------------------------------------------------------------------------

/// Locks an actor up in a runtime of its own, and returns when that was found out: so has, by then, any older deadlock.
fn outwait_a_deadlock() {
    let stuck = runtime(1).try_run(|| {
        let (_open, rx) = channel::<()>();
        rx.recv().is_ok()
    });
    assert!(stuck.is_err());
}

#[test]
fn a_scope_of_another_runtime_is_no_deadlock() {
    let ended = in_child(|| {
        let other = init(Config::exact(1));
        let handle = other.handle();
        let waited = runtime(1).try_run(move || {
            handle.enter(|| {
                scope(|s| {
                    s.spawn(|| {
                        outwait_a_deadlock();
                        outwait_a_deadlock();
                    });
                });
            });
        });
        waited.expect("it only had to wait");
    });
    ended.is_success();
}

#[test]
fn a_deadlock_before_a_run_is_none_of_that_run() {
    let ended = in_child(|| {
        let fails = runtime(1);
        fails.run(|| ());
        let stuck = fails.handle().spawn(|| {
            let (_open, rx) = channel::<()>();
            rx.recv().is_ok()
        });
        assert!(stuck.join().is_err(), "the deadlock ended it");
        assert_eq!(fails.try_run(|| 1).expect("nobody is left"), 1);
    });
    ended.is_success();
}

// ---- promises ---------------------------------------------------------------------------------------------------------

/// The thread, by what the standard library remembers and by what the kernel says.
#[inline(never)]
fn this_thread() -> (thread::ThreadId, PathBuf) {
    let by_kernel = std::fs::read_link("/proc/thread-self").expect("Linux has it");
    (thread::current().id(), by_kernel)
}

/// Waits in all ways there are, and checks after each that it is where it was before.
fn wait_in_many_ways(n: u64) {
    let home = this_thread();
    let stays = |after: &str| assert_eq!(this_thread(), home, "actor {} has moved after {after}", current());
    let (tx, rx) = channel::bounded(0);
    let (back, answers) = channel();
    let echo = spawn(move || {
        let home = this_thread();
        for message in rx.iter() {
            assert_eq!(this_thread(), home, "an echo has moved");
            back.send(message).expect("it is waited for");
        }
    });
    for step in 0..3 {
        yield_now();
        stays("a yield");
        tx.send(step).expect("the echo lives");
        stays("a send");
        assert_eq!(answers.recv(), Ok(step));
        stays("a receive");
        assert!(answers.recv_timeout(Duration::from_micros(n % 50)).is_err());
        stays("a receive with a timeout");
        sleep(Duration::from_micros((n * 7 + step) % 100));
        stays("a sleep");
        spawn(yield_now).join().expect("no panic");
        stays("a join");
        scope(|s| _ = s.spawn(|| sleep(Duration::from_micros(n % 30))));
        stays("a scope");
    }
    drop(tx);
    echo.join().expect("no panic");
    stays("the join of its echo");
}

#[test]
fn an_actor_that_has_started_never_changes_its_thread() {
    on(4, || {
        let handles: Vec<_> = (0..500)
            .map(|n| {
                let builder = if n % 3 == 0 { Builder::new().spread() } else { Builder::new() };
                builder.spawn(move || wait_in_many_ways(n)).expect("a stack")
            })
            .collect();
        for handle in handles {
            handle.join().expect("it stayed");
        }
    });
}

#[test]
fn a_backtrace_in_an_actor_shows_no_worker() {
    #[inline(never)]
    fn capture() -> String {
        yield_now();
        std::backtrace::Backtrace::force_capture().to_string()
    }
    actors(|| {
        let backtrace = spawn(capture).join().expect("no panic");
        assert!(backtrace.contains("capture"), "{backtrace}");
        for below in ["Worker", "__rust_begin_short_backtrace", "start_thread"] {
            assert!(!backtrace.contains(below), "`{below}` is no frame of the actor:\n{backtrace}");
        }
    });
}

#[test]
fn a_parked_actor_needs_little_more_than_a_page() {
    const WARM: u64 = 1000;
    const ACTORS: u64 = 20_000;
    /// 4.4 KiB, and some for the counts' own inaccuracy.
    const LIMIT_BYTES: u64 = 4608;
    /// Starts an actor for each receiver, and lets all of them park.
    fn park_all(receivers: Vec<channel::Receiver<()>>) -> Vec<JoinHandle<()>> {
        let (count, parked) = (receivers.len(), Arc::new(AtomicUsize::new(0)));
        let parks = |rx: channel::Receiver<()>| {
            let parked = Arc::clone(&parked);
            spawn(move || {
                parked.fetch_add(1, SeqCst);
                assert!(rx.recv().is_err(), "nothing is sent");
            })
        };
        let handles = receivers.into_iter().map(parks).collect();
        yield_until(|| parked.load(SeqCst) == count);
        handles
    }
    if cfg!(debug_assertions) {
        eprintln!("skipped: without optimisation the frames are as large as they like");
        return;
    }
    let ended = in_child(|| {
        runtime(1).run(|| {
            let (_open, receivers): (Vec<_>, _) = (0..WARM).map(|_| channel()).unzip();
            let _warm = park_all(receivers);
            // Their channels are not counted.
            let (_open_too, receivers): (Vec<_>, _) = (0..ACTORS).map(|_| channel()).unzip();
            let before = resident_kib();
            let _parked = park_all(receivers);
            let each = (resident_kib() - before) * 1024 / ACTORS;
            assert!(each <= LIMIT_BYTES, "{each} bytes for each actor that is parked");
        });
    });
    ended.is_success();
}
