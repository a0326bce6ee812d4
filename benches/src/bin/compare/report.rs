//! The table.

use smarm_benches::workload::{Goal, Workload};

use crate::args::Args;
use crate::page::Row;
use crate::sample::{Outcome, Program, Request, Sample};

const OURS: &str = "smarm";

pub(crate) fn heading(args: &Args) {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "ns per operation; median (min .. max) of {} samples, interleaved, each a fresh process",
        args.rounds
    );
    println!("processors: {processors}; load average before: {}", load_average());
}

pub(crate) fn ending() {
    println!("\nload average after: {}", load_average());
}

pub(crate) fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

pub(crate) fn workload(workload: Workload, size: u64) {
    let (group, title) = (workload.group(), workload.title());
    println!("\n{workload} ({group}): {title}, N = {}", workload.operations(size));
    println!("  workers  runtime  {:^30}  {:>9}  {:>9}", "wall", "CPU", "first run");
}

pub(crate) fn rows(request: Request, programs: &[Program], outcomes: &[Outcome]) -> Option<Row> {
    for (program, outcome) in programs.iter().zip(outcomes) {
        print!("  {:>7}  {:<7}  ", request.workers, program.name());
        match outcome {
            Outcome::Samples(samples) => row(samples),
            Outcome::Failed(failure) => println!("failed: {failure}"),
            Outcome::Unsupported(why) => println!("{why}"),
        }
    }
    ratio_row(request, programs, outcomes)
}

fn row(samples: &[Sample]) {
    let wall = Spread::of(samples.iter().map(|sample| sample.wall));
    let cpu = Spread::of(samples.iter().map(|sample| sample.cpu));
    let first = Spread::of(samples.iter().map(|sample| sample.first_wall));
    let range = format!("({:.1} .. {:.1})", wall.min, wall.max);
    println!("{:>10.1} {range:<19}  {:>9.1}  {:>9.1}", wall.median, cpu.median, first.median);
}

fn ratio_row(request: Request, programs: &[Program], outcomes: &[Outcome]) -> Option<Row> {
    let goal = request.workload.goal(request.workers);
    let measured = || {
        programs.iter().zip(outcomes).filter_map(|(program, outcome)| match outcome {
            Outcome::Samples(samples) => Some((program.name(), samples)),
            Outcome::Failed(_) | Outcome::Unsupported(_) => None,
        })
    };
    let ours = measured().find(|(name, _)| *name == OURS);
    let by_cpu = matches!(goal, Goal::AtMostCpu(_));
    let median = |samples: &[Sample]| {
        let figure = |sample: &Sample| if by_cpu { sample.cpu } else { sample.wall };
        Spread::of(samples.iter().map(figure)).median
    };
    let best = measured()
        .filter(|(name, _)| *name != OURS && goal.counts(name))
        .min_by(|a, b| median(a.1).total_cmp(&median(b.1)));
    let ((_, ours), (rival, theirs)) = (ours?, best?);
    let wall = ratios(ours, theirs, |sample| sample.wall);
    let cpu = ratios(ours, theirs, |sample| sample.cpu);
    let counted = if by_cpu { cpu.median } else { wall.median };
    let verdict = match goal.ratio() {
        Some(ratio) if counted <= ratio => ": reached",
        Some(_) => ": MISSED",
        None => "",
    };
    println!(
        "           smarm / {rival}: {:.2} ({:.2} .. {:.2}) wall, {:.2} CPU; {goal}{verdict}",
        wall.median, wall.min, wall.max, cpu.median
    );
    let wall_median = |samples: &[Sample]| Spread::of(samples.iter().map(|sample| sample.wall)).median;
    Some(Row {
        workload: request.workload,
        operations: request.workload.operations(request.size),
        workers: request.workers,
        medians: measured().map(|(name, samples)| (name, wall_median(samples))).collect(),
        rival,
        wall: [wall.min, wall.median, wall.max],
        cpu: cpu.median,
    })
}

/// Round by round: both samples of a round met the same noise.
fn ratios(ours: &[Sample], theirs: &[Sample], figure: impl Fn(&Sample) -> f64) -> Spread {
    Spread::of(ours.iter().zip(theirs).map(|(our, their)| figure(our) / figure(their)))
}

struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Self { min: f64::NAN, median: f64::NAN, max: f64::NAN };
        };
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Self { min, median, max }
    }
}
