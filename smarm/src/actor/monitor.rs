//! Monitors: one actor, or a plain thread, hears of another actor's end.

use core::fmt;
use core::time::Duration;

use super::bonds::{self, WatchKey};
use super::traits::Down;
use crate::channel::oneshot::{self, oneshot};
use crate::channel::{OneshotArm, OneshotWon, RecvError, RecvTimeoutError, TryRecvError};
use crate::exit::ExitReason;
use crate::pid::Pid;

/// Watches an actor: its end can be waited for by the [`Monitor`]. Never parks. From any thread.
///
/// It goes one way, and does nothing to the caller; there may be any number. If the actor has ended already, the news is there at once, with
/// [`ExitReason::NoProc`]. A server that is restarted by its supervisor has another `Pid` then: each of its lives is monitored for itself.
/// Inside a server [`Ctx::monitor`](crate::Ctx::monitor) has the hook `#[on_down]` called. Erlang's cousin is `monitor/2`.
///
/// ```
/// smarm::run(|| {
///     let worker = smarm::spawn(|| panic!("broken"));
///     let monitor = smarm::monitor(worker.pid());
///     let down = monitor.recv().unwrap();
///     assert_eq!(down.pid, worker.pid());
///     assert_eq!(down.reason.to_string(), worker.join().unwrap_err().to_string());
/// });
/// ```
#[must_use = "a monitor that is dropped watches nobody"]
pub fn monitor(pid: Pid) -> Monitor {
    let (tell, down) = oneshot();
    // Nobody listens if the monitor was dropped meanwhile.
    let watcher = Box::new(move |down| drop(tell.send(down)));
    let key = match bonds::watch(pid, watcher) {
        Ok(key) => Some(key),
        Err(watcher) => {
            watcher(Down { pid, reason: ExitReason::NoProc });
            None
        }
    };
    Monitor { pid, key, down }
}

/// Watches one actor; see [`monitor`]. Dropped, it watches no longer, and forgets the news if that has come.
pub struct Monitor {
    pid: Pid,
    /// `None`: the actor had ended.
    key: Option<WatchKey>,
    down: oneshot::Receiver<Down>,
}

impl Monitor {
    /// Who is watched.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits for the actor's end. There is one piece of news: afterwards this is an error. May park, on any thread.
    ///
    /// # Errors
    ///
    /// If the news was taken before, or if the caller is an actor that unwinds and would have had to wait.
    pub fn recv(&self) -> Result<Down, RecvError> {
        self.down.recv_once()
    }

    /// The news, if the actor has ended. Never parks, and is no safe point.
    ///
    /// # Errors
    ///
    /// If there is none: not yet, or not any more because it was taken.
    pub fn try_recv(&self) -> Result<Down, TryRecvError> {
        self.down.try_recv()
    }

    /// Waits for the actor's end, no longer than `timeout`. May park, on any thread.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and if the actor has not ended in time.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Down, RecvTimeoutError> {
        self.down.recv_timeout(timeout)
    }

    #[doc(hidden)]
    pub fn recv_in_select(&self) -> OneshotArm<'_, Down> {
        self.down.recv_in_select()
    }

    #[doc(hidden)]
    #[expect(clippy::needless_pass_by_value, reason = "it is used up")]
    pub fn recv_won(&self, won: OneshotWon) -> Result<Down, RecvError> {
        self.down.take_won(&won)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            bonds::unwatch(self.pid, key);
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("pid", &self.pid).finish_non_exhaustive()
    }
}
