//! The bank on kameo.

use std::convert::Infallible;

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::message::{Context, Message};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{ACCOUNTS, parties, waves};

struct Account {
    balance: i64,
    teller: UnboundedSender<i64>,
}

impl Actor for Account {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(account: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(account)
    }
}

struct Pay(i64, ActorRef<Account>);

impl Message<Pay> for Account {
    type Reply = ();

    async fn handle(&mut self, Pay(amount, to): Pay, _: &mut Context<Self, ()>) {
        self.balance -= amount;
        to.tell(Take(amount)).await.expect("it lives to the end");
    }
}

struct Take(i64);

impl Message<Take> for Account {
    type Reply = ();

    async fn handle(&mut self, Take(amount): Take, _: &mut Context<Self, ()>) {
        self.balance += amount;
        self.teller.send(amount).expect("the teller waits");
    }
}

pub(super) async fn run(size: u64) -> u64 {
    let (teller, mut told) = unbounded_channel();
    let account = |_| Account::spawn(Account { balance: 0, teller: teller.clone() });
    let accounts: Vec<_> = (0..ACCOUNTS).map(account).collect();
    let mut done = 0;
    for wave in waves(size) {
        for transfer in wave.clone() {
            let (from, to) = parties(transfer);
            accounts[from].tell(Pay(1, accounts[to].clone())).await.expect("it lives to the end");
        }
        for _ in wave {
            done += told.recv().await.expect("we hold a sender") as u64;
        }
    }
    done
}
