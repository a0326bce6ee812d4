//! What the bench programs share: the contenders, and a report in nanoseconds per operation.

use std::time::{Duration, Instant};

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use smarm_benches::contender::{Contender, Kind};
use smarm_benches::workload::Workload;

/// may has one scheduler in a process, so a run sees it with one number of workers: this variable's, or two.
const MAY_WORKERS: &str = "SMARM_BENCH_MAY_WORKERS";
const MAY_WORKERS_DEFAULT: usize = 2;

/// Wall time, with criterion's throughput line turned round: nanoseconds per operation instead of operations
/// per second.
pub(crate) struct PerOperation;

impl Measurement for PerOperation {
    type Intermediate = Instant;
    type Value = Duration;

    fn start(&self) -> Instant {
        WallTime.start()
    }

    fn end(&self, started: Instant) -> Duration {
        WallTime.end(started)
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        WallTime.add(a, b)
    }

    fn zero(&self) -> Duration {
        WallTime.zero()
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

impl ValueFormatter for PerOperation {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_values(typical, values)
    }

    fn scale_throughputs(&self, typical: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str {
        let Throughput::Elements(operations) = *throughput else {
            return WallTime.formatter().scale_throughputs(typical, throughput, values);
        };
        for value in values {
            *value /= operations as f64;
        }
        "ns/op"
    }

    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_for_machines(values)
    }
}

/// Few and short samples: an iteration is already some ten thousand operations.
pub(crate) fn criterion() -> Criterion<PerOperation> {
    Criterion::default()
        .with_measurement(PerOperation)
        .sample_size(15)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
}

/// Benches one workload on every runtime that can do it, started beforehand.
pub(crate) fn compare(criterion: &mut Criterion<PerOperation>, workload: Workload) {
    let size = workload.criterion_size();
    let mut group = criterion.benchmark_group(workload.name());
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(workload.operations(size)));
    for (kind, workers) in contenders() {
        if let Some(obstacle) = kind.obstacle(workload, size) {
            eprintln!("{workload}: {kind} {obstacle}");
            continue;
        }
        let id = BenchmarkId::new(format!("{kind}-{workers}"), workload.operations(size));
        let mut contender = None;
        group.bench_function(id, |bencher| {
            // Started here, so that a filter on the command line starts what it names and nothing else.
            let contender = contender.get_or_insert_with(|| Contender::start(kind, workers));
            bencher.iter(|| contender.run(workload, size));
        });
    }
    group.finish();
}

fn contenders() -> [(Kind, usize); 5] {
    [(Kind::Smarm, 1), (Kind::Smarm, 2), (Kind::Tokio, 1), (Kind::Tokio, 2), (Kind::May, may_workers())]
}

fn may_workers() -> usize {
    std::env::var(MAY_WORKERS).ok().and_then(|value| value.parse().ok()).unwrap_or(MAY_WORKERS_DEFAULT)
}
