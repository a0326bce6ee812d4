//! What `select!` accepts, whatever names are around it.

use smarm::channel::Receiver;
use smarm::select;
use std::time::{Duration, Instant};

/// Names that the expansion could trip over.
#[expect(dead_code, reason = "only their names count")]
mod around {
    pub(super) struct Option;
    pub(super) struct Some;
    pub(super) enum Won {
        A0,
    }
}
#[expect(unused_imports, reason = "only their names count")]
use around::*;

struct Pair {
    rx: Receiver<u32>,
    others: Vec<Receiver<u32>>,
}

impl Pair {
    fn either(&self) -> std::result::Result<u32, smarm::channel::RecvError> {
        let won = 1;
        select! {
            n = self.rx.recv() => n.map(|n| n + won),
            n = self.others[0].recv() => n,
            n = (self.others.last().expect("one")).recv() if self.others.len() > 1 => n,
        }
    }
}

/// As the only arm, in a macro, without a comma, with one behind braces.
fn one(rx: &Receiver<u32>) -> u32 {
    macro_rules! first {
        ($rx:expr) => {
            select! { n = $rx.recv() => n.expect("sent") }
        };
    }
    first!(rx)
}

fn words(rx: &Receiver<u32>) -> u32 {
    // Names that are words of `select!` only where an arm begins.
    let (after, at, default, biased) = (1, 2, 3, 4);
    select! {
        biased;
        after = rx.recv() => after.unwrap_or(0),
        default = rx.recv() if default == 0 => { default.unwrap_or(0) }
        after(Duration::ZERO) if at == 0 => if biased == 0 { 1 } else { 2 },
        at(Instant::now()) if after == 0 => match at { _ => 5 }
    }
}

fn main() {
    let (tx, rx) = smarm::channel();
    let (_open, other) = smarm::channel();
    let pair = Pair { rx, others: vec![other] };
    tx.send(1).unwrap();
    assert_eq!(pair.either(), Ok(2));
    tx.send(3).unwrap();
    assert_eq!(one(&pair.rx), 3);
    tx.send(4).unwrap();
    assert_eq!(words(&pair.rx), 4);
}
