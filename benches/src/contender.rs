//! The runtimes that can run inside this process.

use std::fmt;
use std::str::FromStr;

use crate::measure::Memory;
use crate::workload::Workload;
use crate::workloads::{
    actix_impl, kameo_impl, may_impl, ractor_impl, smarm_impl, smarm_servers, threads_impl, tokio_impl,
    tokio_servers,
};

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
    /// actix: one single-threaded tokio runtime per worker.
    Actix,
    /// kameo, on the same runtime as [`Kind::Tokio`].
    Kameo,
    /// ractor, on the same runtime as [`Kind::Tokio`].
    Ractor,
    /// Threads of the operating system, as many as there would be actors. They use all processors.
    Threads,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Smarm, Self::Tokio, Self::May, Self::Actix, Self::Kameo, Self::Ractor, Self::Threads];

    /// The name on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Smarm => "smarm",
            Self::Tokio => "tokio",
            Self::May => "may",
            Self::Actix => "actix",
            Self::Kameo => "kameo",
            Self::Ractor => "ractor",
            Self::Threads => "threads",
        }
    }

    /// Why it has no figures for server actors, if so.
    #[must_use]
    pub fn lacks_servers(self) -> Option<&'static str> {
        match self {
            Self::May | Self::Threads => Some("has no server actors"),
            Self::Smarm | Self::Tokio | Self::Actix | Self::Kameo | Self::Ractor => None,
        }
    }

    /// Whether it has actors that are not servers.
    #[must_use]
    pub fn has_plain_actors(self) -> bool {
        matches!(self, Self::Smarm | Self::Tokio | Self::May)
    }

    /// Whether the workload is a question to it at all.
    #[must_use]
    pub fn takes_part_in(self, workload: Workload) -> bool {
        match workload {
            Workload::Case(case) => match self {
                Self::Smarm | Self::Tokio => true,
                Self::May => case.may.is_some(),
                Self::Threads => threads_impl::has(workload),
                Self::Actix => case.actix.is_some(),
                Self::Kameo => case.kameo.is_some(),
                Self::Ractor => case.ractor.is_some(),
            },
            _ if workload.needs_servers() => self.lacks_servers().is_none(),
            _ if self == Self::Threads => threads_impl::has(workload),
            _ => self.has_plain_actors(),
        }
    }

    /// Why this runtime cannot run the workload, if so.
    #[must_use]
    pub fn obstacle(self, workload: Workload, size: u64) -> Option<&'static str> {
        match workload {
            _ if workload.needs_servers() => self.lacks_servers(),
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
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("no runtime is called {name:?}; there are {known}")
        })
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
    Actix(actix_impl::Arbiters),
    Kameo(tokio::runtime::Runtime),
    Ractor(tokio::runtime::Runtime),
    Threads,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smarm(_) => "Smarm",
            Self::Tokio(_) => "Tokio",
            Self::May => "May",
            Self::Actix(_) => "Actix",
            Self::Kameo(_) => "Kameo",
            Self::Ractor(_) => "Ractor",
            Self::Threads => "Threads",
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
            Kind::Actix => Started::Actix(actix_impl::start(workers)),
            Kind::Kameo => Started::Kameo(tokio_impl::start(workers)),
            Kind::Ractor => Started::Ractor(tokio_impl::start(workers)),
            Kind::Threads => Started::Threads,
        };
        Self { runtime }
    }

    /// Runs a workload to its end.
    ///
    /// # Panics
    ///
    /// If the result is wrong, or the runtime does not support the workload.
    pub fn run(&self, workload: Workload, size: u64) {
        check(workload, size, self.sum_of(workload, size));
    }

    /// Runs a workload to its end, and gives its sum, for [`check`]: to know what it should be may take as long as the work.
    ///
    /// # Panics
    ///
    /// If the runtime does not support the workload.
    #[must_use]
    pub fn sum_of(&self, workload: Workload, size: u64) -> u64 {
        match &self.runtime {
            Started::Smarm(runtime) => smarm_impl::run(runtime, workload, size),
            Started::Tokio(runtime) => tokio_impl::run(runtime, workload, size),
            Started::May => may_impl::run(workload, size),
            Started::Actix(arbiters) => actix_impl::run(arbiters, workload, size),
            Started::Kameo(runtime) => kameo_impl::run(runtime, workload, size),
            Started::Ractor(runtime) => ractor_impl::run(runtime, workload, size),
            Started::Threads => threads_impl::run(workload, size),
        }
    }

    /// Spawns `actors` that wait on a channel of their own, calls `measure` on a plain thread while all of
    /// them and the root are parked, then lets them go. It is given the memory in use before the first spawn;
    /// the channels existed then, so they do not count.
    ///
    /// # Panics
    ///
    /// If all actors of this runtime are servers.
    pub fn park<T: Send + 'static>(
        &self,
        actors: usize,
        measure: impl FnOnce(Memory) -> T + Send + 'static,
    ) -> T {
        match &self.runtime {
            Started::Smarm(runtime) => smarm_impl::park(runtime, actors, measure),
            Started::Tokio(runtime) => tokio_impl::park(runtime, actors, measure),
            Started::May => may_impl::park(actors, measure),
            Started::Actix(_) | Started::Kameo(_) | Started::Ractor(_) | Started::Threads => {
                panic!("all its actors are servers, or it has none")
            }
        }
    }

    /// Starts `servers` server actors, calls each once, keeps one handle of each, and calls `measure` on a
    /// plain thread while all of them are idle. It is given the memory in use before the first start.
    ///
    /// # Panics
    ///
    /// If this runtime has no server actors.
    pub fn keep<T: Send + 'static>(
        &self,
        servers: usize,
        measure: impl FnOnce(Memory) -> T + Send + 'static,
    ) -> T {
        match &self.runtime {
            Started::Tokio(runtime) => tokio_servers::keep(runtime, servers, measure),
            Started::Actix(arbiters) => actix_impl::keep(arbiters, servers, measure),
            Started::Kameo(runtime) => kameo_impl::keep(runtime, servers, measure),
            Started::Ractor(runtime) => ractor_impl::keep(runtime, servers, measure),
            Started::Smarm(runtime) => smarm_servers::keep(runtime, servers, measure),
            Started::May | Started::Threads => panic!("it has no server actors"),
        }
    }
}

/// Whether a run has done all of its work.
///
/// # Panics
///
/// If the sum is wrong.
pub fn check(workload: Workload, size: u64, sum: u64) {
    assert_eq!(sum, workload.expected(size), "{workload} of size {size} was not done in full");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::WAVE;

    const SMALL: u64 = 1000;

    fn runs_every_workload(kind: Kind) {
        let contender = Contender::start(kind, 2);
        for workload in Workload::all() {
            let size = workload.fit(SMALL);
            if kind.takes_part_in(workload) && kind.obstacle(workload, size).is_none() {
                contender.run(workload, size);
            }
        }
    }

    /// More than a wave of servers, and not a whole number of waves.
    fn runs_servers(kind: Kind) {
        for workers in [1, 2] {
            let contender = Contender::start(kind, workers);
            contender.run(Workload::StartStop, WAVE as u64 + 1);
            assert!(contender.keep(10, |before| before.resident) > 0);
        }
    }

    #[test]
    fn smarm_runs_every_workload() {
        runs_every_workload(Kind::Smarm);
        runs_servers(Kind::Smarm);
    }

    #[test]
    fn tokio_runs_every_workload() {
        runs_every_workload(Kind::Tokio);
        runs_servers(Kind::Tokio);
    }

    #[test]
    fn actix_runs_servers() {
        runs_every_workload(Kind::Actix);
        runs_servers(Kind::Actix);
    }

    #[test]
    fn kameo_runs_servers() {
        runs_every_workload(Kind::Kameo);
        runs_servers(Kind::Kameo);
    }

    #[test]
    fn ractor_runs_servers() {
        runs_every_workload(Kind::Ractor);
        runs_servers(Kind::Ractor);
    }

    #[test]
    fn threads_run_what_makes_sense() {
        runs_every_workload(Kind::Threads);
    }

    #[test]
    fn may_runs_what_it_can() {
        runs_every_workload(Kind::May);
    }
}
