//! The server workloads on actix, which moves no actor between its threads.
//!
//! Where one caller and one server are all there is, both are on the first arbiter, as `start` places them, and
//! the other arbiters idle: forced apart, each call pays for two wakes of a sleeping thread, some microseconds,
//! and casts are slower too. Servers that are started by the thousand are shared out.

use std::ops::Range;

use actix::{Actor, Arbiter, Context, Handler, Message, System, SystemRunner};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::tokio_impl::observed;
use crate::measure::Memory;
use crate::workload::{WAVE, Workload};

/// A started system: one arbiter, which is a thread with a `current_thread` runtime, per worker.
#[derive(Debug)]
pub struct Arbiters {
    /// The first arbiter runs on the thread that calls [`run`].
    system: SystemRunner,
    others: Vec<Arbiter>,
}

impl Drop for Arbiters {
    fn drop(&mut self) {
        for arbiter in self.others.drain(..) {
            arbiter.stop();
            arbiter.join().expect("no arbiter panics");
        }
    }
}

/// Starts a system with this many arbiters.
#[must_use]
pub fn start(workers: usize) -> Arbiters {
    let system = System::new();
    let others = (1..workers).map(|_| Arbiter::new()).collect();
    Arbiters { system, others }
}

#[derive(Default)]
struct Counter {
    sum: u64,
    /// Gets the sum at the end: actix has nothing to wait for an actor's end with.
    report: Option<UnboundedSender<u64>>,
}

impl Actor for Counter {
    type Context = Context<Self>;

    fn stopped(&mut self, _: &mut Context<Self>) {
        if let Some(report) = &self.report {
            report.send(self.sum).expect("the root waits for each end");
        }
    }
}

struct Echo(u64);

impl Message for Echo {
    type Result = u64;
}

impl Handler<Echo> for Counter {
    type Result = u64;

    fn handle(&mut self, Echo(number): Echo, _: &mut Context<Self>) -> u64 {
        number
    }
}

struct Add(u64);

impl Message for Add {
    type Result = ();
}

impl Handler<Add> for Counter {
    type Result = ();

    fn handle(&mut self, Add(number): Add, _: &mut Context<Self>) {
        self.sum += number;
    }
}

struct Get;

impl Message for Get {
    type Result = u64;
}

impl Handler<Get> for Counter {
    type Result = u64;

    fn handle(&mut self, _: Get, _: &mut Context<Self>) -> u64 {
        self.sum
    }
}

/// Runs a workload and returns its sum.
///
/// # Panics
///
/// For a workload without servers, or one that is not for actix.
#[must_use]
pub fn run(arbiters: &Arbiters, workload: Workload, size: u64) -> u64 {
    match workload {
        Workload::Call => run_root(arbiters, call(size)),
        Workload::Cast => run_root(arbiters, cast(size)),
        Workload::StartStop => run_root(arbiters, start_stop_everywhere(arbiters, size)),
        Workload::Case(case) => run_root(arbiters, case.actix.expect("it takes part where it can")(size)),
        _ => panic!("{workload} is not about servers"),
    }
}

/// Runs the root as a task of the first arbiter.
fn run_root<T: 'static>(arbiters: &Arbiters, root: impl Future<Output = T> + 'static) -> T {
    arbiters.system.block_on(async move { actix::spawn(root).await.expect("no root panics") })
}

async fn call(size: u64) -> u64 {
    let counter = Counter::default().start();
    let mut sum = 0;
    for number in 0..size {
        sum += counter.send(Echo(number)).await.expect("the server answers");
    }
    sum
}

async fn cast(size: u64) -> u64 {
    let counter = Counter::default().start();
    for number in 0..size {
        counter.do_send(Add(number));
    }
    counter.send(Get).await.expect("the server answers")
}

/// Each arbiter starts its share, on itself.
fn start_stop_everywhere(arbiters: &Arbiters, size: u64) -> impl Future<Output = u64> + 'static {
    let shares = arbiters.others.len() as u64 + 1;
    let share = |number: u64| size * number / shares..size * (number + 1) / shares;
    let mut sums = Vec::new();
    for (number, arbiter) in (1..).zip(&arbiters.others) {
        let (tell, told) = oneshot::channel();
        let numbers = share(number);
        arbiter.spawn(async move { tell.send(start_stop(numbers).await).expect("the root waits") });
        sums.push(told);
    }
    let ours = start_stop(share(0));
    async move {
        let mut sum = ours.await;
        for theirs in sums {
            sum += theirs.await.expect("no arbiter panics");
        }
        sum
    }
}

async fn start_stop(numbers: Range<u64>) -> u64 {
    let (report, mut ends) = unbounded_channel();
    let mut sum = 0;
    for first in numbers.clone().step_by(WAVE) {
        let wave = first..numbers.end.min(first + WAVE as u64);
        for number in wave.clone() {
            let counter = Counter { sum: 0, report: Some(report.clone()) }.start();
            counter.do_send(Add(number));
        }
        for _ in wave {
            sum += ends.recv().await.expect("we hold a sender");
        }
    }
    sum
}

/// See [`Contender::keep`](crate::contender::Contender::keep).
///
/// # Panics
///
/// If actix loses a message.
pub fn keep<T: Send + 'static>(
    arbiters: &Arbiters,
    servers: usize,
    measure: impl FnOnce(Memory) -> T + Send + 'static,
) -> T {
    run_root(arbiters, async move {
        let before = Memory::now();
        let mut kept = Vec::with_capacity(servers);
        for number in 0..servers as u64 {
            let counter = Counter::default().start();
            assert_eq!(counter.send(Echo(number)).await.expect("the server answers"), number);
            kept.push(counter);
        }
        let measured = observed(move || measure(before)).await;
        drop(kept);
        measured
    })
}
