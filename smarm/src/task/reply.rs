//! The reply word: how an answer reaches the one who called, without a heap cell.
//!
//! A caller can wait for one reply at a time, so each slot has one reply word, and the reply goes straight to a place on the caller's stack.
//!
//! ```text
//!   63          3 2     0
//!   | call        | state |     the call's number, never used again for this slot
//! ```
//!
//! | state | who may touch the place | leaves by |
//! |---|---|---|
//! | `Waiting` | nobody | `begin` → `Writing`, `abandon` → `Unanswered`, `Undelivered`, `Ended`; the caller's `leave` → `Gone` |
//! | `Writing` | who answers: it copies the reply, for a few instructions, without a switch | `finish` → `Done` |
//! | `Done` | the caller: the reply is there | the next `open` |
//! | `Unanswered`, `Undelivered`, `Ended`, `Gone` | the caller: there is no reply, and there will be none | the next `open` |
//!
//! # Invariants
//!
//! 1. A place is written only between `begin` and `finish`, and `begin` succeeds only while the caller waits. A caller that wants to leave
//!    while somebody writes waits out those few instructions. So the place may be on the caller's stack.
//! 2. The call's number makes a late answer harmless: its compare-and-swap fails.
//! 3. A caller that calls again before it has ended its first wait, in a destructor, has thereby left the first call.
//! 4. Who answers or abandons unparks the caller *afterwards*. The caller may have left by then: a permit that nobody needs.

use crate::sys::atomic::{AtomicPtr, AtomicU64, Ordering};

const STATE_BITS: u32 = 3;
const STATE_MASK: u64 = (1 << STATE_BITS) - 1;
/// Before the first call, and after one whose caller left.
const GONE: u64 = 0;
const WAITING: u64 = 1;
const WRITING: u64 = 2;
const DONE: u64 = 3;
const UNANSWERED: u64 = 4;
const UNDELIVERED: u64 = 5;
const ENDED: u64 = 6;

/// Looks at a reply that is being written before the thread yields: who writes may have lost its processor.
const SPINS: u32 = 64;

/// Which call of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CallId(u64);

/// Why there will be no reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Silence {
    /// The message was handled, or was being handled, and the right to reply was dropped.
    Unanswered,
    /// The message was dropped before anybody handled it.
    Undelivered,
    /// Who handled the message, or had the right to reply in its state, has ended.
    Ended,
}

/// What a caller finds.
#[must_use = "a reply that is there must be read"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// Not yet; after `leave`: and never.
    None,
    /// It is in the place.
    Written,
    /// There will be none.
    Silence(Silence),
}

#[derive(Debug)]
pub(crate) struct ReplyWord {
    word: AtomicU64,
    place: AtomicPtr<()>,
}

impl ReplyWord {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self { word: AtomicU64::new(GONE), place: AtomicPtr::new(core::ptr::null_mut()) }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self { word: AtomicU64::new(GONE), place: AtomicPtr::new(core::ptr::null_mut()) }
    }

    // ---- the caller ---------------------------------------------------------------------------------------------------

    /// Begins a call whose reply is to be written to `place`. Each one ends by an answer or by [`leave`](Self::leave).
    pub(crate) fn open(&self, place: *mut ()) -> CallId {
        // Ordering: Relaxed. Only the caller changes the number.
        let call = CallId((self.word.load(Ordering::Relaxed) >> STATE_BITS) + 1);
        // Ordering: Relaxed. Published by the next line.
        self.place.store(place, Ordering::Relaxed);
        // Ordering: Release; publishes the place. A late answer to an earlier call does not change the word any more.
        self.word.store(call.with(WAITING), Ordering::Release);
        call
    }

    /// Whether there is an answer.
    pub(crate) fn look(&self, call: CallId) -> Answer {
        // Ordering: Acquire; pairs with the Release in `finish` and `abandon`.
        call.answer(self.word.load(Ordering::Acquire))
    }

    /// Whether this is still the call that was opened last.
    pub(crate) fn is_latest(&self, call: CallId) -> bool {
        // Ordering: Relaxed. Only the caller changes the number.
        call.is_number_of(self.word.load(Ordering::Relaxed))
    }

    /// The caller has found a reply, and reads it.
    pub(crate) fn close(&self, call: CallId) {
        // Ordering: Relaxed. Nobody else changes the word of a call that was answered.
        self.word.store(call.with(GONE), Ordering::Relaxed);
    }

    /// The caller does not wait any longer. `None`: nobody will write.
    pub(crate) fn leave(&self, call: CallId) -> Answer {
        let (waiting, gone) = (call.with(WAITING), call.with(GONE));
        let mut spins = 0;
        loop {
            // Ordering: AcqRel on success: ordered against `begin`. Acquire on failure: pairs with the Release in `finish`.
            match self.word.compare_exchange(waiting, gone, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Answer::None,
                Err(word) if word == call.with(WRITING) => relax(&mut spins),
                Err(word) => return call.answer(word),
            }
        }
    }

    // ---- who answers --------------------------------------------------------------------------------------------------

    /// Begins to answer; where the reply goes. `None` if the caller has left. Each one ends by [`finish`](Self::finish), soon.
    pub(crate) fn begin(&self, call: CallId) -> Option<*mut ()> {
        let (waiting, writing) = (call.with(WAITING), call.with(WRITING));
        // Ordering: AcqRel; Acquire sees the place, and that the caller's stack is as it was when it called; ordered against `leave`.
        let won = self.word.compare_exchange(waiting, writing, Ordering::AcqRel, Ordering::Relaxed);
        // Ordering: Relaxed. Acquired above.
        won.ok().map(|_| self.place.load(Ordering::Relaxed))
    }

    /// The reply is in its place.
    pub(crate) fn finish(&self, call: CallId) {
        // Ordering: Release; publishes the reply. A store: while it is `Writing` nobody else changes the word.
        self.word.store(call.with(DONE), Ordering::Release);
    }

    /// There will be no reply. False if the caller has left.
    pub(crate) fn abandon(&self, call: CallId, silence: Silence) -> bool {
        let state = match silence {
            Silence::Unanswered => UNANSWERED,
            Silence::Undelivered => UNDELIVERED,
            Silence::Ended => ENDED,
        };
        // Ordering: AcqRel; Release publishes why, as far as who abandons has said it elsewhere.
        self.word
            .compare_exchange(call.with(WAITING), call.with(state), Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Which call waits for its reply, for who looks for cycles of callers.
    pub(crate) fn waiting(&self) -> Option<u64> {
        // Ordering: Acquire; pairs with the Release in `open`.
        let word = self.word.load(Ordering::Acquire);
        (word & STATE_MASK == WAITING).then_some(word)
    }
}

/// A mark in a `CallId`, beyond the numbers: a handler has the right to answer. The word does not know of it.
const RECEIVED: u64 = 1 << 63;

impl CallId {
    /// The same call, whose message has reached a handler.
    pub(crate) fn received(self) -> Self {
        Self(self.0 | RECEIVED)
    }

    pub(crate) fn is_received(self) -> bool {
        self.0 & RECEIVED != 0
    }

    fn number(self) -> u64 {
        self.0 & !RECEIVED
    }

    fn with(self, state: u64) -> u64 {
        self.number() << STATE_BITS | state
    }

    fn is_number_of(self, word: u64) -> bool {
        word >> STATE_BITS == self.number()
    }

    /// What the word says of this call: nothing, if it is another one's already.
    fn answer(self, word: u64) -> Answer {
        match word & STATE_MASK {
            _ if !self.is_number_of(word) => Answer::None,
            DONE => Answer::Written,
            UNANSWERED => Answer::Silence(Silence::Unanswered),
            UNDELIVERED => Answer::Silence(Silence::Undelivered),
            ENDED => Answer::Silence(Silence::Ended),
            _ => Answer::None,
        }
    }
}

fn relax(spins: &mut u32) {
    *spins += 1;
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    if *spins < SPINS { core::hint::spin_loop() } else { std::thread::yield_now() }
}

#[cfg(all(test, loom))]
mod models;
