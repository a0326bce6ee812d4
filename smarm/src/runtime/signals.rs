//! A program that is asked to end from outside: what `#[smarm::main]` does about `SIGTERM` and `SIGINT`.
//!
//! | signal | what happens |
//! |---|---|
//! | the first one | an orderly [`shutdown`](crate::shutdown()) |
//! | the second one | all actors are killed at once |
//! | the third one | the system's default: it ends the process |

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Runtime, shutdown};
use crate::sched::shared::Shared;
use crate::sys::signal::{Ear, Signals};
use crate::sys::thread::OwnThread;

/// What comes within so short a time is one signal. Who forwards it often does so to the program and to its group, as coreutils' `timeout`
/// does, or in addition to a terminal.
const BURST: Duration = Duration::from_millis(20);

/// What a shell says of a program that a signal has ended: this, and the signal's number.
const BY_SIGNAL: u8 = 128;

/// Signals go to the runtime until it is dropped.
pub(super) struct Listener {
    signals: Arc<Signals>,
    latest: Arc<AtomicI32>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// # Panics
    ///
    /// If the system refuses a thread.
    pub(super) fn start(signals: Signals, runtime: &Runtime) -> Self {
        runtime.shared.shutdown.heed_signals();
        let (signals, latest) = (Arc::new(signals), Arc::new(AtomicI32::new(0)));
        let own_thread = OwnThread::new();
        let body = {
            let (signals, latest) = (signals.clone(), latest.clone());
            let shared = runtime.shared.clone();
            move || {
                listen(signals.ear(), &signals, &shared, &latest);
                drop((shared, own_thread));
            }
        };
        let thread = thread::Builder::new()
            .name("smarm-signals".into())
            .spawn(body)
            .unwrap_or_else(|error| panic!("cannot start a smarm runtime: no thread for signals ({error})"));
        Self { signals, latest, thread: Some(thread) }
    }

    /// Listens no more; the exit code that the latest signal stands for, if there was one.
    pub(super) fn stop(mut self) -> Option<ExitCode> {
        self.end();
        // Ordering: Relaxed. The thread has ended.
        let latest = u8::try_from(self.latest.load(Ordering::Relaxed)).ok()?;
        (latest != 0).then(|| ExitCode::from(BY_SIGNAL + latest))
    }

    fn end(&mut self) {
        self.signals.stop();
        if let Some(Err(payload)) = self.thread.take().map(JoinHandle::join) {
            // A bug of ours.
            std::panic::resume_unwind(payload);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.end();
    }
}

fn listen(mut ear: Ear, signals: &Signals, shared: &Shared, latest: &AtomicI32) {
    let note = |signal| {
        // Ordering: Relaxed. Read when this thread has ended.
        latest.store(signal, Ordering::Relaxed);
    };
    if ear.listen() == 0 {
        return;
    }
    thread::sleep(BURST);
    let first = ear.latest();
    if first == 0 {
        return;
    }
    note(first);
    shutdown::begin(shared);
    let second = ear.listen();
    if second != 0 {
        note(second);
        signals.give_back();
        shutdown::hurry(shared);
    }
}
