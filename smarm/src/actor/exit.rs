//! How an actor ends: what it returned, or what it unwound with; and the one line that tells of a panic.

use core::fmt::Write as _;
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use crate::exit::{ExitReason, PanicInfo, payload_message};
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
        Ok(None) => Err(ExitReason::Killed),
        Err(payload) => Err(reason_of(slot, payload)),
    }
}

/// As in every other end by a kill, what is dropped may do so to its end.
fn drop_unstarted<T>(f: impl FnOnce() -> T) -> Option<T> {
    park::mask_kill(|| drop(f));
    None
}

pub(super) fn reason_of(slot: SlotRef, payload: Box<dyn Any + Send>) -> ExitReason {
    let payload = match payload.downcast::<KillSignal>() {
        Ok(signal) => return signal.reason,
        Err(payload) => payload,
    };
    let place = slot.take_panic_place();
    ExitReason::Panicked(PanicInfo::new(payload, place))
}

/// Runs what may panic after the actor's end is decided: the first reason wins, the hook has told of the second.
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
