//! The workloads on may.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use may::coroutine::{JoinHandle, sleep, yield_now};
use may::go;
use may::sync::Mutex;
use may::sync::mpsc::{Receiver, Sender, channel};

use crate::measure::Memory;
use crate::workload::{LOCKERS, RING_MEMBERS, SKYNET_CHILDREN, SLEEPERS, Workload, YIELDERS, nap};

/// Sets the number of workers. may reads it once, when its first coroutine starts: later calls change
/// nothing.
pub fn start(workers: usize) {
    may::config().set_workers(workers);
}

/// Runs a workload, as a coroutine, and returns its sum.
///
/// # Panics
///
/// For a bounded channel or a server actor, which may does not have.
#[must_use]
pub fn run(workload: Workload, size: u64) -> u64 {
    join(go!(move || match workload {
        Workload::Yield => yields(size),
        Workload::Chain => chain(size),
        Workload::SpawnJoin => spawn_join(size),
        Workload::Skynet => skynet(0, size),
        Workload::PingPong => ping_pong(size),
        Workload::Ring => ring(size),
        Workload::Mpsc1 => mpsc(1, size),
        Workload::Mpsc4 => mpsc(4, size),
        Workload::MpscApart => mpsc_apart(size),
        Workload::Bounded => panic!("may has no bounded channel"),
        Workload::Mutex => locks(size),
        Workload::Sleep => sleeps(size),
        Workload::Call | Workload::Cast | Workload::StartStop => panic!("may has no server actors"),
        Workload::Case(case) => (case.may.expect("it takes part where it can"))(size),
    }))
}

fn join<T>(coroutine: JoinHandle<T>) -> T {
    coroutine.join().expect("no coroutine of a workload panics")
}

fn join_all(coroutines: Vec<JoinHandle<u64>>) -> u64 {
    coroutines.into_iter().map(join).sum()
}

fn locks(size: u64) -> u64 {
    let count = Arc::new(Mutex::new(0));
    let lockers = (0..LOCKERS).map(|_| {
        let count = Arc::clone(&count);
        go!(move || {
            for _ in 0..size / LOCKERS {
                *count.lock().expect("nobody panics") += 1;
            }
            0
        })
    });
    join_all(lockers.collect());
    let count = count.lock().expect("nobody panics");
    *count
}

fn sleeps(size: u64) -> u64 {
    let sleeper = |number| move || (0..size / SLEEPERS).map(|_| sleep(nap(number))).count() as u64;
    join_all((0..SLEEPERS).map(|number| go!(sleeper(number))).collect())
}

fn yields(size: u64) -> u64 {
    let turns = size / YIELDERS;
    join_all((0..YIELDERS).map(|_| go!(move || yield_for(turns))).collect())
}

fn yield_for(turns: u64) -> u64 {
    for _ in 0..turns {
        yield_now();
    }
    turns
}

fn chain(size: u64) -> u64 {
    let (done, result) = channel();
    link(0, size, 0, done);
    result.recv().expect("the last link reports")
}

fn link(number: u64, size: u64, sum: u64, done: Sender<u64>) {
    go!(move || {
        let sum = sum + number;
        if number + 1 == size {
            done.send(sum).expect("the root waits for the sum");
        } else {
            link(number + 1, size, sum, done);
        }
    });
}

fn spawn_join(size: u64) -> u64 {
    join_all((0..size).map(|number| go!(move || number)).collect())
}

fn skynet(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let share = leaves / SKYNET_CHILDREN as u64;
    let children: [_; SKYNET_CHILDREN] = std::array::from_fn(|child| {
        let first = first + child as u64 * share;
        go!(move || skynet(first, share))
    });
    children.into_iter().map(join).sum()
}

fn ping_pong(size: u64) -> u64 {
    let (ping, pings) = channel();
    let (pong, pongs) = channel();
    let echo = go!(move || {
        while let Ok(number) = pings.recv() {
            pong.send(number).expect("the caller waits for each reply");
        }
    });
    let caller = go!(move || {
        let mut sum = 0;
        for number in 0..size {
            ping.send(number).expect("the echo lives as long as we send");
            sum += pongs.recv().expect("the echo replies");
        }
        sum
    });
    let sum = join(caller);
    join(echo);
    sum
}

fn ring(size: u64) -> u64 {
    let (first, mut receiver) = channel();
    let mut members = Vec::new();
    for _ in 1..RING_MEMBERS {
        let (next, next_receiver) = channel();
        members.push(go!(move || pass_on(&receiver, &next)));
        receiver = next_receiver;
    }
    first.send(size - 1).expect("the first member holds its receiver");
    members.push(go!(move || pass_on(&receiver, &first)));
    join_all(members)
}

/// Passes the token on until it is spent or the ring is broken; returns how often it came by.
fn pass_on(receiver: &Receiver<u64>, next: &Sender<u64>) -> u64 {
    let mut seen = 0;
    while let Ok(hops_left) = receiver.recv() {
        seen += 1;
        if hops_left == 0 {
            break;
        }
        next.send(hops_left - 1).expect("the ring breaks only behind the token");
    }
    seen
}

fn mpsc(senders: u64, size: u64) -> u64 {
    let (sender, receiver) = channel();
    let consumer = go!(move || receive_all(&receiver));
    for lane in 0..senders {
        let sender = sender.clone();
        go!(move || send_lane(&sender, lane, senders, size));
    }
    drop(sender);
    join(consumer)
}

fn mpsc_apart(size: u64) -> u64 {
    let (sender, receiver) = channel();
    let consumer = go!(move || receive_all(&receiver));
    std::thread::spawn(move || send_lane(&sender, 0, 1, size));
    join(consumer)
}

fn send_lane(sender: &Sender<u64>, lane: u64, lanes: u64, size: u64) {
    for number in (lane..size).step_by(lanes as usize) {
        sender.send(number).expect("the consumer stays to the end");
    }
}

fn receive_all(receiver: &Receiver<u64>) -> u64 {
    let mut sum = 0;
    while let Ok(number) = receiver.recv() {
        sum += number;
    }
    sum
}

/// See [`Contender::park`](crate::contender::Contender::park).
///
/// # Panics
///
/// If the runtime loses a message.
pub fn park<T: Send + 'static>(coroutines: usize, measure: impl FnOnce(Memory) -> T + Send + 'static) -> T {
    join(go!(move || {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..coroutines).map(|_| channel::<()>()).unzip();
        let started = Arc::new(AtomicUsize::new(0));
        let (last, all_started) = channel();
        let before = Memory::now();
        for receiver in receivers {
            let (started, last) = (Arc::clone(&started), last.clone());
            go!(move || {
                // Ordering: only the count matters; the channel publishes everything else.
                if started.fetch_add(1, Ordering::Relaxed) + 1 == coroutines {
                    last.send(()).expect("the root waits");
                }
                receiver.recv().expect_err("nobody ever sends");
            });
        }
        all_started.recv().expect("the last to start says so");
        let (tell, told) = channel();
        super::observe(move || measure(before), move |measured| tell.send(measured).expect("the root waits"));
        let measured = told.recv().expect("the measuring thread answers");
        drop(senders);
        measured
    }))
}
