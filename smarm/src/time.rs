//! Waiting for time to pass.

use core::time::Duration;

use crate::sys::clock;
use crate::task::current;
use crate::task::park::{self, Wake};
use crate::task::wait::WaitKind;

/// Sleeps for at least `duration`.
///
/// Parks the actor; its worker runs others meanwhile. On a plain thread it blocks the thread. While its actor unwinds it returns at
/// once. Precise to some tens of microseconds when the worker is idle. Erlang's cousin is `timer:sleep/1`.
///
/// ```
/// # use std::time::{Duration, Instant};
/// let begin = Instant::now();
/// smarm::run(|| smarm::sleep(Duration::from_millis(2)));
/// assert!(begin.elapsed() >= Duration::from_millis(2));
/// ```
pub fn sleep(duration: Duration) {
    let slot = current::waiter();
    let deadline_ns = clock::deadline_after(duration);
    while !park::may_not_wait(slot, "`sleep`") {
        park::deliver_kill(slot);
        let wake = park::park(slot, WaitKind::Sleep, None, Some(deadline_ns));
        if wake == Wake::TimedOut || clock::now_ns() >= deadline_ns {
            return;
        }
    }
}
