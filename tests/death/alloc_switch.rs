//! What breaks when actors are switched out where they allocate, and that it does not by default: the same programs, in both modes.
//!
//! docs/SCHEDULER.md has the list. Slices are as short as can be, so nearly each allocation switches, and what may break does.

use smarm::runtime::{Config, Deadlock, init};
use smarm::{JoinHandle, channel, no_preempt, spawn};
use smarm_tests::{Child, Ended, in_child};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::hint::black_box;
use std::io::Write;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

/// What a program exits with in which nothing has moved for [`SILENCE`].
const HANGS: i32 = 42;

const SILENCE: Duration = Duration::from_secs(1);

/// How often each actor does what may break.
const ROUNDS: u64 = 1000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    InAlloc,
    Default,
}

/// Runs the body on one worker.
fn run_in(mode: Mode, body: fn()) {
    // Without spare workers, so that nobody else runs meanwhile.
    let config = Config::exact(1).spares(0).deadlock(Deadlock::Fail).alloc_interval(1).timeslice_cycles(1);
    let config = match mode {
        // SAFETY: none: that is what these programs show. What they do afterwards does not depend on what is broken.
        Mode::InAlloc => unsafe { config.preempt_in_alloc() },
        Mode::Default => config,
    };
    init(config).run(body);
}

/// Counts what the program has done.
static STEPS: AtomicU64 = AtomicU64::new(0);

fn step() {
    STEPS.fetch_add(1, SeqCst);
}

/// Ends the process when it has done something, and then nothing any more.
fn end_when_it_hangs() {
    thread::spawn(|| {
        let mut before = u64::MAX;
        while before != STEPS.load(SeqCst) {
            before = STEPS.load(SeqCst);
            thread::sleep(SILENCE);
        }
        std::process::exit(HANGS);
    });
}

/// Two actors that do the same.
fn twice(body: fn()) -> [JoinHandle<()>; 2] {
    [spawn(body), spawn(body)]
}

fn join_both(actors: [JoinHandle<()>; 2]) {
    actors.into_iter().for_each(|actor| actor.join().expect("no panic"));
}

/// Whether the other one has come so far. Where allocations do not switch it never has: gives up.
fn allocate_until(condition: impl Fn() -> bool) -> bool {
    (0..100_000).any(|n| {
        drop(black_box(Box::new(n)));
        condition()
    })
}

// ---- a lock of std -----------------------------------------------------------------------------------------------------

fn push_under_a_lock() {
    static SHARED: Mutex<Vec<String>> = Mutex::new(Vec::new());
    join_both(twice(|| {
        for n in 0..ROUNDS {
            SHARED.lock().expect("no panic").push(n.to_string());
            step();
        }
    }));
    assert_eq!(SHARED.lock().expect("no panic").len() as u64, 2 * ROUNDS);
}

#[test]
fn a_std_lock_over_an_allocation_blocks_its_worker() {
    let ended = in_child(|| {
        end_when_it_hangs();
        run_in(Mode::InAlloc, push_under_a_lock);
    });
    ended.has_code(HANGS);
}

#[test]
fn a_std_lock_over_an_allocation_is_fine_by_default() {
    in_child(|| run_in(Mode::Default, push_under_a_lock)).is_success();
}

#[test]
fn a_std_lock_over_an_allocation_is_fine_inside_no_preempt() {
    fn body() {
        static SHARED: Mutex<Vec<String>> = Mutex::new(Vec::new());
        join_both(twice(|| {
            for n in 0..ROUNDS {
                no_preempt(|| SHARED.lock().expect("no panic").push(n.to_string()));
            }
        }));
    }
    in_child(|| run_in(Mode::InAlloc, body)).is_success();
}

// ---- what is made on first use -----------------------------------------------------------------------------------------

fn names() -> Vec<String> {
    (0..ROUNDS).map(|n| n.to_string()).collect()
}

fn look_up_what_is_made_first() {
    static LAZY: LazyLock<Vec<String>> = LazyLock::new(names);
    join_both(twice(|| {
        step();
        assert_eq!(LAZY.len() as u64, ROUNDS);
    }));
}

fn get_or_make() {
    static ONCE: OnceLock<Vec<String>> = OnceLock::new();
    join_both(twice(|| {
        step();
        assert_eq!(ONCE.get_or_init(names).len() as u64, ROUNDS);
    }));
}

#[test]
fn a_lazy_lock_whose_initialiser_allocates_blocks_its_worker() {
    let ended = in_child(|| {
        end_when_it_hangs();
        run_in(Mode::InAlloc, look_up_what_is_made_first);
    });
    ended.has_code(HANGS);
}

#[test]
fn a_once_lock_whose_initialiser_allocates_blocks_its_worker() {
    let ended = in_child(|| {
        end_when_it_hangs();
        run_in(Mode::InAlloc, get_or_make);
    });
    ended.has_code(HANGS);
}

#[test]
fn what_is_made_on_first_use_is_fine_by_default() {
    let ended = in_child(|| {
        run_in(Mode::Default, look_up_what_is_made_first);
        run_in(Mode::Default, get_or_make);
    });
    ended.is_success();
}

// ---- standard output and error -----------------------------------------------------------------------------------------

/// Allocates in the middle of its text.
struct Halves;

impl fmt::Display for Halves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("first-")?;
        (0..100).for_each(|n| drop(black_box(Box::new(n))));
        f.write_str("second")
    }
}

fn print_lines() {
    join_both(twice(|| (0..10).for_each(|_| eprintln!("{Halves}"))));
}

fn whole_lines(ended: &Ended) -> usize {
    ended.stderr.lines().filter(|line| *line == "first-second").count()
}

#[test]
fn lines_of_two_actors_are_mixed() {
    let ended = in_child(|| run_in(Mode::InAlloc, print_lines));
    assert!(whole_lines(ended.is_success()) < 20, "{}", ended.stderr);
    assert!(ended.stderr.contains("first-first-"), "{}", ended.stderr);
}

#[test]
fn lines_of_two_actors_are_whole_by_default() {
    let ended = in_child(|| run_in(Mode::Default, print_lines));
    assert_eq!(whole_lines(ended.is_success()), 20, "{}", ended.stderr);
}

#[test]
fn the_first_use_of_standard_output_blocks_its_worker() {
    let program = |before: &str| {
        Child::new().program(env!("CARGO_BIN_EXE_exits"), &["prints-in-alloc", before]).aborted()
    };
    // There is one allocation in it, so it has to be that one which ends the slice.
    assert!(["0", "1", "2", "3"].into_iter().any(program));
}

#[test]
fn the_first_use_of_standard_output_is_fine_by_default() {
    Child::new().program(env!("CARGO_BIN_EXE_exits"), &["prints"]).is_success();
}

// ---- thread-locals -----------------------------------------------------------------------------------------------------

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Tells how many of the two panicked.
fn log_to_a_thread_local() {
    let actors = twice(|| (0..ROUNDS).for_each(|n| LOG.with_borrow_mut(|log| log.push(n.to_string()))));
    let panicked = actors.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
    // Past the lock of standard error; one write, which no other mixes with.
    std::io::stderr().write_all(format!("{panicked} panicked\n").as_bytes()).ok();
}

#[test]
fn a_thread_local_that_is_borrowed_over_an_allocation_makes_another_actor_panic() {
    let ended = in_child(|| run_in(Mode::InAlloc, log_to_a_thread_local));
    ended.is_success().line_with(&["1 panicked"]);
    ended.line_with(&["RefCell already borrowed"]);
}

#[test]
fn a_thread_local_that_is_borrowed_over_an_allocation_is_fine_by_default() {
    in_child(|| run_in(Mode::Default, log_to_a_thread_local)).is_success().line_with(&["0 panicked"]);
}

static MADE: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicUsize = AtomicUsize::new(0);

struct Made {
    names: Vec<String>,
}

impl Made {
    fn new() -> Made {
        MADE.fetch_add(1, SeqCst);
        Made { names: names() }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, SeqCst);
    }
}

thread_local! {
    static LAZY: Made = Made::new();
}

/// How often the value was made, and how many of these are gone while the thread lives: whoever had a reference to one has it no more.
fn look_up_in_a_lazy_thread_local() -> (usize, usize) {
    let look_up = || {
        // No reference to the value is kept, so that nothing worse happens.
        assert_eq!(LAZY.with(|made| made.names.len()) as u64, ROUNDS);
    };
    join_both(twice(look_up));
    (MADE.load(SeqCst), DROPPED.load(SeqCst))
}

#[test]
fn a_lazy_thread_local_whose_initialiser_allocates_is_made_twice_and_dropped_under_the_other_actor() {
    let ended = in_child(|| {
        run_in(Mode::InAlloc, || assert_eq!(look_up_in_a_lazy_thread_local(), (2, 1)));
    });
    ended.is_success();
}

#[test]
fn a_lazy_thread_local_whose_initialiser_allocates_is_fine_by_default() {
    let ended = in_child(|| {
        run_in(Mode::Default, || assert_eq!(look_up_in_a_lazy_thread_local(), (1, 0)));
    });
    ended.is_success();
}

thread_local! {
    /// What scoped thread-locals are made of: where the value of the innermost scope lies.
    static SCOPED: Cell<*const u64> = const { Cell::new(ptr::null()) };
}

/// Has the thread-local lead to the value while `f` runs, as such crates do.
fn set_while(value: &u64, f: impl FnOnce()) {
    let outer = SCOPED.replace(value);
    f();
    SCOPED.set(outer);
}

/// Whether the thread-local leads to a frame that is gone when both scopes have ended.
fn leave_scopes_in_the_order_of_their_begin() -> bool {
    let inside = [const { AtomicBool::new(false) }; 2].map(Arc::new);
    let left = [const { AtomicBool::new(false) }; 2].map(Arc::new);
    let ends: [JoinHandle<()>; 2] = [0, 1].map(|me| {
        let (inside, left) = (inside.clone(), left.clone());
        spawn(move || {
            set_while(&1, || {
                inside[me].store(true, SeqCst);
                // The first one leaves when the second one is in, that one when the first one has left.
                let awaited = if me == 0 { &inside[1] } else { &left[0] };
                allocate_until(|| awaited.load(SeqCst));
            });
            left[me].store(true, SeqCst);
        })
    });
    join_both(ends);
    !SCOPED.get().is_null()
}

#[test]
fn a_scoped_thread_local_leads_to_a_frame_that_is_gone() {
    in_child(|| run_in(Mode::InAlloc, || assert!(leave_scopes_in_the_order_of_their_begin()))).is_success();
}

#[test]
fn a_scoped_thread_local_is_fine_by_default() {
    in_child(|| run_in(Mode::Default, || assert!(!leave_scopes_in_the_order_of_their_begin()))).is_success();
}

// ---- what does not break -----------------------------------------------------------------------------------------------

#[test]
fn queues_that_grow_while_they_are_pushed_to_lose_nobody() {
    static RAN: AtomicU64 = AtomicU64::new(0);
    // In a process of its own: the queues of a worker stay as large as they ever were.
    let ended = in_child(|| {
        run_in(Mode::InAlloc, || {
            let spawners = [(); 4].map(|()| {
                spawn(|| {
                    let many = (0..3000).map(|_| spawn(|| RAN.fetch_add(1, SeqCst)));
                    many.collect::<Vec<_>>().into_iter().for_each(|one| _ = one.join().expect("no panic"));
                })
            });
            spawners.into_iter().for_each(|spawner| spawner.join().expect("no panic"));
        });
        assert_eq!(RAN.load(SeqCst), 12_000);
    });
    ended.is_success();
}

#[test]
fn nothing_switches_while_a_panic_hook_runs() {
    static RAN: AtomicBool = AtomicBool::new(false);
    static HOOKED: AtomicBool = AtomicBool::new(false);
    let ended = in_child(|| {
        std::panic::set_hook(Box::new(|_| {
            HOOKED.store(true, SeqCst);
            assert!(!allocate_until(|| RAN.load(SeqCst)), "an allocation of the hook switched");
        }));
        run_in(Mode::InAlloc, || {
            let panics = spawn(|| {
                drop(spawn(|| RAN.store(true, SeqCst)));
                // Nothing is allocated from there to the hook.
                std::panic::panic_any(1)
            });
            assert!(matches!(panics.join(), Err::<(), _>(smarm::ExitReason::Panicked(_))));
            allocate_until(|| RAN.load(SeqCst));
        });
        assert!(HOOKED.load(SeqCst) && RAN.load(SeqCst));
    });
    ended.is_success();
}

#[test]
fn a_report_says_who_was_switched_out_in_an_allocation() {
    let report = || {
        in_child(|| {
            let config = Config::exact(1).shutdown_timeout(Duration::from_millis(100));
            // SAFETY: these actors share nothing.
            let runtime = init(unsafe { config.preempt_in_alloc() });
            let ended = runtime.try_run(|| {
                let (begun, begin) = channel();
                for _ in 0..2 {
                    let begun = begun.clone();
                    drop(spawn(move || -> () {
                        begun.send(()).expect("the root waits");
                        // Without a safe point, so that no kill ends it.
                        loop {
                            drop(black_box(Box::new(1)));
                        }
                    }));
                }
                (0..2).for_each(|_| begin.recv().expect("they begin"));
                std::panic::resume_unwind(Box::new("the end"));
            });
            assert!(ended.is_err());
            std::process::exit(0);
        })
    };
    let words = "waits for a worker, which another one keeps (switched out in an allocation)";
    // They take turns while the report is written: each may run at the moment that it is looked at.
    let reports = (0..10).map(|_| report().is_success().stderr.clone());
    assert!(reports.into_iter().any(|report| report.contains(words)), "ten reports without these words");
}
