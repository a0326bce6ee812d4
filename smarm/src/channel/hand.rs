//! A message from hand to hand: past the queue, to a receiver that waits.
//!
//! The receiver sets a mark (in `unbounded`, a bit of the tail word) when it is about to park and the queue is empty. Who takes the mark away
//! owes it an answer, and is the only one who does:
//!
//! | state | who may touch the message | leaves by |
//! |---|---|---|
//! | `Empty` | who took the mark | `give` → `Full`, `give_nothing` → `Nothing` |
//! | `Full` | the receiver | `take` → `Empty` |
//! | `Nothing` | nobody | `take` → `Empty` |
//!
//! Messages of up to 64 bytes go this way; larger ones would make each channel large, and go through the queue.
//!
//! A receiver that wakes takes its mark back; if it is gone, it waits for the answer: whoever owes it is another *thread*, a few
//! instructions from done, for between mark and answer there is no user code and no switch.

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use crate::sys::atomic::{AtomicU32, Ordering};
use crate::sys::cell::UnsafeCell;

const EMPTY: u32 = 0;
const FULL: u32 = 1;
const NOTHING: u32 = 2;

/// Room for a message.
type Palm = MaybeUninit<[u64; 8]>;

#[derive(Debug)]
pub(super) struct Hand<T> {
    state: AtomicU32,
    message: UnsafeCell<Palm>,
    of: PhantomData<T>,
}

/// What the receiver finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Given<T> {
    Message(T),
    Nothing,
    /// Not yet.
    Pending,
}

impl<T> Hand<T> {
    /// Whether messages of this type can go from hand to hand.
    pub(super) const FITS: bool =
        size_of::<T>() <= size_of::<Palm>() && align_of::<T>() <= align_of::<Palm>();

    pub(super) fn new() -> Self {
        Self { state: AtomicU32::new(EMPTY), message: UnsafeCell::new(Palm::uninit()), of: PhantomData }
    }

    /// Gives the message.
    ///
    /// # Safety
    ///
    /// It fits. The caller has taken the receiver's mark, and answers once. The message is its to give; it does not use it afterwards.
    #[inline(always)]
    pub(super) unsafe fn give(&self, message: *const T) {
        // SAFETY: `Empty`, and the mark is ours: nobody else touches it.
        self.message.with_mut(|place| unsafe { place.cast::<T>().copy_from_nonoverlapping(message, 1) });
        // Ordering: Release; publishes the message to the Acquire in `take`.
        self.state.store(FULL, Ordering::Release);
    }

    /// Answers without a message.
    ///
    /// # Safety
    ///
    /// The caller has taken the receiver's mark, and answers once.
    pub(super) unsafe fn give_nothing(&self) {
        // Ordering: Release; publishes why.
        self.state.store(NOTHING, Ordering::Release);
    }

    /// Takes what was given. Only the receiver may.
    #[inline(always)]
    pub(super) fn take(&self) -> Given<T> {
        // Ordering: Acquire; pairs with the Release in `give`.
        match self.state.load(Ordering::Acquire) {
            EMPTY => Given::Pending,
            state => {
                // SAFETY: `Full`: it was written, and is read once, by the receiver.
                let message =
                    (state == FULL).then(|| self.message.with(|place| unsafe { place.cast::<T>().read() }));
                // Ordering: Relaxed. Who gives next takes a mark first that the receiver sets after this.
                self.state.store(EMPTY, Ordering::Relaxed);
                message.map_or(Given::Nothing, Given::Message)
            }
        }
    }
}

#[cfg(all(test, loom))]
mod models;
