//! Links, and exit signals.

use core::fmt;
use core::time::Duration;

use super::bonds;
use crate::channel::{self, Receiver, RecvArm, RecvError, RecvTimeoutError, Sender, TryRecvError};
use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::task::current;

/// An exit signal that was trapped: somebody who is linked to this actor has ended, or somebody has called [`send_exit`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exit {
    /// Who has ended, or has sent the signal.
    pub pid: Pid,
    /// Why.
    pub reason: ExitReason,
}

/// Where exit signals go instead of ending the actor.
pub(super) enum Trap {
    Channel(Sender<Exit>),
    /// To a server; false if it has ended.
    Server(Box<dyn Fn(Exit) -> bool + Send>),
}

impl Trap {
    /// False if nobody listens any more.
    pub(super) fn send(&self, exit: Exit) -> bool {
        match self {
            Self::Channel(sender) => sender.send(exit).is_ok(),
            Self::Server(push) => push(exit),
        }
    }
}

#[track_caller]
fn me(call: &str) -> Pid {
    current::pid().unwrap_or_else(|| {
        panic!("`smarm::{call}` was called on a thread that is no actor: only actors have links")
    })
}

/// Links the actor that runs here with another one: when one of them ends, the other one gets an exit signal with the reason.
///
/// An exit signal ends its receiver, for the same reason: its next safe point unwinds, as after a [`kill`](crate::kill()). It does nothing
/// if the reason is [`Normal`](ExitReason::Normal), and becomes a message if the receiver traps exits ([`trap_exit`], `#[on_linked_exit]`). A link
/// goes both ways, and there is at most one between two actors. If the other actor has ended already, the caller gets a signal at once, with
/// [`ExitReason::NoProc`]. Never parks. Erlang's cousin is `link/1`.
///
/// # Panics
///
/// On a plain thread: [`monitor`](crate::monitor()) works there.
///
/// ```
/// use smarm::ExitReason;
///
/// smarm::run(|| {
///     let pair = smarm::spawn(|| {
///         let other = smarm::spawn(|| panic!("lost the connection"));
///         smarm::link(other.pid());
///         smarm::sleep(std::time::Duration::MAX);
///     });
///     let reason = pair.join().unwrap_err();
///     assert_eq!(reason.panic().unwrap().message(), "lost the connection");
/// });
/// ```
#[track_caller]
pub fn link(pid: Pid) {
    let me = me("link");
    if pid != me && !bonds::link(me, pid) {
        bonds::signal(me, pid, &ExitReason::NoProc);
    }
}

/// Takes a link away. When it returns, no signal comes by it any more; one that came before and was trapped may still wait in the
/// [`Exits`]. Nothing happens if there is none. Never parks. Erlang's cousin is `unlink/1`.
///
/// # Panics
///
/// On a plain thread.
#[track_caller]
pub fn unlink(pid: Pid) {
    bonds::unlink(me("unlink"), pid);
}

/// Sends an exit signal to an actor, as if somebody who is linked to it had ended for this reason.
///
/// It ends the actor for that reason, unless the actor traps exits. With [`Normal`](ExitReason::Normal) it does nothing to an actor that does not, but for
/// the caller itself. [`kill`](crate::kill()) cannot be trapped. From any thread; never parks. A stale `Pid` is nobody. Erlang's cousin is
/// `exit/2`.
///
/// ```
/// use smarm::ExitReason;
///
/// smarm::run(|| {
///     let idler = smarm::spawn(|| smarm::sleep(std::time::Duration::MAX));
///     smarm::send_exit(idler.pid(), ExitReason::Shutdown);
///     assert!(matches!(idler.join(), Err(ExitReason::Shutdown)));
/// });
/// ```
pub fn send_exit(pid: Pid, reason: ExitReason) {
    bonds::signal(pid, current::waiter().pid(), &reason);
}

/// Has exit signals for the actor that runs here come as messages, instead of ending it: also those of reason
/// [`Normal`](ExitReason::Normal).
///
/// A second call replaces the first: its receiver gets what came before, and then an error. When the receiver is dropped, the actor does not
/// trap any longer. Never parks. For servers there is the hook `#[on_linked_exit]`. Erlang's cousin is `process_flag(trap_exit, true)`.
///
/// # Panics
///
/// On a plain thread.
///
/// ```
/// smarm::run(|| {
///     let exits = smarm::trap_exit();
///     let child = smarm::spawn_linked(|| panic!("oops"));
///     let exit = exits.recv().unwrap();
///     assert_eq!(exit.pid, child.pid());
///     assert_eq!(exit.reason.panic().unwrap().message(), "oops");
/// });
/// ```
#[track_caller]
pub fn trap_exit() -> Exits {
    let me = me("trap_exit");
    let (sender, receiver) = channel::unbounded();
    drop(bonds::set_trap(me, Trap::Channel(sender)));
    Exits { receiver }
}

/// The exit signals that an actor traps; see [`trap_exit`]. Dropped, it ends the trapping.
pub struct Exits {
    receiver: Receiver<Exit>,
}

impl Exits {
    /// Waits for the next signal. May park.
    ///
    /// # Errors
    ///
    /// If [`trap_exit`] was called again, or if the actor is unwinding and would have had to wait.
    pub fn recv(&self) -> Result<Exit, RecvError> {
        self.receiver.recv()
    }

    /// Takes the next signal if there is one. Never parks, and is no safe point.
    ///
    /// # Errors
    ///
    /// If there is none: not yet, or for ever because [`trap_exit`] was called again.
    pub fn try_recv(&self) -> Result<Exit, TryRecvError> {
        self.receiver.try_recv()
    }

    /// Waits for the next signal, no longer than `timeout`. May park.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and if none came in time.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Exit, RecvTimeoutError> {
        self.receiver.recv_timeout(timeout)
    }

    #[doc(hidden)]
    pub fn recv_in_select(&self) -> RecvArm<'_, Exit> {
        self.receiver.recv_in_select()
    }

    #[doc(hidden)]
    pub fn recv_won(&self, received: Result<Exit, RecvError>) -> Result<Exit, RecvError> {
        received
    }
}

impl fmt::Debug for Exits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exits { .. }")
    }
}
