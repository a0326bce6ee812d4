//! The state word: generation, state and flags of a slot in one `AtomicU64`.
//!
//! ```text
//!   63           32 31      9    8      7     6      5      4       3     2   0
//!   | generation   | unused | asked | deaf | end | mail | permit | kill | state |
//! ```
//!
//! | state | who owns the stack and the slot's fields | leaves by |
//! |---|---|---|
//! | `Free` | the slot table, or a worker's cache of slots | `occupy` → `Queued` (actors), `Idle` (servers) or `Running` (threads) |
//! | `Queued` | nobody: it has no stack; whoever claims it | `claim` → `Running` (`Notified` if there is a permit) with a stack |
//! | `Running` | the home worker: on its processor, in one of its rings, or on the way there through its inbox | `park` → `Parked`, `rest` → `Idle` or `Queued`, `unclaim` → `Queued`, `finish` → `Free` |
//! | `Notified` | as `Running`; an unpark came first, so the next park returns at once | `park`, `take_permit` → `Running` |
//! | `Parked` | nobody: whoever unparks it | `unpark`, `kill` → `Running` |
//! | `Idle` | nobody: a server between two messages has no stack | `mail`, `kill`, `end`, `end_idle` → `Queued` |
//!
//! Mail and unpark differ. Mail makes an idle server `Queued`; a running one only remembers it until it wants to rest. An unpark concerns the
//! wait that a handler is in, and is nothing to an idle server.
//!
//! # Invariants
//!
//! 1. `Parked` is published after the registers were saved, from another stack: the worker's, or that of the actor to which the
//!    parking one handed over; whoever publishes it touches the task no more. So nobody can resume a context that is still being saved.
//! 2. Every wake is a read-modify-write, also one that changes nothing: a plain load could be ordered before the waker's own
//!    publication ("there is mail"), and the task, reading that publication in its turn, could miss it. Both sides
//!    modify this word, so one comes second and sees what the first published.
//! 3. The generation is in the word: a stale waker's compare-and-swap fails by itself.
//! 4. A queue entry of a movable task is a hint; the claim is the compare-and-swap here. A task that has started needs no claim: the one
//!    who moved it from `Parked` makes its only entry, and its home alone continues it. A second waker leaves a permit.
//!
//! # Orderings
//!
//! All transitions are AcqRel on one word, so each sees everything that the transitions before it in the word's modification
//! order had published: what a waker wrote before `unpark`, the saved context published by `park`, the result of `inspect`.

use crate::sys::atomic::{AtomicU64, Ordering};

const STATE_MASK: u64 = 0b111;
const FREE: u64 = 0;
const QUEUED: u64 = 1;
const RUNNING: u64 = 2;
const NOTIFIED: u64 = 3;
const PARKED: u64 = 4;
const IDLE: u64 = 5;
/// Asked to end: delivered at a safe point.
const KILL: u64 = 1 << 3;
/// Unparked before it was started: its first park returns at once. Only while `Queued`; then it is `Notified`.
const PERMIT: u64 = 1 << 4;
/// Mail came after a server had looked for it for the last time, before it was `Idle`. Only while `Running`.
const MAIL: u64 = 1 << 5;
/// A server was asked to end, by its runtime: when it has no mail, or after what it had then.
const END: u64 = 1 << 6;
/// It has swallowed its kill so often that it is not asked any more. Instead of `KILL` and `ASKED`, and until it ends: only while it has a
/// stack.
const DEAF: u64 = 1 << 7;
/// Asked to end by a shutdown: delivered where it would wait. Not while `Idle`.
const ASKED: u64 = 1 << 8;
/// What may be added to a `Queued` word before it is claimed.
const MARKS: u64 = KILL | PERMIT | END | ASKED;
const GENERATION_SHIFT: u32 = 32;

/// What came of an attempt to run a task.
#[must_use = "a claimed task must be run"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Claim {
    /// It is the caller's to run.
    Run,
    /// The queue entry was out of date.
    Stale,
}

/// What came of parking.
#[must_use = "a task that was notified must go on running"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Park {
    /// It is parked; the caller may not touch it any more.
    Parked,
    /// An unpark came first: it still runs.
    Notified,
}

/// What came of a wake.
#[must_use = "a task that became runnable is lost unless it is pushed"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unpark {
    /// It was parked and counts as running: the caller must push it to its home.
    Push,
    /// It was idle and is queued: the caller must push it to some worker.
    Activate,
    /// It will see the wake by itself.
    Pending,
    /// There is no such task any more.
    Stale,
}

/// What came of a server's wish to rest.
#[must_use = "a server that may not rest is lost unless it is pushed"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rest {
    /// It is idle; the caller may not touch it any more.
    Idle,
    /// There is mail, or it is to end: it is queued, and the caller must push it.
    Queued,
}

/// What an inspector sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Free,
    Queued,
    Running,
    Parked,
    Idle,
}

#[derive(Debug)]
pub(crate) struct StateWord(AtomicU64);

/// What a wake that adds these bits makes of the word of a task, and what the waker has to do.
fn woken(word: u64, bits: u64) -> (u64, Unpark) {
    let (state, answer) = match word & STATE_MASK {
        PARKED => (RUNNING, Unpark::Push),
        RUNNING => (NOTIFIED, Unpark::Pending),
        QUEUED => (QUEUED | PERMIT, Unpark::Pending),
        IDLE if bits != 0 => (QUEUED, Unpark::Activate),
        same => (same, Unpark::Pending),
    };
    (word & !STATE_MASK | state | bits, answer)
}

/// A word without flags.
fn word(generation: u32, state: u64) -> u64 {
    u64::from(generation) << GENERATION_SHIFT | state
}

impl StateWord {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(FREE))
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(FREE))
    }

    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        // Ordering: Relaxed. The caller owns the slot, or compares with what it read before.
        (self.0.load(Ordering::Relaxed) >> GENERATION_SHIFT) as u32
    }

    /// Leaves a free slot with only this generation's successors to come.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn wear_out(&self, generation: u32) {
        // Ordering: Relaxed. The caller owns the slot.
        self.0.store(word(generation, FREE), Ordering::Relaxed);
    }

    /// Whether the task of this generation has not ended; a guess.
    pub(crate) fn is_of(&self, generation: u32) -> bool {
        // Ordering: Relaxed. A guess.
        let word = self.0.load(Ordering::Relaxed);
        word >> GENERATION_SHIFT == u64::from(generation) && word & STATE_MASK != FREE
    }

    /// Gives a free slot to a new actor: next generation, `Queued`, no stack. The generation.
    pub(crate) fn occupy_queued(&self) -> u32 {
        self.occupy(QUEUED)
    }

    /// Gives a free slot to a new server without mail: next generation, `Idle`. The generation.
    pub(crate) fn occupy_idle(&self) -> u32 {
        self.occupy(IDLE)
    }

    /// Gives a free slot to a plain thread: next generation, `Running`. The generation.
    pub(crate) fn occupy_running(&self) -> u32 {
        self.occupy(RUNNING)
    }

    fn occupy(&self, state: u64) -> u32 {
        let generation = self.generation() + 1;
        // Ordering: Release. Publishes the fields that the owner filled in; pairs with the Acquire of a claim, a wake, an
        // inspection. A store will do: stale wakers only change a word whose generation is theirs.
        self.0.store(word(generation, state), Ordering::Release);
        generation
    }

    /// Ends the task: the slot is free, stale for all who know it. All marks go with it. Whether it was a server that its runtime had asked
    /// to end.
    pub(crate) fn finish(&self) -> bool {
        // Ordering: AcqRel. Publishes the last use of the fields to the slot's next owner. A swap, not a store: a kill or an
        // unpark in flight must not write its old word back afterwards, and its compare-and-swap fails against this one.
        self.0.swap(word(self.generation(), FREE), Ordering::AcqRel) & END != 0
    }

    /// Whether the task of this generation waits to be started; a guess.
    pub(crate) fn is_movable(&self, generation: u32) -> bool {
        // Ordering: Relaxed. A guess.
        self.0.load(Ordering::Relaxed) & !MARKS == word(generation, QUEUED)
    }

    /// Claims a task without a stack, from a queue entry or a hint; it has a stack from now on.
    #[inline]
    pub(crate) fn claim(&self, generation: u32) -> Claim {
        let (queued, running) = (word(generation, QUEUED), word(generation, RUNNING));
        // Ordering: AcqRel, as in `claim_marked`; most often nothing came between.
        match self.0.compare_exchange(queued, running, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Claim::Run,
            Err(word) => self.claim_marked(word, queued),
        }
    }

    /// Claims a task that may have been killed or unparked since it was queued as `queued`; `word` is what it looked like last.
    #[cold]
    fn claim_marked(&self, mut word: u64, queued: u64) -> Claim {
        while word & !MARKS == queued {
            let state = if word & PERMIT != 0 { NOTIFIED } else { RUNNING };
            let running = word & !(STATE_MASK | PERMIT) | state;
            // Ordering: AcqRel; Acquire sees what the spawner and the wakers published, Release keeps the chain of transitions
            // unbroken for the next one.
            match self.0.compare_exchange(word, running, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Claim::Run,
                Err(now) => word = now,
            }
        }
        Claim::Stale
    }

    /// Takes a claim back: the task could not be started, or is a server that lets others go first. It has no stack.
    pub(crate) fn unclaim(&self) {
        // Ordering: Relaxed. A guess for the compare-and-swap.
        let mut word = self.0.load(Ordering::Relaxed);
        // Ordering: AcqRel; as in `claim`.
        while let Err(now) = self.0.compare_exchange_weak(
            word,
            word & !(STATE_MASK | MAIL) | QUEUED | if word & STATE_MASK == NOTIFIED { PERMIT } else { 0 },
            Ordering::AcqRel,
            Ordering::Relaxed,
        ) {
            word = now;
        }
    }

    /// Publishes that the running task is parked, unless it was notified. From another stack, after the context was saved.
    #[inline]
    pub(crate) fn park(&self) -> Park {
        // Ordering: Relaxed. A guess for the compare-and-swap.
        let word = self.0.load(Ordering::Relaxed);
        let parked = word & !STATE_MASK | PARKED;
        // Ordering: AcqRel, as in `park_marked`; most often nothing came between.
        if word & STATE_MASK == RUNNING
            && self.0.compare_exchange(word, parked, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        {
            return Park::Parked;
        }
        self.park_marked(word)
    }

    /// Parks a task that may have been notified or killed meanwhile; `word` is what it looked like last.
    #[cold]
    fn park_marked(&self, mut word: u64) -> Park {
        loop {
            let (state, parked) = if word & STATE_MASK == NOTIFIED {
                (RUNNING, Park::Notified)
            } else {
                (PARKED, Park::Parked)
            };
            debug_assert!(matches!(word & STATE_MASK, RUNNING | NOTIFIED), "only a running task parks");
            // Ordering: AcqRel. Release publishes the saved context to who unparks and claims; Acquire sees what a waker published
            // whose permit is consumed here.
            match self.0.compare_exchange_weak(
                word,
                word & !STATE_MASK | state,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return parked,
                Err(now) => word = now,
            }
        }
    }

    /// Publishes that a server that has no mail is idle, unless mail or a kill came meanwhile. From another stack; it has none any more. A
    /// permit is forgotten: the wait that it was for is over.
    pub(crate) fn rest(&self) -> Rest {
        // Ordering: Relaxed. A guess for the compare-and-swap.
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            debug_assert!(matches!(word & STATE_MASK, RUNNING | NOTIFIED), "only a running server rests");
            debug_assert!(
                word & DEAF == 0,
                "a server whose handler swallowed its kill ends with that handler"
            );
            let (state, rest) =
                if word & (MAIL | KILL | END) == 0 { (IDLE, Rest::Idle) } else { (QUEUED, Rest::Queued) };
            // Ordering: AcqRel. Release publishes the server's state to who activates it next; Acquire keeps the chain.
            match self.0.compare_exchange_weak(
                word,
                word & !(STATE_MASK | MAIL) | state,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return rest,
                Err(now) => word = now,
            }
        }
    }

    /// Consumes the permit of a running task, if there is one.
    #[inline]
    pub(crate) fn take_permit(&self) -> bool {
        // Ordering: Relaxed. A permit that is missed here is seen by `park`.
        self.0.load(Ordering::Relaxed) & STATE_MASK == NOTIFIED && self.consume_permit()
    }

    #[cold]
    fn consume_permit(&self) -> bool {
        self.park() == Park::Notified
    }

    /// A parked thread that gives up waiting. False if it was unparked first.
    pub(crate) fn unpark_self(&self) -> bool {
        // Ordering: Relaxed. A guess for the compare-and-swap.
        let word = self.0.load(Ordering::Relaxed);
        let running = word & !STATE_MASK | RUNNING;
        // Ordering: AcqRel. As in `claim`.
        word & STATE_MASK == PARKED
            && self.0.compare_exchange(word, running, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// A thread that was unparked goes on: it sees what its waker published.
    pub(crate) fn resume_thread(&self) {
        // Ordering: Acquire; pairs with the Release in `wake`. The wake of a second one is a permit, for the next park.
        let word = self.0.load(Ordering::Acquire);
        debug_assert!(
            matches!(word & STATE_MASK, RUNNING | NOTIFIED),
            "a thread goes on when it was unparked"
        );
    }

    /// Wakes the task of this generation, or leaves it a permit.
    #[inline]
    pub(crate) fn unpark(&self, generation: u32) -> Unpark {
        let (parked, running) = (word(generation, PARKED), word(generation, RUNNING));
        // Ordering: AcqRel, as in `wake`; most often it is parked, and nobody asked it to end.
        match self.0.compare_exchange(parked, running, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Unpark::Push,
            Err(_) => self.wake(generation, 0),
        }
    }

    /// Asks the task of this generation to end, and wakes it; one that is deaf is left alone.
    pub(crate) fn kill(&self, generation: u32) -> Unpark {
        self.wake(generation, KILL)
    }

    /// Asks the task of this generation to end where it would wait, and wakes it; one that is deaf is left alone, and so is an idle server,
    /// for which there is [`end`](Self::end).
    pub(crate) fn ask(&self, generation: u32) -> Unpark {
        self.change(generation, |word| {
            let is_left_alone = word & (ASKED | DEAF) != 0 || word & STATE_MASK == IDLE;
            if is_left_alone { (word, Unpark::Pending) } else { woken(word, ASKED) }
        })
    }

    #[inline(never)]
    fn wake(&self, generation: u32, bits: u64) -> Unpark {
        self.change(generation, |word| {
            if bits & KILL != 0 && word & DEAF != 0 {
                return (word, Unpark::Pending);
            }
            woken(word, bits)
        })
    }

    /// Tells a server that there is mail. By the one who found it asleep: see `actor::mailbox`.
    pub(crate) fn mail(&self, generation: u32) -> Unpark {
        let (idle, queued) = (word(generation, IDLE), word(generation, QUEUED));
        // Ordering: AcqRel, as in `change`; most often it is idle.
        if self.0.compare_exchange(idle, queued, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            return Unpark::Activate;
        }
        self.change(generation, |word| match word & STATE_MASK {
            IDLE => (word & !STATE_MASK | QUEUED, Unpark::Activate),
            RUNNING | NOTIFIED => (word | MAIL, Unpark::Pending),
            _ => (word, Unpark::Pending),
        })
    }

    /// Asks a server to end after what it has in hand and in its mailbox now.
    pub(crate) fn end(&self, generation: u32) -> Unpark {
        self.change(generation, |word| match word & STATE_MASK {
            IDLE => (word & !STATE_MASK | QUEUED | END, Unpark::Activate),
            _ => (word | END, Unpark::Pending),
        })
    }

    /// Asks a server to end, if it is idle.
    pub(crate) fn end_idle(&self, generation: u32) -> Unpark {
        self.change(generation, |word| match word & STATE_MASK {
            IDLE => (word & !STATE_MASK | QUEUED | END, Unpark::Activate),
            _ => (word, Unpark::Pending),
        })
    }

    /// Changes the word of a task of this generation, by a read-modify-write even if that changes nothing: invariant 2.
    #[inline(always)]
    fn change(&self, generation: u32, by: impl Fn(u64) -> (u64, Unpark)) -> Unpark {
        // Ordering: Relaxed. A guess for the compare-and-swap; a stale generation needs nothing from us.
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            if (word >> GENERATION_SHIFT) as u32 != generation || word & STATE_MASK == FREE {
                return Unpark::Stale;
            }
            let (next, answer) = by(word);
            // Ordering: AcqRel. Release publishes what the waker wrote before; Acquire makes what the task published ours to pass on.
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return answer,
                Err(now) => word = now,
            }
        }
    }

    /// Whether the server was asked to end, by [`end`](Self::end) or [`end_idle`](Self::end_idle).
    pub(crate) fn is_ending(&self) -> bool {
        // Ordering: Relaxed. If it is set while the server runs, it is seen after the message in hand, or when the server wants to rest.
        self.0.load(Ordering::Relaxed) & END != 0
    }

    /// Whether the task was asked to end.
    #[inline]
    pub(crate) fn is_killed(&self) -> bool {
        // Ordering: Relaxed. Delivered at the next safe point that sees it; a kill also unparks, so a wait cannot miss it.
        self.0.load(Ordering::Relaxed) & KILL != 0
    }

    /// Whether a shutdown has asked the task to end.
    #[inline]
    pub(crate) fn is_asked(&self) -> bool {
        // Ordering: Relaxed. As in `is_killed`.
        self.0.load(Ordering::Relaxed) & ASKED != 0
    }

    /// Whether the task was asked to end, by a kill or by a shutdown.
    #[inline]
    pub(crate) fn is_to_leave(&self) -> bool {
        // Ordering: Relaxed. As in `is_killed`.
        self.0.load(Ordering::Relaxed) & (KILL | ASKED) != 0
    }

    /// Takes back from a running task the kill that it has swallowed too often; it is deaf to others from now on. By the task itself.
    pub(crate) fn go_deaf(&self) {
        debug_assert!(!self.is_deaf(), "once is enough");
        // Deaf first: nobody sets the others any more then.
        // Ordering: AcqRel, twice. As all transitions. Nobody else takes these away.
        self.0.fetch_or(DEAF, Ordering::AcqRel);
        self.0.fetch_and(!(KILL | ASKED), Ordering::AcqRel);
    }

    /// Whether the task has swallowed its kill so often that it was left alone; a guess if it is another.
    pub(crate) fn is_deaf(&self) -> bool {
        // Ordering: Relaxed. Set by the task itself.
        self.0.load(Ordering::Relaxed) & DEAF != 0
    }

    /// Whether the task was asked to end, and perhaps swallowed that.
    #[inline]
    pub(crate) fn was_killed(&self) -> bool {
        // Ordering: Relaxed. As in `is_killed`.
        self.0.load(Ordering::Relaxed) & (KILL | DEAF) != 0
    }

    /// What the task does, from outside. A read-modify-write: whoever changes the state afterwards sees what the inspector did
    /// before (that it is looking).
    pub(crate) fn inspect(&self) -> Seen {
        // Ordering: AcqRel; see above.
        match self.0.fetch_or(0, Ordering::AcqRel) & STATE_MASK {
            QUEUED => Seen::Queued,
            RUNNING | NOTIFIED => Seen::Running,
            PARKED => Seen::Parked,
            IDLE => Seen::Idle,
            _ => Seen::Free,
        }
    }

    /// For plain threads: the half of the word that a futex can compare, and what it holds while parked.
    #[cfg(not(loom))]
    pub(crate) fn futex(&self) -> (&core::sync::atomic::AtomicU32, u32) {
        let halves = self.0.as_ptr().cast::<core::sync::atomic::AtomicU32>();
        let low = if cfg!(target_endian = "little") { 0 } else { 1 };
        // SAFETY: inside the eight bytes of our atomic, aligned to four, accessed atomically by everyone.
        let half = unsafe { &*halves.add(low) };
        (half, PARKED as u32)
    }
}

#[cfg(all(test, loom))]
mod models;
