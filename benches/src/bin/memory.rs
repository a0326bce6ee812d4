//! What does an actor occupy, and does an idle one cost time?
//!
//! ```text
//! cargo run --release -p smarm-benches --bin memory -- [QUESTION] [--workers 1] [--runtime smarm]
//!
//! --parked 100000      bytes per parked actor; the default
//! --servers 100000     bytes per idle server actor that was called once
//! --connections 5000   bytes per actor that waits to read from a connection, smarm and tokio
//! --timers 1000000     nanoseconds and bytes per message that is to be sent later, armed and cancelled, smarm only
//! --unstarted 1000000  as many short actors, spawned first and run afterwards: peak memory, time
//! --idle               10 000 parked for 3 s: processor time
//! ```
//!
//! **Unit**: bytes per actor as the kernel counts them: resident pages and page tables, from
//! `/proc/self/status`.
//!
//! **Rivals**: `--runtime tokio` (a parked task is a small heap object: no stack), `--runtime may` (up to 32
//! 000), and `benches/peers`' `parked` for Go. For server actors `actix`, `kameo`, `ractor`, and `tokio`'s task
//! behind a bounded channel. Several, as in `--runtime smarm,actix --workers 1,2`, run one after another, each
//! in a process of its own.
//!
//! **What would be unfair**: counting the channel the actor waits on (it exists before the first reading), or
//! leaving the page tables out, which a stack per actor fills faster than a heap does. A server's mailbox does
//! count, and so does one handle of it: it cannot be had without. Servers that were never used have not
//! allocated all they will.

use std::process::{Command, ExitCode};
use std::time::Duration;

use smarm_benches::connections;
use smarm_benches::contender::{Contender, Kind};
use smarm_benches::measure::{Memory, cost_of, cpu_time, per_operation};
use smarm_benches::timers;
use smarm_benches::workload::Workload;

const USAGE: &str = "\
usage: memory [--parked N | --servers N | --connections N | --timers N | --unstarted N | --idle] [--workers N,..]
              [--runtime RUNTIME,..]

  --parked     bytes per actor that waits on a channel (default: 100000 of them)
  --servers    bytes per idle server actor that was called once
  --connections  bytes per actor that waits to read from a connection
  --timers     time and memory of N messages that are to be sent later, armed and cancelled
  --unstarted  peak memory and time per actor of N short actors, spawned before they run
  --idle       processor time of 10000 parked actors in 3 s
  --workers    worker counts (default: 1)
  --runtime    of smarm, tokio, may, actix, kameo, ractor (default: smarm)";

/// What a parked thread actor of smarm may occupy: a page of stack and its share of the rest.
const RESIDENT_GOAL_BYTES: f64 = 4.4 * 1024.0;
/// The same with page tables.
const TOTAL_GOAL_BYTES: f64 = 5.0 * 1024.0;
/// What an idle server actor of smarm may occupy, its handle included.
const SERVER_GOAL_BYTES: f64 = 256.0;
/// What an actor of smarm that waits for a connection may occupy.
const CONNECTION_GOAL_BYTES: f64 = 6.0 * 1024.0;
const IDLE_ACTORS: usize = 10_000;
const IDLE_TIME: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy)]
enum Question {
    Parked(usize),
    Servers(usize),
    Connections(usize),
    Timers(usize),
    Unstarted(usize),
    Idle,
}

impl Question {
    fn obstacle(self, kind: Kind) -> Option<&'static str> {
        match self {
            Self::Servers(_) => kind.lacks_servers(),
            Self::Connections(_) => {
                (!matches!(kind, Kind::Smarm | Kind::Tokio)).then_some("is not asked about connections")
            }
            Self::Timers(_) => (kind != Kind::Smarm).then_some("is not asked about timers"),
            Self::Parked(_) | Self::Unstarted(_) | Self::Idle => {
                (!kind.has_plain_actors()).then_some("has server actors only")
            }
        }
    }

    /// As it is written on the command line.
    fn words(self) -> Vec<String> {
        match self {
            Self::Parked(actors) => vec!["--parked".to_owned(), actors.to_string()],
            Self::Servers(servers) => vec!["--servers".to_owned(), servers.to_string()],
            Self::Connections(count) => vec!["--connections".to_owned(), count.to_string()],
            Self::Timers(count) => vec!["--timers".to_owned(), count.to_string()],
            Self::Unstarted(actors) => vec!["--unstarted".to_owned(), actors.to_string()],
            Self::Idle => vec!["--idle".to_owned()],
        }
    }
}

#[derive(Debug)]
struct Args {
    question: Question,
    kinds: Vec<Kind>,
    workers: Vec<usize>,
}

fn main() -> ExitCode {
    let outcome =
        parse(std::env::args().skip(1)).and_then(|args| match (&args.kinds[..], &args.workers[..]) {
            (&[kind], &[workers]) => answer(args.question, kind, workers),
            _ => one_after_another(&args),
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(mistake) => {
            eprintln!("memory: {mistake}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

/// A process each: what one has freed, the next would not have to ask the kernel for.
fn one_after_another(args: &Args) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    for &kind in &args.kinds {
        if let Some(obstacle) = args.question.obstacle(kind) {
            println!("{kind} {obstacle}");
            continue;
        }
        for workers in &args.workers {
            let status = Command::new(&program)
                .args(args.question.words())
                .args(["--runtime", kind.name(), "--workers", &workers.to_string()])
                .status()
                .map_err(|error| error.to_string())?;
            if !status.success() {
                println!("{kind}, workers: {workers}: failed, {status}");
            }
        }
    }
    Ok(())
}

fn answer(question: Question, kind: Kind, workers: usize) -> Result<(), String> {
    if let Some(obstacle) = question.obstacle(kind) {
        return Err(format!("{kind} {obstacle}"));
    }
    println!("{kind}, workers: {workers}");
    let contender = Contender::start(kind, workers);
    match question {
        Question::Parked(actors) => parked(&contender, kind, actors),
        Question::Servers(count) => servers(&contender, kind, count),
        Question::Connections(count) => hold_connections(kind, workers, count),
        Question::Timers(count) => timers::arm_and_cancel(count as u64),
        Question::Unstarted(actors) => unstarted(&contender, actors),
        Question::Idle => idle(&contender),
    }
    Ok(())
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args { question: Question::Parked(100_000), kinds: vec![Kind::Smarm], workers: vec![1] };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--parked" => args.question = Question::Parked(positive(&value()?)?),
            "--servers" => args.question = Question::Servers(positive(&value()?)?),
            "--connections" => args.question = Question::Connections(positive(&value()?)?),
            "--timers" => args.question = Question::Timers(positive(&value()?)?),
            "--unstarted" => args.question = Question::Unstarted(positive(&value()?)?),
            "--idle" => args.question = Question::Idle,
            "--workers" => args.workers = value()?.split(',').map(positive).collect::<Result<_, _>>()?,
            "--runtime" => args.kinds = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
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
    println!("{actors} parked actors, bytes each:");
    let goals = [Some(RESIDENT_GOAL_BYTES), Some(TOTAL_GOAL_BYTES)];
    bytes_each(kind, actors, before, after, goals);
}

fn servers(contender: &Contender, kind: Kind, servers: usize) {
    let (before, after) = contender.keep(servers, |before| (before, Memory::now()));
    println!("{servers} idle server actors, called once, bytes each:");
    bytes_each(kind, servers, before, after, [Some(SERVER_GOAL_BYTES), None]);
}

fn hold_connections(kind: Kind, workers: usize, count: usize) {
    let (before, after) = connections::hold(kind, workers, count);
    println!("{count} connections, an actor each that waits to read, bytes each but for the kernel's own:");
    bytes_each(kind, count, before, after, [Some(CONNECTION_GOAL_BYTES), None]);
}

/// The goals are for resident memory, and for resident memory and page tables together.
fn bytes_each(kind: Kind, actors: usize, before: Memory, after: Memory, goals: [Option<f64>; 2]) {
    let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / actors as f64;
    let resident = each(before.resident, after.resident);
    let page_tables = each(before.page_tables, after.page_tables);
    let total = resident + page_tables;
    println!("  resident     {resident:>8.0}{}", verdict(kind, resident, goals[0]));
    println!("  page tables  {page_tables:>8.0}");
    println!("  together     {total:>8.0}{}", verdict(kind, total, goals[1]));
}

fn verdict(kind: Kind, bytes: f64, goal: Option<f64>) -> String {
    match goal {
        Some(goal) if kind == Kind::Smarm && bytes <= goal => format!("  goal: at most {goal:.0}, reached"),
        Some(goal) if kind == Kind::Smarm => format!("  goal: at most {goal:.0}, MISSED"),
        _ => String::new(),
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
