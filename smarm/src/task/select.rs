//! One wait with several sources: the protocol. What a select does with it is in `choice`.
//!
//! ```text
//!   waiter                                          source
//!   1. attempt each; one succeeds? done             A. "look again": unpark who is registered, or
//!   2. open the winner word                         B. commit: under the source's own lock, win the word of who is
//!   3. register with each, but stop at one             registered; only if that succeeds, do it on its behalf, and unpark it
//!      that is ready by then: go to 5
//!   4. park
//!   5. leave the winner word
//!   6. take back all registrations
//!   7. a source won? it is done, by that one; else from 1
//! ```
//!
//! # Invariants
//!
//! 1. An operation is done in step 1, where nothing is registered and the word is closed, or by a source that won in between 2 and 5. So one
//!    operation is done, or none.
//! 2. Step 3 says that a source is ready only if the attempt that follows does it, or finds that it is not any more and takes out of the source
//!    what made it look so. So nobody goes round in circles.
//! 3. A source that finds that a registered waiter cannot be won takes it out and goes on to the next one: a waiter that has left swallows no
//!    turn of others.
//! 4. A waiter does not meet itself: a select that sends to a channel and receives from it waits for others.
//!
//! Rejected: to lock all sources in one order, as Go does. It makes each source known to each other one, and the winner word is there for
//! the waits with one source anyway.
//!
//! The models are beside `channel::exchange`, whose sources commit.

use super::winner::{Leave, Source as Number, WaitId, WinnerWord};

/// What came of a registration.
#[must_use = "a source that is ready is not registered with"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Register {
    Waits,
    /// An attempt may succeed. Nothing is registered.
    Ready,
}

/// What a waiter, known to sources as a `W`, can register with.
pub(crate) trait Source<W> {
    /// Registers, unless an attempt would succeed; see invariant 2.
    fn register(&self, waiter: W) -> Register;

    /// Takes the registration back; called once for each that waits.
    fn deregister(&self, waiter: W);
}

/// Steps 2 to 6. Which source has committed, if one has.
///
/// `sources` are those to wait for, with their numbers; `waiter` names this wait to one of them.
pub(crate) fn wait_once<'a, W: 'a, I>(
    word: &WinnerWord,
    sources: I,
    waiter: impl Fn(WaitId, Number) -> W,
    park: impl FnOnce(),
) -> Option<Number>
where
    I: Iterator<Item = (Number, &'a dyn Source<W>)> + Clone,
{
    let wait = word.open();
    let waits = |&(number, source): &(Number, &'a dyn Source<W>)| {
        source.register(waiter(wait, number)) == Register::Waits
    };
    let registered = sources.clone().take_while(waits).count();
    if registered == sources.clone().count() {
        park();
    }
    let left = word.leave(wait);
    for (number, source) in sources.take(registered) {
        source.deregister(waiter(wait, number));
    }
    match left {
        Leave::Won(number) => Some(number),
        Leave::Left => None,
    }
}
