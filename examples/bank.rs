//! A bank: transfers are calls from one account to another, a refusal is a reply, and a deadlock is an answer.
//!
//! ```text
//!   teller ── transfer(30, bob) ──▶ ann ── deposit(30) ──▶ bob
//!          ◀── Ok / Err ───────────     ◀── done ─────────
//! ```
//!
//! While ann waits for bob she handles nothing else. If bob, at that moment, waits for ann, neither would ever go on. So
//! the second of the two calls is not sent: it returns [`CallError::Deadlock`], and its account takes the money back.

use std::error::Error;
use std::fmt;

use smarm::CallError;

/// Accounts in the rush hour, and what is in each at its begin.
const ACCOUNTS: usize = 8;
const OPENING_BALANCE: u64 = 100;

/// Tellers in the rush hour, and the transfers that each of them makes.
const TELLERS: usize = 4;
const TRANSFERS: usize = 250;

// ---- the account -------------------------------------------------------------------------------------------------

/// There is not that much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Insufficient {
    balance: u64,
}

/// Why no money went from one account to another.
#[derive(Debug)]
enum Refused {
    Insufficient(Insufficient),
    /// The other account did not get it.
    NotDelivered(CallError),
}

struct Account {
    balance: u64,
}

#[smarm::actor]
impl Account {
    pub fn balance(&self) -> u64 {
        self.balance
    }

    #[call]
    pub fn deposit(&mut self, amount: u64) {
        self.balance += amount;
    }

    /// Takes money out, and tells what is left.
    pub fn withdraw(&mut self, amount: u64) -> Result<u64, Insufficient> {
        let left = self.balance.checked_sub(amount).ok_or(Insufficient { balance: self.balance })?;
        self.balance = left;
        Ok(left)
    }

    /// Moves money to another account.
    pub fn transfer(&mut self, amount: u64, to: AccountHandle) -> Result<u64, Refused> {
        let left = self.withdraw(amount).map_err(Refused::Insufficient)?;
        to.deposit(amount).map_err(|error| {
            // After a timeout nobody knows whether it arrived; in these two cases it certainly did not.
            if error.is_deadlock() || error.retry_is_safe() {
                self.balance += amount;
            }
            Refused::NotDelivered(error)
        })?;
        Ok(left)
    }

    /// Pays out what is left: the last message.
    pub fn close(self) -> u64 {
        self.balance
    }
}

impl fmt::Display for Insufficient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there are only {}", self.balance)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insufficient(error) => error.fmt(f),
            Self::NotDelivered(error) => error.fmt(f),
        }
    }
}

impl Error for Refused {}

// ---- the bank ----------------------------------------------------------------------------------------------------

#[smarm::main]
fn main() -> Result<(), Box<dyn Error>> {
    show_each_answer()?;
    rush_hour()
}

fn show_each_answer() -> Result<(), Box<dyn Error>> {
    let ann = Account { balance: 100 }.start();
    let bob = Account { balance: 20 }.start();

    println!("ann pays bob 30, and has {} left", ann.transfer(30, bob.clone())?);
    if let Err(error) = bob.transfer(80, ann.clone()) {
        println!("bob pays ann 80: {error}");
    }
    // Ann would wait for herself.
    if let Err(error) = ann.transfer(10, ann.clone()) {
        println!("ann pays ann 10: {error}");
    }
    println!("ann has {}, bob has {}", ann.balance()?, bob.balance()?);

    println!("bob closes his account, and gets {}", bob.close()?);
    if let Err(error) = ann.transfer(10, bob) {
        println!("ann pays bob 10: {error}");
    }
    println!("ann closes hers, and gets {}\n", ann.close()?);
    Ok(())
}

/// How the transfers of the rush hour ended.
#[derive(Default)]
struct Tally {
    done: usize,
    insufficient: usize,
    deadlocks: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { done, insufficient, deadlocks } = self;
        write!(f, "{done} transfers done, {insufficient} without the money, {deadlocks} deadlocks answered")
    }
}

impl Tally {
    /// # Errors
    ///
    /// The outcome, if a working bank has no such.
    fn note(&mut self, outcome: Result<u64, CallError<Refused>>) -> Result<(), CallError<Refused>> {
        match outcome {
            Ok(_) => self.done += 1,
            Err(CallError::Reply(Refused::Insufficient(_))) => self.insufficient += 1,
            Err(CallError::Reply(Refused::NotDelivered(error))) if error.is_deadlock() => self.deadlocks += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Tellers move money between accounts in both directions, all at once. Whatever is refused, no money is lost.
fn rush_hour() -> Result<(), Box<dyn Error>> {
    let accounts: Vec<_> = (0..ACCOUNTS).map(|_| Account { balance: OPENING_BALANCE }.start()).collect();
    let tallies = smarm::scope(|s| {
        let teller = |number| {
            s.spawn({
                let accounts = &accounts;
                move || serve(number, accounts)
            })
        };
        let tellers: Vec<_> = (0..TELLERS).map(teller).collect();
        tellers.into_iter().map(|teller| teller.join()).collect::<Vec<_>>()
    });
    for (number, tally) in tallies.into_iter().enumerate() {
        println!("teller {number}: {}", tally??);
    }
    let total = accounts.iter().map(AccountHandle::close).sum::<Result<u64, _>>()?;
    println!("the bank still holds {total}");
    Ok(())
}

/// What one teller does: every second one goes the other way round.
fn serve(number: usize, accounts: &[AccountHandle]) -> Result<Tally, CallError<Refused>> {
    let mut tally = Tally::default();
    for step in 0..TRANSFERS {
        let (here, next) = (&accounts[step % ACCOUNTS], &accounts[(step + 1) % ACCOUNTS]);
        let (from, to) = if number.is_multiple_of(2) { (here, next) } else { (next, here) };
        let amount = (step * 7 % 60) as u64;
        tally.note(from.transfer(amount, to.clone()))?;
    }
    Ok(tally)
}

/// The methods of an actor are plain ones, and its refusals plain values: no runtime is needed to test them.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_paid() {
        let mut account = Account { balance: 20 };
        assert_eq!(account.withdraw(30), Err(Insufficient { balance: 20 }));
        assert_eq!(account.withdraw(15), Ok(5));
        account.deposit(1);
        assert_eq!(account.close(), 6);
    }

    #[smarm::test]
    fn a_transfer_moves_money() {
        let (ann, bob) = (Account { balance: 50 }.start(), Account { balance: 0 }.start());
        assert_eq!(ann.transfer(20, bob.clone()).unwrap(), 30);
        assert_eq!((ann.balance().unwrap(), bob.balance().unwrap()), (30, 20));
    }

    #[smarm::test]
    fn a_refused_transfer_moves_none() {
        let (ann, bob) = (Account { balance: 50 }.start(), Account { balance: 0 }.start());
        assert!(matches!(
            ann.transfer(60, bob.clone()),
            Err(CallError::Reply(Refused::Insufficient(Insufficient { balance: 50 })))
        ));
        assert_eq!((ann.balance().unwrap(), bob.balance().unwrap()), (50, 0));
    }

    #[smarm::test]
    fn an_account_that_waits_for_itself_gets_its_money_back() {
        let ann = Account { balance: 50 }.start();
        let outcome = ann.transfer(20, ann.clone());
        let Err(CallError::Reply(Refused::NotDelivered(error))) = outcome else { panic!("{outcome:?}") };
        assert!(error.is_deadlock(), "{error}");
        assert_eq!(ann.balance().unwrap(), 50);
    }

    #[smarm::test]
    fn money_for_a_closed_account_comes_back() {
        let (ann, bob) = (Account { balance: 50 }.start(), Account { balance: 0 }.start());
        bob.close().unwrap();
        let outcome = ann.transfer(20, bob);
        let Err(CallError::Reply(Refused::NotDelivered(error))) = outcome else { panic!("{outcome:?}") };
        assert!(error.retry_is_safe(), "{error}");
        assert_eq!(ann.balance().unwrap(), 50);
    }
}
