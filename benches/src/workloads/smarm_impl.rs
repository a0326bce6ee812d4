//! The workloads on smarm.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use smarm::channel::{Receiver, Sender};
use smarm::runtime::{self, Config, Runtime};
use smarm::{JoinHandle, Mutex, channel, sleep, spawn, yield_now};

use super::smarm_servers;
use crate::measure::Memory;
use crate::workload::{BOUND, LOCKERS, RING_MEMBERS, SKYNET_CHILDREN, SLEEPERS, Workload, YIELDERS, nap};

/// Starts a runtime with exactly this many workers. `SMARM_ALLOC_INTERVAL` and `SMARM_TIMESLICE_CYCLES` replace its defaults, for
/// `benches/sweep.py`.
///
/// # Panics
///
/// If one of these is set and not a number that smarm takes.
#[must_use]
pub fn start(workers: usize) -> Runtime {
    let mut config = Config::exact(workers);
    if let Some(events) = setting("SMARM_ALLOC_INTERVAL") {
        config = config.alloc_interval(events);
    }
    if let Some(cycles) = setting("SMARM_TIMESLICE_CYCLES") {
        config = config.timeslice_cycles(cycles);
    }
    runtime::init(config)
}

fn setting<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}: write a number above 0, or unset it")))
}

/// Runs a workload and returns its sum.
pub fn run(runtime: &Runtime, workload: Workload, size: u64) -> u64 {
    runtime.run(move || match workload {
        Workload::Yield => yields(size),
        Workload::Chain => chain(size),
        Workload::SpawnJoin => spawn_join(size),
        Workload::Skynet => skynet(0, size),
        Workload::PingPong => ping_pong(size),
        Workload::Ring => ring(size),
        Workload::Mpsc1 => mpsc(1, size),
        Workload::Mpsc4 => mpsc(4, size),
        Workload::MpscApart => mpsc_apart(size),
        Workload::Bounded => bounded(size),
        Workload::Mutex => locks(size),
        Workload::Sleep => sleeps(size),
        Workload::Call => smarm_servers::call(size),
        Workload::Cast => smarm_servers::cast(size),
        Workload::StartStop => smarm_servers::start_stop(size),
        Workload::Case(case) => (case.smarm)(size),
    })
}

fn join<T>(actor: JoinHandle<T>) -> T {
    actor.join().expect("no actor of a workload panics")
}

fn join_all(actors: Vec<JoinHandle<u64>>) -> u64 {
    actors.into_iter().map(join).sum()
}

fn yields(size: u64) -> u64 {
    let turns = size / YIELDERS;
    join_all((0..YIELDERS).map(|_| spawn(move || yield_for(turns))).collect())
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
    spawn(move || {
        let sum = sum + number;
        if number + 1 == size {
            done.send(sum).expect("the root waits for the sum");
        } else {
            link(number + 1, size, sum, done);
        }
    });
}

fn spawn_join(size: u64) -> u64 {
    join_all((0..size).map(|number| spawn(move || number)).collect())
}

fn skynet(first: u64, leaves: u64) -> u64 {
    if leaves == 1 {
        return first;
    }
    let share = leaves / SKYNET_CHILDREN as u64;
    let children: [_; SKYNET_CHILDREN] = std::array::from_fn(|child| {
        let first = first + child as u64 * share;
        spawn(move || skynet(first, share))
    });
    children.into_iter().map(join).sum()
}

fn ping_pong(size: u64) -> u64 {
    let (ping, pings) = channel();
    let (pong, pongs) = channel();
    let echo = spawn(move || {
        while let Ok(number) = pings.recv() {
            pong.send(number).expect("the caller waits for each reply");
        }
    });
    let caller = spawn(move || {
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
        members.push(spawn(move || pass_on(&receiver, &next)));
        receiver = next_receiver;
    }
    first.send(size - 1).expect("the first member has not started yet");
    members.push(spawn(move || pass_on(&receiver, &first)));
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
    let consumer = spawn(move || receive_all(&receiver));
    for lane in 0..senders {
        let sender = sender.clone();
        spawn(move || send_lane(&sender, lane, senders, size));
    }
    drop(sender);
    join(consumer)
}

fn mpsc_apart(size: u64) -> u64 {
    let (sender, receiver) = channel();
    let consumer = spawn(move || receive_all(&receiver));
    std::thread::spawn(move || send_lane(&sender, 0, 1, size));
    join(consumer)
}

fn bounded(size: u64) -> u64 {
    let (sender, receiver) = channel::bounded(BOUND);
    let consumer = spawn(move || receive_all(&receiver));
    spawn(move || send_lane(&sender, 0, 1, size));
    join(consumer)
}

fn locks(size: u64) -> u64 {
    let count = Arc::new(Mutex::new(0));
    let lockers = (0..LOCKERS).map(|_| {
        let count = Arc::clone(&count);
        spawn(move || {
            for _ in 0..size / LOCKERS {
                *count.lock().expect("nobody holds it for long") += 1;
            }
            0
        })
    });
    join_all(lockers.collect());
    let count = count.lock().expect("all have ended");
    *count
}

fn sleeps(size: u64) -> u64 {
    let sleeper = |number| move || (0..size / SLEEPERS).map(|_| sleep(nap(number))).count() as u64;
    join_all((0..SLEEPERS).map(|number| spawn(sleeper(number))).collect())
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
pub fn park<T: Send + 'static>(
    runtime: &Runtime,
    actors: usize,
    measure: impl FnOnce(Memory) -> T + Send + 'static,
) -> T {
    runtime.run(move || {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..actors).map(|_| channel::<()>()).unzip();
        let started = Arc::new(AtomicUsize::new(0));
        let (last, all_started) = channel();
        let before = Memory::now();
        for receiver in receivers {
            let (started, last) = (Arc::clone(&started), last.clone());
            spawn(move || {
                // Ordering: only the count matters; the channel publishes everything else.
                if started.fetch_add(1, Ordering::Relaxed) + 1 == actors {
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
    })
}
