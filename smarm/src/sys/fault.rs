//! What happens when an actor runs out of stack: one line that names it, then `SIGABRT`.
//!
//! The handler of `SIGSEGV` and `SIGBUS` runs on the thread's alternate stack, which the standard library gives each of its
//! threads. It takes no lock, allocates nothing and reads only what the faulting actor itself owns. A fault that is not in a
//! guard of ours goes to the handler that was there before. Turning an overflow into a panic would be unsound: it may hit
//! inside the allocator or under a lock.

use core::fmt::{self, Write};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, Ordering};
use std::sync::Once;

use super::{stack, stderr};

/// Writes who owns a stack. Called inside the signal handler: no lock, no allocation.
pub(crate) type Describe = fn(owner: NonNull<()>, to: &mut dyn Write);

struct Previous {
    segv: libc::sigaction,
    bus: libc::sigaction,
    describe: Describe,
}

static PREVIOUS: AtomicPtr<Previous> = AtomicPtr::new(core::ptr::null_mut());

/// Installs the handler, once in a process.
pub(crate) fn install(describe: Describe) {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous =
            Box::new(Previous { segv: action_of(libc::SIGSEGV), bus: action_of(libc::SIGBUS), describe });
        // Ordering: Release; pairs with the Acquire in `handle`. The box lives as long as the process.
        PREVIOUS.store(Box::into_raw(previous), Ordering::Release);
        take_over(libc::SIGSEGV);
        take_over(libc::SIGBUS);
    });
}

fn action_of(signal: libc::c_int) -> libc::sigaction {
    // SAFETY: a sigaction of zeros is valid (default action, empty mask).
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    // SAFETY: asks only; the address is writable.
    unsafe { libc::sigaction(signal, core::ptr::null(), &raw mut action) };
    action
}

fn take_over(signal: libc::c_int) {
    // SAFETY: as in `action_of`.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = handle as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    // SAFETY: `handle` has the signature that SA_SIGINFO asks for, and does only what a signal handler may.
    unsafe { libc::sigaction(signal, &raw const action, core::ptr::null_mut()) };
}

extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // Ordering: Acquire; pairs with the Release in `install`, which precedes the installation of this handler.
    let previous = PREVIOUS.load(Ordering::Acquire);
    // SAFETY: set before the handler was installed, never freed.
    let previous = unsafe { &*previous };
    // SAFETY: the kernel passes a valid siginfo to an SA_SIGINFO handler of these signals.
    let address = unsafe { (*info).si_addr() } as usize;
    if let Some(stack_bytes) = stack::guard_hit(address) {
        report(address, stack_bytes, previous.describe);
    }
    let action = if signal == libc::SIGSEGV { &previous.segv } else { &previous.bus };
    chain(signal, info, context, action);
}

fn report(address: usize, stack_bytes: usize, describe: Describe) -> ! {
    let mut line = Line { bytes: [0; LINE_BYTES], length: 0 };
    line.write_str("\n").ok();
    match stack::owner_of(address) {
        Some(owner) => describe(owner, &mut line),
        None => line.write_str("an actor").unwrap_or(()),
    }
    // A line that is too long is cut: `write_str` of `Line` cannot fail.
    writeln!(line, " overflowed its {} KiB stack", stack_bytes >> 10).ok();
    stderr::write(&line.bytes[..line.length]);
    // SAFETY: ends the process.
    unsafe { libc::abort() }
}

/// Hands the fault to whoever handled it before.
fn chain(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
    action: &libc::sigaction,
) {
    match action.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: restores the old action; the fault happens again when this handler returns, and takes it.
            unsafe { libc::sigaction(signal, action, core::ptr::null_mut()) };
        }
        handler if action.sa_flags & libc::SA_SIGINFO != 0 => {
            type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: a handler installed with SA_SIGINFO has this signature.
            let handler: Handler = unsafe { core::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: a handler installed without SA_SIGINFO has this signature.
            let handler: extern "C" fn(libc::c_int) = unsafe { core::mem::transmute(handler) };
            handler(signal);
        }
    }
}

const LINE_BYTES: usize = 256;

/// A line in memory that is already there: a signal handler may not allocate.
struct Line {
    bytes: [u8; LINE_BYTES],
    length: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LINE_BYTES - self.length;
        let taken = text.len().min(room);
        self.bytes[self.length..self.length + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.length += taken;
        Ok(())
    }
}
