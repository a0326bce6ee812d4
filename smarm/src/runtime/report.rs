//! What a runtime tells when something went wrong.

use core::fmt;
use core::ptr::NonNull;
use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use crate::exit::ExitReason;
use crate::sched::quiet;
use crate::sched::shared::Shared;
use crate::task::slot::Slot;

/// Actors waited for each other, so the run was ended: who, and for what. In [`ExitReason::Error`], under
/// [`Deadlock::Fail`](super::Deadlock::Fail).
#[derive(Clone, Debug)]
pub struct DeadlockReport {
    text: String,
}

impl fmt::Display for DeadlockReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for DeadlockReport {}

/// Why the runtime ended the run by itself, if it did.
pub(super) fn take_failure(shared: &Shared) -> Option<ExitReason> {
    shared.take_failure().map(|text| ExitReason::Error(Arc::new(DeadlockReport { text })))
}

/// Ends a `run` whose root has no value.
#[track_caller]
pub(super) fn panic_or_resume(reason: &ExitReason) -> ! {
    if let Some(payload) = reason.panic().and_then(crate::exit::PanicInfo::take_payload) {
        std::panic::resume_unwind(payload);
    }
    panic!("the root actor ended without a value: {reason}")
}

/// Names the owner of a stack, for the fault handler.
pub(super) fn describe_owner(owner: NonNull<()>, to: &mut dyn fmt::Write) {
    // SAFETY: owners of stacks are slots, which are never freed.
    let slot = unsafe { owner.cast::<Slot>().as_ref() };
    // A full buffer cuts the text: there is nobody to tell.
    slot.describe(to).ok();
}

/// Writes all actors of all runtimes, for a watchdog. If that fails there is nobody to tell.
pub fn dump(to: &mut dyn Write) {
    writeln!(to, "{}", quiet::dump()).ok();
}
