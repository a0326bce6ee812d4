//! What does one sender cost that serves many receivers? It sends to [`RECEIVERS`] actors in turn, each with an unbounded channel of its own. An
//! operation is one message.

use may::go;
use tokio::sync::mpsc::unbounded_channel;

use super::{Case, join_actors, join_coroutines, join_tasks, join_threads};

const RECEIVERS: u64 = 100;

pub(super) const FAN_OUT: Case = Case {
    name: "fan_out",
    title: "one sender to 100 receivers in turn, messages",
    size: 1_000_000,
    expected: |size| size * (size - 1) / 2,
    smarm,
    tokio: |size| Box::pin(by_tokio(size)),
    may: Some(by_may),
    threads: Some(by_threads),
    ..Case::PLAIN
};

fn smarm(size: u64) -> u64 {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..RECEIVERS).map(|_| smarm::channel::<u64>()).unzip();
    let actors = receivers.into_iter().map(|receiver| {
        smarm::spawn(move || {
            let mut sum = 0;
            while let Ok(number) = receiver.recv() {
                sum += number;
            }
            sum
        })
    });
    let actors = actors.collect();
    for (number, sender) in (0..size).zip(senders.iter().cycle()) {
        sender.send(number).expect("it receives until we end");
    }
    drop(senders);
    join_actors(actors)
}

async fn by_tokio(size: u64) -> u64 {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..RECEIVERS).map(|_| unbounded_channel::<u64>()).unzip();
    let tasks = receivers.into_iter().map(|mut receiver| {
        tokio::spawn(async move {
            let mut sum = 0;
            while let Some(number) = receiver.recv().await {
                sum += number;
            }
            sum
        })
    });
    let tasks = tasks.collect();
    for (number, sender) in (0..size).zip(senders.iter().cycle()) {
        sender.send(number).expect("it receives until we end");
    }
    drop(senders);
    join_tasks(tasks).await
}

fn by_may(size: u64) -> u64 {
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..RECEIVERS).map(|_| may::sync::mpsc::channel::<u64>()).unzip();
    let coroutines = receivers.into_iter().map(|receiver| {
        go!(move || {
            let mut sum = 0;
            while let Ok(number) = receiver.recv() {
                sum += number;
            }
            sum
        })
    });
    let coroutines = coroutines.collect();
    for (number, sender) in (0..size).zip(senders.iter().cycle()) {
        sender.send(number).expect("it receives until we end");
    }
    drop(senders);
    join_coroutines(coroutines)
}

fn by_threads(size: u64) -> u64 {
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..RECEIVERS).map(|_| std::sync::mpsc::channel::<u64>()).unzip();
    let thread = |receiver: std::sync::mpsc::Receiver<u64>| std::thread::spawn(move || receiver.iter().sum());
    let threads = receivers.into_iter().map(thread).collect();
    for (number, sender) in (0..size).zip(senders.iter().cycle()) {
        sender.send(number).expect("it receives until we end");
    }
    drop(senders);
    join_threads(threads)
}
