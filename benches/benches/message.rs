//! What does a message cost when nobody waits for an answer?
//!
//! - `mpsc4`, `mpsc1`: four senders or one, one receiver, an unbounded channel, 100 000 messages.
//! - `mpscapart`: the one sender is a plain OS thread, so that the ends cannot take turns on one core.
//! - `bounded`: one sender, one receiver, a channel of 64 messages, 100 000 messages.
//!
//! **Unit**: nanoseconds per message, sent and received. **Rivals**: tokio with `current_thread` (`tokio-1`)
//! and `multi_thread` (`tokio-2`), `unbounded_channel` and `channel(64)`; may with two workers
//! (`SMARM_BENCH_MAY_WORKERS=1` for one), which has no bounded channel.
//!
//! **What would be unfair**: reading `mpsc` on one worker as a latency: an unbounded sender never waits, so
//! all messages are queued before the first is received, in every runtime. tokio's receiver yields after 128
//! messages (its cooperative budget): that is its idiom and stays. `mpscapart` includes the start of an OS
//! thread.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use smarm_benches::workload::Workload;

use common::PerOperation;

fn four_to_one(criterion: &mut Criterion<PerOperation>) {
    common::compare(criterion, Workload::Mpsc4);
}

fn one_to_one(criterion: &mut Criterion<PerOperation>) {
    common::compare(criterion, Workload::Mpsc1);
}

fn apart(criterion: &mut Criterion<PerOperation>) {
    common::compare(criterion, Workload::MpscApart);
}

fn bounded(criterion: &mut Criterion<PerOperation>) {
    common::compare(criterion, Workload::Bounded);
}

criterion_group!(
    name = messages;
    config = common::criterion();
    targets = four_to_one, one_to_one, apart, bounded
);
criterion_main!(messages);
