//! The server and its client in one program.

use crate::support::{example, run};

#[test]
fn each_kind_of_request_gets_its_answer() {
    let run = run(&mut example("http"));
    assert_eq!(run.code, Some(0), "{run:?}");
    let expected = [
        "two at once: 200 OK, 404 Not Found",
        "a body: 200 OK",
        "nonsense: 400 Bad Request",
        "too slow: 408 Request Timeout",
        "stopped",
    ];
    assert!(run.out.lines().eq(expected), "{run:?}");
}
