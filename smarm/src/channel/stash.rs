//! What a selective receive has skipped: kept by the receiver, in the order in which it came, before all that is in the channel.

use core::cell::Cell;
use core::mem;
use std::collections::VecDeque;

/// Used by one thread at a time, as its receiver is.
pub(super) struct Stash<T> {
    /// How many there are: what a receive looks at first.
    count: Cell<usize>,
    messages: Cell<VecDeque<T>>,
}

impl<T> Stash<T> {
    pub(super) fn new() -> Self {
        Self { count: Cell::new(0), messages: Cell::new(VecDeque::new()) }
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.count.get() == 0
    }

    /// The message that was skipped first.
    #[cold]
    pub(super) fn pop(&self) -> Option<T> {
        let mut messages = self.messages.take();
        let first = messages.pop_front();
        self.put(messages);
        first
    }

    fn put(&self, messages: VecDeque<T>) {
        self.count.set(messages.len());
        self.messages.set(messages);
    }

    /// Begins a look at the messages, one after the other.
    pub(super) fn look(&self) -> Look<'_, T> {
        self.count.set(0);
        Look { stash: self, messages: self.messages.take(), newest: None, shown: 0 }
    }
}

/// A look at the messages, which are on the looker's stack meanwhile: it shows them to the user's code, which may panic, be killed, or use
/// the receiver. Dropped, it puts them back.
pub(super) struct Look<'a, T> {
    stash: &'a Stash<T>,
    messages: VecDeque<T>,
    /// One that came after them, and is being looked at.
    newest: Option<T>,
    /// How many of the messages were looked at.
    shown: usize,
}

impl<T> Look<'_, T> {
    /// Takes the first one that is wanted, among those that were not shown yet.
    pub(super) fn find(&mut self, wanted: &mut impl FnMut(&T) -> bool) -> Option<T> {
        while let Some(message) = self.messages.get(self.shown) {
            if wanted(message) {
                return self.messages.remove(self.shown);
            }
            self.shown += 1;
        }
        None
    }

    /// Shows one that came after them, and gives it back if it is wanted.
    pub(super) fn show(&mut self, message: T, wanted: &mut impl FnMut(&T) -> bool) -> Option<T> {
        if wanted(self.newest.insert(message)) {
            return self.newest.take();
        }
        self.skip_newest();
        None
    }

    fn skip_newest(&mut self) {
        self.messages.extend(self.newest.take());
        self.shown = self.messages.len();
    }
}

impl<T> Drop for Look<'_, T> {
    fn drop(&mut self) {
        self.skip_newest();
        let mut messages = mem::take(&mut self.messages);
        // What the user's code has skipped in a look of its own came later.
        messages.append(&mut self.stash.messages.take());
        self.stash.put(messages);
    }
}
