//! Has an operation become longer? Unlike a time, a count of instructions is the same on a busy machine.
//!
//! ```text
//! cargo run --release -p smarm-instructions                 # fails if an operation takes 5 % more than limits.txt says
//! cargo run --release -p smarm-instructions -- --only call,cast
//! cargo run --release -p smarm-instructions -- --update     # writes limits.txt
//! ```
//!
//! **Unit**: instructions executed for one operation, in user space, on all threads, smarm's part and the program's. **Method**: this program
//! runs itself under `valgrind --tool=callgrind` twice for each operation, with one worker; the difference of the two counts is divided by
//! that of the repetitions, so that start and end do not count. Slices have no end: when one does is up to the clock.
//!
//! **What it cannot see**: time that is lost to the memory, to atomics and to the kernel. For that there are the other benches. The counts
//! are those of one compiler: another one may need an `--update`.

mod callgrind;
mod limits;
mod operations;

use std::process::ExitCode;

use limits::{Limits, Verdict};
use operations::Operation;

#[global_allocator]
static ALLOCATOR: smarm::Alloc = smarm::Alloc::system();

const USAGE: &str =
    "usage: smarm-instructions [--only OPERATION,..] [--update] | smarm-instructions repeat OPERATION COUNT";

const HOW_TO_UPDATE: &str = "\
If this is what the change is worth, run `cargo run --release -p smarm-instructions -- --update`, commit benches/instructions/limits.txt with
the change, and say in the commit what it buys.";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(mistake) => {
            eprintln!("smarm-instructions: {mistake}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<(), String> {
    if !cfg!(target_arch = "x86_64") {
        return Err("the limits are those of x86-64; other processors have other instructions".to_owned());
    }
    match words {
        ["repeat", operation, count] => {
            let count = count.parse().map_err(|_| format!("{count:?} is not a count\n{USAGE}"))?;
            operation.parse::<Operation>()?.repeat(count);
            Ok(())
        }
        [] => check(&Operation::ALL),
        ["--only", names] => {
            let operations: Vec<Operation> = names.split(',').map(str::parse).collect::<Result<_, _>>()?;
            check(&operations)
        }
        ["--update"] => update(),
        ["--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("{words:?} is not understood\n{USAGE}")),
    }
}

/// How often an operation is counted where one count is not enough; the least is taken. A look at the clock is due after so much time, not
/// after so many instructions, so a busy machine adds one or two in a hundred.
const COUNTS: usize = 3;

fn update() -> Result<(), String> {
    let least = |operation| Ok((operation, least_of(COUNTS, f64::INFINITY, operation)?));
    limits::write(&Operation::ALL.into_iter().map(least).collect::<Result<Vec<_>, String>>()?)
}

fn least_of(counts: usize, first: f64, operation: Operation) -> Result<f64, String> {
    (0..counts).try_fold(first, |least, _| Ok(callgrind::instructions_of(operation)?.min(least)))
}

fn check(operations: &[Operation]) -> Result<(), String> {
    let limits = Limits::read()?;
    println!("{:<12}{:>14}{:>10}{:>10}", "operation", "instructions", "limit's", "change");
    let mut breaches = Vec::new();
    for &operation in operations {
        let mut count = callgrind::instructions_of(operation)?;
        if matches!(limits.judge(operation, count), Verdict::Worse(_)) {
            count = least_of(COUNTS - 1, count, operation)?;
        }
        match limits.judge(operation, count) {
            Verdict::Same(before) => row(operation, count, before, ""),
            Verdict::Better(before) => row(operation, count, before, "better: --update keeps it so"),
            Verdict::Worse(before) => {
                row(operation, count, before, "TOO MANY");
                breaches
                    .push(format!("{operation} ({}): {before:.1} before, {count:.1} now", operation.title()));
            }
            Verdict::Unknown => {
                breaches.push(format!("{operation}: {count:.1}, and limits.txt has no line for it"));
            }
        }
    }
    if breaches.is_empty() { Ok(()) } else { Err(complaint(&breaches, limits.compiler())) }
}

fn row(operation: Operation, count: f64, before: f64, remark: &str) {
    let change = (count / before - 1.0) * 100.0;
    println!("{operation:<12}{count:>14.1}{before:>10.1}{change:>+9.1}%  {remark}");
}

fn complaint(breaches: &[String], compiler: &str) -> String {
    let mut text = format!("instructions above the limit:\n  {}\n{HOW_TO_UPDATE}", breaches.join("\n  "));
    let ours = limits::this_compiler();
    if ours != compiler {
        text +=
            &format!("\nThe limits are those of {compiler}, and this is {ours}, which may be the reason.");
    }
    text
}
