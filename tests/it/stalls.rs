//! An actor that keeps its worker: what goes on without that worker, and what is told of it.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::Sender;
use smarm::runtime::{Config, Deadlock, Runtime, Stall, ThreadActivity, init};
use smarm::{Builder, block_in_place, channel, sleep, spawn};
use smarm_tests::{in_child, plain};
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// Told of by nobody but the test.
fn quietly(config: Config) -> Runtime {
    init(config.deadlock(Deadlock::Fail).on_stall(|_| ()))
}

/// A flag, and a loop without allocations and safe points that ends when it is up.
#[derive(Clone, Default)]
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn raise(&self) {
        self.0.store(true, SeqCst);
    }

    fn is_up(&self) -> bool {
        self.0.load(SeqCst)
    }

    fn spin(&self) {
        while !self.is_up() {
            spin_loop();
        }
    }
}

#[derive(Default)]
struct Greeter {
    greeted: u32,
}

#[smarm::actor(timeout = none)]
impl Greeter {
    pub fn greet(&mut self) -> u32 {
        self.greeted += 1;
        self.greeted
    }
    pub fn raise(&self, flag: Flag) {
        flag.raise();
    }
    pub fn spin(&self, flag: Flag) -> u32 {
        flag.spin();
        self.greeted
    }
    pub fn wait(&self, begun: Flag, gate: smarm::channel::Receiver<u32>) -> u32 {
        begun.raise();
        gate.recv().expect("somebody sends")
    }
}

// ---- what can move goes on --------------------------------------------------------------------------------------------

#[test]
fn a_tight_loop_does_not_keep_an_unstarted_actor_from_running() {
    plain(|| {
        quietly(Config::exact(1)).run(|| {
            let flag = Flag::default();
            let raiser = flag.clone();
            let child = spawn(move || raiser.raise());
            flag.spin();
            child.join().expect("it has raised the flag");
        });
    });
}

#[test]
fn a_tight_loop_does_not_keep_a_server_from_its_messages() {
    plain(|| {
        quietly(Config::exact(1)).run(|| {
            let (flag, greeter) = (Flag::default(), Greeter::default().start());
            greeter.raise(flag.clone());
            flag.spin();
            assert_eq!(greeter.greet().expect("it answers"), 1);
        });
    });
}

#[test]
fn a_tight_loop_does_not_keep_a_message_that_is_to_be_sent_later() {
    plain(|| {
        quietly(Config::exact(1)).run(|| {
            let (flag, greeter) = (Flag::default(), Greeter::default().start());
            drop(greeter.send_after(Duration::from_millis(1), GreeterMsg::Raise { flag: flag.clone() }));
            flag.spin();
        });
    });
}

#[test]
fn what_a_plain_thread_sends_and_spawns_finds_a_worker_beside_tight_loops() {
    plain(|| {
        let runtime = quietly(Config::exact(2));
        let handle = runtime.handle();
        let flag = Flag::default();
        let hogs: Vec<_> = (0..4)
            .map(|_| {
                let flag = flag.clone();
                handle.spawn(move || flag.spin())
            })
            .collect();
        let greeter = handle.enter(|| Greeter::default().start());
        for n in 1..=100 {
            assert_eq!(greeter.greet().expect("it answers"), n);
            assert_eq!(handle.spawn(move || n).join().expect("it returns"), n);
        }
        flag.raise();
        hogs.into_iter().for_each(|hog| hog.join().expect("it returns"));
        greeter.stop();
        greeter.join();
    });
}

#[test]
fn what_started_on_a_spare_worker_ends_there() {
    plain(|| {
        quietly(Config::exact(1)).run(|| {
            let (tx, rx) = channel();
            let (started, thread) = (Flag::default(), std::thread::current().id());
            let tell = started.clone();
            let child = spawn(move || {
                tell.raise();
                let sum: u32 = rx.iter().sum();
                sleep(Duration::from_millis(1));
                (sum, std::thread::current().id())
            });
            started.spin();
            // The stall is over, and the child on a worker that takes nothing new.
            (0..1000).for_each(|n| {
                tx.send(n).expect("the child receives");
                smarm::yield_now();
            });
            drop(tx);
            let (sum, elsewhere) = child.join().expect("it returns");
            assert_eq!(sum, 499_500);
            assert_ne!(elsewhere, thread);
        });
    });
}

#[test]
fn a_handler_that_parks_on_a_spare_worker_goes_on_there() {
    plain(|| {
        quietly(Config::exact(1)).run(|| {
            let (tx, rx) = channel();
            let (begun, greeter) = (Flag::default(), Greeter::default().start());
            let (asker, flag) = (greeter.clone(), begun.clone());
            let asked = spawn(move || asker.wait(flag, rx));
            begun.spin();
            tx.send(7).expect("the handler waits");
            assert_eq!(asked.join().expect("it returns").expect("it answers"), 7);
            assert_eq!(greeter.greet().expect("it answers"), 1);
        });
    });
}

#[test]
fn each_spare_worker_that_is_held_up_gets_a_spare_itself() {
    plain(|| {
        quietly(Config::exact(1)).run(|| {
            let flags: Vec<_> = (0..4).map(|_| Flag::default()).collect();
            let hogs: Vec<_> = (0..3)
                .map(|n| {
                    let (mine, next) = (flags[n].clone(), flags[n + 1].clone());
                    spawn(move || {
                        mine.raise();
                        next.spin();
                    })
                })
                .collect();
            let last = flags[3].clone();
            let end = spawn(move || last.raise());
            flags[0].spin();
            hogs.into_iter().for_each(|hog| hog.join().expect("it returns"));
            end.join().expect("it returns");
        });
    });
}

#[test]
fn without_spares_what_could_move_waits() {
    plain(|| {
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        let config = Config::exact(1).spares(0).stall_after(Duration::from_millis(1)).on_stall(move |_| {
            count.fetch_add(1, SeqCst);
        });
        init(config).run(move || {
            let flag = Flag::default();
            let raiser = flag.clone();
            let child = spawn(move || raiser.raise());
            // Told of for the second time after ten times the limit.
            while told.load(SeqCst) < 2 {
                spin_loop();
            }
            assert!(!flag.is_up(), "two actors of one worker ran at once");
            child.join().expect("it returns");
        });
    });
}

#[test]
fn spare_workers_come_and_go_with_stalls() {
    plain(|| {
        let config = Config::exact(2).stall_after(Duration::from_millis(1)).spares(3);
        let runtime = quietly(config);
        runtime.run(|| {
            for _ in 0..30 {
                let flags: Vec<_> = (0..3).map(|_| Flag::default()).collect();
                let raisers = flags.clone();
                let spinners: Vec<_> = flags.into_iter().map(|flag| spawn(move || flag.spin())).collect();
                // Without a safe point: it could be switched out, and then wait behind one of those that wait for it.
                let raise = move || raisers.iter().for_each(Flag::raise);
                spawn(raise).join().expect("it returns");
                spinners.into_iter().for_each(|spinner| spinner.join().expect("it returns"));
            }
        });
        assert_eq!(runtime.stats().live(), 0);
    });
}

// ---- what is told -----------------------------------------------------------------------------------------------------

/// Runs `stall` as an actor called "culprit" beside another one, which waits, until the hook has been told, and then ends it by the flag; what was told.
fn told_of(stall: impl FnOnce(&Flag) + Send + 'static) -> Stall {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let config = Config::exact(1).stall_after(Duration::from_millis(5)).on_stall(move |stall| {
        tell.lock().expect("nobody panics").send(stall.clone()).ok();
    });
    let runtime = init(config);
    let handle = runtime.handle();
    let end = Flag::default();
    let flag = end.clone();
    let culprit = handle.enter(|| {
        Builder::new().name("culprit").spawn(move || {
            beside_another(|| stall(&flag));
        })
    });
    let first = told.recv().expect("the hook tells");
    end.raise();
    culprit.expect("a stack").join().expect("it returns");
    first
}

#[test]
fn a_stall_is_told_of_with_name_place_worker_and_time() {
    plain(|| {
        let stall = told_of(Flag::spin);
        assert_eq!(stall.name.as_deref(), Some("culprit"));
        assert!(stall.spawned_at.expect("the place").file().ends_with("stalls.rs"));
        assert_eq!(stall.worker, 0);
        assert!(stall.duration >= Duration::from_millis(5));
        assert!(matches!(stall.activity, ThreadActivity::Running | ThreadActivity::Unknown), "{stall}");
        assert!(stall.to_string().starts_with(&format!("actor 'culprit' {}", stall.pid)), "{stall}");
    });
}

#[test]
fn a_thread_that_is_blocked_is_told_of_with_its_system_call() {
    plain(|| {
        let stall = told_of(|flag| {
            let lock = Arc::new(Mutex::new(()));
            let guard = lock.lock().expect("nobody panics");
            let (other, end) = (Arc::clone(&lock), flag.clone());
            let unlocker = std::thread::spawn(move || {
                let held = other.lock();
                drop((held, end));
            });
            // The main test thread raises the flag; until then this thread sleeps in the system.
            let (nobody, never) = mpsc::channel::<()>();
            while !flag.is_up() {
                never.recv_timeout(Duration::from_millis(50)).ok();
            }
            drop((guard, nobody));
            unlocker.join().expect("it returns");
        });
        let futex = ThreadActivity::Blocked { syscall: "futex".to_owned() };
        assert!([futex, ThreadActivity::Unknown].contains(&stall.activity), "{stall}");
    });
}

/// Many times the limit, also where a processor is shared with others.
const LONG: Duration = Duration::from_millis(500);

fn spin_for(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        spin_loop();
    }
}

/// Runs `f` while another actor waits: who is alone keeps nobody waiting.
fn beside_another(f: impl FnOnce()) {
    let (open, gate) = channel::<()>();
    let other = spawn(move || gate.recv());
    f();
    drop(open);
    other.join().expect("it returns").expect_err("nothing was sent");
}

#[test]
fn without_a_hook_a_line_names_the_actor() {
    let ended = in_child(|| {
        init(Config::exact(1)).run(|| {
            let culprit = Builder::new().name("culprit").spawn(|| beside_another(|| spin_for(LONG)));
            culprit.expect("a stack").join().expect("it returns");
        });
    });
    ended.is_success();
    ended.line_with(&["smarm: actor 'culprit' <", "stalls.rs", "has kept worker 0", "without a safe point"]);
}

#[test]
fn lines_are_not_written_for_each_stall() {
    let ended = in_child(|| {
        init(Config::exact(1).stall_after(Duration::from_millis(1))).run(|| {
            beside_another(|| {
                for _ in 0..10 {
                    spin_for(LONG / 10);
                    smarm::yield_now();
                }
            });
        });
    });
    ended.is_success();
    let lines = ended.stderr.lines().filter(|line| line.contains("has kept worker")).count();
    assert!((1..=5).contains(&lines), "{}", ended.stderr);
}

#[test]
fn a_hook_that_panics_is_called_again() {
    let ended = in_child(|| {
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        let config = Config::exact(1).spares(0).stall_after(Duration::from_millis(1)).on_stall(move |_| {
            count.fetch_add(1, SeqCst);
            panic!("a clumsy hook");
        });
        init(config).run(move || {
            let other = spawn(|| ());
            while told.load(SeqCst) < 2 {
                spin_loop();
            }
            other.join().expect("it returns");
        });
    });
    ended.is_success();
    assert!(ended.stderr.matches("a clumsy hook").count() >= 2, "{}", ended.stderr);
}

#[test]
fn an_actor_that_keeps_nobody_waiting_is_not_told_of() {
    plain(|| {
        let told = Flag::default();
        let flag = told.clone();
        let config = Config::exact(1).stall_after(Duration::from_millis(1)).on_stall(move |_| flag.raise());
        init(config).run(|| std::thread::sleep(Duration::from_millis(30)));
        assert!(!told.is_up());
    });
}

#[test]
fn an_actor_that_comes_to_safe_points_is_not_told_of() {
    plain(|| {
        let told = Flag::default();
        let flag = told.clone();
        // Far beyond what the host of a virtual machine may take its processor away for, which counts as the thread's time.
        let config = Config::exact(1).stall_after(LONG).on_stall(move |_| flag.raise());
        init(config).run(|| {
            let hog = spawn(|| {
                let begin = Instant::now();
                while begin.elapsed() < 2 * LONG {
                    smarm::check!();
                }
            });
            let other = spawn(|| sleep(Duration::from_millis(1)));
            hog.join().expect("it returns");
            other.join().expect("it returns");
        });
        assert!(!told.is_up());
    });
}

#[test]
#[should_panic(expected = "`stall_after(0)` has no meaning")]
fn a_limit_of_nothing_is_refused() {
    drop(Config::exact(1).stall_after(Duration::ZERO));
}

#[test]
#[should_panic(expected = "too many")]
fn too_many_spares_are_refused() {
    drop(Config::exact(1).spares(100_000));
}

// ---- on purpose -------------------------------------------------------------------------------------------------------

/// A runtime that fails its test when a stall is told of. The chaos build pauses its threads for so long itself.
fn without_stalls(config: Config) -> Runtime {
    let limit = Duration::from_millis(if cfg!(smarm_chaos) { 10_000 } else { 50 });
    init(config.stall_after(limit).on_stall(|stall| {
        eprintln!("{stall}");
        std::process::abort();
    }))
}

#[test]
fn what_can_move_leaves_a_worker_that_blocks_in_place() {
    plain(|| {
        without_stalls(Config::exact(1)).run(|| {
            let (tell, told) = mpsc::channel();
            let greeter = Greeter::default().start();
            let asker = greeter.clone();
            let child = spawn(move || tell.send(asker.greet()));
            assert_eq!(block_in_place(|| told.recv()).expect("it tells").expect("it answers"), 1);
            child.join().expect("it returns").expect("somebody receives");
            assert_eq!(greeter.greet().expect("it answers"), 2);
        });
    });
}

#[test]
fn what_comes_later_finds_a_worker_beside_one_that_blocks_in_place() {
    plain(|| {
        let runtime = without_stalls(Config::exact(1));
        let handle = runtime.handle();
        let (begun, begins) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let blocker = handle.spawn(move || {
            block_in_place(move || {
                begun.send(()).expect("the test receives");
                ends.recv().ok();
            });
        });
        begins.recv().expect("it blocks");
        // For several times the limit.
        let begin = Instant::now();
        while begin.elapsed() < LONG {
            assert_eq!(handle.spawn(|| 7).join().expect("it returns"), 7);
        }
        drop(end);
        blocker.join().expect("it returns");
    });
}

#[test]
fn blocking_in_place_nests_and_ends_with_a_panic() {
    plain(|| {
        without_stalls(Config::exact(1)).run(|| {
            let told = |tell: mpsc::Sender<()>| spawn(move || tell.send(()).expect("somebody receives"));
            let (tell, receives) = mpsc::channel();
            block_in_place(|| {
                let unwound = std::panic::catch_unwind(|| {
                    block_in_place(|| std::panic::resume_unwind(Box::new(())));
                });
                assert!(unwound.is_err());
                let child = told(tell);
                receives.recv().expect("the outer one still counts");
                drop(child);
            });
            spawn(|| ()).join().expect("it returns");
        });
    });
}

#[test]
fn a_plain_thread_blocks_in_place_as_it_is() {
    assert_eq!(block_in_place(|| 7), 7);
}

#[test]
fn waiting_inside_block_in_place_parks_the_actor() {
    plain(|| {
        without_stalls(Config::exact(1)).run(|| {
            let (tx, rx) = channel();
            let child = spawn(move || tx.send(7));
            assert_eq!(block_in_place(|| rx.recv()), Ok(7));
            child.join().expect("it returns").expect("the root received");
        });
    });
}

/// The sender half is kept by nobody else.
#[test]
fn a_killed_actor_that_blocks_in_place_ends_afterwards() {
    plain(|| {
        without_stalls(Config::exact(1)).run(|| {
            let (begun, begins): (Sender<()>, _) = channel();
            let (end, ends) = mpsc::channel::<()>();
            let blocker = Builder::new().own_thread().spawn(move || {
                block_in_place(|| {
                    begun.send(()).expect("the root receives");
                    ends.recv().ok();
                });
                sleep(Duration::MAX);
            });
            let blocker = blocker.expect("a thread");
            begins.recv().expect("it blocks");
            smarm::kill(blocker.pid());
            drop(end);
            assert!(matches!(blocker.join(), Err(smarm::ExitReason::Killed)));
        });
    });
}
