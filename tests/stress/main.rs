//! Actors that spawn, send, sleep, scope, join and panic in an order drawn from a seed, on more workers than there are
//! processors: nothing hangs, nothing is lost, nothing is dropped twice.
//!
//! `SMARM_SEEDS=1000` sets how many seeds are run, `SMARM_SEED=7` runs one again. The seed fixes what the actors do, not
//! when the machine lets them: a failure may need a few runs to show again.

mod life;

use smarm_tests::{Tally, Watchdog, runtime};
use std::time::{SystemTime, UNIX_EPOCH};

const WORKERS: usize = 4;
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

fn run_seed(seed: u64) {
    let _watchdog = Watchdog::start(&format!("stress: SMARM_SEED={seed}"));
    let tally = Tally::new();
    let inside = tally.clone();
    let runtime = runtime(WORKERS);
    let ended = runtime.try_run(move || drop(life::root(seed, inside)));
    assert!(ended.is_ok(), "the root ended with {:?}", ended.err());
    tally.check();
    let (stats, exited) = (runtime.stats(), runtime.stats().exited());
    let ended = exited.normal + exited.panicked + exited.killed + exited.error;
    assert_eq!(stats.spawned(), ended, "as many actors ended as were spawned: {stats:?}");
    assert_eq!((stats.total_run_queue_len(), stats.sleeping_count()), (0, 0));
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("every process has memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}

#[test]
fn random_lives_end_and_leave_nothing_behind() {
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
    println!("seeds {first} to {}", first + seeds - 1);
    let mut warm = u64::MAX;
    for seed in first..first + seeds {
        let result = std::panic::catch_unwind(|| run_seed(seed));
        if let Err(payload) = result {
            eprintln!("run it again with SMARM_SEED={seed}");
            std::panic::resume_unwind(payload);
        }
        if seed == first + seeds / 4 {
            warm = resident_kib();
        }
    }
    let grown = resident_kib().saturating_sub(warm);
    assert!(grown <= GROWTH_KIB, "{grown} KiB more than after the first quarter of the seeds");
}
