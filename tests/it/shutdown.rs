//! The orderly end of a runtime: who is told what, in which order, and what becomes of waits. Signals are in death/signals.rs.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::__private::ServerOptions;
use smarm::channel::{Receiver, Sender, bounded, oneshot};
use smarm::net::{TcpListener, TcpStream};
use smarm::runtime::{Config, Runtime, RuntimeHandle, init};
use smarm::supervisor::Supervisor;
use smarm::sync::{Barrier, Condvar, RwLock, Semaphore};
use smarm::{
    Actor, ActorRef, CallError, Ctx, ExitReason, Handle, JoinHandle, Mutex, block_on, block_on_io, channel,
    current, is_shutting_down, mask_kill, on_shutdown, park_current, scope, shutdown, sleep, spawn,
    wait_for_shutdown, yield_now,
};
use smarm_tests::{Rng, Tally, actors, message_of, on, panic_message, panic_payload, plain, runtime};
use std::convert::Infallible;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// A runtime whose shutdown has all the time of the test.
fn patient(workers: usize) -> Runtime {
    init(Config::exact(workers).shutdown_timeout(HOUR))
}

/// A runtime whose shutdown is over at once.
fn impatient(workers: usize) -> Runtime {
    init(Config::exact(workers).shutdown_timeout(Duration::from_millis(100)))
}

/// Runs `body` as the root on one worker, on two, and on more than there are processors.
fn patiently<F: FnOnce() + Clone + Send + 'static>(body: F) {
    plain(|| {
        for workers in [1, 2, 4] {
            patient(workers).run(body.clone());
        }
    });
}

/// Where things happen, and what has happened so far.
fn log() -> (Sender<&'static str>, Receiver<&'static str>) {
    channel()
}

fn entries(log: Receiver<&'static str>) -> Vec<&'static str> {
    log.iter().collect()
}

/// Begins a shutdown, and sees to its end by itself from now on.
fn shut_down_and_stay() {
    shutdown();
    wait_for_shutdown();
}

/// Lets others run until this has come true.
fn yield_until(condition: impl Fn() -> bool) {
    while !condition() {
        yield_now();
    }
}

/// Starts an actor that has begun its `body` when this returns.
fn begun<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let (tell, told) = channel();
    let actor = spawn(move || {
        tell.send(()).expect("the caller waits");
        body()
    });
    told.recv().expect("it begins");
    actor
}

#[track_caller]
fn was_shut_down<T: std::fmt::Debug>(ended: Result<T, ExitReason>) {
    assert!(matches!(ended, Err(ExitReason::Shutdown)), "{ended:?}");
}

// ---- the order ------------------------------------------------------------------------------------------------------------

/// A server that says when it ends, and then ends the other one that it has.
struct Ranked<const SUPERVISOR: bool, const SUPERVISED: bool> {
    name: &'static str,
    log: Sender<&'static str>,
    child: Option<ActorRef<Infallible>>,
}

#[derive(Clone)]
struct RankedHandle(ActorRef<Infallible>);

impl Handle for RankedHandle {
    type Msg = Infallible;
    fn __new(actor: ActorRef<Infallible>) -> Self {
        Self(actor)
    }
    fn actor(&self) -> &ActorRef<Infallible> {
        &self.0
    }
}

// SAFETY: the state is `Send + 'static`, and there are no messages.
unsafe impl<const SUPERVISOR: bool, const SUPERVISED: bool> Actor for Ranked<SUPERVISOR, SUPERVISED> {
    type Msg = Infallible;
    type Handle = RankedHandle;

    fn __options() -> ServerOptions {
        let options = ServerOptions::new("ranked");
        let options = if SUPERVISOR { options.supervisor() } else { options };
        if SUPERVISED { options.supervised() } else { options }
    }
    fn __dispatch(&mut self, message: Infallible, _: &mut Ctx<Self>) -> ControlFlow<Infallible> {
        match message {}
    }
    fn __on_exit(&mut self, why: &ExitReason, _: &mut Ctx<Self>) {
        let is_right = matches!(why, ExitReason::Shutdown) || (SUPERVISED && why.is_normal());
        self.log.send(if is_right { self.name } else { "not in order" }).ok();
        if let Some(child) = &self.child {
            child.stop_now();
            child.join();
        }
    }
}

fn start<const SUPERVISOR: bool, const SUPERVISED: bool>(
    name: &'static str,
    log: &Sender<&'static str>,
    child: Option<&RankedHandle>,
) -> RankedHandle {
    let child = child.map(|child| child.0.clone());
    smarm::start(Ranked::<SUPERVISOR, SUPERVISED> { name, log: log.clone(), child })
}

#[test]
fn hooks_then_supervisors_then_servers_then_the_root_and_the_latest_first() {
    plain(|| {
        for workers in [1, 2, 4] {
            let (tell, log) = log();
            patient(workers).run(move || {
                start::<false, false>("first server", &tell, None);
                let child = start::<false, true>("child", &tell, None);
                start::<true, false>("first supervisor", &tell, Some(&child));
                let inner = start::<true, true>("inner supervisor", &tell, None);
                start::<true, false>("second supervisor", &tell, Some(&inner));
                start::<false, false>("second server", &tell, None);
                for hook in ["first hook", "second hook"] {
                    let tell = tell.clone();
                    on_shutdown(move || tell.send(hook).expect("the log is read later"));
                }
                shut_down_and_stay();
                tell.send("root").expect("the log is read later");
            });
            assert_eq!(
                entries(log),
                [
                    "second hook",
                    "first hook",
                    "second supervisor",
                    "inner supervisor",
                    "first supervisor",
                    "child",
                    "second server",
                    "first server",
                    "root"
                ]
            );
        }
    });
}

#[test]
fn supervisors_of_the_library_end_with_their_trees_before_servers() {
    struct Child(&'static str, Sender<&'static str>);
    #[smarm::actor]
    impl Child {
        pub fn nothing(&self) {}
        #[on_exit]
        fn bye(&mut self, why: &ExitReason) {
            assert!(matches!(why, ExitReason::Shutdown), "{why}");
            self.1.send(self.0).expect("the log is read later");
        }
    }
    plain(|| {
        for workers in [1, 2, 4] {
            let (tell, log) = log();
            patient(workers).run(move || {
                let child = |name: &'static str, tell: &Sender<&'static str>| {
                    let tell = tell.clone();
                    smarm::supervisor::Child::new(name, move || Child(name, tell.clone()))
                };
                Child("server", tell.clone()).start();
                let tree = Supervisor::one_for_one().child(child("a", &tell)).child(child("b", &tell));
                let looping = smarm::supervisor::Child::new("looping", || {
                    loop {
                        sleep(Duration::from_millis(1));
                    }
                });
                let inner = smarm::supervisor::Child::new("inner", move || {
                    Supervisor::rest_for_one().child(child("c", &tell)).child(child("d", &tell))
                });
                tree.child(looping).child(inner).start().expect("it starts");
                shut_down_and_stay();
            });
            assert_eq!(entries(log), ["d", "c", "b", "a", "server"]);
        }
    });
}

#[test]
fn at_a_quiet_end_a_supervised_server_is_left_to_its_supervisor() {
    plain(|| {
        for workers in [1, 2] {
            let (tell, log) = log();
            on(workers, move || {
                let child = start::<false, true>("child", &tell, None);
                start::<true, false>("supervisor", &tell, Some(&child));
                start::<false, false>("server", &tell, None);
            });
            assert_eq!(entries(log), ["server", "supervisor", "child"]);
        }
    });
}

/// A server that waits in a handler, and counts what it is told.
struct Busy {
    log: Sender<&'static str>,
    told: usize,
}

#[smarm::actor(timeout = none)]
impl Busy {
    pub fn hold(&mut self, begun: Sender<()>, gate: Receiver<()>) {
        begun.send(()).expect("the root waits for it");
        assert!(gate.recv().is_err(), "nobody sends");
    }
    pub fn tell(&mut self) {
        self.told += 1;
    }
    pub fn echo(&self, n: u64) -> u64 {
        n
    }
    #[on_exit]
    fn bye(&mut self, why: &ExitReason) {
        let in_order = matches!(why, ExitReason::Shutdown) && self.told == 100;
        self.log.send(if in_order { "busy" } else { "not in order" }).expect("the log is read later");
    }
}

#[test]
fn a_busy_server_finishes_its_handler_and_its_mailbox_before_older_ones_end() {
    plain(|| {
        for workers in [1, 2, 4] {
            let (tell, log) = log();
            patient(workers).run(move || {
                start::<false, false>("older", &tell, None);
                let busy = Busy { log: tell.clone(), told: 0 }.start();
                let (begun, begins) = channel();
                let (open, gate) = channel::<()>();
                busy.hold(begun, gate);
                begins.recv().expect("it begins");
                (0..100).for_each(|_| busy.tell());
                start::<false, false>("younger", &tell, None);
                let (younger_is_gone, is_gone) = channel();
                on_shutdown(move || younger_is_gone.send(()).expect("the opener waits"));
                let opener = spawn(move || {
                    is_gone.recv().expect("the shutdown begins");
                    (0..100).for_each(|_| yield_now());
                    tell.send("gate").expect("the log is read later");
                    drop(open);
                });
                shut_down_and_stay();
                opener.join().expect("it was not waiting when it was asked");
            });
            let log = entries(log);
            assert_eq!(log.len(), 4, "{log:?}");
            let place = |what| log.iter().position(|entry| *entry == what).expect("it is there");
            assert!(place("gate") < place("busy"), "{log:?}");
            assert!(place("younger") < place("busy") && place("busy") < place("older"), "{log:?}");
        }
    });
}

#[test]
fn a_server_that_hangs_in_a_handler_is_ended_after_half_of_the_time() {
    plain(|| {
        let (tell, log) = log();
        let told = impatient(2).try_run(move || {
            start::<false, false>("older", &tell, None);
            let busy = Busy { log: tell.clone(), told: 100 }.start();
            let (begun, begins) = channel();
            let (open, gate) = channel::<()>();
            busy.hold(begun, gate);
            begins.recv().expect("it begins");
            shut_down_and_stay();
            let reason = busy.join();
            drop(open);
            matches!(reason, ExitReason::Shutdown)
        });
        // On a busy machine the deadline may have come first.
        assert!(matches!(told, Ok(true) | Err(ExitReason::Killed)), "{told:?}");
        drop(log);
    });
}

#[test]
fn servers_that_hooks_and_servers_start_meanwhile_end_too() {
    struct Heir(Sender<&'static str>);
    #[smarm::actor]
    impl Heir {
        pub fn nothing(&self) {}
        #[on_exit]
        fn bye(&mut self) {
            start::<false, false>("of a server", &self.0, None);
        }
    }
    plain(|| {
        let (tell, log) = log();
        patient(2).run(move || {
            Heir(tell.clone()).start();
            on_shutdown(move || _ = start::<false, false>("of a hook", &tell, None));
            shut_down_and_stay();
        });
        let mut log = entries(log);
        log.sort_unstable();
        assert_eq!(log, ["of a hook", "of a server"]);
    });
}

#[test]
fn ten_thousand_idle_servers_end_in_order() {
    struct Numbered(usize, Arc<AtomicUsize>);
    #[smarm::actor]
    impl Numbered {
        pub fn nothing(&self) {}
        #[on_exit]
        fn bye(&mut self, why: &ExitReason) {
            assert!(matches!(why, ExitReason::Shutdown));
            assert_eq!(self.1.fetch_sub(1, SeqCst), self.0, "the latest is the first");
        }
    }
    plain(|| {
        for workers in [1, 2] {
            let left = Arc::new(AtomicUsize::new(10_000));
            let counter = Arc::clone(&left);
            patient(workers).run(move || {
                (1..=10_000).for_each(|n| drop(Numbered(n, Arc::clone(&counter)).start()));
                shut_down_and_stay();
                assert_eq!(counter.load(SeqCst), 0);
            });
        }
    });
}

// ---- beginning ------------------------------------------------------------------------------------------------------------

#[test]
fn a_shutdown_begins_once() {
    plain(|| {
        let (tell, log) = log();
        patient(2).run(move || {
            let of_hook = tell.clone();
            on_shutdown(move || of_hook.send("hook").expect("the log is read later"));
            assert!(!is_shutting_down());
            let others: Vec<_> = (0..8).map(|_| spawn(shutdown)).collect();
            (0..8).for_each(|_| shutdown());
            assert!(is_shutting_down());
            wait_for_shutdown();
            wait_for_shutdown();
            shutdown();
            others.into_iter().for_each(|other| drop(other.join()));
        });
        assert_eq!(entries(log), ["hook"]);
    });
}

#[test]
fn a_shutdown_returns_at_once_and_what_waits_for_nothing_goes_on() {
    let value = on(1, || {
        shutdown();
        let sum: u64 = (0..1000).inspect(|_| smarm::check!()).sum();
        (sum, is_shutting_down())
    });
    assert_eq!(value, (499_500, true));
}

#[test]
fn a_hook_may_wait_and_call_and_spawn_and_everything_is_there_still() {
    patiently(|| {
        let (log, _entries) = log();
        let server = Busy { log, told: 100 }.start();
        let worker = spawn(|| sleep(HOUR));
        let pid = worker.pid();
        let (told, tell) = oneshot();
        on_shutdown(move || {
            assert!(is_shutting_down());
            wait_for_shutdown(); // that it knows
            assert_eq!(server.echo(7).expect("it lives"), 7);
            sleep(Duration::from_millis(2));
            assert_eq!(spawn(|| sleep(Duration::from_millis(2))).join().ok(), Some(()));
            smarm::kill(pid);
            was_killed(worker.join());
            told.send("all of it").expect("the root waits");
        });
        shut_down_and_stay();
        assert_eq!(tell.try_recv(), Ok("all of it"));
    });
}

#[track_caller]
fn was_killed<T: std::fmt::Debug>(ended: Result<T, ExitReason>) {
    assert!(matches!(ended, Err(ExitReason::Killed)), "{ended:?}");
}

#[test]
fn a_hook_that_panics_or_is_killed_does_not_keep_others_from_running() {
    plain(|| {
        let (tell, log) = log();
        patient(2).run(move || {
            let (first, second) = (tell.clone(), tell);
            on_shutdown(move || first.send("first").expect("the log is read later"));
            on_shutdown(|| {
                smarm::kill(current());
                yield_now();
                unreachable!("it was killed");
            });
            on_shutdown(|| panic!("of a hook"));
            on_shutdown(move || second.send("second").expect("the log is read later"));
            shut_down_and_stay();
        });
        assert_eq!(entries(log), ["second", "first"]);
    });
}

#[test]
fn a_hook_that_comes_too_late_runs_at_once() {
    patiently(|| {
        let (tell, log) = log();
        let (of_hook, of_root) = (tell.clone(), tell);
        on_shutdown(move || {
            let late = of_hook.clone();
            on_shutdown(move || late.send("in a hook").expect("the root reads it"));
        });
        shut_down_and_stay();
        assert_eq!(log.recv(), Ok("in a hook"));
        on_shutdown(move || {
            sleep(Duration::from_millis(2));
            of_root.send("after all of them").expect("the root reads it");
        });
        assert_eq!(log.recv(), Ok("after all of them"));
        assert!(log.recv().is_err());
    });
}

#[test]
fn hooks_of_a_run_that_nobody_shuts_down_are_dropped_at_its_end_and_do_not_run() {
    plain(|| {
        let tally = Tally::new();
        let runtime = runtime(2);
        let token = tally.token(1);
        runtime.run(move || {
            on_shutdown(move || unreachable!("{}", token.value()));
            struct Panics;
            impl Drop for Panics {
                fn drop(&mut self) {
                    panic!("of a hook that is dropped");
                }
            }
            let panics = Panics;
            on_shutdown(move || drop(panics));
        });
        tally.check();
        runtime.run(shut_down_and_stay);
    });
}

#[test]
fn on_a_plain_thread_all_of_them_say_what_to_do() {
    plain(|| {
        for message in [
            panic_message(shutdown),
            panic_message(wait_for_shutdown),
            panic_message(|| is_shutting_down()),
            panic_message(|| on_shutdown(|| ())),
        ] {
            assert!(message.contains("a thread that is no actor"), "{message}");
            assert!(message.contains("Runtime::handle"), "{message}");
        }
    });
}

// ---- from outside ---------------------------------------------------------------------------------------------------------

#[test]
fn a_plain_thread_shuts_a_runtime_down() {
    plain(|| {
        for workers in [1, 2] {
            let runtime = patient(workers);
            let handle = runtime.handle();
            let (running, runs) = channel();
            let thread = std::thread::spawn(move || {
                runs.recv().expect("the root says that it runs");
                handle.shutdown();
            });
            let ended = runtime.try_run(move || {
                running.send(()).expect("the thread waits");
                sleep(HOUR);
            });
            was_shut_down(ended);
            thread.join().expect("no panic");
        }
    });
}

#[test]
fn a_plain_thread_waits_for_a_shutdown() {
    plain(|| {
        let runtime = patient(2);
        let handle = runtime.handle();
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            handle.enter(wait_for_shutdown);
            assert!(handle.is_shutting_down());
            tell.send(()).expect("the root waits for it");
        });
        runtime.run(move || {
            shut_down_and_stay();
            told.recv().expect("the thread goes on");
        });
        thread.join().expect("no panic");
    });
}

#[test]
fn a_run_that_begins_after_a_shutdown_ends_at_once_and_the_next_one_is_not_concerned() {
    plain(|| {
        let tally = Tally::new();
        let runtime = patient(1);
        let handle: RuntimeHandle = runtime.handle();
        handle.shutdown();
        let token = tally.token(1);
        was_shut_down(runtime.try_run(move || unreachable!("{}", token.value())));
        tally.check();
        assert!(!handle.is_shutting_down());
        assert_eq!(runtime.run(|| 7), 7);
        handle.shutdown();
        let message = panic_message(|| runtime.run(|| ()));
        assert!(message.contains("shutdown"), "{message}");
        assert_eq!(runtime.run(|| 8), 8);
    });
}

#[test]
fn without_a_run_all_but_the_deadline_is_the_same() {
    plain(|| {
        let (tell, log) = log();
        let runtime = patient(2);
        let handle = runtime.handle();
        let waits = handle.enter(|| {
            start::<false, false>("server", &tell, None);
            let of_hook = tell.clone();
            on_shutdown(move || of_hook.send("hook").expect("the log is read later"));
            spawn(|| sleep(HOUR))
        });
        handle.shutdown();
        was_shut_down(waits.join());
        drop((runtime, tell));
        assert_eq!(entries(log), ["hook", "server"]);
    });
}

#[test]
fn a_runtime_that_is_dropped_in_a_shutdown_gives_it_its_time() {
    plain(|| {
        let (tell, log) = log();
        let runtime = patient(2);
        let handle = runtime.handle();
        handle.enter(|| {
            start::<false, false>("server", &tell, None);
            on_shutdown(|| sleep(Duration::from_millis(5)));
        });
        handle.shutdown();
        drop((runtime, tell));
        assert_eq!(entries(log), ["server"]);
        handle.shutdown(); // of a runtime that is gone: nothing
    });
}

#[test]
fn a_shutdown_at_the_very_end_of_a_run_is_that_runs_or_the_next_ones() {
    plain(|| {
        for round in 0..300 {
            let runtime = patient(1 + round % 2);
            let handle = runtime.handle();
            let asks = std::thread::spawn(move || handle.shutdown());
            let first = runtime.try_run(|| 1);
            asks.join().expect("no panic");
            let second = runtime.try_run(|| 2);
            assert!(matches!(first, Ok(1) | Err(ExitReason::Shutdown)), "{first:?}");
            assert!(matches!(second, Ok(2) | Err(ExitReason::Shutdown)), "{second:?}");
            assert_eq!(runtime.run(|| 3), 3);
        }
    });
}

// ---- waits ----------------------------------------------------------------------------------------------------------------

/// What an actor waits in, and by what name.
type Wait = (&'static str, Box<dyn FnOnce() + Send>);

/// Has a shutdown come over actors that wait in these ways: each ends by it, and drops what it has.
fn are_ended_in(waits: Vec<Wait>) {
    let tally = Tally::new();
    let actors: Vec<_> = (0..)
        .zip(waits)
        .map(|(number, (name, wait))| {
            let token = tally.token(number);
            let actor = begun(move || {
                wait();
                token.value()
            });
            (name, actor)
        })
        .collect();
    shut_down_and_stay();
    for (name, actor) in actors {
        let ended = actor.join();
        assert!(matches!(ended, Err(ExitReason::Shutdown)), "{name}: {ended:?}");
    }
    tally.check();
}

fn forever() -> (Sender<u64>, Receiver<u64>) {
    channel()
}

#[test]
fn waits_of_thread_actors_are_ended() {
    let outer = Arc::new(patient(1));
    let elsewhere = outer.handle();
    patiently(move || {
        let (kept, rx) = forever();
        let (kept_too, too) = forever();
        let (full, kept_full) = bounded(0);
        let (once, never) = oneshot::<()>();
        let locked = Arc::new(Mutex::new(()));
        let (for_lock, for_condvar) = (Arc::clone(&locked), Arc::new(Mutex::new(())));
        let guard = locked.lock().expect("it is free");
        let table = Arc::new(RwLock::new(()));
        let (for_read, read) = (Arc::clone(&table), table.write().expect("it is free"));
        let permits = Arc::new(Semaphore::new(0));
        let barrier = Arc::new(Barrier::new(2));
        let stranger = elsewhere.spawn(|| sleep(HOUR));
        let stranger_pid = stranger.pid();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
        let (mut stream, _) = listener.accept().expect("it was connected");
        are_ended_in(vec![
            ("recv", Box::new(move || _ = rx.recv())),
            ("recv_timeout", Box::new(move || _ = too.recv_timeout(HOUR))),
            ("send", Box::new(move || _ = full.send(1))),
            ("oneshot", Box::new(move || _ = never.recv())),
            ("sleep", Box::new(|| sleep(HOUR))),
            (
                "park_current",
                Box::new(|| {
                    loop {
                        park_current()
                    }
                }),
            ),
            (
                "yield_now",
                Box::new(|| {
                    loop {
                        yield_now()
                    }
                }),
            ),
            ("lock", Box::new(move || _ = for_lock.lock_timeout(HOUR).map(drop))),
            ("read", Box::new(move || _ = for_read.read().map(drop))),
            ("acquire", Box::new(move || _ = permits.acquire(1).map(drop))),
            ("barrier", Box::new(move || _ = barrier.wait().map(drop))),
            (
                "condvar",
                Box::new(move || {
                    let condvar = Condvar::new();
                    let mut guard = for_condvar.lock().expect("it is free");
                    loop {
                        guard = condvar.wait(guard).expect("no error");
                    }
                }),
            ),
            ("accept", Box::new(move || _ = listener.accept())),
            ("read of a socket", Box::new(move || _ = stream.read(&mut [0]))),
            ("block_on", Box::new(|| block_on(std::future::pending()))),
            ("join of another runtime's", Box::new(move || _ = stranger.join())),
            ("run", Box::new(|| smarm::run(|| sleep(HOUR)))),
        ]);
        drop((kept, kept_too, kept_full, once, guard, read, client));
        smarm::kill(stranger_pid);
    });
    drop(outer);
}

#[test]
fn blocking_code_goes_on_and_its_caller_does_not_wait_for_it() {
    plain(|| {
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let done = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&done);
        patient(2).run(move || {
            let (running, runs) = channel();
            let caller = spawn(move || {
                block_on_io(move || {
                    running.send(()).expect("the root waits");
                    gate.recv().expect("it is told to");
                    told.store(true, SeqCst);
                });
            });
            runs.recv().expect("it begins");
            shut_down_and_stay();
            was_shut_down(caller.join());
            open.send(()).expect("it waits");
        });
        assert!(done.load(SeqCst), "the run waits for it");
    });
}

#[test]
fn a_wait_that_need_not_wait_returns() {
    patiently(|| {
        let (tx, rx) = channel();
        (0..1000).for_each(|n| tx.send(n).expect("the receiver is there"));
        let (gate, open) = channel::<()>();
        let sum = Arc::new(AtomicUsize::new(0));
        let drained = Arc::clone(&sum);
        let consumer = begun(move || {
            assert!(mask_kill(|| open.recv()).is_err(), "it was asked meanwhile");
            (0..1000).for_each(|_| _ = drained.fetch_add(rx.recv().expect("it is there"), SeqCst));
            rx.recv()
        });
        shut_down_and_stay();
        drop(gate);
        was_shut_down(consumer.join());
        assert_eq!(sum.load(SeqCst), 499_500);
        drop(tx);
    });
}

#[test]
fn an_actor_that_has_not_begun_begins_and_ends_where_it_waits() {
    plain(|| {
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&begun);
        patient(1).run(move || {
            let actors: Vec<_> = (0..100)
                .map(|_| {
                    let counter = Arc::clone(&counter);
                    spawn(move || {
                        counter.fetch_add(1, SeqCst);
                        sleep(HOUR);
                    })
                })
                .collect();
            shutdown();
            wait_for_shutdown();
            actors.into_iter().for_each(|actor| was_shut_down(actor.join()));
        });
        assert_eq!(begun.load(SeqCst), 100);
    });
}

#[test]
fn a_join_waits_for_an_actor_that_ends_by_itself() {
    patiently(|| {
        let (open, gate) = channel::<()>();
        let worker = begun(move || mask_kill(move || (gate.recv().is_err(), 7)));
        let joiner = begun(move || {
            let answer = worker.join().expect("it finishes what it has in hand");
            assert_eq!(answer, (true, 7));
            answer.1 + 1
        });
        shut_down_and_stay();
        drop(open);
        assert_eq!(joiner.join().expect("its join is satisfied"), 8);
    });
}

#[test]
fn who_joins_an_actor_that_the_shutdown_ends_ends_with_it() {
    patiently(|| {
        let first = begun(|| sleep(HOUR));
        let second = begun(move || first.join().expect("not said to it"));
        let third = begun(move || second.join().expect("not said to it"));
        shut_down_and_stay();
        was_shut_down(third.join());
    });
}

#[test]
fn a_scope_ends_with_its_actors_and_its_frames_are_theirs_until_then() {
    patiently(|| {
        let tally = Tally::new();
        let token = tally.token(1);
        let parent = begun(move || {
            let mut filled = [0_u8; 64];
            scope(|s| {
                for byte in &mut filled {
                    s.spawn(|| {
                        sleep(HOUR);
                        *byte = 1;
                    });
                }
            });
            unreachable!("nothing was filled: {filled:?} {}", token.value());
        });
        let finishes = begun(|| {
            let mut filled = 0;
            scope(|s| {
                _ = s.spawn(|| {
                    mask_kill(|| {
                        yield_until(is_shutting_down);
                        sleep(Duration::from_millis(1));
                        filled = 7;
                    })
                })
            });
            filled
        });
        shut_down_and_stay();
        was_shut_down(parent.join().map(|never: Infallible| never));
        assert_eq!(finishes.join().expect("its actor finished"), 7);
        tally.check();
    });
}

#[test]
fn what_is_masked_is_finished_and_then_the_next_wait_ends_the_actor() {
    patiently(|| {
        let server = Echo.start();
        let (open, gate) = channel::<()>();
        let (finished, finishes) = channel();
        let connection = begun(move || {
            mask_kill(|| {
                assert!(gate.recv().is_err(), "nobody sends");
                sleep(Duration::from_millis(1));
                let answer = server.echo(7); // of a server that has ended
                finished.send(matches!(answer, Err(CallError::Down { .. }))).expect("the root waits");
            });
            sleep(HOUR);
        });
        shut_down_and_stay();
        drop(open);
        assert_eq!(finishes.recv(), Ok(true));
        was_shut_down(connection.join());
    });
}

struct Echo;

#[smarm::actor]
impl Echo {
    pub fn echo(&self, n: u64) -> u64 {
        n
    }
}

#[test]
fn who_was_told_waits_as_ever_and_so_do_those_that_it_spawns() {
    patiently(|| {
        let told = begun(|| {
            wait_for_shutdown();
            let (tx, rx) = channel();
            let helper = spawn(move || {
                sleep(Duration::from_millis(2));
                spawn(|| sleep(Duration::from_millis(30))).join().expect("nobody ends it");
                tx.send(7).expect("it is waited for");
            });
            let answer = rx.recv().expect("it is sent");
            helper.join().expect("nobody ends it");
            assert!(rx.recv().is_err(), "an error is told to it");
            scope(|s| s.spawn(|| sleep(Duration::from_millis(1))).join().expect("nobody ends it"));
            answer
        });
        shut_down_and_stay();
        assert_eq!(told.join().expect("nobody ends it"), 7);
    });
}

#[test]
fn actors_that_are_spawned_meanwhile_are_asked_too() {
    plain(|| {
        for workers in [1, 2, 4] {
            let alive = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&alive);
            patient(workers).run(move || {
                // As an accept loop under load, that has not come to a wait yet when it is asked.
                let many = begun(move || {
                    let until = AtomicUsize::new(0);
                    while until.fetch_add(1, SeqCst) < 2000 {
                        let counter = Arc::clone(&counter);
                        spawn(move || {
                            counter.fetch_add(1, SeqCst);
                            let _count = Uncount(counter);
                            sleep(HOUR);
                        });
                        smarm::check!();
                    }
                    sleep(HOUR);
                });
                shut_down_and_stay();
                was_shut_down(many.join());
            });
            assert_eq!(alive.load(SeqCst), 0);
        }
    });
}

struct Uncount(Arc<AtomicUsize>);

impl Drop for Uncount {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

fn call_for_ever(server: &EchoHandle) {
    for n in 0.. {
        assert_eq!(server.echo(n).expect("it lives"), n);
    }
}

#[test]
fn an_actor_that_calls_a_server_which_the_shutdown_has_ended_ends_too() {
    plain(|| {
        for workers in [1, 2, 4] {
            for _ in 0..20 {
                // The root, and others, under load: none of them sees an error.
                let ended = patient(workers).try_run(|| {
                    let server = Echo.start();
                    let callers: Vec<_> = (0..4)
                        .map(|_| {
                            let server = server.clone();
                            begun(move || call_for_ever(&server))
                        })
                        .collect();
                    spawn(shutdown);
                    on_shutdown(move || drop(callers));
                    call_for_ever(&server);
                });
                was_shut_down(ended);
            }
        }
    });
}

#[test]
fn a_channel_whose_other_end_the_shutdown_has_ended_ends_its_actor_and_is_no_error() {
    plain(|| {
        for workers in [1, 2, 4] {
            for _ in 0..20 {
                let ended = patient(workers).try_run(|| {
                    let (tx, rx) = channel();
                    spawn(move || {
                        for n in 0.. {
                            tx.send(n).expect("the root receives until this ends");
                            yield_now();
                        }
                    });
                    let (to, from) = bounded(1);
                    spawn(move || from.iter().for_each(drop::<u64>));
                    spawn(shutdown);
                    loop {
                        to.send(rx.recv().expect("no error")).expect("no error");
                    }
                });
                was_shut_down(ended.map(|never: Infallible| never));
            }
        }
    });
}

#[test]
fn who_swallows_the_shutdown_gets_it_again() {
    patiently(|| {
        let stubborn = begun(|| {
            let times = (0..5).filter(|_| catch_unwind(AssertUnwindSafe(|| sleep(HOUR))).is_err()).count();
            assert_eq!(times, 5);
            sleep(HOUR);
        });
        let deaf = begun(|| {
            let times = (0..16).filter(|_| catch_unwind(AssertUnwindSafe(|| sleep(HOUR))).is_err()).count();
            assert_eq!(times, 16);
            sleep(Duration::from_millis(1));
            "finished"
        });
        shut_down_and_stay();
        was_shut_down(stubborn.join());
        assert_eq!(deaf.join().expect("it was left to finish"), "finished");
    });
}

#[test]
fn a_destructor_that_runs_because_of_a_shutdown_does_not_wait() {
    struct Waits(Receiver<u64>, Sender<bool>);
    impl Drop for Waits {
        fn drop(&mut self) {
            self.1.send(self.0.recv().is_err_and(|error| error.is_unwinding())).expect("the root waits");
            wait_for_shutdown();
        }
    }
    patiently(|| {
        let (tell, told) = channel();
        let (kept, rx) = forever();
        let actor = begun(move || {
            let _waits = Waits(rx, tell);
            sleep(HOUR);
        });
        shut_down_and_stay();
        was_shut_down(actor.join());
        assert_eq!(told.recv(), Ok(true));
        drop(kept);
    });
}

#[test]
fn a_kill_that_came_before_stays_a_kill() {
    patiently(|| {
        let actor = begun(|| mask_kill(|| yield_until(is_shutting_down)));
        actor.kill();
        shut_down_and_stay();
        // It was masked when it was asked; a safe point may have come, or the end.
        let ended = actor.join();
        assert!(matches!(ended, Ok(()) | Err(ExitReason::Killed)), "{ended:?}");
    });
}

// ---- the deadline ---------------------------------------------------------------------------------------------------------

#[test]
fn at_the_deadline_all_are_killed() {
    plain(|| {
        for workers in [1, 2] {
            let (tell, log) = log();
            let ended = impatient(workers).try_run(move || {
                let of_hook = tell.clone();
                on_shutdown(move || {
                    let _says = Says("hook", of_hook);
                    sleep(HOUR);
                });
                let of_other = tell.clone();
                spawn(move || {
                    let _says = Says("other", of_other);
                    loop {
                        smarm::check!();
                    }
                });
                let _says = Says("root", tell);
                shutdown();
                wait_for_shutdown();
                unreachable!("the hook does not return");
            });
            was_killed(ended);
            let mut log = entries(log);
            log.sort_unstable();
            assert_eq!(log, ["hook", "other", "root"]);
        }
    });
}

/// Says that it was dropped.
struct Says(&'static str, Sender<&'static str>);

impl Drop for Says {
    fn drop(&mut self) {
        self.1.send(self.0).ok();
    }
}

#[test]
fn a_timeout_of_zero_kills_at_once() {
    plain(|| {
        let runtime = init(Config::exact(2).shutdown_timeout(Duration::ZERO));
        was_killed(runtime.try_run(|| {
            shutdown();
            loop {
                smarm::check!();
            }
        }));
    });
}

#[test]
fn an_actor_that_asks_is_not_held_up() {
    plain(|| {
        let ended = patient(2).try_run(|| {
            let worker = begun(|| {
                let mut rounds = 0_u64;
                while !is_shutting_down() {
                    rounds += 1;
                    smarm::check!();
                }
                rounds
            });
            spawn(shutdown);
            worker.join().expect("it returns") > 0
        });
        assert!(matches!(ended, Ok(true)), "{ended:?}");
    });
}

// ---- the end of the root --------------------------------------------------------------------------------------------------

#[test]
fn run_panics_with_a_sentence_if_a_shutdown_has_ended_the_root() {
    plain(|| {
        let message = panic_message(|| {
            patient(1).run(|| {
                shutdown();
                sleep(HOUR);
            })
        });
        assert_eq!(message, "the root actor ended without a value: shutdown");
    });
}

#[test]
fn a_root_that_returns_has_its_value_whatever_else_is_shut_down() {
    plain(|| {
        for workers in [1, 2] {
            let value = patient(workers).run(|| {
                drop(begun(|| sleep(HOUR)));
                shutdown();
                7
            });
            assert_eq!(value, 7);
        }
    });
}

#[test]
fn a_panic_of_the_root_shuts_the_others_down_in_order_and_resumes() {
    plain(|| {
        for workers in [1, 2] {
            let (tell, log) = log();
            let payload = panic_payload(|| {
                patient(workers).run(move || {
                    start::<false, false>("server", &tell, None);
                    let of_hook = tell.clone();
                    on_shutdown(move || of_hook.send("hook").expect("the log is read later"));
                    drop(begun(move || {
                        let _says = Says("actor", tell);
                        sleep(HOUR);
                    }));
                    panic!("of the root");
                })
            });
            assert_eq!(message_of(&*payload), Some("of the root"));
            assert_eq!(entries(log), ["hook", "server", "actor"]);
        }
    });
}

#[test]
fn a_root_that_ends_itself_with_normal_shuts_nothing_down_and_with_shutdown_the_others() {
    plain(|| {
        for workers in [1, 2] {
            let (tell, log) = log();
            let ended = patient(workers).try_run(move || -> () {
                on_shutdown(|| unreachable!("there is none"));
                spawn(move || {
                    sleep(Duration::from_millis(1));
                    tell.send("finished").expect("the log is read later");
                });
                smarm::exit(ExitReason::Normal)
            });
            assert!(matches!(ended, Err(ExitReason::Normal)), "{ended:?}");
            assert_eq!(entries(log), ["finished"]);
            let ended = patient(workers).try_run(|| -> () {
                spawn(|| sleep(HOUR));
                smarm::exit(ExitReason::Shutdown)
            });
            was_shut_down(ended);
        }
    });
}

#[test]
fn a_panic_of_another_actor_shuts_nothing_down() {
    actors(|| {
        assert!(spawn(|| panic!("not of the root")).join().is_err());
        assert!(!is_shutting_down());
    });
}

#[test]
fn a_shutdown_is_passed_on_to_a_runtime_inside() {
    plain(|| {
        for workers in [1, 2] {
            let (tell, log) = log();
            patient(workers).run(move || {
                let (running, runs) = channel();
                let inner = spawn(move || {
                    patient(1).run(move || {
                        start::<false, false>("inner server", &tell, None);
                        let of_hook = tell.clone();
                        on_shutdown(move || of_hook.send("inner hook").expect("the log is read later"));
                        running.send(()).expect("the outer root waits");
                        wait_for_shutdown();
                        tell.send("inner root").expect("the log is read later");
                    });
                    "returned"
                });
                runs.recv().expect("the inner root runs");
                shut_down_and_stay();
                assert_eq!(inner.join().expect("the inner root returned"), "returned");
            });
            assert_eq!(entries(log), ["inner hook", "inner server", "inner root"]);
        }
    });
}

#[test]
fn waiting_for_a_shutdown_that_nobody_can_begin_is_a_deadlock() {
    plain(|| {
        let report = match runtime(1).try_run(wait_for_shutdown) {
            Err(ExitReason::Error(report)) => report.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(report.contains("waits in wait_for_shutdown"), "{report}");
    });
}

#[test]
fn a_hook_that_waits_in_vain_is_none() {
    plain(|| {
        let runtime = init(
            Config::exact(1)
                .deadlock(smarm::runtime::Deadlock::Fail)
                .shutdown_timeout(Duration::from_millis(1500)),
        );
        was_killed(runtime.try_run(|| {
            on_shutdown(|| {
                let (_kept, rx) = forever();
                _ = rx.recv();
            });
            shut_down_and_stay();
        }));
    });
}

// ---- under load -----------------------------------------------------------------------------------------------------------

/// Answers what is in hand, and is ended between two requests.
fn serve(mut stream: TcpStream, answered: &AtomicUsize) -> std::io::Result<()> {
    let mut request = [0];
    while stream.read(&mut request)? == 1 {
        mask_kill(|| {
            yield_now();
            answered.fetch_add(1, SeqCst);
            stream.write_all(&request)
        })?;
    }
    Ok(())
}

#[test]
fn every_request_that_was_read_is_answered() {
    plain(|| {
        for workers in [1, 2, 4] {
            let answered = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&answered);
            let runtime = patient(workers);
            let handle = runtime.handle();
            let (tell, told) = channel();
            let client = std::thread::spawn(move || {
                let address: std::net::SocketAddr = told.recv().expect("the root tells");
                let mut rng = Rng::new(workers as u64);
                let mut streams: Vec<_> =
                    (0..8).map(|_| std::net::TcpStream::connect(address).expect("it listens")).collect();
                let mut answers = 0;
                let mut asked = false;
                while !streams.is_empty() {
                    let place = rng.below(streams.len());
                    let stream = &mut streams[place];
                    let answer = stream.write_all(&[7]).and_then(|()| stream.read(&mut [0]));
                    match answer {
                        Ok(1) => answers += 1,
                        _ => drop(streams.remove(place)),
                    }
                    if answers == 100 && !asked {
                        asked = true;
                        handle.shutdown();
                    }
                }
                answers
            });
            let ended = runtime.try_run(move || {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
                tell.send(listener.local_addr().expect("an address")).expect("the client waits");
                loop {
                    let (stream, _) = listener.accept().expect("no error");
                    let counter = Arc::clone(&counter);
                    spawn(move || serve(stream, &counter));
                }
            });
            was_shut_down(ended.map(|never: Infallible| never));
            assert_eq!(client.join().expect("no panic"), answered.load(SeqCst));
        }
    });
}
