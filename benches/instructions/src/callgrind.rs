//! Runs this program under `valgrind --tool=callgrind`, which counts every instruction that it executes.

use std::process::{Command, Output};

use crate::operations::Operation;

/// The two counts of an operation whose difference is divided: what a program needs to start and to end is in both.
const FEW: u64 = 1_000;
const MANY: u64 = 5_000;

/// What callgrind writes before the number.
const COLLECTED: &str = "Collected : ";

/// Instructions of one operation.
///
/// # Errors
///
/// A sentence, if valgrind is missing or the program fails under it.
pub(crate) fn instructions_of(operation: Operation) -> Result<f64, String> {
    let [few, many] = std::thread::scope(|scope| {
        [FEW, MANY]
            .map(|count| scope.spawn(move || instructions_of_program(operation, count)))
            .map(|thread| thread.join().expect("it returns its errors"))
    });
    Ok((many? - few?) / (MANY - FEW) as f64)
}

fn instructions_of_program(operation: Operation, count: u64) -> Result<f64, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["repeat", operation.name(), &count.to_string()])
        .output()
        .map_err(|error| format!("cannot run valgrind: {error}"))?;
    collected(&output)
        .ok_or_else(|| format!("{operation} has failed under valgrind: {}", said_by(&output.stderr)))
}

fn collected(output: &Output) -> Option<f64> {
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find_map(|line| line.split_once(COLLECTED))?.1;
    line.split_whitespace().next()?.parse().ok()
}

fn said_by(stderr: &[u8]) -> String {
    String::from_utf8_lossy(stderr).trim().to_owned()
}
