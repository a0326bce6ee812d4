//! A watchdog per test: names the test that hangs, says what all actors do, and ends the process.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Seconds a test may take, unless `SMARM_TEST_TIMEOUT` says otherwise (valgrind is some fifty times slower).
const TIMEOUT_SECONDS: u64 = 60;
const DUMP_LIMIT: Duration = Duration::from_secs(5);

/// Aborts the process if it is not dropped in time.
#[derive(Debug)]
pub struct Watchdog {
    // Dropping it wakes the watching thread at once.
    _ended: Sender<()>,
}

impl Watchdog {
    /// Watches the test whose body is a closure of type `F`.
    pub fn of<F>() -> Watchdog {
        Watchdog::start(test_name::<F>())
    }

    /// Watches a test by name.
    ///
    /// # Panics
    ///
    /// When no thread can be started.
    pub fn start(name: &str) -> Watchdog {
        let name = name.to_owned();
        let timeout = Duration::from_secs(timeout_seconds());
        let (ended, end) = channel::<()>();
        std::thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || {
                if end.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
                    // Not `eprintln!`: libtest keeps what that writes until the test ends, which it will not.
                    let line = format!("\nwatchdog: the test `{name}` did not end within {timeout:?}\n");
                    let mut stderr = std::io::stderr();
                    stderr.write_all(line.as_bytes()).ok();
                    dump_actors();
                    std::process::abort();
                }
            })
            .expect("a thread for the watchdog");
        Watchdog { _ended: ended }
    }
}

/// Says what all actors do, on a thread of its own: what the test hangs in may keep the dump from being made.
fn dump_actors() {
    let (done, end) = channel();
    std::thread::spawn(move || {
        smarm::__private::dump(&mut std::io::stderr());
        done.send(()).ok();
    });
    end.recv_timeout(DUMP_LIMIT).ok();
}

fn timeout_seconds() -> u64 {
    match std::env::var("SMARM_TEST_TIMEOUT") {
        Ok(seconds) => seconds.parse().expect("SMARM_TEST_TIMEOUT is a number of seconds"),
        Err(_) => TIMEOUT_SECONDS,
    }
}

/// The name under which libtest knows the function that a closure was written in.
///
/// `it::scope::child_borrows::{{closure}}` is the closure's type; the test is called `scope::child_borrows`.
pub(crate) fn test_name<F>() -> &'static str {
    let path = std::any::type_name::<F>();
    let path = path.split_once("::").map_or(path, |(_, rest)| rest);
    path.split_once("::{{closure}}").map_or(path, |(test, _)| test)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of<F>(_: F) -> &'static str {
        test_name::<F>()
    }

    #[test]
    fn a_closure_knows_the_test_it_was_written_in() {
        assert_eq!(name_of(|| ()), "watchdog::tests::a_closure_knows_the_test_it_was_written_in");
    }
}
