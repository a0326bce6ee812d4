//! What users call of this layer.

use super::current as here;
use super::park as parking;
use super::preempt;
use super::wait::WaitKind;
use crate::pid::Pid;

/// The name of the actor that runs here. Never parks. Erlang's cousin is `self/0`.
///
/// # Panics
///
/// On a plain thread; [`try_current`] does not.
#[must_use]
#[track_caller]
pub fn current() -> Pid {
    try_current().expect(
        "`smarm::current` was called on a thread that is no actor: `smarm::try_current` returns None there",
    )
}

/// The name of the actor that runs here; `None` on a plain thread. Never parks.
///
/// ```
/// assert_eq!(smarm::try_current(), None);
/// assert!(smarm::run(|| smarm::try_current().is_some()));
/// ```
#[must_use]
pub fn try_current() -> Option<Pid> {
    here::pid()
}

/// Lets the others that are ready run first. A safe point.
///
/// On a plain thread it yields the thread. While its actor unwinds it does nothing.
///
/// ```
/// smarm::run(|| smarm::yield_now());
/// ```
pub fn yield_now() {
    preempt::yield_now();
}

/// Asks an actor to end. From any thread; never parks.
///
/// The actor unwinds at its next safe point, so that its destructors run; if it waits, as soon as its worker comes to it; if it has not
/// started, its closure is dropped. Its joiners get [`ExitReason::Killed`](crate::ExitReason::Killed). A stale `Pid` is nobody: nothing
/// happens. Erlang's cousin is `exit(Pid, kill)`.
///
/// Note what unwinding means: `std::sync` locks that the actor holds are poisoned, and unwinding through an `extern "C"` function aborts
/// the process ([`mask_kill`] puts the kill off).
///
/// ```
/// smarm::run(|| {
///     let idler = smarm::spawn(|| loop { smarm::sleep(std::time::Duration::from_secs(1)) });
///     smarm::kill(idler.pid());
///     assert!(matches!(idler.join(), Err::<(), _>(smarm::ExitReason::Killed)));
/// });
/// ```
pub fn kill(pid: Pid) {
    parking::kill(pid);
}

/// Runs `f` with kills put off until it has returned. `f` may park. Calls nest. On a plain thread it just calls `f`.
pub fn mask_kill<T>(f: impl FnOnce() -> T) -> T {
    parking::mask_kill(f)
}

/// Parks the caller until [`unpark`] is called for it, or returns at once if it was called before.
///
/// A building block; channels are easier. It may return for no reason, so call it in a loop around a condition. On a plain thread it
/// blocks; there nobody can name the caller, so use [`std::thread::park`]. A safe point; while unwinding it returns at once.
pub fn park_current() {
    let slot = here::waiter();
    if !parking::is_unwinding(slot) {
        parking::deliver_kill(slot);
        parking::park(slot, WaitKind::Elsewhere, None, None);
        parking::deliver_kill(slot);
    }
}

/// Wakes an actor that is parked, or has its next park return at once. From any thread; never parks. A stale `Pid` is nobody.
pub fn unpark(pid: Pid) {
    parking::unpark(pid);
}
