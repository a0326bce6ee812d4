//! What does a request cost that is an actor of its own? Each round spawns one that answers through a oneshot channel. An operation is one
//! round: a spawn, a message, an end.
//!
//! may has no oneshot channel and gets its unbounded one.

use may::go;

use super::{Case, Group};

pub(super) const PING_PONG_ONESHOT: Case = Case {
    name: "ping_pong_oneshot",
    title: "spawn an actor that answers by oneshot, rounds",
    group: Group::General,
    size: 200_000,
    expected: |size| size * (size - 1) / 2,
    smarm,
    tokio: |size| Box::pin(by_tokio(size)),
    may: Some(by_may),
    ..Case::PLAIN
};

fn smarm(size: u64) -> u64 {
    let round = |number| {
        let (tell, told) = smarm::channel::oneshot();
        drop(smarm::spawn(move || tell.send(number).expect("the root waits")));
        told.recv().expect("it answers")
    };
    (0..size).map(round).sum()
}

async fn by_tokio(size: u64) -> u64 {
    let mut sum = 0;
    for number in 0..size {
        let (tell, told) = tokio::sync::oneshot::channel();
        tokio::spawn(async move { tell.send(number).expect("the root waits") });
        sum += told.await.expect("it answers");
    }
    sum
}

fn by_may(size: u64) -> u64 {
    let round = |number| {
        let (tell, told) = may::sync::mpsc::channel();
        go!(move || tell.send(number).expect("the root waits"));
        told.recv().expect("it answers")
    };
    (0..size).map(round).sum()
}
