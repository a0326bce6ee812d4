//! What does it cost to hand the processor to another actor?
//!
//! - `yield`: 1000 actors yield 100 times each. The plainest switch: nobody waits for anything.
//! - `pingpong`: two actors, two unbounded channels, 20 000 round trips: two messages, two wakes, two
//!   switches each.
//! - `ring`: a token makes 100 000 hops round 1000 actors: every wake is of a cold actor.
//!
//! **Unit**: nanoseconds per yield, round trip, hop. **Rivals**: tokio with `current_thread` (`tokio-1`) and
//! `multi_thread` (`tokio-2`); may with two workers (`SMARM_BENCH_MAY_WORKERS=1` for one).
//!
//! **What would be unfair**: a yield that does not let the others run (all of these do); ping-pong between
//! the root and one actor, since in some runtimes the root lives on the calling thread (here both ends are
//! spawned); reading the two-worker figures as parallel work: there is one token, so a second worker can only
//! be in the way.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use smarm_benches::workload::Workload;

use common::PerOperation;

fn yields(criterion: &mut Criterion<PerOperation>) {
    common::compare(criterion, Workload::Yield);
}

fn ping_pong(criterion: &mut Criterion<PerOperation>) {
    common::compare(criterion, Workload::PingPong);
}

fn ring(criterion: &mut Criterion<PerOperation>) {
    common::compare(criterion, Workload::Ring);
}

criterion_group!(name = switches; config = common::criterion(); targets = yields, ping_pong, ring);
criterion_main!(switches);
