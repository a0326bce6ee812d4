//! Savina's Chameneos: [`CREATURES`] actors go to a mall, which pairs them; both of a pair learn the other's colour. An operation is one
//! meeting: two messages to the mall, two from it.
//!
//! A creature is known to the mall by its number, so no message carries a sender.

use std::sync::mpsc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use smarm::channel::{Receiver, Sender};

use super::{Case, Group, join_actors, join_tasks, join_threads};

const CREATURES: u64 = 100;
const COLOURS: u64 = 3;

pub(super) const CHAMENEOS: Case = Case {
    name: "chameneos",
    title: "Savina Chameneos, 100 creatures, meetings",
    group: Group::Savina,
    size: 200_000,
    // Each meeting is counted by both.
    expected: |size| 2 * size,
    smarm,
    tokio: |size| Box::pin(by_tokio(size)),
    threads: Some(by_threads),
    ..Case::PLAIN
};

/// A creature's number and its colour.
type Arrival = (usize, u64);

/// The colour after a meeting: its own if both are the same, else the third.
fn mixed(ours: u64, theirs: u64) -> u64 {
    if ours == theirs { ours } else { COLOURS - ours - theirs }
}

fn smarm(size: u64) -> u64 {
    let (to_mall, arrivals) = smarm::channel();
    let (to_creatures, receivers): (Vec<_>, Vec<_>) = (0..CREATURES).map(|_| smarm::channel()).unzip();
    smarm::spawn(move || meet(size, &arrivals, &to_creatures));
    let creature = |(number, receiver): (usize, Receiver<u64>)| {
        let to_mall = to_mall.clone();
        smarm::spawn(move || live(number, &to_mall, &receiver))
    };
    join_actors(receivers.into_iter().enumerate().map(creature).collect())
}

fn meet(size: u64, arrivals: &Receiver<Arrival>, creatures: &[Sender<u64>]) {
    for _ in 0..size {
        let (one, other) = (arrivals.recv(), arrivals.recv());
        let (one, other) = (one.expect("they come back"), other.expect("they come back"));
        creatures[one.0].send(other.1).expect("it waits");
        creatures[other.0].send(one.1).expect("it waits");
    }
}

/// Goes to the mall until that is closed; returns how often it met somebody.
fn live(number: usize, to_mall: &Sender<Arrival>, receiver: &Receiver<u64>) -> u64 {
    let (mut colour, mut meetings) = (number as u64 % COLOURS, 0);
    while to_mall.send((number, colour)).is_ok() {
        let Ok(theirs) = receiver.recv() else { break };
        colour = mixed(colour, theirs);
        meetings += 1;
    }
    meetings
}

async fn by_tokio(size: u64) -> u64 {
    let (to_mall, arrivals) = unbounded_channel();
    let (to_creatures, receivers): (Vec<_>, Vec<_>) = (0..CREATURES).map(|_| unbounded_channel()).unzip();
    tokio::spawn(meet_by_tokio(size, arrivals, to_creatures));
    let creature = |(number, receiver)| tokio::spawn(live_by_tokio(number, to_mall.clone(), receiver));
    join_tasks(receivers.into_iter().enumerate().map(creature).collect()).await
}

async fn meet_by_tokio(
    size: u64,
    mut arrivals: UnboundedReceiver<Arrival>,
    creatures: Vec<UnboundedSender<u64>>,
) {
    for _ in 0..size {
        let (one, other) = (arrivals.recv().await, arrivals.recv().await);
        let (one, other) = (one.expect("they come back"), other.expect("they come back"));
        creatures[one.0].send(other.1).expect("it waits");
        creatures[other.0].send(one.1).expect("it waits");
    }
}

async fn live_by_tokio(
    number: usize,
    to_mall: UnboundedSender<Arrival>,
    mut receiver: UnboundedReceiver<u64>,
) -> u64 {
    let (mut colour, mut meetings) = (number as u64 % COLOURS, 0);
    while to_mall.send((number, colour)).is_ok() {
        let Some(theirs) = receiver.recv().await else { break };
        colour = mixed(colour, theirs);
        meetings += 1;
    }
    meetings
}

fn by_threads(size: u64) -> u64 {
    let (to_mall, arrivals) = mpsc::channel();
    let (to_creatures, receivers): (Vec<_>, Vec<_>) = (0..CREATURES).map(|_| mpsc::channel()).unzip();
    std::thread::spawn(move || meet_by_threads(size, &arrivals, &to_creatures));
    let creature = |(number, receiver): (usize, mpsc::Receiver<u64>)| {
        let to_mall = to_mall.clone();
        std::thread::spawn(move || live_by_threads(number, &to_mall, &receiver))
    };
    join_threads(receivers.into_iter().enumerate().map(creature).collect())
}

fn meet_by_threads(size: u64, arrivals: &mpsc::Receiver<Arrival>, creatures: &[mpsc::Sender<u64>]) {
    for _ in 0..size {
        let (one, other) = (arrivals.recv(), arrivals.recv());
        let (one, other) = (one.expect("they come back"), other.expect("they come back"));
        creatures[one.0].send(other.1).expect("it waits");
        creatures[other.0].send(one.1).expect("it waits");
    }
}

fn live_by_threads(number: usize, to_mall: &mpsc::Sender<Arrival>, receiver: &mpsc::Receiver<u64>) -> u64 {
    let (mut colour, mut meetings) = (number as u64 % COLOURS, 0);
    while to_mall.send((number, colour)).is_ok() {
        let Ok(theirs) = receiver.recv() else { break };
        colour = mixed(colour, theirs);
        meetings += 1;
    }
    meetings
}
