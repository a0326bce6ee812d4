//! Server actors built of tokio's bare channels: a task behind an `mpsc`, answers through a `oneshot`.

use tokio::runtime::Runtime;
use tokio::spawn;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::tokio_impl::{join, observed, run_root};
use crate::measure::Memory;
use crate::workload::{MAILBOX, WAVE};

enum Message {
    Echo(u64, oneshot::Sender<u64>),
    Add(u64),
    Get(oneshot::Sender<u64>),
}

struct Counter {
    mailbox: mpsc::Sender<Message>,
}

impl Counter {
    /// The task ends with its last handle and returns the sum.
    fn start() -> (Self, JoinHandle<u64>) {
        let (mailbox, mail) = mpsc::channel(MAILBOX);
        (Self { mailbox }, spawn(serve(mail)))
    }

    async fn call(&self, message: impl FnOnce(oneshot::Sender<u64>) -> Message) -> u64 {
        let (reply, answer) = oneshot::channel();
        self.cast(message(reply)).await;
        answer.await.expect("the server answers")
    }

    async fn cast(&self, message: Message) {
        self.mailbox.send(message).await.expect("the server lives as long as its handle");
    }
}

async fn serve(mut mail: mpsc::Receiver<Message>) -> u64 {
    let mut sum = 0;
    while let Some(message) = mail.recv().await {
        match message {
            Message::Echo(number, reply) => reply.send(number).expect("the caller waits"),
            Message::Add(number) => sum += number,
            Message::Get(reply) => reply.send(sum).expect("the caller waits"),
        }
    }
    sum
}

pub(super) async fn call(size: u64) -> u64 {
    let (counter, _) = Counter::start();
    let mut sum = 0;
    for number in 0..size {
        sum += counter.call(|reply| Message::Echo(number, reply)).await;
    }
    sum
}

pub(super) async fn cast(size: u64) -> u64 {
    let (counter, _) = Counter::start();
    for number in 0..size {
        counter.cast(Message::Add(number)).await;
    }
    counter.call(Message::Get).await
}

pub(super) async fn start_stop(size: u64) -> u64 {
    let mut sum = 0;
    for first in (0..size).step_by(WAVE) {
        let mut ends = Vec::with_capacity(WAVE);
        for number in first..size.min(first + WAVE as u64) {
            let (counter, end) = Counter::start();
            counter.cast(Message::Add(number)).await;
            ends.push(end);
        }
        for end in ends {
            sum += join(end).await;
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
            let (counter, _) = Counter::start();
            assert_eq!(counter.call(|reply| Message::Echo(number, reply)).await, number);
            kept.push(counter);
        }
        let measured = observed(move || measure(before)).await;
        drop(kept);
        measured
    })
}
