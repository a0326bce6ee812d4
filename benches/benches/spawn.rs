//! What does an actor's life cost: spawned, run once, ended?
//!
//! - `chain`: each of 100 000 actors spawns its successor and ends. One is alive at a time.
//! - `spawnjoin`: one actor spawns 20 000, then joins them all. All are alive at once, none has started.
//! - `skynet`: a tree of 11 111 actors, ten children each, the sum comes back through the joins.
//!
//! **Unit**: nanoseconds per actor. **Rivals**: tokio with `current_thread` (`tokio-1`) and `multi_thread`
//! (`tokio-2`); may, stackful like smarm, with two workers (`SMARM_BENCH_MAY_WORKERS=1` for one: it has one
//! scheduler per process).
//!
//! **What would be unfair**: starting a runtime inside the measurement; comparing first runs with later ones,
//! since the first pays for fresh stacks (here all are warm; `compare` reports first runs too); sizes beyond
//! the 32 000 coroutines that may can hold. A tokio task has no stack: this is where stackful runtimes start
//! with a handicap.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use smarm_benches::workload::Workload;

use common::PerOperation;

fn chain(criterion: &mut Criterion<PerOperation>) {
    common::compare(criterion, Workload::Chain);
}

fn spawn_join(criterion: &mut Criterion<PerOperation>) {
    common::compare(criterion, Workload::SpawnJoin);
}

fn skynet(criterion: &mut Criterion<PerOperation>) {
    common::compare(criterion, Workload::Skynet);
}

criterion_group!(name = lives; config = common::criterion(); targets = chain, spawn_join, skynet);
criterion_main!(lives);
