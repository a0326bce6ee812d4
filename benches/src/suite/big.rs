//! Savina's Big: [`ACTORS`] actors send a ping to one of them at random and wait for its pong, again and again, while they answer the pings of the
//! others. An operation is one ping with its pong.
//!
//! Who pings whom is the same in all runtimes but Erlang, which draws other lots.

use std::sync::{Arc, mpsc};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use smarm::channel::{Receiver, Sender};

use super::{Case, Group, join_actors, join_tasks, join_threads, mix};

const ACTORS: u64 = 120;

pub(super) const BIG: Case = Case {
    name: "big",
    title: "Savina Big, 120 actors, pings answered",
    group: Group::Savina,
    size: 240_000,
    fit: |size| size.max(ACTORS) / ACTORS * ACTORS,
    smarm,
    tokio: |size| Box::pin(by_tokio(size)),
    threads: Some(by_threads),
    ..Case::PLAIN
};

enum Message {
    Ping(usize),
    Pong,
    Stop,
}

fn somebody(number: u64, turn: u64) -> usize {
    (mix(number << 32 | turn) % ACTORS) as usize
}

fn smarm(size: u64) -> u64 {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..ACTORS).map(|_| smarm::channel()).unzip();
    let (all, (done, all_done)) = (Arc::new(senders), smarm::channel());
    let actor = |(number, receiver)| {
        let (all, done) = (Arc::clone(&all), done.clone());
        smarm::spawn(move || play(number, size / ACTORS, &all, &receiver, &done))
    };
    let actors = (0..).zip(receivers).map(actor).collect();
    for _ in 0..ACTORS {
        all_done.recv().expect("each tells of its end");
    }
    for sender in &*all {
        sender.send(Message::Stop).expect("it waits for this");
    }
    join_actors(actors)
}

fn play(
    number: u64,
    turns: u64,
    all: &[Sender<Message>],
    receiver: &Receiver<Message>,
    done: &Sender<()>,
) -> u64 {
    let next = || receiver.recv().expect("we hold a sender");
    let answer = |from: usize| all[from].send(Message::Pong).expect("all live to the end");
    for turn in 0..turns {
        all[somebody(number, turn)].send(Message::Ping(number as usize)).expect("all live to the end");
        while let Message::Ping(from) = next() {
            answer(from);
        }
    }
    done.send(()).expect("the root waits");
    while let Message::Ping(from) = next() {
        answer(from);
    }
    turns
}

async fn by_tokio(size: u64) -> u64 {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..ACTORS).map(|_| unbounded_channel()).unzip();
    let (all, (done, mut all_done)) = (Arc::new(senders), unbounded_channel());
    let task = |(number, receiver)| {
        tokio::spawn(play_by_tokio(number, size / ACTORS, Arc::clone(&all), receiver, done.clone()))
    };
    let tasks = (0..).zip(receivers).map(task).collect();
    for _ in 0..ACTORS {
        all_done.recv().await.expect("each tells of its end");
    }
    for sender in &*all {
        sender.send(Message::Stop).expect("it waits for this");
    }
    join_tasks(tasks).await
}

async fn play_by_tokio(
    number: u64,
    turns: u64,
    all: Arc<Vec<UnboundedSender<Message>>>,
    mut receiver: UnboundedReceiver<Message>,
    done: UnboundedSender<()>,
) -> u64 {
    let answer = |from: usize| all[from].send(Message::Pong).expect("all live to the end");
    for turn in 0..turns {
        let ping = Message::Ping(number as usize);
        all[somebody(number, turn)].send(ping).expect("all live to the end");
        while let Message::Ping(from) = receiver.recv().await.expect("we hold a sender") {
            answer(from);
        }
    }
    done.send(()).expect("the root waits");
    while let Message::Ping(from) = receiver.recv().await.expect("we hold a sender") {
        answer(from);
    }
    turns
}

fn by_threads(size: u64) -> u64 {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..ACTORS).map(|_| mpsc::channel()).unzip();
    let (all, (done, all_done)) = (Arc::new(senders), mpsc::channel());
    let thread = |(number, receiver)| {
        let (all, done) = (Arc::clone(&all), done.clone());
        std::thread::spawn(move || play_by_threads(number, size / ACTORS, &all, &receiver, &done))
    };
    let threads = (0..).zip(receivers).map(thread).collect();
    for _ in 0..ACTORS {
        all_done.recv().expect("each tells of its end");
    }
    for sender in &*all {
        sender.send(Message::Stop).expect("it waits for this");
    }
    join_threads(threads)
}

fn play_by_threads(
    number: u64,
    turns: u64,
    all: &[mpsc::Sender<Message>],
    receiver: &mpsc::Receiver<Message>,
    done: &mpsc::Sender<()>,
) -> u64 {
    let next = || receiver.recv().expect("we hold a sender");
    let answer = |from: usize| all[from].send(Message::Pong).expect("all live to the end");
    for turn in 0..turns {
        all[somebody(number, turn)].send(Message::Ping(number as usize)).expect("all live to the end");
        while let Message::Ping(from) = next() {
            answer(from);
        }
    }
    done.send(()).expect("the root waits");
    while let Message::Ping(from) = next() {
        answer(from);
    }
    turns
}
