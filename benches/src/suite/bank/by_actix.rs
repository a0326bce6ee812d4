//! The bank on actix, all of it on the first arbiter: with the accounts shared out among two, a transfer takes half as long again.

use actix::{Actor, Addr, Context, Handler, Message};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{ACCOUNTS, parties, waves};

struct Account {
    balance: i64,
    teller: UnboundedSender<i64>,
}

impl Actor for Account {
    type Context = Context<Self>;
}

struct Pay(i64, Addr<Account>);

impl Message for Pay {
    type Result = ();
}

impl Handler<Pay> for Account {
    type Result = ();

    fn handle(&mut self, Pay(amount, to): Pay, _: &mut Context<Self>) {
        self.balance -= amount;
        to.do_send(Take(amount));
    }
}

struct Take(i64);

impl Message for Take {
    type Result = ();
}

impl Handler<Take> for Account {
    type Result = ();

    fn handle(&mut self, Take(amount): Take, _: &mut Context<Self>) {
        self.balance += amount;
        self.teller.send(amount).expect("the teller waits");
    }
}

pub(super) async fn run(size: u64) -> u64 {
    let (teller, mut told) = unbounded_channel();
    let account = |_| Account { balance: 0, teller: teller.clone() }.start();
    let accounts: Vec<_> = (0..ACCOUNTS).map(account).collect();
    let mut done = 0;
    for wave in waves(size) {
        for transfer in wave.clone() {
            let (from, to) = parties(transfer);
            accounts[from].do_send(Pay(1, accounts[to].clone()));
        }
        for _ in wave {
            done += told.recv().await.expect("we hold a sender") as u64;
        }
    }
    done
}
