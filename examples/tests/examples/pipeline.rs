//! Back-pressure can be seen.

use crate::support::{example, run};

#[test]
fn every_mailbox_fills_up_and_none_overflows() {
    let run = run(&mut example("pipeline"));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.lines().any(|line| line.contains("####  ####  ####")), "{run:?}");
    assert!(!run.out.contains("#####"), "{run:?}");
    let last = run.out.lines().last().unwrap_or_default();
    assert!(last.starts_with("33 words in ") && last.ends_with("[IN][IT]"), "{run:?}");
}
