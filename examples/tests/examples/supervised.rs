//! The worker crashes, the tree goes on, and both ends are orderly.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::support::{example, run};

#[test]
fn each_crash_is_followed_by_a_restart_and_the_end_is_orderly() {
    let run = run(example("supervised").arg("12"));
    assert_eq!(run.code, Some(0), "{run:?}");
    let lines: Vec<_> = run.out.lines().collect();
    assert!(lines.contains(&"3 children run"), "{run:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("parser starts")).count(), 5, "{run:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("no sum: ")).count(), 4, "{run:?}");
    let end = &lines[lines.len() - 3..];
    assert_eq!(
        end,
        ["parser ends: shutdown", "printer ends: shutdown", "the supervisor has ended: shutdown"]
    );
    assert_eq!(run.err.matches("panicked at").count(), 4, "{run:?}");
}

#[test]
fn ctrl_c_stops_the_tree_and_the_exit_code_is_zero() {
    let mut child =
        example("supervised").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it was built");
    let mut lines =
        BufReader::new(child.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    assert!(lines.any(|line| line.starts_with("no sum: ")));
    // `timeout` passes the signal on.
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("coreutils");
    assert!(sent.success());
    assert_eq!(lines.last().as_deref(), Some("the supervisor has ended: shutdown"));
    assert_eq!(child.wait().expect("it was started").code(), Some(0));
}
