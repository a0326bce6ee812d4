//! How an actor ends: what it returned, or what it unwound with; and the one line that tells of a panic.

use core::fmt::Write as _;
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Arc, Once};

use super::bonds;
use crate::exit::{ExitReason, PanicInfo, payload_message};
use crate::pid::Pid;
use crate::sys::stderr;
use crate::task::current;
use crate::task::park::{self, KillSignal};
use crate::task::slot::{Outcome, Slot, SlotRef};

/// Runs the actor's closure; if the actor was killed before it began, drops the closure instead.
pub(super) fn run_to_end<T>(slot: SlotRef, f: impl FnOnce() -> T) -> Result<T, ExitReason> {
    let killed = slot.state.is_killed();
    let ended = panic::catch_unwind(AssertUnwindSafe(|| if killed { drop_unstarted(f) } else { Some(f()) }));
    match ended {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(bonds::verdict(slot)),
        Err(payload) => Err(reason_of(slot, payload)),
    }
}

/// As in every other end by a kill, what is dropped may do so to its end.
fn drop_unstarted<T>(f: impl FnOnce() -> T) -> Option<T> {
    park::mask_kill(|| drop(f));
    None
}

/// A kill may be that of an exit signal.
fn why_killed(slot: SlotRef, reason: ExitReason) -> ExitReason {
    if let ExitReason::Killed = reason { bonds::verdict(slot) } else { reason }
}

pub(super) fn reason_of(slot: SlotRef, payload: Box<dyn Any + Send>) -> ExitReason {
    let payload = match payload.downcast::<KillSignal>() {
        Ok(signal) => return why_killed(slot, signal.reason),
        Err(payload) => payload,
    };
    match payload.downcast::<ExitSignal>() {
        Ok(signal) => signal.0,
        Err(payload) => ExitReason::Panicked(PanicInfo::new(payload, slot.take_panic_place())),
    }
}

/// What an actor unwinds with that ends itself. Nobody outside this crate can name it.
struct ExitSignal(ExitReason);

/// Ends the actor that runs here, for this reason: it unwinds, so that its destructors run, and calls no panic hook.
///
/// Joiners, links and monitors get the reason. A server ends so too; the caller whose message it handled gets
/// [`CallError::Down`](crate::CallError::Down). A `catch_unwind` in the actor would swallow it. Never parks. Erlang's cousin is `exit/1`.
///
/// # Panics
///
/// On a plain thread. In a destructor that runs while the actor unwinds, a second unwinding aborts the process, as any panic does there.
///
/// ```
/// use smarm::ExitReason;
///
/// smarm::run(|| {
///     let worker = smarm::spawn(|| {
///         let error = "12x".parse::<u32>().unwrap_err();
///         smarm::exit(ExitReason::Error(std::sync::Arc::new(error)));
///     });
///     let reason = worker.join().unwrap_err();
///     assert_eq!(reason.to_string(), "error: invalid digit found in string");
/// });
/// ```
#[track_caller]
pub fn exit(reason: ExitReason) -> ! {
    assert!(
        current::actor().is_some(),
        "`smarm::exit` was called on a thread that is no actor: return, or use `std::process::exit`"
    );
    panic::resume_unwind(Box::new(ExitSignal(reason)));
}

/// Whom the end of an actor is told: links and monitors at once, its keeper at last.
#[must_use = "the keeper waits for the word"]
pub(super) struct Obituary {
    keeper: Option<Arc<dyn bonds::Keeper>>,
    pid: Pid,
    reason: Option<ExitReason>,
    on_request: bool,
}

/// Tells of the end of the actor that runs here, but for its joiners and its keeper.
pub(super) fn tell_bonds(slot: SlotRef, reason: impl FnOnce() -> ExitReason, on_request: bool) -> Obituary {
    let (released, pid) = (bonds::release(slot), slot.pid());
    if released.is_empty() {
        return Obituary { keeper: None, pid, reason: None, on_request };
    }
    let reason = reason();
    let keeper = released.tell(pid, &reason);
    Obituary { keeper, pid, reason: Some(reason), on_request }
}

impl Obituary {
    /// Last of all, when nothing of the actor is in use.
    pub(super) fn tell_keeper(self) {
        if let (Some(keeper), Some(reason)) = (self.keeper, self.reason) {
            keeper.ended(self.pid, reason, self.on_request);
        }
    }
}

/// Runs what may panic after the actor's end is decided: the first reason wins, the hook has told of the second.
///
/// Not inlined: who catches a panic counts it, in a thread-local, and some who call this switch.
#[inline(never)]
pub(super) fn shielded(f: impl FnOnce()) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(f)) {
        // Its destructor may panic in turn: that one is forgotten.
        panic::catch_unwind(AssertUnwindSafe(|| drop(payload))).unwrap_or_else(core::mem::forget);
    }
}

pub(super) fn outcome_of<T>(result: &Result<T, ExitReason>) -> Outcome {
    result.as_ref().map_or_else(outcome_of_reason, |_| Outcome::Normal)
}

pub(super) fn outcome_of_reason(reason: &ExitReason) -> Outcome {
    match reason {
        ExitReason::Normal | ExitReason::Shutdown => Outcome::Normal,
        ExitReason::Panicked(_) => Outcome::Panicked,
        ExitReason::Error(_) => Outcome::Error,
        _ => Outcome::Killed,
    }
}

// ---- the panic hook ---------------------------------------------------------------------------------------------------

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// Installs the hook that tells of an actor's panic in one line, once in a process. A hook that the program had set before is called
/// too; one that it sets later replaces this one.
pub(crate) fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        let standard = panic::take_hook(); // `take_hook` has put the standard hook in place
        // The standard hook has no state, so only the code that a wide pointer names distinguishes it. Were this to fail, a panic would
        // be told of twice.
        let users = (!std::ptr::eq(&raw const *previous, &raw const *standard)).then_some(previous);
        panic::set_hook(Box::new(move |info| match current::actor() {
            Some(slot) => tell(slot, info, users.as_ref()),
            None => users.as_ref().unwrap_or(&standard)(info),
        }));
    });
}

fn tell(slot: SlotRef, info: &PanicHookInfo<'_>, users: Option<&Hook>) {
    let place = info.location().map(ToString::to_string);
    stderr::write(line(slot, info, place.as_deref()).as_bytes());
    slot.note_panic(place);
    if let Some(hook) = users {
        hook(info);
    }
}

/// One line: who, where, what; with `RUST_BACKTRACE` the backtrace after it.
fn line(slot: &Slot, info: &PanicHookInfo<'_>, place: Option<&str>) -> String {
    let mut text = String::new();
    let message = message_of(info);
    let place = place.unwrap_or("an unknown place");
    // Writing to a String cannot fail.
    slot.describe(&mut text).ok();
    writeln!(text, " panicked at {place}: {message}").ok();
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        write!(text, "{backtrace}").ok();
    }
    text
}

fn message_of<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    info.payload_as_str().unwrap_or_else(|| payload_message(&()))
}
