//! How late does an actor run beside others that keep the processor?
//!
//! ```text
//! cargo run --release -p smarm-benches --bin lateness -- [--workers 2] [--seconds 3] [--go PROGRAM]
//! ```
//!
//! | row | the hogs, four of them | what is measured |
//! |---|---|---|
//! | `sleep` | allocate in a loop, with a `check!` in smarm and nothing in the others | how late a sleep of 1 ms ends, again and again |
//! | `sleep, pinned` | the same, all on the sleeper's own worker; smarm only | the same |
//! | `spawn` | compute in a loop without allocations, checks, calls | from a spawn by a plain thread to the first instruction |
//! | `call` | the same | from a call by a plain thread to its answer |
//!
//! **Unit**: milliseconds: the median, the 99th percentile, the largest.
//!
//! **Rivals**: tokio's runtime with as many threads, and `benches/peers` for Go, with `--go`. Each in a process of its own.
//!
//! **What would be unfair**: hogs that yield by hand in one runtime and not in the other. In smarm the `check!` is what its macros
//! put into every loop, so it is part of the price; Go's compiler has its own. A task of tokio has to be written with an `.await` in its
//! loop, which these are not: the row says what happens to who forgets.

mod smarm_side;
mod tokio_side;

use std::process::{Command, ExitCode};
use std::time::Duration;

const USAGE: &str = "usage: lateness [--workers N] [--seconds N] [--go PROGRAM] [--runtime smarm|tokio]";

/// So many actors keep the processor.
pub(crate) const HOGS: usize = 4;
/// What the sleeper sleeps.
pub(crate) const NAP: Duration = Duration::from_millis(1);
/// How often a spawn or a call is measured in a run that lasts long enough.
pub(crate) const TRIES: usize = 200;
/// Between two of them.
pub(crate) const PAUSE: Duration = Duration::from_millis(5);

/// What p99 and the largest lateness of a sleep may be in smarm.
const SLEEP_GOAL_MS: (f64, f64) = (0.5, 2.0);
/// What the largest delay of a spawn or a call may be in smarm.
const START_GOAL_MS: f64 = 20.0;

#[derive(Debug)]
struct Args {
    workers: usize,
    length: Duration,
    go: Option<String>,
    runtime: Option<String>,
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)).and_then(|args| run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(mistake) => {
            eprintln!("lateness: {mistake}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args { workers: 2, length: Duration::from_secs(3), go: None, runtime: None };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--workers" => args.workers = positive(&value()?)?,
            "--seconds" => args.length = Duration::from_secs(positive(&value()?)? as u64),
            "--go" => args.go = Some(value()?),
            "--runtime" => args.runtime = Some(value()?),
            _ => return Err(format!("{word} is unknown")),
        }
    }
    Ok(args)
}

fn positive(word: &str) -> Result<usize, String> {
    match word.parse() {
        Ok(0) | Err(_) => Err(format!("{word:?} is not a number above 0")),
        Ok(number) => Ok(number),
    }
}

fn run(args: &Args) -> Result<(), String> {
    match args.runtime.as_deref() {
        Some("smarm") => smarm_side::run(args.workers, args.length),
        Some("tokio") => tokio_side::run(args.workers, args.length),
        Some(other) => return Err(format!("no runtime is called {other:?}")),
        None => return one_after_another(args),
    }
    // Where a runtime starves, its threads never come back to be joined.
    std::process::exit(0);
}

/// A process each: hogs that nobody can stop end with it.
fn one_after_another(args: &Args) -> Result<(), String> {
    println!(
        "{HOGS} hogs, {} workers; milliseconds{:>14}{:>9}{:>9}{:>9}",
        args.workers, "p50", "p99", "max", "count"
    );
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let (workers, seconds) = (args.workers.to_string(), args.length.as_secs().to_string());
    for runtime in ["smarm", "tokio"] {
        let words = ["--runtime", runtime, "--workers", &workers, "--seconds", &seconds];
        finish(Command::new(&program).args(words))?;
    }
    match &args.go {
        Some(go) => finish(Command::new(go).args(["lateness", &workers, &seconds])),
        None => {
            println!("go: left out, as `--go` was");
            Ok(())
        }
    }
}

fn finish(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if status.success() { Ok(()) } else { Err(format!("{:?}: {status}", command.get_program())) }
}

/// One line of the table.
pub(crate) fn report(runtime: &str, row: &str, mut delays: Vec<Duration>) {
    delays.sort_unstable();
    let Some(last) = delays.last() else {
        println!("{:<40}{:>9}", format!("{runtime}: {row}"), "none came");
        return;
    };
    let at = |percent: usize| milliseconds(delays[(delays.len() - 1) * percent / 100]);
    let (p50, p99, max) = (at(50), at(99), milliseconds(*last));
    let reached = match row {
        _ if runtime != "smarm" => "",
        _ if row.starts_with("sleep") => verdict(p99 <= SLEEP_GOAL_MS.0 && max <= SLEEP_GOAL_MS.1),
        _ => verdict(max <= START_GOAL_MS),
    };
    println!("{:<40}{p50:>9.3}{p99:>9.3}{max:>9.3}{:>9}{reached}", format!("{runtime}: {row}"), delays.len());
}

fn verdict(reached: bool) -> &'static str {
    if reached { "  goal reached" } else { "  goal MISSED" }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
