//! The counts that are in the repository, and what they say of new ones.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use crate::operations::Operation;

/// What a count may be above the one in the file, as a fraction of it.
const ROOM: f64 = 0.05;
/// What it may be above it in any case, in instructions: of a few of them, one more is more than [`ROOM`].
const LEAST_ROOM: f64 = 1.0;

/// A count for each operation, as the file has them.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    counts: Vec<(Operation, f64)>,
    /// The compiler that they were counted with.
    compiler: String,
}

/// What becomes of a new count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// About what it was: so many.
    Same(f64),
    /// More than there is room for.
    Worse(f64),
    /// As much better; the file should say so, or the gain can be lost unseen.
    Better(f64),
    /// The file has no count for it.
    Unknown,
}

impl Limits {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// A sentence, if there is none or a line is no `OPERATION COUNT`.
    pub(crate) fn read() -> Result<Self, String> {
        let path = path();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}; --update writes it", path.display()))?;
        Self::parse(&text).map_err(|mistake| format!("{}: {mistake}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut limits = Self::default();
        for line in text.lines() {
            if let Some(compiler) = line.strip_prefix(COMPILER) {
                compiler.clone_into(&mut limits.compiler);
            } else if !line.starts_with('#') && !line.trim().is_empty() {
                limits.counts.push(parse_line(line)?);
            }
        }
        Ok(limits)
    }

    pub(crate) fn compiler(&self) -> &str {
        &self.compiler
    }

    pub(crate) fn judge(&self, operation: Operation, count: f64) -> Verdict {
        let Some(&(_, before)) = self.counts.iter().find(|(name, _)| *name == operation) else {
            return Verdict::Unknown;
        };
        let room = (before * ROOM).max(LEAST_ROOM);
        if count > before + room {
            Verdict::Worse(before)
        } else if count < before - room {
            Verdict::Better(before)
        } else {
            Verdict::Same(before)
        }
    }
}

const COMPILER: &str = "# Counted with ";

fn parse_line(line: &str) -> Result<(Operation, f64), String> {
    let mistake = || format!("{line:?} is not an operation and a number");
    let (operation, count) = line.split_once(' ').ok_or_else(mistake)?;
    Ok((operation.parse()?, count.trim().parse().map_err(|_| mistake())?))
}

/// In the repository, also when the program runs elsewhere.
pub(crate) fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/limits.txt"))
}

/// Writes the file anew.
///
/// # Errors
///
/// A sentence, if it cannot be written.
pub(crate) fn write(counts: &[(Operation, f64)]) -> Result<(), String> {
    let mut text = format!(
        "# Instructions of each operation on x86-64, one worker, optimised, as callgrind counts them.\n\
         # `cargo run --release -p smarm-instructions` fails where it counts 5 % more; with `-- --update` it writes this file.\n\
         {COMPILER}{}\n",
        this_compiler()
    );
    for (operation, count) in counts {
        writeln!(text, "{operation:<10} {count:.1}").expect("a string takes all");
    }
    std::fs::write(path(), text).map_err(|error| format!("cannot write {}: {error}", path().display()))
}

/// Its own name for itself, without the date.
pub(crate) fn this_compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    if words.is_empty() { "an unknown compiler".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::parse("# Counted with rustc 1.95.0\n\ncall       1000.0\ncheck 8.0\n").expect("it is correct")
    }

    #[test]
    fn five_percent_more_is_too_much() {
        assert_eq!(limits().judge(Operation::Call, 1050.0), Verdict::Same(1000.0));
        assert_eq!(limits().judge(Operation::Call, 1050.1), Verdict::Worse(1000.0));
        assert_eq!(limits().judge(Operation::Call, 949.0), Verdict::Better(1000.0));
    }

    #[test]
    fn a_small_count_may_be_one_more() {
        assert_eq!(limits().judge(Operation::Check, 9.0), Verdict::Same(8.0));
        assert_eq!(limits().judge(Operation::Check, 9.1), Verdict::Worse(8.0));
    }

    #[test]
    fn an_operation_without_a_line_is_told_of() {
        assert_eq!(limits().judge(Operation::Cast, 1.0), Verdict::Unknown);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        assert_eq!(Limits::parse("call").unwrap_err(), "\"call\" is not an operation and a number");
        assert!(Limits::parse("dance 7").unwrap_err().starts_with("no operation is called \"dance\""));
    }

    #[test]
    fn the_file_of_the_repository_has_every_operation() {
        let limits = Limits::read().expect("it is there");
        for operation in Operation::ALL {
            assert_ne!(limits.judge(operation, 1.0), Verdict::Unknown, "{operation}");
        }
    }
}
