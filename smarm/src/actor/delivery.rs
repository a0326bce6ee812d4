//! Messages that are sent at some time.

use core::fmt;
use core::panic::Location;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use super::actor_ref::ActorRef;
use super::dead_letters;
use super::job::{Options, Prepared};
use super::server::System;
use crate::sys::clock;
use crate::task::section::Section;
use crate::task::slot::{JobThread, SlotRef};
use crate::task::{self, Armed, Fire, Runtime, current};

/// A message that will be sent, or is again and again; what [`ActorRef::send_after`] and [`ActorRef::send_interval`] return. Dropping it changes
/// nothing.
pub struct Timer {
    pending: Arc<dyn Cancel>,
}

impl Timer {
    pub(super) fn new(pending: Arc<dyn Cancel>) -> Self {
        Self { pending }
    }

    /// Takes the message back, and drops it. False if it was sent already. Of an interval: none of its messages is handled any more, but for one
    /// that is being handled; false if it was over already, with its server. Never parks.
    pub fn cancel(self) -> bool {
        self.pending.cancel()
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timer { .. }")
    }
}

pub(super) trait Cancel: Send + Sync {
    fn cancel(&self) -> bool;
}

struct Delivery<M> {
    target: ActorRef<M>,
    message: Mutex<Option<M>>,
    armed: Mutex<Option<Armed>>,
}

// SAFETY: messages of servers are `Send`, which the expansion of `#[smarm::actor]` asserts; the message is behind a lock.
unsafe impl<M> Send for Delivery<M> {}
// SAFETY: as above.
unsafe impl<M> Sync for Delivery<M> {}

pub(super) fn send_after<M: 'static>(target: ActorRef<M>, delay: Duration, message: M) -> Timer {
    let deadline_ns = clock::deadline_after(delay);
    let delivery = Arc::new(Delivery { target, message: Mutex::new(Some(message)), armed: Mutex::new(None) });
    let due = Due(delivery.clone());
    match current::actor() {
        Some(slot) => Delivery::arm(due, slot, deadline_ns),
        None => Delivery::have_target_arm(due, deadline_ns),
    }
    Timer::new(delivery)
}

impl<M: 'static> Delivery<M> {
    /// On the worker of the actor that runs here.
    fn arm(due: Due<M>, slot: SlotRef, deadline_ns: u64) {
        let delivery = due.0.clone();
        let _section = Section::begin(); // the timer is filed under the lock
        // Lock order: `armed`, then `message`; who cancels takes the message first, and holds no lock when it comes for `armed`.
        let mut armed = delivery.armed.lock().unwrap_or_else(PoisonError::into_inner);
        if delivery.is_pending() {
            *armed = Some(task::arm_firing(slot, deadline_ns, Box::new(due)));
        }
    }

    /// A plain thread has no worker.
    fn have_target_arm(due: Due<M>, deadline_ns: u64) {
        let target = due.0.target.clone();
        target.core().push_system(System::Arm(Box::new(move |slot| Self::arm(due, slot, deadline_ns))));
    }
}

impl<M> Delivery<M> {
    fn take(&self) -> Option<M> {
        self.message.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_pending(&self) -> bool {
        self.message.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl<M> Cancel for Delivery<M> {
    fn cancel(&self) -> bool {
        let message = self.take();
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(armed.map(task::disarm_firing));
        message.is_some()
    }
}

/// The duty to send the message. Dropped, it buries it: the target ended before the time was set, or the runtime before it came.
struct Due<M>(Arc<Delivery<M>>);

impl<M> Drop for Due<M> {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(dead_letters::bury);
    }
}

impl<M: 'static> Fire for Due<M> {
    fn fire(self: Box<Self>, runtime: Runtime) {
        if let Some(message) = self.0.take()
            && let Err(message) = self.0.target.send_over(message)
        {
            run_aside(runtime, move || {
                dead_letters::bury(message);
                drop(self); // this may be the last handle
            });
        }
    }

    fn holds_up_the_end(&self) -> bool {
        true
    }

    fn is_in_vain(&self) -> bool {
        self.0.target.core().exit_reason().is_some()
    }
}

/// Has an actor do what a firing may not: destructors are the user's code, which never runs on a worker's own stack.
#[track_caller]
pub(super) fn run_aside(runtime: Runtime, f: impl FnOnce() + 'static) {
    let options = Options {
        name: None,
        stack_class: None,
        thread: JobThread::Any,
        spawned_at: Location::caller(),
        preempt_in_alloc: false,
    };
    // SAFETY: the closure holds messages and handles, which may be sent to other threads, see above; it borrows nothing.
    let prepared = unsafe { Prepared::borrowing(f, options, None) };
    match task::spawn_in(runtime, prepared.job()) {
        Ok(pid) => drop(prepared.launched(pid)),
        Err(error) => {
            eprintln!(
                "smarm: what was to be sent to an actor that has ended is leaked: no actor to drop it ({error})"
            );
            core::mem::forget(prepared);
            dead_letters::count();
        }
    }
}
