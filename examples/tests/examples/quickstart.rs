//! The first program a reader sees.

use std::fs;

use crate::support::{example, repository, run};

#[test]
fn quickstart_prints_the_sum_and_why_the_counter_ended() {
    let run = run(&mut example("quickstart"));
    let lines: Vec<_> = run.out.lines().collect();
    assert_eq!(lines.len(), 3, "{run:?}");
    assert_eq!(lines[0], "the sum is 42");
    assert!(lines[1].starts_with("no answer: actor <"), "{run:?}");
    assert!(lines[2].starts_with("the counter has panicked: "), "{run:?}");
    for line in &lines[1..] {
        assert!(line.contains("attempt to divide by zero"), "the reason has the panic's message: {run:?}");
    }
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn readme_shows_the_quickstart_as_it_is() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("there is a README");
    let (_, rest) = readme.split_once("```rust\n").expect("the README has a Rust example");
    let (shown, _) = rest.split_once("```\n").expect("the example ends");
    let real =
        fs::read_to_string(repository().join("examples/quickstart.rs")).expect("there is a quickstart");
    assert_eq!(shown, real, "README.md and examples/quickstart.rs differ");
}
