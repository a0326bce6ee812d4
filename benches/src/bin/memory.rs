//! What does an actor occupy, and does an idle one cost time?
//!
//! ```text
//! cargo run --release -p smarm-benches --bin memory -- [QUESTION] [--workers 1] [--runtime smarm]
//!
//! --parked 100000      bytes per parked actor; the default
//! --unstarted 1000000  as many short actors, spawned first and run afterwards: peak memory, time
//! --idle               10 000 parked for 3 s: processor time
//! ```
//!
//! **Unit**: bytes per actor as the kernel counts them: resident pages and page tables, from
//! `/proc/self/status`.
//!
//! **Rivals**: `--runtime tokio` (a parked task is a small heap object: no stack), `--runtime may` (up to 32
//! 000), and `benches/peers`' `parked` for Go.
//!
//! **What would be unfair**: counting the channel the actor waits on (it exists before the first reading), or
//! leaving the page tables out, which a stack per actor fills faster than a heap does.

use std::process::ExitCode;
use std::time::Duration;

use smarm_benches::contender::{Contender, Kind};
use smarm_benches::measure::{Memory, cost_of, cpu_time, per_operation};
use smarm_benches::workload::Workload;

const USAGE: &str = "\
usage: memory [--parked N | --unstarted N | --idle] [--workers N] [--runtime smarm|tokio|may]

  --parked     bytes per actor that waits on a channel (default: 100000 of them)
  --unstarted  peak memory and time per actor of N short actors, spawned before they run
  --idle       processor time of 10000 parked actors in 3 s";

/// What a parked thread actor of smarm may occupy: a page of stack and its share of the rest.
const RESIDENT_GOAL_BYTES: f64 = 4.4 * 1024.0;
/// The same with page tables.
const TOTAL_GOAL_BYTES: f64 = 5.0 * 1024.0;
const IDLE_ACTORS: usize = 10_000;
const IDLE_TIME: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy)]
enum Question {
    Parked(usize),
    Unstarted(usize),
    Idle,
}

#[derive(Debug)]
struct Args {
    question: Question,
    kind: Kind,
    workers: usize,
}

fn main() -> ExitCode {
    let args = match parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(mistake) => {
            eprintln!("memory: {mistake}\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}, workers: {}", args.kind, args.workers);
    let contender = Contender::start(args.kind, args.workers);
    match args.question {
        Question::Parked(actors) => parked(&contender, args.kind, actors),
        Question::Unstarted(actors) => unstarted(&contender, actors),
        Question::Idle => idle(&contender),
    }
    ExitCode::SUCCESS
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args { question: Question::Parked(100_000), kind: Kind::Smarm, workers: 1 };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--parked" => args.question = Question::Parked(positive(&value()?)?),
            "--unstarted" => args.question = Question::Unstarted(positive(&value()?)?),
            "--idle" => args.question = Question::Idle,
            "--workers" => args.workers = positive(&value()?)?,
            "--runtime" => args.kind = value()?.parse()?,
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

fn parked(contender: &Contender, kind: Kind, actors: usize) {
    let (before, after) = contender.park(actors, |before| (before, Memory::now()));
    let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / actors as f64;
    let resident = each(before.resident, after.resident);
    let page_tables = each(before.page_tables, after.page_tables);
    println!("{actors} parked actors, bytes each:");
    println!("  resident     {resident:>8.0}{}", verdict(kind, resident, RESIDENT_GOAL_BYTES));
    println!("  page tables  {page_tables:>8.0}");
    let total = resident + page_tables;
    println!("  together     {total:>8.0}{}", verdict(kind, total, TOTAL_GOAL_BYTES));
}

fn verdict(kind: Kind, bytes: f64, goal: f64) -> String {
    match kind {
        Kind::Smarm if bytes <= goal => format!("  goal: at most {goal:.0}, reached"),
        Kind::Smarm => format!("  goal: at most {goal:.0}, MISSED"),
        Kind::Tokio | Kind::May => String::new(),
    }
}

fn unstarted(contender: &Contender, actors: usize) {
    let before = Memory::now();
    // The first run of the process, so fresh memory is paid for.
    let ((), cost) = cost_of(|| contender.run(Workload::SpawnJoin, actors as u64));
    let after = Memory::now();
    println!("{actors} short actors, spawned, run and joined, join handles and results included:");
    println!("  wall  {:>8.1} ns each", per_operation(cost.wall, actors as u64));
    println!("  CPU   {:>8.1} ns each", per_operation(cost.cpu, actors as u64));
    let peak = after.peak.saturating_sub(before.resident);
    println!("  peak  {:>8.1} B each, {:.1} MiB in all", peak as f64 / actors as f64, mebibytes(peak));
    println!("  left  {:>8.1} MiB resident", mebibytes(after.resident.saturating_sub(before.resident)));
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn idle(contender: &Contender) {
    let used = contender.park(IDLE_ACTORS, |_| {
        let before = cpu_time();
        std::thread::sleep(IDLE_TIME);
        cpu_time().saturating_sub(before)
    });
    let share = used.as_secs_f64() / IDLE_TIME.as_secs_f64() * 100.0;
    println!(
        "{IDLE_ACTORS} parked actors for {IDLE_TIME:?}: {used:?} of processor time ({share:.3} % of one)"
    );
}
