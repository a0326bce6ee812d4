//! The questions: what is run, how often, and what smarm is expected to reach.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::suite::{ALIASES, CASES, Case, Group};

/// Actors that yield in [`Workload::Yield`].
pub const YIELDERS: u64 = 1000;
/// Actors in the ring of [`Workload::Ring`].
pub const RING_MEMBERS: u64 = 1000;
/// Children of each inner actor of [`Workload::Skynet`].
pub const SKYNET_CHILDREN: usize = 10;
/// Actors that share the lock of [`Workload::Mutex`].
pub const LOCKERS: u64 = 8;
/// Actors that sleep in [`Workload::Sleep`].
pub const SLEEPERS: u64 = 1000;
/// Capacity, in messages, of the channel of [`Workload::Bounded`].
pub const BOUND: usize = 64;
/// Capacity, in messages, of a server's mailbox where the runtime has no default: smarm's.
pub const MAILBOX: usize = 1024;
/// Server actors that are started, one after another, before the first of their ends is waited for, in
/// [`Workload::StartStop`].
pub const WAVE: usize = 1000;

/// One piece of work, the same in every runtime. Its *size* is the number of operations, unless said
/// otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// [`YIELDERS`] actors yield in turn. An operation is one yield: one switch to another actor.
    Yield,
    /// Each actor spawns its successor and ends; the last one reports. An operation is one actor's life.
    Chain,
    /// One actor spawns all the others, then joins them. An operation is one actor's life and its join.
    SpawnJoin,
    /// A tree of actors, ten children each; the leaves' numbers are added up on the way back. The size is the
    /// number of leaves (a power of ten); an operation is one actor's life, inner ones included.
    Skynet,
    /// Two actors, two unbounded channels. An operation is one round trip.
    PingPong,
    /// A token goes round [`RING_MEMBERS`] actors. An operation is one hop.
    Ring,
    /// One sender, one receiver, an unbounded channel. An operation is one message.
    Mpsc1,
    /// Four senders, one receiver, an unbounded channel. An operation is one message.
    Mpsc4,
    /// As [`Workload::Mpsc1`], but the sender is a plain OS thread, so that the ends can never share a core's
    /// cache by taking turns. An operation is one message.
    MpscApart,
    /// One sender, one receiver, a channel of [`BOUND`] messages. An operation is one message.
    Bounded,
    /// [`LOCKERS`] actors count with one number under a lock. An operation is one lock and its unlock.
    Mutex,
    /// [`SLEEPERS`] actors sleep again and again, each for a time of its own: see [`nap`]. An operation is one sleep. What counts is the
    /// processor time.
    Sleep,
    /// One caller asks a server actor, waits for the answer, asks again. An operation is one round trip.
    Call,
    /// One sender tells a server actor numbers to add up, then asks for the sum. An operation is one number,
    /// handled.
    Cast,
    /// Server actors are started, told one number and to stop after it, a [`WAVE`] at a time; then the end of
    /// each of the wave is waited for. An operation is one server's life.
    StartStop,
    /// One of those that have a file of their own: see [`suite`](crate::suite).
    Case(&'static Case),
}

/// What smarm should take, as a fraction of the best rival's time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// At most this fraction.
    AtMost(f64),
    /// At most this fraction of the best of the rivals with these names; the others are there to compare with.
    AtMostOf(f64, &'static [&'static str]),
    /// At most this fraction of the processor time, whatever the time on the wall.
    AtMostCpu(f64),
    /// Published without a goal.
    None,
}

/// The rivals that are actor libraries.
const ACTOR_CRATES: &[&str] = &["actix", "kameo", "ractor"];

impl Goal {
    /// The fraction.
    #[must_use]
    pub fn ratio(self) -> Option<f64> {
        match self {
            Self::AtMost(ratio) | Self::AtMostOf(ratio, _) | Self::AtMostCpu(ratio) => Some(ratio),
            Self::None => None,
        }
    }

    /// Whether it speaks of the rival with this name.
    #[must_use]
    pub fn counts(self, rival: &str) -> bool {
        match self {
            Self::AtMostOf(_, rivals) => rivals.contains(&rival),
            Self::AtMost(_) | Self::AtMostCpu(_) | Self::None => true,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(ratio) => write!(f, "goal: at most {ratio} of the best rival"),
            Self::AtMostOf(ratio, rivals) => {
                write!(f, "goal: at most {ratio} of the best of {}", rivals.join(", "))
            }
            Self::AtMostCpu(ratio) => write!(f, "goal: at most {ratio} of the best rival's processor time"),
            Self::None => f.write_str("no goal"),
        }
    }
}

impl Workload {
    /// All of them, in the order of the report.
    #[must_use]
    pub fn all() -> Vec<Self> {
        Self::BUILT_IN.into_iter().chain(CASES.iter().map(Self::Case)).collect()
    }

    /// Those that each runtime's file in [`workloads`](crate::workloads) has.
    const BUILT_IN: [Self; 15] = [
        Self::Yield,
        Self::Chain,
        Self::SpawnJoin,
        Self::Skynet,
        Self::PingPong,
        Self::Ring,
        Self::Mpsc4,
        Self::Mpsc1,
        Self::MpscApart,
        Self::Bounded,
        Self::Mutex,
        Self::Sleep,
        Self::Call,
        Self::Cast,
        Self::StartStop,
    ];

    /// The name on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Yield => "yield",
            Self::Chain => "chain",
            Self::SpawnJoin => "spawnjoin",
            Self::Skynet => "skynet",
            Self::PingPong => "pingpong",
            Self::Ring => "ring",
            Self::Mpsc1 => "mpsc1",
            Self::Mpsc4 => "mpsc4",
            Self::MpscApart => "mpscapart",
            Self::Bounded => "bounded",
            Self::Mutex => "mutex",
            Self::Sleep => "sleep",
            Self::Call => "call",
            Self::Cast => "cast",
            Self::StartStop => "startstop",
            Self::Case(case) => case.name,
        }
    }

    /// What is done, in a few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Yield => "yield, 1000 actors",
            Self::Chain => "chained spawn",
            Self::SpawnJoin => "spawn all, then join all",
            Self::Skynet => "skynet, a tree of actors",
            Self::PingPong => "ping-pong, round trips",
            Self::Ring => "ring of 1000, hops",
            Self::Mpsc1 => "unbounded channel, 1 -> 1",
            Self::Mpsc4 => "unbounded channel, 4 -> 1",
            Self::MpscApart => "unbounded channel, OS thread -> actor",
            Self::Bounded => "bounded(64) channel, 1 -> 1",
            Self::Mutex => "lock and unlock, 8 actors",
            Self::Sleep => "sleeps of 1 to 2 ms, 1000 actors",
            Self::Call => "call a server actor, round trips",
            Self::Cast => "cast to a server actor",
            Self::StartStop => "start a server actor, cast, stop, wait for its end",
            Self::Case(case) => case.title,
        }
    }

    /// The size `compare` uses: the one the goals speak of.
    #[must_use]
    pub fn full_size(self) -> u64 {
        match self {
            Self::SpawnJoin | Self::PingPong | Self::Call => 200_000,
            Self::StartStop | Self::Sleep => 100_000,
            Self::Case(case) => case.size,
            _ => 1_000_000,
        }
    }

    /// Where it comes from.
    #[must_use]
    pub fn group(self) -> Group {
        match self {
            Self::Chain | Self::Yield => Group::General,
            Self::Mpsc1 | Self::Mpsc4 => Group::SmarmFavoured,
            Self::PingPong | Self::Ring => Group::Savina,
            Self::Call | Self::Cast | Self::StartStop => Group::Servers,
            Self::Case(case) => case.group,
            _ => Group::More,
        }
    }

    /// The size nearest to this one that it can have.
    #[must_use]
    pub fn fit(self, size: u64) -> u64 {
        match self {
            // A complete tree needs a power of ten.
            Self::Skynet => 10_u64.pow(size.max(1).ilog10()),
            Self::Case(case) => (case.fit)(size),
            _ => size.max(1000),
        }
    }

    /// A size that keeps one criterion iteration at some milliseconds, and within reach of every rival.
    #[must_use]
    pub fn criterion_size(self) -> u64 {
        match self {
            Self::SpawnJoin | Self::PingPong | Self::Call => 20_000,
            Self::Skynet | Self::StartStop | Self::Sleep => 10_000,
            _ => 100_000,
        }
    }

    /// Operations in a run of this size.
    #[must_use]
    pub fn operations(self, size: u64) -> u64 {
        match self {
            // A whole tree: 1 + 10 + .. + size.
            Self::Skynet => (SKYNET_CHILDREN as u64 * size - 1) / (SKYNET_CHILDREN as u64 - 1),
            Self::Case(case) => (case.operations)(size),
            _ => size,
        }
    }

    /// Whether it is about server actors: the rivals are those that have them, and channels to build them of.
    #[must_use]
    pub fn needs_servers(self) -> bool {
        matches!(self, Self::Call | Self::Cast | Self::StartStop)
    }

    /// The sum a correct run returns.
    #[must_use]
    pub fn expected(self, size: u64) -> u64 {
        match self {
            Self::Yield => size / YIELDERS * YIELDERS,
            Self::Ring => size,
            Self::Case(case) => (case.expected)(size),
            Self::Mutex => size / LOCKERS * LOCKERS,
            Self::Sleep => size / SLEEPERS * SLEEPERS,
            _ => triangle(size),
        }
    }

    /// The goal for so many workers.
    #[must_use]
    pub fn goal(self, workers: usize) -> Goal {
        match self {
            Self::PingPong => Goal::AtMost(0.4),
            Self::Bounded => Goal::AtMost(0.6),
            Self::MpscApart => Goal::None,
            Self::Case(case) => case.goal,
            Self::Mutex => Goal::AtMostOf(if workers == 1 { 1.2 } else { 1.0 }, &["go"]),
            Self::Sleep => Goal::AtMostCpu(0.7),
            Self::Call => Goal::AtMostOf(0.3, ACTOR_CRATES),
            Self::Cast => Goal::AtMostOf(0.8, &["actix"]),
            Self::StartStop => Goal::AtMostOf(0.2, &["actix"]),
            _ => Goal::AtMost(0.5),
        }
    }
}

/// How long the sleeper with this number sleeps each time: 1 to 2 ms, so that few are due at once.
#[must_use]
pub fn nap(number: u64) -> Duration {
    Duration::from_micros(1000 + number)
}

/// 0 + 1 + .. + (n - 1).
fn triangle(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let ours = ALIASES.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, ours)| ours);
        Self::all().into_iter().find(|workload| workload.name() == ours).ok_or_else(|| {
            let known = Self::all().into_iter().map(Self::name).collect::<Vec<_>>().join(", ");
            format!("no workload is called {name:?}; there are {known}")
        })
    }
}
