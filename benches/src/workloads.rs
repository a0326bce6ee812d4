//! The workloads, once per runtime, in the same shape: the same actors, the same channels, the same messages.
//!
//! Where runtimes differ, each gets its own idiom: a task's result comes through its join handle, a wait is a
//! blocking call in smarm and may and an `.await` in tokio. tokio's cooperative budget (a task yields by
//! itself after 128 channel operations) stays on, as it does in its users' programs. All root bodies run as
//! an actor, not on the calling thread.

use std::thread;
use std::time::Duration;

pub mod may_impl;
pub mod smarm_impl;
pub mod tokio_impl;

/// How long actors that have started get to reach their wait, before memory or idleness is measured.
const SETTLE: Duration = Duration::from_millis(200);

/// Measures from a plain thread, so that the root can be parked like everybody else, and tells the root the
/// result.
fn observe<T>(measure: impl FnOnce() -> T + Send + 'static, tell: impl FnOnce(T) + Send + 'static) {
    thread::spawn(move || {
        thread::sleep(SETTLE);
        tell(measure());
    });
}
