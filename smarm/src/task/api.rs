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
/// Note what unwinding means: `std::sync` locks that the actor holds are poisoned (the channels of smarm are not), and unwinding through
/// an `extern "C"` function aborts the process. [`mask_kill`] and [`no_preempt`] put the kill off, and so does an unwinding that is underway.
///
/// A `catch_unwind` in the actor swallows the kill: then it is thrown again at the next safe point. An actor that has swallowed it 16
/// times is reported on standard error and left to finish: later kills are nothing to it, and its joiners get its result. A server ends
/// with the message in hand.
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

/// Runs `f` without a switch: [`check!`](crate::check) and [`yield_now`] do nothing in it, and a kill waits until it has returned.
///
/// For a few lines during which no other actor of this worker may run: a `std::sync` lock held over a loop with checks in it, a borrowed
/// `RefCell` that actors of one thread share. Actors on other workers do run. The slice goes on, so the next safe point after it may switch.
/// Calls nest, and a panic in `f` ends it too. On a plain thread it just calls `f`. Erlang has no cousin: there nothing is shared.
///
/// # Panics
///
/// What would have to wait in it panics, with a sentence that names the call: nobody could run who would end the wait. What need not wait
/// works: a `recv` that finds a message, a `send` that finds room. A call to a server, [`scope`](crate::scope()), [`sleep`](crate::sleep)
/// and [`park_current`] always count as waits. While its actor unwinds, waits return their errors as everywhere.
///
/// ```
/// use std::sync::Mutex;
///
/// static LOG: Mutex<Vec<u32>> = Mutex::new(Vec::new());
///
/// smarm::run(|| {
///     smarm::no_preempt(|| {
///         let mut log = LOG.lock().unwrap();
///         for n in 0..1000 {
///             smarm::check!(); // would let another actor block this thread at the lock
///             log.push(n);
///         }
///     });
/// });
/// ```
pub fn no_preempt<T>(f: impl FnOnce() -> T) -> T {
    preempt::no_preempt(f)
}

/// Runs `f`, which blocks this thread or computes for long: what can move leaves this worker at once. Not a safe point.
///
/// The runtime does the same by itself after [`Config::stall_after`](crate::runtime::Config::stall_after), with a warning; this says it in
/// advance, without one. Actors that have not started and servers with mail go to another worker, to a
/// [spare](crate::runtime::Config::spares) one if the others are busy. **Actors that have started on this worker wait**: they cannot change
/// their thread. So for what takes longer than a millisecond or two, a thread for itself
/// ([`Builder::own_thread`](crate::Builder::own_thread)) is better.
///
/// Calls nest. On a plain thread it just calls `f`. Tokio's cousin is `block_in_place`, Go's what happens at each system call.
///
/// ```
/// smarm::run(|| {
///     let text = smarm::block_in_place(|| std::fs::read_to_string("/proc/self/comm"));
///     assert!(text.is_ok());
/// });
/// ```
pub fn block_in_place<T>(f: impl FnOnce() -> T) -> T {
    preempt::block_in_place(f)
}

/// Runs `f`, and panics at any safe point in it that would switch: a help to find waits where there must be none.
///
/// For code that must not be left half done on its thread, such as the initialiser of a `thread_local!`, or a scoped thread-local section. A
/// safe point that would not switch, a `recv` that finds a message for one, goes unnoticed. Inside [`no_preempt`] safe points do not
/// switch, so it changes nothing there. Calls nest. On a plain thread it just calls `f`.
///
/// # Panics
///
/// As said, with a sentence that names the call.
///
/// ```should_panic
/// smarm::run(|| smarm::forbid_yield(|| smarm::yield_now()));
/// ```
pub fn forbid_yield<T>(f: impl FnOnce() -> T) -> T {
    preempt::forbid_yield(f)
}

/// Parks the caller until [`unpark`] is called for it, or returns at once if it was called before.
///
/// A building block; channels are easier. It may return for no reason, so call it in a loop around a condition. On a plain thread it
/// blocks; there nobody can name the caller, so use [`std::thread::park`]. A safe point; while unwinding it returns at once.
pub fn park_current() {
    let slot = here::waiter();
    if !parking::may_not_wait(slot, "`park_current`") {
        parking::deliver_kill(slot);
        parking::park(slot, WaitKind::Elsewhere, None, None);
        parking::deliver_kill(slot);
    }
}

/// Wakes an actor that is parked, or has its next park return at once. From any thread; never parks. A stale `Pid` is nobody.
pub fn unpark(pid: Pid) {
    parking::unpark(pid);
}
