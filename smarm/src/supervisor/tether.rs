//! What binds a child's life to its supervisor.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::actor::{Down, Keeper};
use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::sys::atomic::{AtomicBool, Ordering};
use crate::sys::clock;
use crate::task::current;
use crate::task::park;
use crate::task::wait::WaitKind;

/// How a life ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) reason: ExitReason,
    /// The child was asked to stop.
    pub(super) on_request: bool,
}

/// Where a supervisor hears of its children.
pub(super) type News = Arc<dyn Fn(Down) + Send + Sync>;

/// One life of a child, as its supervisor sees it: where the end of it is noted, as its very last act.
///
/// The supervisor hears of it twice: by a message, for an end that it does not expect, and by a wake, for one that it waits for in the middle
/// of something else. Who takes the note first has it; the message finds none then.
pub struct Tether {
    supervisor: Pid,
    news: News,
    ended: Mutex<Option<Ended>>,
    is_over: AtomicBool,
}

impl Tether {
    pub(super) fn new(supervisor: Pid, news: News) -> Arc<Self> {
        Arc::new(Self { supervisor, news, ended: Mutex::new(None), is_over: AtomicBool::new(false) })
    }

    fn note(&self) -> MutexGuard<'_, Option<Ended>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the life has ended, so that nothing of it is in use.
    pub(super) fn is_over(&self) -> bool {
        // Ordering: Acquire; pairs with the Release in `ended`.
        self.is_over.load(Ordering::Acquire)
    }

    /// How the life ended, if it has, and nobody has taken this before.
    pub(super) fn take(&self) -> Option<Ended> {
        self.note().take()
    }

    /// Waits for the end, by the supervisor. `None`: it has not come by then.
    pub(super) fn wait(&self, deadline_ns: Option<u64>) -> Option<Ended> {
        let slot = current::waiter();
        loop {
            if let Some(ended) = self.take() {
                return Some(ended);
            }
            if deadline_ns.is_some_and(|deadline| clock::now_ns() >= deadline) {
                return None;
            }
            park::deliver_kill(slot);
            park::park(slot, WaitKind::Elsewhere, None, deadline_ns);
        }
    }
}

impl Keeper for Tether {
    fn ended(&self, pid: Pid, reason: ExitReason, on_request: bool) {
        // Ordering: Release; publishes the last use of what the life used.
        self.is_over.store(true, Ordering::Release);
        *self.note() = Some(Ended { reason: reason.clone(), on_request });
        park::unpark(self.supervisor);
        (self.news)(Down { pid, reason });
    }
}

impl fmt::Debug for Tether {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tether").field("supervisor", &self.supervisor).finish_non_exhaustive()
    }
}
