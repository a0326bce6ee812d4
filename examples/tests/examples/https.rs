//! The server, its clients, and one that does not trust it, in one program.

use crate::support::{empty_folder, example, run};

#[test]
fn it_talks_to_itself_and_stops() {
    let run = run(&mut example("https"));
    assert_eq!(run.code, Some(0), "{run:?}");
    let starts = [
        "/: 200",
        "/nothing: 404",
        "Some(TLSv1_3)",
        "a stranger: invalid peer certificate: UnknownIssuer",
        "200 connections are open",
        "200 answers on open connections",
        "stopped",
    ];
    assert_eq!(run.out.lines().count(), starts.len(), "{run:?}");
    assert!(run.out.lines().zip(starts).all(|(line, start)| line.starts_with(start)), "{run:?}");
}

#[test]
fn what_it_does_not_understand_is_told() {
    let run = run(example("https").arg("dance"));
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.err.contains("write `serve ADDRESS FILE`"), "{run:?}");
}

#[test]
fn a_certificate_that_is_none_is_told() {
    let file = empty_folder("https").join("empty.pem");
    std::fs::write(&file, "").expect("a folder of ours");
    let run = run(example("https").args(["visit", "127.0.0.1:1"]).arg(file).arg("1"));
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.err.contains("NoItemsFound"), "{run:?}");
}
