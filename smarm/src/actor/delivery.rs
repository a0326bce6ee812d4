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
use crate::task::slot::SlotRef;
use crate::task::{self, Armed, Fire, Runtime, current};

/// A message that will be sent; what [`ActorRef::send_after`] returns. Dropping it changes nothing.
pub struct Timer {
    delivery: Arc<dyn Cancel>,
}

impl Timer {
    /// Takes the message back, and drops it. False if it was sent already. Never parks.
    pub fn cancel(self) -> bool {
        self.delivery.cancel()
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timer { .. }")
    }
}

trait Cancel: Send + Sync {
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
    match current::actor() {
        Some(slot) => delivery.arm(slot, deadline_ns),
        None => Delivery::have_target_arm(&delivery, deadline_ns),
    }
    Timer { delivery }
}

impl<M: 'static> Delivery<M> {
    /// On the worker of the actor that runs here.
    fn arm(self: &Arc<Self>, slot: SlotRef, deadline_ns: u64) {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        *armed = Some(task::arm_firing(slot, deadline_ns, Box::new(Due(self.clone()))));
    }

    /// A plain thread has no worker.
    fn have_target_arm(this: &Arc<Self>, deadline_ns: u64) {
        let delivery = this.clone();
        let arm = move |slot| {
            if delivery.message.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                delivery.arm(slot, deadline_ns);
            }
        };
        this.target.core().push_system(System::Arm(Box::new(arm)));
        if this.target.core().mailbox.is_closed() {
            this.take().into_iter().for_each(dead_letters::bury);
        }
    }
}

impl<M> Delivery<M> {
    fn take(&self) -> Option<M> {
        self.message.lock().unwrap_or_else(PoisonError::into_inner).take()
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

struct Due<M>(Arc<Delivery<M>>);

impl<M: 'static> Fire for Due<M> {
    fn fire(self: Box<Self>, runtime: Runtime) {
        if let Some(message) = self.0.take()
            && let Err(message) = self.0.target.send_over(message)
        {
            bury_aside(runtime, message);
        }
    }

    fn holds_up_the_end(&self) -> bool {
        true
    }
}

/// Has an actor drop the message: its destructor is the user's code, which never runs on a worker's own stack.
#[track_caller]
fn bury_aside<M: 'static>(runtime: Runtime, message: M) {
    let options = Options { name: None, stack_class: None, spawned_at: Location::caller() };
    // SAFETY: messages of servers may be sent to other threads, see above; it borrows nothing.
    let prepared = unsafe { Prepared::borrowing(move || dead_letters::bury(message), options, None) };
    match task::spawn_in(runtime, prepared.job()) {
        Ok(pid) => drop(prepared.launched(pid)),
        Err(error) => {
            eprintln!("smarm: a message to an actor that has ended is leaked: no actor to drop it ({error})");
            core::mem::forget(prepared);
            dead_letters::count();
        }
    }
}
