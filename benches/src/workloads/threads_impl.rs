//! The workloads on threads of the operating system, with the channels and the mutex of `std`.
//!
//! Those that spawn by the hundred thousand, or whose hops would take minutes, are left out.

use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::workload::{BOUND, LOCKERS, SLEEPERS, Workload, nap};

/// Whether it makes sense on threads.
#[must_use]
pub fn has(workload: Workload) -> bool {
    match workload {
        Workload::PingPong
        | Workload::Mpsc1
        | Workload::Mpsc4
        | Workload::Bounded
        | Workload::Mutex
        | Workload::Sleep => true,
        Workload::Case(case) => case.threads.is_some(),
        _ => false,
    }
}

/// Runs a workload and returns its sum.
///
/// # Panics
///
/// If it makes no sense on threads.
#[must_use]
pub fn run(workload: Workload, size: u64) -> u64 {
    match workload {
        Workload::PingPong => ping_pong(size),
        Workload::Mpsc1 => mpsc(1, size),
        Workload::Mpsc4 => mpsc(4, size),
        Workload::Bounded => bounded(size),
        Workload::Mutex => locks(size),
        Workload::Sleep => sleeps(size),
        Workload::Case(case) => case.threads.expect("it takes part where it makes sense")(size),
        _ => panic!("{workload} makes no sense on threads"),
    }
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("no thread of a workload panics")
}

fn ping_pong(size: u64) -> u64 {
    let (ping, pings) = channel();
    let (pong, pongs) = channel();
    let echo = thread::spawn(move || {
        for number in pings {
            pong.send(number).expect("the caller waits for each reply");
        }
    });
    let caller = thread::spawn(move || {
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

fn mpsc(senders: u64, size: u64) -> u64 {
    let (sender, receiver) = channel();
    let consumer = thread::spawn(move || receive_all(&receiver));
    for lane in 0..senders {
        let sender = sender.clone();
        thread::spawn(move || send_lane(&sender, lane, senders, size));
    }
    drop(sender);
    join(consumer)
}

fn send_lane(sender: &Sender<u64>, lane: u64, lanes: u64, size: u64) {
    for number in (lane..size).step_by(lanes as usize) {
        sender.send(number).expect("the consumer stays to the end");
    }
}

fn receive_all(receiver: &Receiver<u64>) -> u64 {
    receiver.iter().sum()
}

fn bounded(size: u64) -> u64 {
    let (sender, receiver) = sync_channel(BOUND);
    let consumer = thread::spawn(move || receive_all(&receiver));
    thread::spawn(move || {
        for number in 0..size {
            sender.send(number).expect("the consumer stays to the end");
        }
    });
    join(consumer)
}

fn locks(size: u64) -> u64 {
    let count = Arc::new(Mutex::new(0));
    let lockers = (0..LOCKERS).map(|_| {
        let count = Arc::clone(&count);
        thread::spawn(move || {
            for _ in 0..size / LOCKERS {
                *count.lock().expect("nobody panics") += 1;
            }
        })
    });
    lockers.collect::<Vec<_>>().into_iter().for_each(join);
    let count = count.lock().expect("all have ended");
    *count
}

fn sleeps(size: u64) -> u64 {
    let sleeper = |number| move || (0..size / SLEEPERS).map(|_| thread::sleep(nap(number))).count() as u64;
    let sleepers: Vec<_> = (0..SLEEPERS).map(|number| thread::spawn(sleeper(number))).collect();
    sleepers.into_iter().map(join).sum()
}
