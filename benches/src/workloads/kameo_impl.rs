//! The server workloads on kameo, on the runtime that tokio gets.

use std::convert::Infallible;

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::message::{Context, Message};
use tokio::runtime::Runtime;

use super::tokio_impl::{join, observed, run_root};
use crate::measure::Memory;
use crate::workload::{WAVE, Workload};

struct Counter {
    sum: u64,
}

impl Actor for Counter {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(counter: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(counter)
    }
}

struct Echo(u64);

impl Message<Echo> for Counter {
    type Reply = u64;

    async fn handle(&mut self, Echo(number): Echo, _: &mut Context<Self, u64>) -> u64 {
        number
    }
}

struct Add(u64);

impl Message<Add> for Counter {
    type Reply = ();

    async fn handle(&mut self, Add(number): Add, _: &mut Context<Self, ()>) {
        self.sum += number;
    }
}

struct Get;

impl Message<Get> for Counter {
    type Reply = u64;

    async fn handle(&mut self, _: Get, _: &mut Context<Self, u64>) -> u64 {
        self.sum
    }
}

/// Runs a workload, as a task, and returns its sum.
///
/// # Panics
///
/// For a workload without servers, or one that is not for kameo.
#[must_use]
pub fn run(runtime: &Runtime, workload: Workload, size: u64) -> u64 {
    run_root(runtime, async move {
        match workload {
            Workload::Call => call(size).await,
            Workload::Cast => cast(size).await,
            Workload::StartStop => start_stop(size).await,
            Workload::Case(case) => case.kameo.expect("it takes part where it can")(size).await,
            _ => panic!("{workload} is not about servers"),
        }
    })
}

async fn call(size: u64) -> u64 {
    let counter = Counter::spawn(Counter { sum: 0 });
    let mut sum = 0;
    for number in 0..size {
        sum += counter.ask(Echo(number)).await.expect("the server answers");
    }
    sum
}

async fn cast(size: u64) -> u64 {
    let counter = Counter::spawn(Counter { sum: 0 });
    for number in 0..size {
        counter.tell(Add(number)).await.expect("the server lives as long as its reference");
    }
    counter.ask(Get).await.expect("the server answers")
}

/// Prepared, then spawned, which is what `Counter::spawn` does too: this way the join handle is ours.
async fn start_stop(size: u64) -> u64 {
    let mut sum = 0;
    for first in (0..size).step_by(WAVE) {
        let mut ends = Vec::with_capacity(WAVE);
        for number in first..size.min(first + WAVE as u64) {
            let prepared = Counter::prepare();
            let counter = prepared.actor_ref().clone();
            ends.push(prepared.spawn(Counter { sum: 0 }));
            counter.tell(Add(number)).await.expect("the server lives as long as its reference");
        }
        for end in ends {
            let (counter, _) = join(end).await.expect("no hook of the server fails");
            sum += counter.sum;
        }
    }
    sum
}

/// See [`Contender::keep`](crate::contender::Contender::keep).
///
/// # Panics
///
/// If the runtime loses a message.
pub fn keep<T: Send + 'static>(
    runtime: &Runtime,
    servers: usize,
    measure: impl FnOnce(Memory) -> T + Send + 'static,
) -> T {
    run_root(runtime, async move {
        let before = Memory::now();
        let mut kept = Vec::with_capacity(servers);
        for number in 0..servers as u64 {
            let counter = Counter::spawn(Counter { sum: 0 });
            assert_eq!(counter.ask(Echo(number)).await.expect("the server answers"), number);
            kept.push(counter);
        }
        let measured = observed(move || measure(before)).await;
        drop(kept);
        measured
    })
}
