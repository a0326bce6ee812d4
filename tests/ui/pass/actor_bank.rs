//! Calls, casts, errors as replies, a last message, a context, hooks: all in one actor, and nothing is to be imported.

use std::time::Duration;

/// There is not that much.
#[derive(Debug, PartialEq)]
pub struct Empty;

/// A bank account.
pub struct Account {
    balance: u64,
}

#[smarm::actor(mailbox = bounded(256), timeout = "5s")]
impl Account {
    /// Opens one.
    pub fn open(balance: u64) -> Self {
        Self { balance }
    }

    /// Puts money in.
    pub fn deposit(&mut self, amount: u64) {
        self.balance += amount;
    }

    /// What is there.
    pub fn balance(&self) -> u64 {
        self.balance
    }

    /// Takes money out.
    pub fn withdraw(&mut self, amount: u64) -> Result<u64, Empty> {
        self.balance = self.balance.checked_sub(amount).ok_or(Empty)?;
        self.audit();
        Ok(self.balance)
    }

    /// Takes what is left.
    pub fn close(self) -> u64 {
        self.balance
    }

    #[call]
    pub fn flush(&mut self, ctx: &mut smarm::Ctx<Self>) {
        let _ = ctx;
    }

    pub fn report(&self, reply: smarm::ReplyTo<String>) {
        reply.send(self.balance.to_string());
    }

    fn audit(&self) {}

    #[on_exit]
    fn bye(&mut self, _why: &smarm::ExitReason) {}

    #[every("60min")]
    fn interest(&mut self) {
        self.balance += 1;
    }
}

#[allow(dead_code)]
fn uses(account: &AccountHandle) -> Result<(), Box<dyn std::error::Error>> {
    account.deposit(1);
    let _: u64 = account.balance()?;
    let _: Result<u64, smarm::CallError<Empty>> = account.withdraw(1);
    account.flush()?;
    let _: String = account.timeout(Duration::from_secs(1)).report()?;
    account.try_send(AccountMsg::Deposit { amount: 1 }).ok();
    account.close()?;
    Ok(())
}

fn main() {
    let mut account = Account::open(2);
    account.deposit(3);
    assert_eq!(account.withdraw(9), Err(Empty));
    assert_eq!(account.close(), 5);
}
