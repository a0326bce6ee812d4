//! Messages that nobody will handle.

use core::sync::atomic::{AtomicU64, Ordering};

use super::exit;
use crate::task::current;
use crate::task::slot::Burial;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// How many messages without a reply were sent and never handled, in this process: their server had ended, or its mailbox had no room.
///
/// A call that is not handled is not counted: its caller gets an error. Nor is a message that [`try_send`](crate::ActorRef::try_send)
/// hands back. Never parks.
///
/// ```
/// let before = smarm::dead_letters();
/// // .. what is to be watched ..
/// assert_eq!(smarm::dead_letters() - before, 0);
/// ```
#[must_use]
pub fn dead_letters() -> u64 {
    // Ordering: Relaxed. A count.
    COUNT.load(Ordering::Relaxed)
}

/// Drops a message that nobody will handle: if it is a call its caller is told, else it counts. Its destructor may panic, and may park.
pub(super) fn bury<M>(message: M) {
    let slot = current::waiter();
    let outer = slot.burial.replace(Burial::Dropping);
    exit::shielded(|| drop(message));
    if slot.burial.replace(outer) == Burial::Dropping {
        count();
    }
}

pub(super) fn count() {
    // Ordering: Relaxed. A count.
    COUNT.fetch_add(1, Ordering::Relaxed);
}
