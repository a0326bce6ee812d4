//! Savina's BankTransaction: a teller has money moved between [`ACCOUNTS`] accounts, each a server. It tells the first to pay, that one tells the second
//! to take, and that one tells the teller. An operation is one transfer: three messages.
//!
//! smarm's accounts are server actors with their defaults; tokio's are tasks behind unbounded channels, which is the floor. The teller has
//! [`OPEN`] transfers under way at most, so that no bounded mailbox fills up and makes its sender wait. The accounts of actix, kameo and ractor are their
//! actors, with the mailboxes of [`workloads`](crate::workloads); of threads, a thousand behind channels of `std`.

mod by_actix;
mod by_kameo;
mod by_ractor;
mod by_threads;

use std::ops::Range;

use smarm::channel::Sender;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Case, Group, join_tasks, mix};

const ACCOUNTS: u64 = 1000;
const OPEN: u64 = 1000;

pub(super) const BANK: Case = Case {
    name: "bank",
    title: "Savina BankTransaction, 1000 servers, transfers",
    group: Group::Savina,
    size: 200_000,
    smarm,
    tokio: |size| Box::pin(by_tokio(size)),
    actix: Some(|size| Box::pin(by_actix::run(size))),
    kameo: Some(|size| Box::pin(by_kameo::run(size))),
    ractor: Some(|size| Box::pin(by_ractor::run(size))),
    threads: Some(by_threads::run),
    ..Case::PLAIN
};

/// Who pays whom: never itself.
fn parties(transfer: u64) -> (usize, usize) {
    let (from, distance) = (mix(transfer) % ACCOUNTS, 1 + mix(!transfer) % (ACCOUNTS - 1));
    (from as usize, ((from + distance) % ACCOUNTS) as usize)
}

/// The transfers that are under way together.
fn waves(size: u64) -> impl Iterator<Item = Range<u64>> {
    (0..size).step_by(OPEN as usize).map(move |first| first..size.min(first + OPEN))
}

struct Account {
    balance: i64,
    teller: Sender<i64>,
}

#[smarm::actor]
impl Account {
    pub(crate) fn pay(&mut self, amount: i64, to: AccountHandle) {
        self.balance -= amount;
        to.take(amount);
    }

    pub(crate) fn take(&mut self, amount: i64) {
        self.balance += amount;
        self.teller.send(amount).expect("the teller waits");
    }
}

fn smarm(size: u64) -> u64 {
    let (teller, told) = smarm::channel();
    let accounts: Vec<_> =
        (0..ACCOUNTS).map(|_| Account { balance: 0, teller: teller.clone() }.start()).collect();
    let mut done = 0;
    for wave in waves(size) {
        for transfer in wave.clone() {
            let (from, to) = parties(transfer);
            accounts[from].pay(1, accounts[to].clone());
        }
        done += wave.map(|_| told.recv().expect("we hold a sender") as u64).sum::<u64>();
    }
    done
}

enum Message {
    Pay(i64, UnboundedSender<Message>),
    Take(i64),
}

async fn by_tokio(size: u64) -> u64 {
    let (teller, mut told) = unbounded_channel();
    let (accounts, receivers): (Vec<_>, Vec<_>) = (0..ACCOUNTS).map(|_| unbounded_channel()).unzip();
    let account = |receiver| tokio::spawn(keep_account(receiver, teller.clone()));
    let tasks = receivers.into_iter().map(account).collect();
    let mut done = 0;
    for wave in waves(size) {
        for transfer in wave.clone() {
            let (from, to) = parties(transfer);
            accounts[from].send(Message::Pay(1, accounts[to].clone())).expect("it lives to the end");
        }
        for _ in wave {
            done += told.recv().await.expect("we hold a sender") as u64;
        }
    }
    drop(accounts);
    done + join_tasks(tasks).await
}

/// What is paid and what is taken is the same, so the balances add up to nothing.
async fn keep_account(mut mail: UnboundedReceiver<Message>, teller: UnboundedSender<i64>) -> u64 {
    let mut balance = 0_i64;
    while let Some(message) = mail.recv().await {
        match message {
            Message::Pay(amount, to) => {
                balance -= amount;
                to.send(Message::Take(amount)).expect("it lives to the end");
            }
            Message::Take(amount) => {
                balance += amount;
                teller.send(amount).expect("the teller waits");
            }
        }
    }
    balance as u64
}
