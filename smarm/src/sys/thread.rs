//! What the system is told of a thread, and tells of it; and which threads are smarm's own.

use core::sync::atomic::{AtomicUsize, Ordering};

/// The thread that runs here, as the system knows it.
pub(crate) fn id() -> i32 {
    // SAFETY: cannot fail.
    unsafe { libc::gettid() }
}

/// How long a thread of this process has run, in nanoseconds; 0 if it is gone.
pub(crate) fn cpu_time_ns(id: i32) -> u64 {
    /// The kernel's word for the processor time of one thread, beside its number.
    const THREAD_CPU_TIME: libc::clockid_t = 0b110;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the address is writable. An unknown thread is an error, and leaves the zeros.
    unsafe { libc::clock_gettime(!id << 3 | THREAD_CPU_TIME, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
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

/// How many threads are smarm's: they run workers, monitors and blocking code, of all runtimes, or the alarms of calls.
static OWN_THREADS: AtomicUsize = AtomicUsize::new(0);

/// Counts a thread of smarm's as long as it lives.
pub(crate) struct OwnThread;

impl OwnThread {
    pub(crate) fn new() -> Self {
        // Ordering: Relaxed. A count.
        OWN_THREADS.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        // Ordering: Relaxed. A count.
        OWN_THREADS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many there are.
pub(crate) fn own_threads() -> usize {
    // Ordering: Relaxed. A count.
    OWN_THREADS.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_computes_has_run() {
        let before = cpu_time_ns(id());
        while cpu_time_ns(id()) == before {
            core::hint::spin_loop();
        }
        assert_eq!(cpu_time_ns(0x3fff_fff0), 0, "there is no such thread");
    }
}
