//! What does an actor's panic cost? Actors are spawned one after another, panic one frame deep, and the panic is found in the join. An operation
//! is one actor's life.
//!
//! The hook is empty for all of them: with the standard one each panic is a line on standard error, and with smarm's a shorter one.

use may::go;

use super::{Case, Group, silence_panics};
use crate::workload::Goal;

pub(super) const CATCH_UNWIND_PANICS: Case = Case {
    name: "catch_unwind_panics",
    title: "spawn an actor that panics, find it in the join, actors",
    group: Group::SmarmFavoured,
    size: 30_000,
    smarm: |size| {
        silence_panics();
        (0..size).map(|_| u64::from(smarm::spawn(fail).join().is_err())).sum()
    },
    tokio: |size| Box::pin(by_tokio(size)),
    may: Some(|size| {
        silence_panics();
        (0..size).map(|_| u64::from(go!(fail).join().is_err())).sum()
    }),
    threads: Some(|size| {
        silence_panics();
        (0..size).map(|_| u64::from(std::thread::spawn(fail).join().is_err())).sum()
    }),
    goal: Goal::AtMostOf(0.5, &["tokio"]),
    ..Case::PLAIN
};

async fn by_tokio(size: u64) -> u64 {
    silence_panics();
    let mut panics = 0;
    for _ in 0..size {
        panics += u64::from(tokio::spawn(async { fail() }).await.is_err());
    }
    panics
}

#[inline(never)]
fn fail() {
    panic!("on purpose");
}
