//! The workloads on tokio.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Runtime};
use tokio::spawn;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, oneshot};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

use super::tokio_servers;
use crate::measure::Memory;
use crate::suite::Case;
use crate::workload::{BOUND, LOCKERS, RING_MEMBERS, SKYNET_CHILDREN, SLEEPERS, Workload, YIELDERS, nap};

/// Starts the flavour that is best for this many workers: `current_thread` for one, `multi_thread` for more.
///
/// # Panics
///
/// If the threads cannot be started.
#[must_use]
pub fn start(workers: usize) -> Runtime {
    builder(workers).build().expect("tokio starts")
}

fn builder(workers: usize) -> Builder {
    let mut builder = match workers {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder
}

/// Runs a workload, as a task, and returns its sum.
///
/// # Panics
///
/// If the threads of another runtime cannot be started, which it takes for sleeps: the timers cost something where nobody sleeps.
pub fn run(runtime: &Runtime, workload: Workload, size: u64) -> u64 {
    if matches!(workload, Workload::Sleep | Workload::Case(Case { sleeps: true, .. })) {
        let workers = runtime.metrics().num_workers();
        let runtime = builder(workers).enable_time().build().expect("tokio starts");
        return run_root(&runtime, body(workload, size));
    }
    run_root(runtime, body(workload, size))
}

async fn body(workload: Workload, size: u64) -> u64 {
    match workload {
        Workload::Yield => yields(size).await,
        Workload::Chain => chain(size).await,
        Workload::SpawnJoin => spawn_join(size).await,
        Workload::Skynet => join(skynet(0, size)).await,
        Workload::PingPong => ping_pong(size).await,
        Workload::Ring => ring(size).await,
        Workload::Mpsc1 => mpsc(1, size).await,
        Workload::Mpsc4 => mpsc(4, size).await,
        Workload::MpscApart => mpsc_apart(size).await,
        Workload::Bounded => bounded(size).await,
        Workload::Mutex => locks(size).await,
        Workload::Sleep => sleeps(size).await,
        Workload::Call => tokio_servers::call(size).await,
        Workload::Cast => tokio_servers::cast(size).await,
        Workload::StartStop => tokio_servers::start_stop(size).await,
        Workload::Case(case) => (case.tokio)(size).await,
    }
}

pub(super) async fn join<T>(task: JoinHandle<T>) -> T {
    task.await.expect("no task of a workload panics")
}

async fn join_all(tasks: Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0;
    for task in tasks {
        sum += join(task).await;
    }
    sum
}

async fn yields(size: u64) -> u64 {
    let turns = size / YIELDERS;
    join_all((0..YIELDERS).map(|_| spawn(yield_for(turns))).collect()).await
}

async fn yield_for(turns: u64) -> u64 {
    for _ in 0..turns {
        yield_now().await;
    }
    turns
}

async fn chain(size: u64) -> u64 {
    let (done, result) = oneshot::channel();
    link(0, size, 0, done);
    result.await.expect("the last link reports")
}

fn link(number: u64, size: u64, sum: u64, done: oneshot::Sender<u64>) {
    spawn(async move {
        let sum = sum + number;
        if number + 1 == size {
            done.send(sum).expect("the root waits for the sum");
        } else {
            link(number + 1, size, sum, done);
        }
    });
}

async fn spawn_join(size: u64) -> u64 {
    join_all((0..size).map(|number| spawn(async move { number })).collect()).await
}

fn skynet(first: u64, leaves: u64) -> JoinHandle<u64> {
    spawn(async move {
        if leaves == 1 {
            return first;
        }
        let share = leaves / SKYNET_CHILDREN as u64;
        let children: [_; SKYNET_CHILDREN] =
            std::array::from_fn(|child| skynet(first + child as u64 * share, share));
        let mut sum = 0;
        for child in children {
            sum += join(child).await;
        }
        sum
    })
}

async fn ping_pong(size: u64) -> u64 {
    let (ping, mut pings) = unbounded_channel();
    let (pong, mut pongs) = unbounded_channel();
    let echo = spawn(async move {
        while let Some(number) = pings.recv().await {
            pong.send(number).expect("the caller waits for each reply");
        }
    });
    let caller = spawn(async move {
        let mut sum = 0;
        for number in 0..size {
            ping.send(number).expect("the echo lives as long as we send");
            sum += pongs.recv().await.expect("the echo replies");
        }
        sum
    });
    let sum = join(caller).await;
    join(echo).await;
    sum
}

async fn ring(size: u64) -> u64 {
    let (first, mut receiver) = unbounded_channel();
    let mut members = Vec::new();
    for _ in 1..RING_MEMBERS {
        let (next, next_receiver) = unbounded_channel();
        members.push(spawn(pass_on(receiver, next)));
        receiver = next_receiver;
    }
    first.send(size - 1).expect("the first member holds its receiver");
    members.push(spawn(pass_on(receiver, first)));
    join_all(members).await
}

/// Passes the token on until it is spent or the ring is broken; returns how often it came by.
async fn pass_on(mut receiver: UnboundedReceiver<u64>, next: UnboundedSender<u64>) -> u64 {
    let mut seen = 0;
    while let Some(hops_left) = receiver.recv().await {
        seen += 1;
        if hops_left == 0 {
            break;
        }
        next.send(hops_left - 1).expect("the ring breaks only behind the token");
    }
    seen
}

async fn mpsc(senders: u64, size: u64) -> u64 {
    let (sender, receiver) = unbounded_channel();
    let consumer = spawn(receive_all(receiver));
    for lane in 0..senders {
        let sender = sender.clone();
        spawn(async move { send_lane(&sender, lane, senders, size) });
    }
    drop(sender);
    join(consumer).await
}

async fn mpsc_apart(size: u64) -> u64 {
    let (sender, receiver) = unbounded_channel();
    let consumer = spawn(receive_all(receiver));
    std::thread::spawn(move || send_lane(&sender, 0, 1, size));
    join(consumer).await
}

fn send_lane(sender: &UnboundedSender<u64>, lane: u64, lanes: u64, size: u64) {
    for number in (lane..size).step_by(lanes as usize) {
        sender.send(number).expect("the consumer stays to the end");
    }
}

async fn receive_all(mut receiver: UnboundedReceiver<u64>) -> u64 {
    let mut sum = 0;
    while let Some(number) = receiver.recv().await {
        sum += number;
    }
    sum
}

async fn locks(size: u64) -> u64 {
    let count = Arc::new(Mutex::new(0));
    let lockers = (0..LOCKERS).map(|_| {
        let count = Arc::clone(&count);
        spawn(async move {
            for _ in 0..size / LOCKERS {
                *count.lock().await += 1;
            }
            0
        })
    });
    join_all(lockers.collect()).await;
    let count = count.lock().await;
    *count
}

async fn sleeps(size: u64) -> u64 {
    let sleepers = (0..SLEEPERS).map(|number| {
        spawn(async move {
            for _ in 0..size / SLEEPERS {
                sleep(nap(number)).await;
            }
            size / SLEEPERS
        })
    });
    join_all(sleepers.collect()).await
}

async fn bounded(size: u64) -> u64 {
    let (sender, mut receiver) = mpsc::channel(BOUND);
    let consumer = spawn(async move {
        let mut sum = 0;
        while let Some(number) = receiver.recv().await {
            sum += number;
        }
        sum
    });
    spawn(async move {
        for number in 0..size {
            sender.send(number).await.expect("the consumer stays to the end");
        }
    });
    join(consumer).await
}

/// See [`Contender::park`](crate::contender::Contender::park).
///
/// # Panics
///
/// If the runtime loses a message.
pub fn park<T: Send + 'static>(
    runtime: &Runtime,
    tasks: usize,
    measure: impl FnOnce(Memory) -> T + Send + 'static,
) -> T {
    let root = async move {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..tasks).map(|_| unbounded_channel::<()>()).unzip();
        let started = Arc::new(AtomicUsize::new(0));
        let (last, mut all_started) = unbounded_channel();
        let before = Memory::now();
        for mut receiver in receivers {
            let (started, last) = (Arc::clone(&started), last.clone());
            spawn(async move {
                // Ordering: only the count matters; the channel publishes everything else.
                if started.fetch_add(1, Ordering::Relaxed) + 1 == tasks {
                    last.send(()).expect("the root waits");
                }
                assert!(receiver.recv().await.is_none(), "nobody ever sends");
            });
        }
        all_started.recv().await.expect("the last to start says so");
        let measured = observed(move || measure(before)).await;
        drop(senders);
        measured
    };
    run_root(runtime, root)
}

/// Runs the root as a task.
pub(super) fn run_root<T: Send + 'static>(
    runtime: &Runtime,
    root: impl Future<Output = T> + Send + 'static,
) -> T {
    runtime.block_on(async move { join(spawn(root)).await })
}

/// Measures from a plain thread while this task waits.
pub(super) async fn observed<T: Send + 'static>(measure: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = oneshot::channel();
    super::observe(measure, move |measured| tell.send(measured).ok().expect("the root waits"));
    told.await.expect("the measuring thread answers")
}
