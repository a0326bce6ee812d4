//! Sleep and wake of plain OS threads on a 32-bit word.

use core::ptr;
use core::sync::atomic::AtomicU32;

use super::{chaos, clock};

/// Sleeps while `*word == expected`, until a wake or the deadline (nanoseconds of the monotonic clock). May return early.
pub(crate) fn wait(word: &AtomicU32, expected: u32, deadline_ns: Option<u64>) {
    if chaos::returns_early() {
        return;
    }
    let deadline = deadline_ns.map(clock::timespec);
    let deadline = deadline.as_ref().map_or(ptr::null(), ptr::from_ref);
    // FUTEX_WAIT_BITSET takes an absolute moment of the monotonic clock, so an early return costs no re-computation.
    // SAFETY: both addresses are valid for the call; every error (EAGAIN, EINTR, ETIMEDOUT) means "look again", as a return does.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG,
            expected,
            deadline,
            ptr::null::<u32>(),
            libc::FUTEX_BITSET_MATCH_ANY,
        );
    }
}

/// Wakes one thread that sleeps on the word.
pub(crate) fn wake_one(word: *const u32) {
    chaos::pause();
    // SAFETY: the kernel only uses the address as a key; it does not matter whether it is still mapped.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1) };
}
