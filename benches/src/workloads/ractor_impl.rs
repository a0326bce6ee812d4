//! The server workloads on ractor, on the runtime that tokio gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ractor::concurrency::JoinHandle;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::runtime::Runtime;

use super::tokio_impl::{join, observed, run_root};
use crate::measure::Memory;
use crate::workload::{WAVE, Workload};

struct Counter;

enum Message {
    Echo(u64, RpcReplyPort<u64>),
    Add(u64),
    Get(RpcReplyPort<u64>),
}

struct State {
    sum: u64,
    /// Gets the sum at the end: ractor's join handle has no value.
    total: Arc<AtomicU64>,
}

impl Actor for Counter {
    type Msg = Message;
    type State = State;
    type Arguments = Arc<AtomicU64>;

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        total: Arc<AtomicU64>,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State { sum: 0, total })
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Echo(number, reply) => reply.send(number)?,
            Message::Add(number) => state.sum += number,
            Message::Get(reply) => reply.send(state.sum)?,
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Message>, state: &mut State) -> Result<(), ActorProcessingErr> {
        // Ordering: only the sum matters; the join handle publishes it.
        state.total.fetch_add(state.sum, Ordering::Relaxed);
        Ok(())
    }
}

async fn start_counter(total: &Arc<AtomicU64>) -> (ActorRef<Message>, JoinHandle<()>) {
    Actor::spawn(None, Counter, Arc::clone(total)).await.expect("the server starts")
}

async fn ask(counter: &ActorRef<Message>, message: impl FnOnce(RpcReplyPort<u64>) -> Message) -> u64 {
    counter.call(message, None).await.expect("the server lives").expect("the server answers")
}

/// Runs a workload, as a task, and returns its sum.
///
/// # Panics
///
/// For a workload without servers, or one that is not for ractor.
#[must_use]
pub fn run(runtime: &Runtime, workload: Workload, size: u64) -> u64 {
    run_root(runtime, async move {
        match workload {
            Workload::Call => call(size).await,
            Workload::Cast => cast(size).await,
            Workload::StartStop => start_stop(size).await,
            Workload::Case(case) => case.ractor.expect("it takes part where it can")(size).await,
            _ => panic!("{workload} is not about servers"),
        }
    })
}

async fn call(size: u64) -> u64 {
    let (counter, end) = start_counter(&Arc::default()).await;
    let mut sum = 0;
    for number in 0..size {
        sum += ask(&counter, |reply| Message::Echo(number, reply)).await;
    }
    stop(&counter, end).await;
    sum
}

async fn cast(size: u64) -> u64 {
    let (counter, end) = start_counter(&Arc::default()).await;
    for number in 0..size {
        counter.cast(Message::Add(number)).expect("the server lives until it is stopped");
    }
    let sum = ask(&counter, Message::Get).await;
    stop(&counter, end).await;
    sum
}

/// ractor's actors outlive their references.
async fn stop(counter: &ActorRef<Message>, end: JoinHandle<()>) {
    counter.drain().expect("the server lives until it is stopped");
    join(end).await;
}

async fn start_stop(size: u64) -> u64 {
    let total = Arc::default();
    for first in (0..size).step_by(WAVE) {
        let mut ends = Vec::with_capacity(WAVE);
        for number in first..size.min(first + WAVE as u64) {
            let (counter, end) = start_counter(&total).await;
            counter.cast(Message::Add(number)).expect("the server lives until it is stopped");
            counter.drain().expect("the server lives until it is stopped");
            ends.push(end);
        }
        for end in ends {
            join(end).await;
        }
    }
    // Ordering: the join handles have published all of it.
    total.load(Ordering::Relaxed)
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
        let total = Arc::default();
        let before = Memory::now();
        let mut kept = Vec::with_capacity(servers);
        for number in 0..servers as u64 {
            let (counter, _) = start_counter(&total).await;
            assert_eq!(ask(&counter, |reply| Message::Echo(number, reply)).await, number);
            kept.push(counter);
        }
        let measured = observed(move || measure(before)).await;
        for counter in kept {
            counter.stop(None);
        }
        measured
    })
}
