//! A stack and a saved context. Knows no scheduler: it can be resumed and suspended, and that is all.
//!
//! ```text
//!      OS thread's own stack                     the fiber's stack
//!   resume(thread, fiber) ───────────────▶  entry(argument), or after its last suspend
//!        continues here   ◀───────────────  suspend(fiber, thread)
//! ```
//!
//! Invariant: a context is resumed on the OS thread on which its fiber was first resumed. So everything on a fiber's stack, also
//! what is not `Send`, stays on one thread; and an address of a thread-local that a frame keeps is still right after a switch.

use crate::sys::arch::{self, Entry};
use crate::sys::stack::Stack;

/// Where a suspended execution continues: its stack pointer.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Context(*mut u8);

impl Context {
    /// A context that is not suspended: there is nothing to continue.
    pub(crate) const fn running() -> Self {
        Self(core::ptr::null_mut())
    }

    /// The context of a fiber that has not begun.
    ///
    /// # Safety
    ///
    /// No live frames are on the stack, and nobody else uses it until the fiber has switched away for the last time.
    pub(crate) unsafe fn new(stack: &Stack, entry: Entry, argument: *mut ()) -> Self {
        // SAFETY: the top is aligned, and the words below it are in the usable part of the stack, which the caller grants.
        Self(unsafe { arch::init_stack(stack.top(), entry, argument) })
    }
}

/// Suspends what runs here into `save` and continues `to`. Returns when somebody continues `save`.
///
/// # Safety
///
/// Both point to valid contexts; `to` is suspended, on this OS thread, and nobody else continues it. No reference to what
/// either context points to is held across the call by anyone who is not prepared for it to change.
#[inline(always)]
pub(crate) unsafe fn switch(save: *mut Context, to: *const Context) {
    // SAFETY: the caller grants read access to `to`.
    let to = unsafe { (*to).0 };
    // SAFETY: `Context` is a transparent pointer in memory; the rest is the caller's promise.
    unsafe { arch::switch(save.cast(), to) };
}
