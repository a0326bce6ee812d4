//! A worker's inbox: its sticky actors that another thread woke.
//!
//! A stack of slots, linked through the slots themselves: any thread pushes, the owner takes all at once. Nothing is
//! allocated, and there is no ABA problem, because nobody takes a single element out.
//!
//! Invariant: a slot is in at most one inbox, once: the thread that moved it from `Parked` to `Running` pushes it, and it can
//! park again only after it was taken out and continued. So its link is free.

use crate::sys::atomic::{AtomicU32, Ordering};

/// No slot has this index.
const END: u32 = 0;

#[derive(Debug)]
pub(crate) struct Inbox {
    head: AtomicU32,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { head: AtomicU32::new(END) }
    }

    /// Adds the slot of this index, whose link this is. From any thread.
    pub(crate) fn push(&self, index: u32, link: &AtomicU32) {
        // Ordering: Relaxed. A guess for the compare-and-swap.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // Ordering: Relaxed. Published by the compare-and-swap.
            link.store(head, Ordering::Relaxed);
            // Ordering: Release. Publishes the link and all the pusher did before; pairs with the Acquire in `take`.
            match self.head.compare_exchange_weak(head, index, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Whether there is nothing to take.
    pub(crate) fn is_empty(&self) -> bool {
        // Ordering: Relaxed. The sleep protocol makes sure that a push after this look is noticed.
        self.head.load(Ordering::Relaxed) == END
    }

    /// Takes all, and gives them to `each` in the order in which they were pushed. Only the owner may.
    pub(crate) fn take<'a>(&self, link_of: impl Fn(u32) -> &'a AtomicU32, mut each: impl FnMut(u32)) {
        // Ordering: Acquire; pairs with the Release in `push`. All pushes so far are one release sequence of this word.
        let newest = self.head.swap(END, Ordering::Acquire);
        let mut oldest = reverse(newest, &link_of);
        while oldest != END {
            // Ordering: Relaxed. The elements are ours since the swap. Read before `each`, which may let the slot go on.
            let next = link_of(oldest).load(Ordering::Relaxed);
            each(oldest);
            oldest = next;
        }
    }
}

/// Turns the list around; its new head.
fn reverse<'a>(mut head: u32, link_of: &impl Fn(u32) -> &'a AtomicU32) -> u32 {
    let mut reversed = END;
    while head != END {
        let link = link_of(head);
        // Ordering: Relaxed, twice. The elements are ours since the swap.
        let next = link.load(Ordering::Relaxed);
        link.store(reversed, Ordering::Relaxed);
        reversed = head;
        head = next;
    }
    reversed
}

#[cfg(all(test, loom))]
mod models;
