//! Savina's Dining Philosophers: [`SEATS`] actors ask an arbiter for two forks; if one of them is taken they are denied, and ask again. An operation
//! is one meal, with all that was denied before it: how often depends on the order in which actors run.

use std::sync::mpsc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use smarm::channel::{Receiver, Sender};

use super::{Case, Group, join_actors, join_tasks, join_threads};

const SEATS: u64 = 20;

pub(super) const PHILOSOPHERS: Case = Case {
    name: "philosophers",
    title: "Savina Philosophers, 20 seats, meals",
    group: Group::Savina,
    size: 200_000,
    fit: |size| size.max(SEATS) / SEATS * SEATS,
    smarm,
    tokio: |size| Box::pin(by_tokio(size)),
    threads: Some(by_threads),
    ..Case::PLAIN
};

enum Wish {
    Forks(usize),
    Done(usize),
}

#[derive(Default)]
struct Table {
    taken: [bool; SEATS as usize],
}

impl Table {
    /// Gives both forks, or none; or takes them back, to which there is no answer.
    fn serve(&mut self, wish: &Wish) -> Option<(usize, bool)> {
        match *wish {
            Wish::Forks(seat) => {
                let is_free = self.forks(seat).iter().all(|&fork| !self.taken[fork]);
                if is_free {
                    self.set(seat, true);
                }
                Some((seat, is_free))
            }
            Wish::Done(seat) => {
                self.set(seat, false);
                None
            }
        }
    }

    fn set(&mut self, seat: usize, taken: bool) {
        for fork in self.forks(seat) {
            self.taken[fork] = taken;
        }
    }

    fn forks(&self, seat: usize) -> [usize; 2] {
        [seat, (seat + 1) % self.taken.len()]
    }
}

fn smarm(size: u64) -> u64 {
    let (ask, wishes) = smarm::channel();
    let (answers, receivers): (Vec<_>, Vec<_>) = (0..SEATS).map(|_| smarm::channel()).unzip();
    smarm::spawn(move || arbitrate(&wishes, &answers));
    let philosopher = |(seat, receiver)| {
        let ask = ask.clone();
        smarm::spawn(move || dine(seat, size / SEATS, &ask, &receiver))
    };
    join_actors((0..).zip(receivers).map(philosopher).collect())
}

fn arbitrate(wishes: &Receiver<Wish>, answers: &[Sender<bool>]) {
    let mut table = Table::default();
    while let Ok(wish) = wishes.recv() {
        if let Some((seat, granted)) = table.serve(&wish) {
            answers[seat].send(granted).expect("it waits");
        }
    }
}

fn dine(seat: usize, meals: u64, ask: &Sender<Wish>, answers: &Receiver<bool>) -> u64 {
    for _ in 0..meals {
        loop {
            ask.send(Wish::Forks(seat)).expect("the arbiter lives as long as we");
            if answers.recv().expect("the arbiter answers") {
                break;
            }
        }
        ask.send(Wish::Done(seat)).expect("the arbiter lives as long as we");
    }
    meals
}

async fn by_tokio(size: u64) -> u64 {
    let (ask, wishes) = unbounded_channel();
    let (answers, receivers): (Vec<_>, Vec<_>) = (0..SEATS).map(|_| unbounded_channel()).unzip();
    tokio::spawn(arbitrate_by_tokio(wishes, answers));
    let philosopher =
        |(seat, receiver)| tokio::spawn(dine_by_tokio(seat, size / SEATS, ask.clone(), receiver));
    join_tasks((0..).zip(receivers).map(philosopher).collect()).await
}

async fn arbitrate_by_tokio(mut wishes: UnboundedReceiver<Wish>, answers: Vec<UnboundedSender<bool>>) {
    let mut table = Table::default();
    while let Some(wish) = wishes.recv().await {
        if let Some((seat, granted)) = table.serve(&wish) {
            answers[seat].send(granted).expect("it waits");
        }
    }
}

async fn dine_by_tokio(
    seat: usize,
    meals: u64,
    ask: UnboundedSender<Wish>,
    mut answers: UnboundedReceiver<bool>,
) -> u64 {
    for _ in 0..meals {
        loop {
            ask.send(Wish::Forks(seat)).expect("the arbiter lives as long as we");
            if answers.recv().await.expect("the arbiter answers") {
                break;
            }
        }
        ask.send(Wish::Done(seat)).expect("the arbiter lives as long as we");
    }
    meals
}

fn by_threads(size: u64) -> u64 {
    let (ask, wishes) = mpsc::channel();
    let (answers, receivers): (Vec<_>, Vec<_>) = (0..SEATS).map(|_| mpsc::channel()).unzip();
    std::thread::spawn(move || arbitrate_by_threads(&wishes, &answers));
    let philosopher = |(seat, receiver)| {
        let ask = ask.clone();
        std::thread::spawn(move || dine_by_threads(seat, size / SEATS, &ask, &receiver))
    };
    join_threads((0..).zip(receivers).map(philosopher).collect())
}

fn arbitrate_by_threads(wishes: &mpsc::Receiver<Wish>, answers: &[mpsc::Sender<bool>]) {
    let mut table = Table::default();
    for wish in wishes {
        if let Some((seat, granted)) = table.serve(&wish) {
            answers[seat].send(granted).expect("it waits");
        }
    }
}

fn dine_by_threads(seat: usize, meals: u64, ask: &mpsc::Sender<Wish>, answers: &mpsc::Receiver<bool>) -> u64 {
    for _ in 0..meals {
        loop {
            ask.send(Wish::Forks(seat)).expect("the arbiter lives as long as we");
            if answers.recv().expect("the arbiter answers") {
                break;
            }
        }
        ask.send(Wish::Done(seat)).expect("the arbiter lives as long as we");
    }
    meals
}
