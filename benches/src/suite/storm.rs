//! What does a storm of short tasks cost that each do something? All are spawned, each adds up [`HASHES`] hashes (about a tenth of a
//! microsecond), all are joined. An operation is one actor's life.
//!
//! The size is within what may can hold: see `Kind::obstacle`.

use may::go;

use super::{Case, Group, join_actors, join_coroutines, join_tasks, mix};

const HASHES: u64 = 100;

pub(super) const SPAWN_STORM_BUSY: Case = Case {
    name: "spawn_storm_busy",
    title: "spawn 100 hashes of work each, then join all, actors",
    group: Group::TokioFavoured,
    size: 30_000,
    expected: |size| (0..size).fold(0, |sum, number| sum.wrapping_add(work(number))),
    smarm: |size| join_actors((0..size).map(|number| smarm::spawn(move || work(number))).collect()),
    tokio: |size| {
        Box::pin(async move {
            join_tasks((0..size).map(|number| tokio::spawn(async move { work(number) })).collect()).await
        })
    },
    may: Some(|size| join_coroutines((0..size).map(|number| go!(move || work(number))).collect())),
    ..Case::PLAIN
};

fn work(number: u64) -> u64 {
    (0..HASHES).fold(number, |bits, _| mix(bits))
}
