//! More workloads, a file each with all of its runtimes side by side: what [`workloads`](crate::workloads) has no room for.
//!
//! They come from three places: the first smarm's suite of twelve and its `primes`, the Savina benchmarks for actors (Imam and Sarkar,
//! AGERE 2014), and questions of this project. Sizes are our own and stated in the table; those of the first smarm are not known. What some
//! of these suites call otherwise is measured elsewhere, under the name that [`ALIASES`] gives.
//!
//! Each file says what an operation is and what would be unfair. In all of them a runtime's own idiom counts: its join handle, its
//! unbounded channel, its server. No workload is given a spin, a batch or a size that suits one of them. Panic hooks are silent on both sides: the
//! hook is replaced by an empty one, since printing would be most of what is measured.

mod bank;
mod big;
mod chameneos;
mod compute;
mod deep_recursion;
mod fan_out;
mod hot_yield;
mod many_timers;
mod nqueens;
mod oneshot;
mod panics;
mod philosophers;
mod restart;
mod runtimes;
mod storm;

use std::fmt;
use std::pin::Pin;

use crate::workload::Goal;

/// Where a workload comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The first smarm's: anybody's daily work.
    General,
    /// The first smarm's: where it was far behind tokio.
    TokioFavoured,
    /// The first smarm's: where it was ahead.
    SmarmFavoured,
    /// Savina's.
    Savina,
    /// Server actors.
    Servers,
    /// This project's own.
    More,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::General => "general",
            Self::TokioFavoured => "tokio-favoured",
            Self::SmarmFavoured => "smarm-favoured",
            Self::Savina => "Savina",
            Self::Servers => "servers",
            Self::More => "more",
        })
    }
}

/// What tokio runs.
pub type Task = Pin<Box<dyn Future<Output = u64> + Send>>;

/// What an arbiter of actix runs.
pub type LocalTask = Pin<Box<dyn Future<Output = u64>>>;

/// One workload.
#[derive(Debug)]
pub struct Case {
    /// The name on a command line.
    pub name: &'static str,
    /// What is done and what an operation is, in a few words.
    pub title: &'static str,
    /// Where it comes from.
    pub group: Group,
    /// The size `compare` uses.
    pub size: u64,
    /// The next smaller size that it can have.
    pub fit: fn(u64) -> u64,
    /// Operations in a run of this size.
    pub operations: fn(u64) -> u64,
    /// The sum a correct run returns.
    pub expected: fn(u64) -> u64,
    /// Runs it in an actor of smarm.
    pub smarm: fn(u64) -> u64,
    /// Runs it in a task of tokio.
    pub tokio: fn(u64) -> Task,
    /// Runs it in a coroutine of may, if it can.
    pub may: Option<fn(u64) -> u64>,
    /// Runs it in a task of actix's first arbiter, if actix has what it takes.
    pub actix: Option<fn(u64) -> LocalTask>,
    /// Runs it with kameo in a task of tokio, if kameo has what it takes.
    pub kameo: Option<fn(u64) -> Task>,
    /// Runs it with ractor in a task of tokio, if ractor has what it takes.
    pub ractor: Option<fn(u64) -> Task>,
    /// Runs it on threads of the operating system, if it makes sense.
    pub threads: Option<fn(u64) -> u64>,
    /// Whether tokio has to start its timers.
    pub sleeps: bool,
    /// What the project wants of itself.
    pub goal: Goal,
}

impl Case {
    /// What most have in common: any size above zero, an operation each.
    const PLAIN: Self = Self {
        name: "",
        title: "",
        group: Group::More,
        size: 0,
        fit: |size| size.max(1),
        operations: |size| size,
        expected: |size| size,
        smarm: |_| unreachable!("each workload has its own"),
        tokio: |_| unreachable!("each workload has its own"),
        may: None,
        actix: None,
        kameo: None,
        ractor: None,
        threads: None,
        sleeps: false,
        goal: Goal::None,
    };
}

impl PartialEq for Case {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Case {}

/// All of them, in the order of the report.
pub static CASES: &[Case] = &[
    compute::PRIMES,
    compute::FAN_OUT_COMPUTE,
    oneshot::PING_PONG_ONESHOT,
    storm::SPAWN_STORM_BUSY,
    hot_yield::YIELD_IN_HOT_LOOP,
    many_timers::MANY_TIMERS,
    compute::MULTI_THREAD_SCALING,
    deep_recursion::DEEP_RECURSION,
    panics::CATCH_UNWIND_PANICS,
    chameneos::CHAMENEOS,
    big::BIG,
    philosophers::PHILOSOPHERS,
    bank::BANK,
    nqueens::NQUEENS,
    fan_out::FAN_OUT,
    restart::RESTART,
    runtimes::START_STOP_RUNTIME,
];

/// Names that other suites have for workloads of this one.
pub const ALIASES: &[(&str, &str)] = &[
    ("chained_spawn", "chain"),
    ("yield_many", "yield"),
    ("mpsc_contention", "mpsc4"),
    ("uncontended_channel", "mpsc1"),
    ("savina_pingpong", "pingpong"),
    ("savina_counting", "cast"),
    ("savina_threadring", "ring"),
];

/// Makes panics silent in this process, and as cheap as they can be, for whatever runtime. Each run does so again: a runtime of smarm that has
/// started since has put its own hook in place.
fn silence_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}

/// A few nanoseconds of work that no compiler can leave out, and no two numbers share.
fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// The sum of the tasks' results.
async fn join_tasks(tasks: Vec<::tokio::task::JoinHandle<u64>>) -> u64 {
    let mut sum = 0_u64;
    for task in tasks {
        sum = sum.wrapping_add(task.await.expect("no task of a workload panics"));
    }
    sum
}

/// The sum of the actors' results.
fn join_actors(actors: Vec<smarm::JoinHandle<u64>>) -> u64 {
    actors
        .into_iter()
        .fold(0, |sum: u64, actor| sum.wrapping_add(actor.join().expect("no actor of a workload panics")))
}

/// The sum of the coroutines' results.
fn join_coroutines(coroutines: Vec<may::coroutine::JoinHandle<u64>>) -> u64 {
    coroutines.into_iter().fold(0, |sum: u64, coroutine| {
        sum.wrapping_add(coroutine.join().expect("no coroutine of a workload panics"))
    })
}

/// The sum of the threads' results.
fn join_threads(threads: Vec<std::thread::JoinHandle<u64>>) -> u64 {
    threads
        .into_iter()
        .fold(0, |sum: u64, thread| sum.wrapping_add(thread.join().expect("no thread of a workload panics")))
}
