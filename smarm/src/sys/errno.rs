//! The thread's error number.
//!
//! It is a thread-local of the C library, so both functions are never inlined: a caller that switches keeps no address of it.

// TLS: never inlined; see the module.
#[inline(never)]
pub(crate) fn get() -> i32 {
    // SAFETY: the address of this thread's number, which is valid while the thread lives.
    unsafe { *libc::__errno_location() }
}

// TLS: never inlined; see the module.
#[inline(never)]
pub(crate) fn set(number: i32) {
    // SAFETY: as above; nobody holds a reference to it.
    unsafe { *libc::__errno_location() = number };
}
