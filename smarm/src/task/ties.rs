//! Whether somebody wants to hear of an actor's end, and what kind of actor it is; one byte of its slot.
//!
//! Who wants to hear of it (a link, a monitor, a supervisor) leaves word in a table that is not the slot's, under a lock, and ties the slot.
//! The actor seals its slot when it ends: most find no tie, and never look at the table.
//!
//! | flag | means | set by |
//! |---|---|---|
//! | `TIED` | there may be word in the table | whoever leaves word, under the table's lock, before it does |
//! | `SEALED` | no word will be read any more | the actor's exit steps, once |
//!
//! Both are read-modify-writes of one byte, so one comes second. A tie that comes first is seen by the seal, whose owner then waits for the
//! lock and finds the word. One that comes second sees the seal, and no word is left. The byte goes with the slot to its next actor; a tie
//! that comes so late finds another generation in the state word, and the flag that it leaves there costs that actor one useless look.

use crate::sys::atomic::{AtomicU8, Ordering};

/// A server: it has no stack while it rests.
const SERVER: u8 = 1 << 0;
const TIED: u8 = 1 << 1;
const SEALED: u8 = 1 << 2;
/// It wants to hear of each actor that it starts.
const PARENT: u8 = 1 << 3;
/// A server that ends others when it ends.
const SUPERVISOR: u8 = 1 << 4;
/// A server that its supervisor restarts and ends.
const SUPERVISED: u8 = 1 << 5;
/// It knows of the shutdown.
const TOLD: u8 = 1 << 6;
/// No actor: a future waits by this slot.
const POLLED: u8 = 1 << 7;

/// What a server is in a tree of supervisors, and so, when its turn comes in the end of its runtime.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Rank {
    /// It ends its children when it ends.
    pub(crate) is_supervisor: bool,
    /// Its supervisor ends it.
    pub(crate) is_supervised: bool,
}

#[derive(Debug)]
pub(crate) struct Ties(AtomicU8);

impl Ties {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    /// For the next actor of the slot, before its generation is published.
    pub(crate) fn reset(&self, server: Option<Rank>) {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags = server.map_or(0, |rank| {
            SERVER | flag(rank.is_supervisor, SUPERVISOR) | flag(rank.is_supervised, SUPERVISED)
        });
        // Ordering: Release. A tie that sees this, of an actor that was here before, must see that one's end in the state word too.
        self.0.store(flags, Ordering::Release);
    }

    /// Says that there is word about to be left. False if it would not be read; whether the actor is the right one has to be asked afterwards.
    pub(crate) fn tie(&self) -> bool {
        // Ordering: AcqRel. Acquire pairs with `reset`; ordered against `seal`.
        self.0.fetch_or(TIED, Ordering::AcqRel) & SEALED == 0
    }

    /// The actor ends. Whether there may be word.
    pub(crate) fn seal(&self) -> bool {
        // Ordering: AcqRel. Ordered against `tie`; the lock of the table publishes the words.
        self.0.fetch_or(SEALED, Ordering::AcqRel) & TIED != 0
    }

    /// Whether there may be word. For the actor itself: what is being left at the same time may be missed.
    #[inline]
    pub(crate) fn is_tied(&self) -> bool {
        self.has(TIED)
    }

    #[inline]
    pub(crate) fn is_server(&self) -> bool {
        self.has(SERVER)
    }

    /// Whether it wants to hear of each actor that it starts. For the actor itself.
    #[inline]
    pub(crate) fn is_parent(&self) -> bool {
        self.has(PARENT)
    }

    /// By the actor itself.
    pub(crate) fn make_parent(&self) {
        self.set(PARENT);
    }

    pub(crate) fn rank(&self) -> Rank {
        Rank { is_supervisor: self.has(SUPERVISOR), is_supervised: self.has(SUPERVISED) }
    }

    #[inline]
    pub(crate) fn is_told(&self) -> bool {
        self.has(TOLD)
    }

    /// By the actor itself, or by who makes it.
    pub(crate) fn set_told(&self) {
        self.set(TOLD);
    }

    pub(crate) fn is_polled(&self) -> bool {
        self.has(POLLED)
    }

    /// By who makes it.
    pub(crate) fn set_polled(&self) {
        self.set(POLLED);
    }

    #[inline]
    fn has(&self, flag: u8) -> bool {
        // Ordering: Relaxed. Written by the asker, or published by the state word; else a guess.
        self.0.load(Ordering::Relaxed) & flag != 0
    }

    fn set(&self, flag: u8) {
        // Ordering: Relaxed. Read by the actor itself, or published by the state word.
        self.0.fetch_or(flag, Ordering::Relaxed);
    }
}

#[cfg(all(test, loom))]
mod loom_models {
    use super::*;
    use crate::task::state::StateWord;
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    struct Actor {
        state: StateWord,
        ties: Ties,
        table: Mutex<Vec<u32>>,
    }

    /// Leaves word for the actor of a generation; whether somebody will read it.
    fn leave_word(actor: &Actor, generation: u32) -> bool {
        let mut table = actor.table.lock().unwrap();
        let tied = actor.ties.tie() && actor.state.is_of(generation);
        if tied {
            table.push(generation);
        }
        tied
    }

    fn end(actor: &Actor, generation: u32) -> usize {
        let mut read = 0;
        if actor.ties.seal() {
            actor.table.lock().unwrap().retain(|word| {
                read += usize::from(*word == generation);
                *word != generation
            });
        }
        actor.state.finish();
        read
    }

    fn born() -> (Arc<Actor>, u32) {
        let actor = Actor { state: StateWord::new(), ties: Ties::new(), table: Mutex::new(Vec::new()) };
        actor.ties.reset(None);
        let generation = actor.state.occupy_running();
        (Arc::new(actor), generation)
    }

    #[test]
    fn loom_a_word_that_is_left_is_read_and_one_that_is_not_read_is_not_left() {
        loom::model(|| {
            let (actor, generation) = born();
            let other = actor.clone();
            let teller = thread::spawn(move || leave_word(&other, generation));
            let read = end(&actor, generation);
            let left = teller.join().unwrap();
            assert_eq!(read, usize::from(left));
            assert!(actor.table.lock().unwrap().is_empty());
        });
    }

    #[test]
    fn loom_a_word_for_an_actor_whose_slot_has_another_one_is_not_left() {
        loom::model(|| {
            let (actor, generation) = born();
            let other = actor.clone();
            let teller = thread::spawn(move || leave_word(&other, generation));
            let read = end(&actor, generation);
            actor.ties.reset(None);
            let next = actor.state.occupy_running();
            let read_by_next = end(&actor, next);
            let left = teller.join().unwrap();
            assert_eq!((read, read_by_next), (usize::from(left), 0));
            assert!(actor.table.lock().unwrap().is_empty());
        });
    }
}
