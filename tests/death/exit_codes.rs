//! How a program ends whose root returns, panics, fails or exits.

use smarm_tests::{Child, Ended};

/// What a panic of `main` gives.
const PANICKED: i32 = 101;

fn program(name: &str) -> Ended {
    Child::new().program(env!("CARGO_BIN_EXE_exits"), &[name])
}

#[test]
fn a_root_that_returns_gives_zero_and_silence() {
    let ended = program("well");
    assert_eq!(ended.is_success().stderr, "");
}

#[test]
fn a_panic_of_the_root_is_the_programs() {
    let ended = program("panic");
    ended.has_code(PANICKED);
    assert!(ended.stderr.contains("the root gives up"), "{}", ended.stderr);
}

#[test]
fn a_panic_of_the_root_ends_those_that_wait_for_it() {
    let ended = program("panic-with-company");
    ended.has_code(PANICKED);
    assert!(ended.stderr.contains("the root gives up"), "{}", ended.stderr);
    assert!(!ended.stderr.to_lowercase().contains("deadlock"), "{}", ended.stderr);
}

#[test]
fn a_panic_of_another_actor_is_not_the_programs() {
    let ended = program("panic-of-another");
    ended.is_success().line_with(&["other", "not the root"]);
}

#[test]
fn a_child_whose_end_is_unwrapped_shows_its_message() {
    let ended = program("unwrapped");
    ended.has_code(PANICKED);
    assert!(
        ended.stderr.matches("of the child").count() >= 2,
        "once by the child, once by unwrap: {}",
        ended.stderr
    );
}

#[test]
fn an_error_of_the_root_is_mains() {
    let ended = program("error");
    ended.has_code(1);
    assert!(ended.stderr.contains("no luck today"), "{}", ended.stderr);
}

#[test]
fn an_exit_code_of_the_root_is_mains() {
    program("code").has_code(7);
}

#[test]
fn an_actor_may_exit_the_process() {
    program("exit").has_code(3);
}
