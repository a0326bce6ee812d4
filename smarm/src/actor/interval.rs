//! A message again and again: `send_interval`.
//!
//! ```text
//!   send_interval ──Begin──▶ the server arms the first tick
//!   a worker: due ──Tick───▶ the server makes the message, handles it, and arms the next tick
//! ```
//!
//! The server does all of it on its own stack: the worker that finds a tick due pushes a system message, and runs none of the user's code. A tick is
//! armed anew when its message was handled, so at most one waits, and a full mailbox is nothing to it. The server ends its intervals when it ends.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::delivery::Cancel;
use crate::sys::clock;
use crate::task::section::Section;
use crate::task::slot::SlotRef;
use crate::task::{self, Armed, Firing};

pub(super) struct Interval<M> {
    period_ns: u64,
    state: Mutex<State<M>>,
}

struct State<M> {
    /// Makes the message. `None` while it is called, and when the interval is over.
    make: Option<Make<M>>,
    is_over: bool,
    next_ns: u64,
    armed: Option<Armed>,
}

type Make<M> = Box<dyn FnMut() -> M + Send>;

impl<M> Interval<M> {
    /// Whose first tick is a period from now.
    pub(super) fn new(period: Duration, make: Make<M>) -> Arc<Self> {
        let next_ns = clock::deadline_after(period);
        let period_ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let state = State { make: Some(make), is_over: false, next_ns, armed: None };
        Arc::new(Self { period_ns, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        // Nothing panics while it is held but an allocation failure, which leaves it usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// Arms the tick that is next, unless the interval is over. By the server, which has this slot.
    pub(super) fn arm(&self, slot: SlotRef, tick: impl FnOnce() -> Firing) {
        let _section = Section::begin(); // the timer is filed under the lock
        let mut state = self.lock();
        if !state.is_over {
            state.armed = Some(task::arm_firing(slot, state.next_ns, tick()));
        }
    }

    /// A tick has come: its message, unless the interval is over. By the server, on its own stack.
    pub(super) fn tick(&self) -> Option<M> {
        let mut make = {
            let mut state = self.lock();
            state.armed = None;
            state.make.take()?
        };
        let message = make();
        let mut state = self.lock();
        if state.is_over {
            drop(state); // before what is the user's
            return None;
        }
        state.make = Some(make);
        state.next_ns = state.next_ns.saturating_add(self.period_ns).max(clock::now_ns());
        Some(message)
    }

    /// There will be no further message. False if it was over already.
    pub(super) fn end(&self) -> bool {
        let (was_over, make, armed) = {
            let mut state = self.lock();
            (core::mem::replace(&mut state.is_over, true), state.make.take(), state.armed.take())
        };
        drop(armed.map(task::disarm_firing));
        drop(make);
        !was_over
    }
}

impl<M> Cancel for Interval<M> {
    fn cancel(&self) -> bool {
        self.end()
    }
}

impl<M> fmt::Debug for Interval<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval").field("period_ns", &self.period_ns).finish_non_exhaustive()
    }
}
