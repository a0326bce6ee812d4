//! The server and its clients in one program.

use crate::support::{example, run};

#[test]
fn it_talks_to_itself_and_stops() {
    let run = run(&mut example("websocket"));
    assert_eq!(run.code, Some(0), "{run:?}");
    let starts = [
        "a text: hello",
        "a ping: Pong",
        "as long as may be: 65536 bytes",
        "200 connections are open",
        "400 echoes",
        "stopped",
    ];
    assert_eq!(run.out.lines().count(), starts.len(), "{run:?}");
    assert!(run.out.lines().zip(starts).all(|(line, start)| line.starts_with(start)), "{run:?}");
}
