//! How long does a closure on the pool for blocking code take, there and back?
//!
//! ```text
//! cargo run --release -p smarm-benches --bin blocking -- [ROUND_TRIPS]
//! ```
//!
//! **Unit**: microseconds on the wall for a round trip of a closure that does nothing, one after the other; and processor time.
//!
//! **Rivals**: tokio's `spawn_blocking` on its current-thread runtime, and a thread that is started and joined.
//!
//! **What would be unfair**: the first round trip, which starts the thread; it is left out.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use smarm_benches::measure::cpu_time;

const ROUND_TRIPS: usize = 20_000;

fn main() -> ExitCode {
    let count = match std::env::args().nth(1).map(|word| word.parse()) {
        None => ROUND_TRIPS,
        Some(Ok(count @ 1..)) => count,
        Some(_) => {
            eprintln!("usage: blocking [ROUND_TRIPS]");
            return ExitCode::FAILURE;
        }
    };
    println!("{:<24}{:>9}{:>9}{:>9}{:>12}", "us a round trip", "p50", "p99", "max", "CPU, mean");
    smarm::run(move || report("smarm::block_on_io", count, || smarm::block_on_io(|| ())));
    smarm::run(move || report("smarm::fs::metadata", count, || drop(smarm::fs::metadata("/"))));
    let tokio = tokio::runtime::Builder::new_current_thread().build().expect("tokio starts");
    report("tokio spawn_blocking", count, || {
        tokio.block_on(async { tokio::task::spawn_blocking(|| ()).await.expect("no panic") });
    });
    report("a thread", count, || std::thread::spawn(|| ()).join().expect("no panic"));
    ExitCode::SUCCESS
}

fn report(name: &str, count: usize, mut round_trip: impl FnMut()) {
    round_trip();
    let cpu_before = cpu_time();
    let mut all: Vec<Duration> = (0..count)
        .map(|_| {
            let begin = Instant::now();
            round_trip();
            begin.elapsed()
        })
        .collect();
    let cpu = cpu_time().saturating_sub(cpu_before) / u32::try_from(count).unwrap_or(u32::MAX);
    all.sort_unstable();
    let at = |percent: usize| micros(all[(all.len() - 1) * percent / 100]);
    println!("{name:<24}{:>9.1}{:>9.1}{:>9.1}{:>12.1}", at(50), at(99), at(100), micros(cpu));
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}
