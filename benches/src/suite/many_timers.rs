//! What do many sleeping actors cost? Each is spawned, sleeps once, for 1 to 10 ms, and ends. An operation is one actor's life.
//!
//! Sleeps take what they take on the wall, so look at the processor time. tokio's timers tick once a millisecond, and round up; smarm's have no
//! tick.

use std::time::Duration;

use may::go;

use super::{Case, Group, join_actors, join_coroutines, join_tasks, mix};

pub(super) const MANY_TIMERS: Case = Case {
    name: "many_timers",
    title: "sleep once for 1 to 10 ms, actors",
    group: Group::TokioFavoured,
    size: 20_000,
    smarm: |size| join_actors((0..size).map(|number| smarm::spawn(move || by_smarm(number))).collect()),
    tokio: |size| {
        Box::pin(
            async move { join_tasks((0..size).map(|number| tokio::spawn(by_tokio(number))).collect()).await },
        )
    },
    may: Some(|size| join_coroutines((0..size).map(|number| go!(move || by_may(number))).collect())),
    sleeps: true,
    ..Case::PLAIN
};

fn nap(number: u64) -> Duration {
    Duration::from_micros(1000 + mix(number) % 9000)
}

fn by_smarm(number: u64) -> u64 {
    smarm::sleep(nap(number));
    1
}

async fn by_tokio(number: u64) -> u64 {
    tokio::time::sleep(nap(number)).await;
    1
}

fn by_may(number: u64) -> u64 {
    may::coroutine::sleep(nap(number));
    1
}
