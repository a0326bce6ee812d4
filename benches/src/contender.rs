//! The runtimes that can run inside this process.

use std::fmt;
use std::str::FromStr;

use crate::measure::Memory;
use crate::workload::Workload;
use crate::workloads::{may_impl, smarm_impl, tokio_impl};

/// Coroutines may can hold at once: each stack and its guard are mappings of their own, and Linux allows 65
/// 530.
const MAY_COROUTINES: u64 = 32_000;

/// Which runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This one.
    Smarm,
    /// tokio: `current_thread` with one worker, `multi_thread` with more.
    Tokio,
    /// may: stackful too. It has one scheduler per process, whose size the first contender decides.
    May,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Smarm, Self::Tokio, Self::May];

    /// The name on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Smarm => "smarm",
            Self::Tokio => "tokio",
            Self::May => "may",
        }
    }

    /// Why this runtime cannot run the workload, if so.
    #[must_use]
    pub fn obstacle(self, workload: Workload, size: u64) -> Option<&'static str> {
        match workload {
            _ if self != Self::May => None,
            // One built from its semaphore would be ours, not may's.
            Workload::Bounded => Some("has no bounded channel"),
            Workload::SpawnJoin | Workload::Skynet if workload.operations(size) > MAY_COROUTINES => {
                Some("maps too few stacks (two mappings each, vm.max_map_count)")
            }
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| format!("no runtime is called {name:?}; there are smarm, tokio, may"))
    }
}

/// A started runtime, ready to run workloads.
#[derive(Debug)]
pub struct Contender {
    runtime: Started,
}

enum Started {
    Smarm(smarm::runtime::Runtime),
    Tokio(tokio::runtime::Runtime),
    May,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smarm(_) => "Smarm",
            Self::Tokio(_) => "Tokio",
            Self::May => "May",
        })
    }
}

impl Contender {
    /// Starts a runtime with this many workers.
    #[must_use]
    pub fn start(kind: Kind, workers: usize) -> Self {
        let runtime = match kind {
            Kind::Smarm => Started::Smarm(smarm_impl::start(workers)),
            Kind::Tokio => Started::Tokio(tokio_impl::start(workers)),
            Kind::May => {
                may_impl::start(workers);
                Started::May
            }
        };
        Self { runtime }
    }

    /// Runs a workload to its end.
    ///
    /// # Panics
    ///
    /// If the result is wrong, or the runtime does not support the workload.
    pub fn run(&self, workload: Workload, size: u64) {
        let sum = match &self.runtime {
            Started::Smarm(runtime) => smarm_impl::run(runtime, workload, size),
            Started::Tokio(runtime) => tokio_impl::run(runtime, workload, size),
            Started::May => may_impl::run(workload, size),
        };
        assert_eq!(sum, workload.expected(size), "{workload} of size {size} was not done in full");
    }

    /// Spawns `actors` that wait on a channel of their own, calls `measure` on a plain thread while all of
    /// them and the root are parked, then lets them go. It is given the memory in use before the first spawn;
    /// the channels existed then, so they do not count.
    pub fn park<T: Send + 'static>(
        &self,
        actors: usize,
        measure: impl FnOnce(Memory) -> T + Send + 'static,
    ) -> T {
        match &self.runtime {
            Started::Smarm(runtime) => smarm_impl::park(runtime, actors, measure),
            Started::Tokio(runtime) => tokio_impl::park(runtime, actors, measure),
            Started::May => may_impl::park(actors, measure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: u64 = 1000;

    fn runs_every_workload(kind: Kind) {
        let contender = Contender::start(kind, 2);
        for workload in Workload::ALL {
            if kind.obstacle(workload, SMALL).is_none() {
                contender.run(workload, SMALL);
            }
        }
    }

    #[test]
    fn smarm_runs_every_workload() {
        runs_every_workload(Kind::Smarm);
    }

    #[test]
    fn tokio_runs_every_workload() {
        runs_every_workload(Kind::Tokio);
    }

    #[test]
    fn may_runs_what_it_can() {
        runs_every_workload(Kind::May);
    }
}
