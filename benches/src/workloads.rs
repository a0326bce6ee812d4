//! The workloads, once per runtime, in the same shape: the same actors, the same channels, the same messages.
//!
//! Where runtimes differ, each gets its own idiom: a task's result comes through its join handle, a wait is a
//! blocking call in smarm and may and an `.await` in tokio. tokio's cooperative budget (a task yields by
//! itself after 128 channel operations) stays on, as it does in its users' programs. All root bodies run as
//! an actor, not on the calling thread.
//!
//! # Server actors
//!
//! One counter, with three messages: `Echo(number)`, a call that is answered with the number, `Add(number)`, a
//! cast, and `Get`, a call that is answered with the sum. Each crate's mailbox is its default:
//!
//! | crate | mailbox | a cast | a stop after the mail | its end is known by |
//! |---|---|---|---|---|
//! | smarm | bounded, 1024; a cast waits for room | the handle's method | `stop`, in queue order | `#[on_exit]` |
//! | actix | bounded, 16; a cast ignores the bound | `do_send` | drop of the last address | a message from `stopped` |
//! | kameo | bounded, 64 | `tell().await`, which waits for room | drop of the last reference | the task's join handle |
//! | ractor | unbounded | `cast` | `drain` | the task's join handle |
//! | tokio | has none: [`MAILBOX`](crate::workload::MAILBOX) messages, smarm's default | `send().await`, which waits for room | drop of the last sender | the task's join handle |
//!
//! What would be unfair: a timeout for some calls (none of these has one; ractor's and kameo's defaults are
//! none either); `stop` where it overtakes the mail, so that the cast may never be handled (ractor); macros
//! or `async-trait` where the plain trait costs less; spans. kameo's `tracing` and ractor's
//! `message_span_propogation`, both on by default, are off, which favours these two; what else ractor does
//! for `tracing` cannot be turned off, and finds no subscriber. tokio's task has no name, no supervision, no
//! lifecycle and no answer for a panic: it is the floor, not a rival crate. kameo and ractor run on the runtime
//! of the tokio column, without the I/O and timer drivers that `#[tokio::main]` would start; actix starts them
//! in any case.

use std::thread;
use std::time::Duration;

pub mod actix_impl;
pub mod kameo_impl;
pub mod may_impl;
pub mod ractor_impl;
pub mod smarm_impl;
pub mod smarm_servers;
pub mod threads_impl;
pub mod tokio_impl;
pub mod tokio_servers;

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
