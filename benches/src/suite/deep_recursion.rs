//! What do deep calls cost on an actor's stack? Each actor calls itself [`DEPTH`] times and comes back. An operation is one call.
//!
//! A task of tokio recurses on its worker's stack, as its users' tasks do, without `.await` in between, which would take a box for each
//! level: that would be unfair. may's stacks are of 4 KiB by default and would overflow; it has no figure.

use std::hint::black_box;

use super::{Case, Group, join_actors, join_tasks, join_threads};

const DEPTH: u64 = 1000;

pub(super) const DEEP_RECURSION: Case = Case {
    name: "deep_recursion",
    title: "recurse 1000 deep in a new actor, calls",
    group: Group::SmarmFavoured,
    size: 1_000_000,
    fit: |size| size.max(DEPTH) / DEPTH * DEPTH,
    smarm: |size| join_actors((0..size / DEPTH).map(|_| smarm::spawn(|| descend(DEPTH))).collect()),
    tokio: |size| {
        Box::pin(async move {
            join_tasks((0..size / DEPTH).map(|_| tokio::spawn(async { descend(DEPTH) })).collect()).await
        })
    },
    threads: Some(|size| {
        join_threads((0..size / DEPTH).map(|_| std::thread::spawn(|| descend(DEPTH))).collect())
    }),
    ..Case::PLAIN
};

/// Not a tail call: a level has a frame of some 50 bytes.
#[inline(never)]
fn descend(levels: u64) -> u64 {
    if levels == 0 {
        return 0;
    }
    black_box(descend(black_box(levels - 1))) + 1
}
