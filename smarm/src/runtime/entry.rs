//! What the expansions of `#[smarm::main]` and `#[smarm::test]` call.
//!
//! Both turn the result of the root into an [`ExitCode`] *on the root actor*: a `Result<(), Box<dyn Error>>` is not
//! `Send`, an `ExitCode` is. The error's own text is then written by [`Termination::report`], as after a plain `main`.

use std::any::Any;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic;
use std::process::{self, ExitCode, Termination};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::signals::Listener;
use super::{Config, dump, init};
use crate::exit::ExitReason;
use crate::sys::signal::Signals;

/// How long a report about a stuck test may take. Whatever it waits for may be what the test is stuck on.
const REPORT_LIMIT: Duration = Duration::from_secs(5);

/// Runs `root` as the root actor of a new runtime, and ends it in order when a signal asks for that; what a `main` under `#[smarm::main]`
/// expands to.
///
/// Signals are `SIGTERM` and `SIGINT`, each only if the system's default is in force for it.
///
/// | what has happened | exit code |
/// |---|---|
/// | the root panicked | 101 |
/// | a signal came, and a second one, or the shutdown timeout passed with actors left | 128 + the signal's number |
/// | the root returned | its own, as of a plain `main` |
/// | the root was ended by a shutdown, or by `smarm::exit` with [`ExitReason::Normal`] | 0 |
/// | it was ended for another reason | 1, with a sentence on standard error |
///
/// # Panics
///
/// With the root's own payload, if the root panicked. If the runtime cannot be started: see [`init`].
#[track_caller]
pub fn run_main<T, F>(config: Config, root: F) -> ExitCode
where
    T: Termination + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    // First of all: a signal that comes from now on is heard, though there is no runtime yet.
    match Signals::take() {
        Some(signals) => run_main_under(Some(signals), config, root),
        None => run_main_without_signals(config, root),
    }
}

/// The same, but signals are left alone; what `#[smarm::main(signals = false)]` expands to.
///
/// # Panics
///
/// As [`run_main`].
#[track_caller]
pub fn run_main_without_signals<T, F>(config: Config, root: F) -> ExitCode
where
    T: Termination + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    run_main_under(None, config, root)
}

#[track_caller]
fn run_main_under<T, F>(signals: Option<Signals>, config: Config, root: F) -> ExitCode
where
    T: Termination + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let runtime = init(config);
    let listener = signals.map(|signals| Listener::start(signals, &runtime));
    let ended = runtime.try_run(move || root().report());
    let is_overdue = runtime.shared.shutdown.is_overdue();
    // The runtime ends before a panic goes on: its end runs outside an unwind.
    drop(runtime);
    let by_signal = listener.and_then(Listener::stop).filter(|_| is_overdue);
    exit_code(ended, by_signal)
}

fn exit_code(ended: Result<ExitCode, ExitReason>, by_signal: Option<ExitCode>) -> ExitCode {
    match (ended, by_signal) {
        (Err(ExitReason::Panicked(panic)), _) => resume(panic.take_payload(), &ExitReason::Panicked(panic)),
        (_, Some(code)) | (Ok(code), None) => code,
        (Err(ExitReason::Normal | ExitReason::Shutdown), None) => ExitCode::SUCCESS,
        (Err(reason), None) => {
            eprintln!("smarm: the root actor ended before it returned: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Runs `root` as the root actor of a new runtime, under a watchdog; what a test under `#[smarm::test]` expands to.
///
/// If the test has not ended after `watchdog`, its `name` and its actors are written to standard error and the
/// process aborts: a stuck actor cannot be unwound from outside, and the other tests of the process may wait for it.
///
/// # Panics
///
/// With the root's own payload, if the root panicked, so that `#[should_panic(expected = "..")]` sees it; with a
/// sentence, if the root was ended before it returned.
#[track_caller]
pub fn run_test<T, F>(config: Config, watchdog: Duration, name: &'static str, root: F) -> ExitCode
where
    T: Termination + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    // Held until the runtime is gone: a shutdown that hangs is a test that hangs.
    let _watchdog = Watchdog::start(watchdog, name);
    match run_root(config, root) {
        Ok(code) => code,
        Err(reason) => panic!("the root actor of `{name}` ended before it returned: {reason}"),
    }
}

/// The root's exit code, or why it has none; a panic of the root goes on here.
#[track_caller]
fn run_root<T, F>(config: Config, root: F) -> Result<ExitCode, ExitReason>
where
    T: Termination + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    // The runtime ends with this statement, before a panic goes on: its end runs outside an unwind.
    match init(config).try_run(move || root().report()) {
        Err(ExitReason::Panicked(panic)) => resume(panic.take_payload(), &ExitReason::Panicked(panic)),
        ended => ended,
    }
}

/// Goes on with the root's panic. The hook has written its message already, when it happened.
fn resume(payload: Option<Box<dyn Any + Send>>, reason: &ExitReason) -> ! {
    match payload {
        Some(payload) => panic::resume_unwind(payload),
        // Somebody who was told of the exit has taken the payload; its text is still known.
        None => panic!("the root actor ended before it returned: {reason}"),
    }
}

/// A thread that ends the process unless it is dropped in time.
struct Watchdog {
    /// Never sent on: the watchdog waits for it to be dropped.
    alive: Option<Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    fn start(limit: Duration, test: &'static str) -> Self {
        let (alive, watched) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("smarm-watchdog".to_owned())
            .spawn(move || watch(&watched, limit, test))
            .expect("a test needs one more OS thread, for its watchdog");
        Self { alive: Some(alive), thread: Some(thread) }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // `watch` returns or aborts, so there is no panic to pass on.
            drop(thread.join());
        }
    }
}

fn watch(watched: &Receiver<Infallible>, limit: Duration, test: &str) {
    match watched.recv_timeout(limit) {
        Err(RecvTimeoutError::Disconnected) => {}
        Err(RecvTimeoutError::Timeout) => expire(limit, test),
        Ok(never) => match never {},
    }
}

/// Writes what is known about the stuck test, and aborts even if that gets stuck too.
fn expire(limit: Duration, test: &str) -> ! {
    let (reporting, reported) = mpsc::channel::<Infallible>();
    let headline =
        format!("smarm: `{test}` has not ended after {limit:?}, so the process aborts. Its actors:\n");
    let reporter = thread::Builder::new().spawn(move || {
        write_report(&headline);
        drop(reporting);
    });
    if reporter.is_ok() {
        match reported.recv_timeout(REPORT_LIMIT) {
            // The report is out, or stuck: either way it is time to end.
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {}
            Ok(never) => match never {},
        }
    }
    process::abort()
}

/// Past `std`'s lock on standard error, which the stuck test may hold, and past libtest's capture.
fn write_report(headline: &str) {
    let Ok(stderr) = io::stderr().as_fd().try_clone_to_owned() else { return };
    let mut stderr = File::from(stderr);
    if stderr.write_all(headline.as_bytes()).is_ok() {
        dump(&mut stderr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_ends_with_its_test() {
        // Joins its thread: were it to sleep its time out, this test would never end.
        drop(Watchdog::start(Duration::MAX, "a test that ends"));
    }

    #[test]
    fn a_panic_whose_payload_is_gone_keeps_its_text() {
        let again = panic::catch_unwind(|| resume(None, &ExitReason::Killed)).expect_err("it goes on");
        let text = again.downcast::<String>().expect("a formatted sentence");
        assert!(text.contains(&ExitReason::Killed.to_string()), "{text}");
    }
}
