//! A barrier that all threads of the process pass: the dear side of a protocol whose other side shall cost nothing.

/// From Linux's `membarrier.h`.
const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

/// Has every thread of this process pass a full memory barrier between the call and its return. False if the system refuses.
#[must_use]
pub(crate) fn on_all_threads() -> bool {
    // Registering again changes nothing.
    command(REGISTER_PRIVATE_EXPEDITED) && command(PRIVATE_EXPEDITED)
}

fn command(command: libc::c_int) -> bool {
    // SAFETY: takes no addresses.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}
