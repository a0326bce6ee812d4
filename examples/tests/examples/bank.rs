//! No money is lost, whatever was refused.

use crate::support::{example, run};

#[test]
fn each_answer_of_the_bank_is_printed() {
    let run = run(&mut example("bank"));
    assert_eq!(run.code, Some(0), "{run:?}");
    let lines: Vec<_> = run.out.lines().collect();
    assert_eq!(lines[0], "ann pays bob 30, and has 70 left");
    assert_eq!(lines[1], "bob pays ann 80: there are only 50");
    assert!(lines[2].starts_with("ann pays ann 10: the call would never return: actor <"), "{run:?}");
    assert_eq!(lines[3], "ann has 70, bob has 50");
    assert_eq!(lines[4], "bob closes his account, and gets 50");
    assert!(lines[5].contains(" has ended, and did not handle the message: normal"), "{run:?}");
    assert_eq!(lines[6], "ann closes hers, and gets 70");
    assert_eq!(lines.last(), Some(&"the bank still holds 800"));
    assert_eq!(run.err, "", "nothing fails");
}
