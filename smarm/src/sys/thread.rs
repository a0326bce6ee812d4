//! What the system is told of a thread, and tells of it.

/// The thread that runs here, as the system knows it.
pub(crate) fn id() -> i32 {
    // SAFETY: cannot fail.
    unsafe { libc::gettid() }
}

/// Has the kernel wake this thread at its deadlines, not up to 50 µs later, which is the default slack.
pub(crate) fn sleep_precisely() {
    // SAFETY: changes one number of this thread; if it fails, wakes are later.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
}

/// What a thread that has little to do wants to run at a time; the shortest that Linux grants.
const SHORT_SLICE_NS: u64 = 100_000;

/// Has the kernel run this thread soon after it wakes, although others compute: it asks for short turns (Linux 6.12). Elsewhere it
/// may have to wait for the end of another thread's turn, some milliseconds.
pub(crate) fn ask_for_short_slices() {
    // SAFETY: a structure of numbers.
    let mut attributes: libc::sched_attr = unsafe { core::mem::zeroed() };
    let size = size_of_val(&attributes) as libc::c_uint;
    // SAFETY: the structure is as large as is said.
    let known = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
    if known == 0 && attributes.sched_policy == libc::SCHED_OTHER as u32 {
        attributes.sched_runtime = SHORT_SLICE_NS;
        // SAFETY: as above. If it fails, the thread runs later.
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    }
}
