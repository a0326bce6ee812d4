//! The bank on ractor.

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{ACCOUNTS, parties, waves};

struct Account;

enum Message {
    Pay(i64, ActorRef<Message>),
    Take(i64),
}

struct State {
    balance: i64,
    teller: UnboundedSender<i64>,
}

impl Actor for Account {
    type Msg = Message;
    type State = State;
    type Arguments = UnboundedSender<i64>;

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        teller: UnboundedSender<i64>,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State { balance: 0, teller })
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Pay(amount, to) => {
                state.balance -= amount;
                to.cast(Message::Take(amount))?;
            }
            Message::Take(amount) => {
                state.balance += amount;
                state.teller.send(amount)?;
            }
        }
        Ok(())
    }
}

/// ractor's actors outlive their references: they are drained in the end.
pub(super) async fn run(size: u64) -> u64 {
    let (teller, mut told) = unbounded_channel();
    let (mut accounts, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..ACCOUNTS {
        let (account, end) = Actor::spawn(None, Account, teller.clone()).await.expect("the account starts");
        accounts.push(account);
        ends.push(end);
    }
    let mut done = 0;
    for wave in waves(size) {
        for transfer in wave.clone() {
            let (from, to) = parties(transfer);
            accounts[from].cast(Message::Pay(1, accounts[to].clone())).expect("it lives to the end");
        }
        for _ in wave {
            done += told.recv().await.expect("we hold a sender") as u64;
        }
    }
    for account in accounts {
        account.drain().expect("it lives to the end");
    }
    for end in ends {
        end.await.expect("no account panics");
    }
    done
}
