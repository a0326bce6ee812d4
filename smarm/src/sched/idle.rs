//! How one worker falls asleep and is woken.
//!
//! ```text
//!   worker                                         somebody with work for it
//!   1. Awake → Drowsy                              1. push (inbox, or injector)
//!   2. look at inbox, injector, other deques       2. notify: → Notified
//!      found? → Awake, work                           was Asleep? signal its eventfd
//!   3. Drowsy → Asleep; Notified? back to 1
//!   4. sleep in epoll until signal or deadline
//!   5. → Awake
//! ```
//!
//! # Why no wake is lost
//!
//! Both sides modify this one word. If the waker's swap (2) comes before the worker's compare-and-swap (3), that one fails,
//! acquires the waker's push, and the worker looks again. If it comes after, it finds `Asleep` and signals. The eventfd remembers a
//! signal that comes before the epoll call. `Notified` is left by the worker alone, by a swap (1 or 5) that acquires, and always
//! before it looks.
//!
//! A waker that looks for *some* sleeper ([`SleepWord::notify_sleeper`]) may find none that is `Drowsy` or `Asleep`. It has pushed
//! under the injector's lock; a worker that becomes `Drowsy` later takes that lock in its look and sees the push; one that became
//! so before published it by that lock, so the waker sees it.

use crate::sys::atomic::{AtomicU32, Ordering};

const AWAKE: u32 = 0;
const NOTIFIED: u32 = 1;
const DROWSY: u32 = 2;
const ASLEEP: u32 = 3;

/// What a waker has to do.
#[must_use = "a sleeping worker sleeps on unless it is signalled"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Notify {
    /// It sleeps: signal its eventfd.
    Signal,
    /// It will look by itself.
    Done,
}

#[derive(Debug)]
pub(crate) struct SleepWord(AtomicU32);

impl SleepWord {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(AWAKE))
    }

    /// Step 1 and step 5, by the worker: it is about to look, or works.
    pub(crate) fn drowse(&self) {
        // Ordering: AcqRel; Acquire pairs with the Release in `notify`: what was pushed before it is seen from here on.
        self.0.swap(DROWSY, Ordering::AcqRel);
    }

    /// Step 5, by the worker.
    pub(crate) fn awake(&self) {
        // Ordering: AcqRel; as in `drowse`.
        self.0.swap(AWAKE, Ordering::AcqRel);
    }

    /// Step 3, by the worker; false if it was notified.
    #[must_use]
    pub(crate) fn fall_asleep(&self) -> bool {
        // Ordering: AcqRel; ordered against the swap in `notify`. On failure the worker goes back to `drowse`, which acquires.
        self.0.compare_exchange(DROWSY, ASLEEP, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Tells this worker that there is something for it. After the push.
    #[inline]
    pub(crate) fn notify(&self) -> Notify {
        // Ordering: AcqRel; Release publishes the push, and the modification is ordered against `fall_asleep`.
        if self.0.swap(NOTIFIED, Ordering::AcqRel) == ASLEEP { Notify::Signal } else { Notify::Done }
    }

    /// Tells this worker, if it sleeps or is about to; `None` if it is not.
    pub(crate) fn notify_sleeper(&self) -> Option<Notify> {
        [(DROWSY, Notify::Done), (ASLEEP, Notify::Signal)].into_iter().find_map(|(state, answer)| {
            // Ordering: AcqRel; as in `notify`. A failure publishes nothing and needs nothing.
            let swapped = self.0.compare_exchange(state, NOTIFIED, Ordering::AcqRel, Ordering::Relaxed);
            swapped.ok().map(|_| answer)
        })
    }

    /// Whether it sleeps; a guess for anyone else.
    pub(crate) fn is_asleep(&self) -> bool {
        // Ordering: Relaxed. A guess.
        self.0.load(Ordering::Relaxed) == ASLEEP
    }
}

#[cfg(all(test, loom))]
mod models;
