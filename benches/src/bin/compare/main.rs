//! How does smarm stand beside its rivals, on this machine, now?
//!
//! ```text
//! cargo run --release -p smarm-benches --bin compare -- [--only ring,pingpong] [--rounds 7]
//!     [--runtimes smarm,tokio,may,actix,kameo,ractor,threads] [--workers 1,2] [--scale 1.0]
//!     [--go PATH] [--erlang PATH] [--write]
//! ```
//!
//! **Unit**: nanoseconds per operation, on the wall and of processor time (all threads; it shows who spins).
//!
//! **Rivals**: tokio (`current_thread` for one worker, `multi_thread` for two), may, threads of the operating system where they make
//! sense, and Go and Erlang if their programs are given (`benches/peers`). For server actors: actix, kameo, ractor, and a tokio task
//! behind bare channels.
//!
//! **Method**: a sample is a fresh process: it starts its runtime, runs the workload once (the *first* run,
//! which pays for fresh memory), then once more, which is the figure. Samples of all runtimes are
//! interleaved, round after round, so that a noisy minute hits all of them; the ratio is the median of the
//! ratios of each round.
//!
//! **What would be unfair**: a sample with its start-up inside; stderr in the way; a rival's weakest flavour;
//! other sizes for one of them; leaving the load average out. Go has no unbounded channel: it gets a buffer
//! with room for all messages. may has no bounded one and cannot hold more than 32 000 coroutines: it has no
//! figure there. Erlang's processor time is that of the emulator's threads, in which its schedulers also look for work. What would be unfair among server actors is said in `workloads.rs`.

mod args;
mod chart;
mod page;
mod peer;
mod report;
mod sample;

use std::process::ExitCode;

use args::{Args, Command};
use peer::Peer;
use sample::{Outcome, Program, Request};
use smarm_benches::workload::Workload;

fn main() -> ExitCode {
    match Command::parse(std::env::args().skip(1)) {
        Ok(Command::Compare(mut args)) => {
            args.meet_peers();
            if let Err(mistake) = compare(&args) {
                eprintln!("compare: {mistake}");
                return ExitCode::FAILURE;
            }
        }
        Ok(Command::Sample { kind, request }) => sample::take_here(kind, request),
        Ok(Command::List(mut args)) => {
            args.meet_peers();
            list(&args);
        }
        Ok(Command::Help) => println!("{}", args::USAGE),
        Err(mistake) => {
            eprintln!("compare: {mistake}\n{}", args::USAGE);
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// A line for each workload, which `benches/sweep.py` reads: name, group, size, operations, runtimes.
fn list(args: &Args) {
    for &workload in &args.workloads {
        let size = args.size_of(workload);
        let can = |program: &&Program| program.takes_part_in(workload) && program.can_ever(workload, size);
        let runtimes: Vec<&str> = args.programs.iter().filter(can).map(Program::name).collect();
        println!(
            "{workload} {} {size} {} {}",
            workload.group(),
            workload.operations(size),
            runtimes.join(",")
        );
    }
}

fn compare(args: &Args) -> Result<(), String> {
    let mut rows = Vec::new();
    let load_before = report::load_average();
    report::heading(args);
    for &workload in &args.workloads {
        report::workload(workload, args.size_of(workload));
        let programs: Vec<Program> =
            args.programs.iter().filter(|program| program.takes_part_in(workload)).cloned().collect();
        for &workers in &args.workers {
            let request = Request { workload, workers, size: args.size_of(workload) };
            let outcomes = interleave(&programs, request, args.rounds);
            rows.extend(report::rows(request, &programs, &outcomes));
        }
    }
    report::ending();
    if args.write {
        page::write(&rows, args.rounds, [&load_before, &report::load_average()])?;
    }
    Ok(())
}

/// One sample of each program, then the next round; a program that failed once is not asked again.
fn interleave(programs: &[Program], request: Request, rounds: usize) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> =
        programs.iter().map(|program| Outcome::before_first_sample(program, request)).collect();
    for _ in 0..rounds {
        for (program, outcome) in programs.iter().zip(&mut outcomes) {
            outcome.add_sample_of(program, request);
        }
    }
    outcomes
}

impl Args {
    /// Adds those that run to the programs, and says why the others do not.
    fn meet_peers(&mut self) {
        for (name, path) in std::mem::take(&mut self.peers) {
            match Peer::meet(name, path.clone()) {
                Ok(peer) => self.programs.push(Program::Peer(peer)),
                Err(failure) => eprintln!("compare: {name} is left out: {}: {failure}", path.display()),
            }
        }
    }

    fn size_of(&self, workload: Workload) -> u64 {
        workload.fit((workload.full_size() as f64 * self.scale) as u64)
    }
}
