//! The bank on threads.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::{ACCOUNTS, parties, waves};
use crate::suite::join_threads;

enum Message {
    Pay(i64, Sender<Message>),
    Take(i64),
}

pub(super) fn run(size: u64) -> u64 {
    let (teller, told) = channel();
    let (accounts, receivers): (Vec<_>, Vec<_>) = (0..ACCOUNTS).map(|_| channel()).unzip();
    let account = |mail| {
        let teller = teller.clone();
        thread::spawn(move || keep_account(&mail, &teller))
    };
    let threads = receivers.into_iter().map(account).collect();
    let mut done = 0;
    for wave in waves(size) {
        for transfer in wave.clone() {
            let (from, to) = parties(transfer);
            accounts[from].send(Message::Pay(1, accounts[to].clone())).expect("it lives to the end");
        }
        done += wave.map(|_| told.recv().expect("we hold a sender") as u64).sum::<u64>();
    }
    drop(accounts);
    done.wrapping_add(join_threads(threads))
}

/// What is paid and what is taken is the same, so the balances add up to nothing.
fn keep_account(mail: &Receiver<Message>, teller: &Sender<i64>) -> u64 {
    let mut balance = 0_i64;
    for message in mail {
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
