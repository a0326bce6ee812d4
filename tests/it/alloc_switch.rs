//! Actors that want to be switched out where they allocate: when they are, and when not.
//!
//! What breaks in such actors stands in death/alloc_switch.rs. The allocator of this program is `smarm::Alloc`; see `main.rs`.

use smarm::runtime::{Config, Deadlock, init};
use smarm::{
    Builder, ExitReason, JoinHandle, channel, check, forbid_yield, kill, no_preempt, scope, sleep, spawn,
};
use smarm_tests::{Tally, panic_message, plain};
use std::hint::black_box;
use std::io::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// So many allocations end many of the slices of [`short_slices`].
const MANY: usize = 20_000;

/// How long an actor that is not switched out tries to be. By then its slice is over a thousand times.
const LONG: Duration = Duration::from_millis(300);

/// Slices that are over at the second allocation or soon after.
/// Without spare workers, so that on one worker nobody else runs meanwhile.
fn short_slices(workers: usize) -> Config {
    Config::exact(workers).spares(0).deadlock(Deadlock::Fail).alloc_interval(1).timeslice_cycles(1)
}

fn switching(config: Config) -> Config {
    // SAFETY: the actors of these tests hold no lock, initialise nothing, borrow no thread-local and print nothing.
    unsafe { config.preempt_in_alloc() }
}

/// An actor that is switched out where it allocates.
fn switching_actor() -> Builder {
    // SAFETY: as in `switching`.
    unsafe { Builder::new().preempt_in_alloc() }
}

/// Runs `body` on one worker, all of whose actors are switched out where they allocate.
fn on_switching<F: FnOnce() -> T + Send + 'static, T: Send + 'static>(body: F) -> T {
    plain(|| init(switching(short_slices(1))).run(body))
}

fn allocate(times: usize) {
    (0..times).for_each(|n| drop(black_box(Box::new(n))));
}

/// Allocates until somebody else has set the flag, without a safe point.
fn allocate_until(flag: &AtomicBool) {
    while !flag.load(SeqCst) {
        allocate(10);
    }
}

/// The same; gives up after a while. Whether the flag was set.
fn allocate_a_while_for(flag: &AtomicBool) -> bool {
    let begin = Instant::now();
    while !flag.load(SeqCst) && begin.elapsed() < LONG {
        allocate(1000);
    }
    flag.load(SeqCst)
}

fn flag() -> (Arc<AtomicBool>, Arc<AtomicBool>) {
    let flag = Arc::new(AtomicBool::new(false));
    (Arc::clone(&flag), flag)
}

/// An actor that waits for the processor, and tells when it has had it.
fn sibling() -> Arc<AtomicBool> {
    let (tell, ran) = flag();
    spawn(move || tell.store(true, SeqCst));
    ran
}

/// An actor that sleeps, and tells when it has woken up. It sleeps when this returns.
fn sleeper() -> Arc<AtomicBool> {
    let (tell, woke) = flag();
    let (asleep, wait) = channel();
    spawn(move || {
        asleep.send(()).expect("the root waits");
        sleep(Duration::from_millis(1));
        tell.store(true, SeqCst);
    });
    wait.recv().expect("it is about to sleep");
    woke
}

// ---- who is switched out -----------------------------------------------------------------------------------------------

#[test]
fn an_actor_that_only_allocates_lets_a_sleeper_wake() {
    plain(|| {
        init(Config::exact(1).spares(0)).run(|| {
            let woke = sleeper();
            let allocates = switching_actor().spawn(move || allocate_until(&woke)).expect("a stack");
            allocates.join().expect("no panic");
        });
    });
}

#[test]
fn an_actor_of_the_default_kind_that_only_allocates_does_not() {
    plain(|| {
        init(Config::exact(1).spares(0)).run(|| {
            let woke = sleeper();
            let allocates = Builder::new().spawn(move || allocate_a_while_for(&woke)).expect("a stack");
            assert!(!allocates.join().expect("no panic"), "the allocations switched");
        });
    });
}

#[test]
fn all_actors_of_a_runtime_can_be_of_the_kind() {
    plain(|| {
        init(switching(Config::exact(1).spares(0))).run(|| {
            let woke = sleeper();
            spawn(move || allocate_until(&woke)).join().expect("no panic");
            allocate_until(&sleeper()); // the root too
        });
    });
}

#[test]
fn another_runtime_on_the_same_worker_block_is_not_of_the_kind() {
    plain(|| {
        for _ in 0..5 {
            init(switching(short_slices(1))).run(|| allocate_until(&sibling()));
            init(short_slices(1)).run(|| {
                let ran = sibling();
                allocate(MANY);
                assert!(!ran.load(SeqCst), "an allocation switched");
            });
        }
    });
}

#[test]
fn one_actor_of_the_kind_does_not_make_others_so() {
    plain(|| {
        init(short_slices(1)).run(|| {
            let one = switching_actor().spawn(|| allocate_until(&sibling())).expect("a stack");
            one.join().expect("no panic");
            let ran = sibling();
            allocate(MANY);
            assert!(!ran.load(SeqCst), "an allocation switched");
        });
    });
}

#[test]
fn growing_and_zeroed_blocks_switch_as_well() {
    for allocate in [
        || (0..100).for_each(|n| drop(black_box(vec![0_u8; n + 1]))),
        || _ = black_box((0..1000).fold(String::new(), |text, _| text + ".")),
    ] as [fn(); 2]
    {
        on_switching(move || {
            let ran = sibling();
            while !ran.load(SeqCst) {
                allocate();
            }
        });
    }
}

#[test]
fn an_actor_of_a_scope_can_be_of_the_kind() {
    plain(|| {
        init(short_slices(1)).run(|| {
            let (ran, tell) = flag();
            scope(|s| {
                let allocates = s.spawn_with(switching_actor(), || allocate_until(&ran)).expect("a stack");
                s.spawn(|| tell.store(true, SeqCst));
                allocates.join().expect("no panic");
            });
        });
    });
}

pub(crate) struct Burner {
    ran: Arc<AtomicBool>,
}

#[smarm::actor]
impl Burner {
    pub(crate) fn burn(&mut self) -> thread::ThreadId {
        let before = thread::current().id();
        let mut blocks = Vec::new();
        for n in std::iter::repeat_n(1, usize::MAX) {
            blocks.push(Box::new(n));
            if self.ran.load(SeqCst) {
                break;
            }
        }
        assert_eq!(thread::current().id(), before);
        before
    }
}

#[test]
fn a_server_of_such_a_runtime_is_switched_out_while_it_handles_a_message() {
    on_switching(|| {
        let burner = Burner { ran: sibling() }.start();
        burner.burn().expect("a reply");
    });
}

// ---- what it finds afterwards ------------------------------------------------------------------------------------------

#[test]
fn actors_that_only_allocate_take_turns() {
    on_switching(|| {
        let turns: Arc<[AtomicUsize; 3]> = Arc::default();
        let actor = |me: usize| {
            let turns = Arc::clone(&turns);
            // Each waits for each other one, again and again.
            spawn(move || {
                for round in 1..=200 {
                    turns[me].store(round, SeqCst);
                    while turns.iter().any(|others| others.load(SeqCst) < round) {
                        allocate(1);
                    }
                }
            })
        };
        let actors: Vec<_> = (0..3).map(actor).collect();
        actors.into_iter().for_each(|actor| actor.join().expect("no panic"));
    });
}

#[test]
fn an_actor_that_allocates_has_its_turn_among_those_that_yield() {
    on_switching(|| {
        let (tell, done) = flag();
        let yields = move |done: Arc<AtomicBool>| {
            move || {
                while !done.load(SeqCst) {
                    smarm::yield_now();
                }
            }
        };
        let others: Vec<_> = (0..10).map(|_| spawn(yields(Arc::clone(&done)))).collect();
        let allocates = spawn(move || {
            allocate(MANY);
            tell.store(true, SeqCst);
        });
        allocates.join().expect("no panic");
        others.into_iter().for_each(|other| other.join().expect("no panic"));
    });
}

#[test]
fn an_actor_stays_on_its_thread() {
    plain(|| {
        init(switching(short_slices(4))).run(|| {
            let actors: Vec<JoinHandle<()>> = (0..8)
                .map(|_| {
                    let stays = || {
                        let begun_on = thread::current().id();
                        for _ in 0..1000 {
                            allocate(5);
                            assert_eq!(thread::current().id(), begun_on);
                        }
                    };
                    Builder::new().spread().spawn(stays).expect("a stack")
                })
                .collect();
            actors.into_iter().for_each(|actor| actor.join().expect("no panic"));
        });
    });
}

#[test]
fn the_block_is_the_actors_own_and_as_it_was_written() {
    on_switching(|| {
        let writer = |me: usize| {
            spawn(move || {
                let mut blocks: Vec<Vec<usize>> = Vec::new();
                for n in 0..500 {
                    blocks.push(vec![me + n; n % 50 + 1]);
                    blocks[n / 2].push(me + n / 2);
                }
                blocks.iter().enumerate().all(|(n, block)| block.iter().all(|value| *value == me + n))
            })
        };
        let writers: Vec<_> = (0..5).map(|me| writer(me * 1_000_000)).collect();
        writers.into_iter().for_each(|writer| assert!(writer.join().expect("no panic")));
    });
}

#[test]
fn the_error_number_is_as_before() {
    fn fail(path: &str) -> Option<i32> {
        let error = std::fs::File::open(path).expect_err("there is no such file");
        error.raw_os_error()
    }
    on_switching(|| {
        let (tell, ran) = flag();
        let not_a_folder = fail("/proc/self/status/x");
        spawn(move || {
            assert_eq!(fail("/proc/self/status/x"), not_a_folder);
            tell.store(true, SeqCst);
        });
        let missing = fail("/no-such-file");
        assert_ne!(missing, not_a_folder);
        while !ran.load(SeqCst) {
            drop(black_box(Box::new(1)));
            assert_eq!(Error::last_os_error().raw_os_error(), missing);
        }
    });
}

// ---- where it is not switched out --------------------------------------------------------------------------------------

#[test]
fn nothing_switches_inside_no_preempt_and_forbid_yield() {
    on_switching(|| {
        let ran = no_preempt(|| {
            let ran = sibling();
            allocate(MANY);
            assert!(!ran.load(SeqCst), "an allocation switched");
            ran
        });
        allocate_until(&ran);
        let ran = forbid_yield(|| {
            let ran = sibling();
            allocate(MANY);
            assert!(!ran.load(SeqCst), "an allocation switched");
            ran
        });
        allocate_until(&ran);
    });
}

#[test]
fn nothing_switches_while_an_actor_unwinds() {
    struct Allocates(Arc<AtomicBool>);
    impl Drop for Allocates {
        fn drop(&mut self) {
            allocate(MANY);
            assert!(!self.0.load(SeqCst), "an allocation switched");
        }
    }
    on_switching(|| {
        let (tell, ran) = flag();
        let seen = Arc::clone(&ran);
        let message = panic_message(move || {
            let _allocates = Allocates(seen);
            // Only now: until the unwinding begins nothing may switch, or the sibling has run before.
            no_preempt(|| {
                spawn(move || tell.store(true, SeqCst));
                std::panic::panic_any("to unwind")
            })
        });
        assert_eq!(message, "to unwind");
        allocate_until(&ran);
    });
}

#[test]
fn a_kill_is_not_delivered_by_an_allocation() {
    on_switching(|| {
        let tally = Tally::new();
        let token = tally.token(1);
        let (begun, begin) = channel();
        let (killed, tell_killed) = flag();
        let (ran_on, tell_ran_on) = flag();
        let victim = spawn(move || {
            let _token = token;
            begun.send(()).expect("the root waits");
            allocate_until(&killed);
            allocate(MANY);
            tell_ran_on.store(true, SeqCst);
            check!();
            unreachable!("a kill is delivered at the safe point");
        });
        begin.recv().expect("it runs");
        kill(victim.pid());
        tell_killed.store(true, SeqCst);
        assert!(matches!(victim.join(), Err::<(), _>(ExitReason::Killed)));
        assert!(ran_on.load(SeqCst));
        assert_eq!(tally.dropped(), 1);
    });
}

#[test]
fn plain_threads_and_the_ends_of_workers_allocate_as_ever() {
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            allocate(1000);
        }
    }
    thread_local! {
        static LAST: Last = const { Last };
    }
    plain(|| {
        for _ in 0..10 {
            init(switching(short_slices(2))).run(|| {
                // Not in the allocator's way: a constant initialiser, and a borrow that ends at once.
                LAST.with(|_| ());
                let outside = smarm::handle();
                let thread = thread::spawn(move || {
                    allocate(1000);
                    outside.spawn(|| allocate(1000)).join().expect("no panic");
                });
                allocate(1000);
                while !thread.is_finished() {
                    smarm::yield_now();
                }
            });
        }
    });
}
