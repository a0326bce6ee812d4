//! The deadlines of calls, which are hardly ever reached.
//!
//! A timer for each call would cost more than the call: so a worker notes when each of its callers gives up, in one queue, and forgets the
//! entry when it comes by. An entry is over when its caller's reply word has moved on; those at the front are dropped at each push, and all
//! of them whenever the queue has doubled, and before the worker sleeps. So the queue is never much longer than the callers are many, and
//! no old entry wakes anybody.
//!
//! Only deadlines that come after all noted ones can be noted: that is so for calls with the same timeout, which most have. The others
//! are timers.

use std::collections::VecDeque;

use crate::pid::Pid;
use crate::task::growth;
use crate::task::slot::SlotRef;

/// The queue is looked through when it has this many entries, and when it has twice as many as were left last time.
const FIRST_SWEEP: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Replies {
    queue: VecDeque<Entry>,
    sweep_at: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    deadline_ns: u64,
    caller: SlotRef,
    call: u64,
}

impl Entry {
    /// Whether the caller still waits for this reply.
    fn is_open(&self) -> bool {
        self.caller.reply.waiting() == Some(self.call)
    }
}

impl Replies {
    /// Notes when a caller gives up. False if an earlier deadline than the latest cannot be.
    #[inline]
    pub(super) fn note(&mut self, deadline_ns: u64, caller: SlotRef, call: u64) -> bool {
        self.drop_closed();
        if self.queue.back().is_some_and(|latest| latest.deadline_ns > deadline_ns) {
            return false;
        }
        growth::push_back(&mut self.queue, Entry { deadline_ns, caller, call });
        if self.queue.len() > self.sweep_at.max(FIRST_SWEEP) {
            self.sweep();
        }
        true
    }

    #[inline]
    fn drop_closed(&mut self) {
        while self.queue.front().is_some_and(|first| !first.is_open()) {
            self.queue.pop_front();
        }
    }

    #[cold]
    fn sweep(&mut self) {
        self.queue.retain(Entry::is_open);
        self.sweep_at = 2 * self.queue.len();
    }

    /// How many callers wait.
    pub(super) fn open(&mut self) -> usize {
        self.sweep();
        self.queue.len()
    }

    /// How many callers wait at most; just so many while they are few. For a worker that comes by often.
    pub(super) fn open_at_most(&mut self) -> usize {
        self.drop_closed();
        if self.queue.len() <= FIRST_SWEEP {
            self.sweep();
        }
        self.queue.len()
    }

    /// The first deadline; `u64::MAX` for none.
    pub(super) fn next_deadline(&mut self) -> u64 {
        self.drop_closed();
        self.queue.front().map_or(u64::MAX, |first| first.deadline_ns)
    }

    /// A caller whose deadline has passed.
    pub(super) fn pop_due(&mut self, now_ns: u64) -> Option<Pid> {
        (self.next_deadline() <= now_ns).then(|| self.queue.pop_front().map(|first| first.caller.pid()))?
    }
}
