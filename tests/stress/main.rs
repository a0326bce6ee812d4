//! Actors that spawn, send, sleep, scope, join and panic in an order drawn from a seed, on more workers than there are
//! processors: nothing hangs, nothing is lost, nothing is dropped twice.
//!
//! Each seed is run as it is, and with actors that are switched out where they allocate, which is nearly everywhere: in smarm's own code, too.
//!
//! `SMARM_SEEDS=1000` sets how many seeds are run, `SMARM_SEED=7` runs one again. The seed fixes what the actors do, not
//! when the machine lets them: a failure may need a few runs to show again.

mod life;
mod scale;
mod service;
mod tree;
mod waits;

use smarm::runtime::{Config, Deadlock, init};
use smarm_tests::{Tally, Token, Watchdog, resident_kib};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const WORKERS: usize = 4;

/// Longer than a worker hardly ever loses its processor for.
const SETTLING: Duration = Duration::from_millis(2);
const DEFAULT_SEEDS: u64 = 20;

/// How much the resident memory may grow once the first quarter of the seeds has warmed everything up.
const GROWTH_KIB: u64 = 32 << 10;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is to be a number, not {text:?}")))
}

/// A start that differs from run to run, so that time finds what twenty seeds do not.
fn first_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    now.as_millis() as u64 % 1_000_000_000
}

/// What a seed is run as.
struct Kind {
    name: &'static str,
    root: fn(u64, Tally) -> Token,
    switches_in_alloc: bool,
    /// Whether it may end with deadlines that nobody waits for.
    leaves_timers: bool,
}

fn config(kind: &Kind) -> Config {
    let config = Config::exact(WORKERS).deadlock(Deadlock::Fail);
    if !kind.switches_in_alloc {
        return config;
    }
    // SAFETY: no actor of these lives holds a lock of `std` over an allocation, initialises or borrows anything shared, or prints but in a
    // panic hook.
    unsafe { config.alloc_interval(1).timeslice_cycles(1).preempt_in_alloc() }
}

fn run_seed(kind: &Kind, seed: u64) {
    let _watchdog = Watchdog::start(&format!("stress: {}, SMARM_SEED={seed}", kind.name));
    let tally = Tally::new();
    let inside = tally.clone();
    let runtime = init(config(kind));
    let root = kind.root;
    let ended = runtime.try_run(move || drop(root(seed, inside)));
    assert!(ended.is_ok(), "the root ended with {:?}", ended.err());
    assert!(kind.leaves_timers || runtime.stats().sleeping_count() == 0);
    // What was to be sent later to a server that has ended is dropped when its time comes, by an actor. A worker that has taken it out, and
    // has not started that actor yet, is not seen by one look.
    let is_quiet = || runtime.stats().sleeping_count() == 0 && runtime.stats().live() == 0;
    for _ in 0..2 {
        while kind.leaves_timers && !is_quiet() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(if kind.leaves_timers { SETTLING } else { Duration::ZERO });
    }
    let (stats, exited) = (runtime.stats(), runtime.stats().exited());
    let ended = exited.normal + exited.panicked + exited.killed + exited.error;
    assert_eq!(stats.spawned(), ended, "as many actors ended as were spawned: {stats:?}");
    assert_eq!(stats.total_run_queue_len(), 0);
    drop(runtime);
    tally.check();
}

/// One after the other: each looks at the memory of the whole process.
fn take_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run_seeds(kind: &Kind) {
    let _turn = take_turn();
    // Thousands of intended panics: their reports would hide the one that counts.
    let standard = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !life::is_intended(info.payload()) {
            standard(info);
        }
    }));
    let (first, seeds) = match number("SMARM_SEED") {
        Some(seed) => (seed, 1),
        None => (first_seed(), number("SMARM_SEEDS").unwrap_or(DEFAULT_SEEDS)),
    };
    println!("{}: seeds {first} to {}", kind.name, first + seeds - 1);
    let mut warm = u64::MAX;
    for seed in first..first + seeds {
        let result = std::panic::catch_unwind(|| run_seed(kind, seed));
        if let Err(payload) = result {
            eprintln!("run it again with SMARM_SEED={seed}");
            std::panic::resume_unwind(payload);
        }
        if seed == first + seeds / 4 {
            warm = resident_kib();
        }
    }
    // It is still this test's turn: both are of the whole process.
    assert_eq!(smarm::__private::bonds(), 0, "links, monitors and keepers go with their actors");
    let grown = resident_kib().saturating_sub(warm);
    assert!(grown <= GROWTH_KIB, "{grown} KiB more than after the first quarter of the seeds");
}

#[test]
fn random_lives_end_and_leave_nothing_behind() {
    run_seeds(&Kind { name: "lives", root: life::root, switches_in_alloc: false, leaves_timers: false });
}

#[test]
fn random_lives_that_are_switched_out_in_allocations_end_and_leave_nothing_behind() {
    run_seeds(&Kind {
        name: "lives, switched out",
        root: life::root,
        switches_in_alloc: true,
        leaves_timers: false,
    });
}

#[test]
fn random_services_end_and_leave_nothing_behind() {
    run_seeds(&Kind { name: "services", root: service::root, switches_in_alloc: false, leaves_timers: true });
}

#[test]
fn random_services_that_are_switched_out_in_allocations_end_and_leave_nothing_behind() {
    run_seeds(&Kind {
        name: "services, switched out",
        root: service::root,
        switches_in_alloc: true,
        leaves_timers: true,
    });
}

/// With the hook in all allocations.
#[global_allocator]
static ALLOC: smarm::Alloc = smarm::Alloc::system();

#[test]
fn random_trees_end_with_the_right_children_and_leave_nothing_behind() {
    run_seeds(&Kind { name: "trees", root: tree::root, switches_in_alloc: false, leaves_timers: false });
}

#[test]
fn random_trees_that_are_switched_out_in_allocations_end_and_leave_nothing_behind() {
    run_seeds(&Kind {
        name: "trees, switched out",
        root: tree::root,
        switches_in_alloc: true,
        leaves_timers: false,
    });
}
