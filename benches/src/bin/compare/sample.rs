//! A sample: a process of its own that runs one workload on one runtime.
//!
//! The protocol between the processes, which the programs in `benches/peers` speak too: the arguments are
//! `sample RUNTIME WORKLOAD WORKERS SIZE`, the answer is one line,
//! `RUNTIME WORKLOAD WORKERS SIZE FIRST_WALL_NS WALL_NS CPU_NS`.

use std::fmt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use smarm_benches::contender::{Contender, Kind, check};
use smarm_benches::measure::{cost_of, per_operation};
use smarm_benches::workload::Workload;

use crate::peer::Peer;

/// Longer than any sample takes, even on a slow machine; what takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a sample's end is looked for. Rare enough not to disturb it.
const GLANCE: Duration = Duration::from_millis(5);

/// What to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) workload: Workload,
    pub(crate) workers: usize,
    pub(crate) size: u64,
}

/// Who runs it.
#[derive(Debug, Clone)]
pub(crate) enum Program {
    Ourselves(Kind),
    Peer(Peer),
}

impl Program {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ourselves(kind) => kind.name(),
            Self::Peer(peer) => peer.name(),
        }
    }

    /// Whether the workload is a question to it at all.
    pub(crate) fn takes_part_in(&self, workload: Workload) -> bool {
        match self {
            Self::Ourselves(kind) => kind.takes_part_in(workload),
            Self::Peer(peer) => peer.has(workload),
        }
    }

    /// Whether nothing keeps it from the workload, whatever the number of workers.
    pub(crate) fn can_ever(&self, workload: Workload, size: u64) -> bool {
        match self {
            Self::Ourselves(kind) => kind.obstacle(workload, size).is_none(),
            Self::Peer(_) => true,
        }
    }

    fn obstacle(&self, request: Request) -> Option<&'static str> {
        match self {
            Self::Ourselves(Kind::Threads) if request.workers == 1 => Some("use all processors"),
            Self::Ourselves(kind) => kind.obstacle(request.workload, request.size),
            Self::Peer(_) => None,
        }
    }

    fn sample(&self, request: Request) -> Result<Sample, Failure> {
        let path = match self {
            Self::Ourselves(_) => std::env::current_exe().map_err(|error| Failure(error.to_string()))?,
            Self::Peer(peer) => peer.path().to_owned(),
        };
        let mut command = Command::new(path);
        command
            .args(["sample", self.name(), request.workload.name()])
            .args([request.workers.to_string(), request.size.to_string()]);
        let answer = ask(&mut command)?;
        Sample::parse(&answer, request).ok_or_else(|| Failure(format!("it answered {answer:?}")))
    }
}

/// What a program prints.
pub(crate) fn ask(command: &mut Command) -> Result<String, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    wait(command.spawn().map_err(|error| Failure(error.to_string()))?)
}

/// Waits for a program's answer, which fits any pipe; kills what hangs.
fn wait(mut child: Child) -> Result<String, Failure> {
    let started = Instant::now();
    while child.try_wait().map_err(|error| Failure(error.to_string()))?.is_none() {
        if started.elapsed() > PATIENCE {
            child.kill().map_err(|error| Failure(error.to_string()))?;
            child.wait().map_err(|error| Failure(error.to_string()))?;
            return Err(Failure(format!("it took more than {} s", PATIENCE.as_secs())));
        }
        std::thread::sleep(GLANCE);
    }
    let output = child.wait_with_output().map_err(|error| Failure(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let first_line = complaint.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(Failure(format!("{}: {}", output.status, first_line.trim())))
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(crate) struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nanoseconds per operation of one process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) first_wall: f64,
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
}

impl Sample {
    fn parse(line: &str, request: Request) -> Option<Self> {
        let mut figures = line.split_whitespace().skip(4).map(str::parse);
        let mut next = || {
            let nanos = figures.next()?.ok()?;
            Some(per_operation(Duration::from_nanos(nanos), request.workload.operations(request.size)))
        };
        Some(Self { first_wall: next()?, wall: next()?, cpu: next()? })
    }
}

/// What became of a program's samples.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// One per round so far.
    Samples(Vec<Sample>),
    /// The first failure.
    Failed(Failure),
    /// The runtime cannot do this, and why.
    Unsupported(&'static str),
}

impl Outcome {
    pub(crate) fn before_first_sample(program: &Program, request: Request) -> Self {
        program.obstacle(request).map_or(Self::Samples(Vec::new()), Self::Unsupported)
    }

    pub(crate) fn add_sample_of(&mut self, program: &Program, request: Request) {
        let Self::Samples(samples) = self else { return };
        match program.sample(request) {
            Ok(sample) => samples.push(sample),
            Err(failure) => *self = Self::Failed(failure),
        }
    }
}

/// The other end: runs the workload twice in this process and prints the answer.
pub(crate) fn take_here(kind: Kind, request: Request) {
    let Request { workload, workers, size } = request;
    let contender = Contender::start(kind, workers);
    let (first_sum, first) = cost_of(|| contender.sum_of(workload, size));
    let (sum, cost) = cost_of(|| contender.sum_of(workload, size));
    check(workload, size, first_sum);
    check(workload, size, sum);
    println!(
        "{kind} {workload} {workers} {size} {} {} {}",
        first.wall.as_nanos(),
        cost.wall.as_nanos(),
        cost.cpu.as_nanos()
    );
}
