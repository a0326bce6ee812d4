//! Time: in nanoseconds of the monotonic clock as plain `u64`, or, where it has to be cheap, in cycles of the processor's counter.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use super::arch;

/// Whether the processor's counter can be used as a clock. Until that is known, it cannot.
static STEADY_CYCLES: AtomicBool = AtomicBool::new(false);

/// Where the processor's counter is no clock, a cycle is a third of a nanosecond: settings in cycles are made for some 3 GHz.
const CYCLES_PER_NANO: u64 = 3;

/// Asks the processor whether its counter is a clock. When a runtime starts.
pub(crate) fn set_up() {
    // Ordering: Relaxed. It stands for itself; a worker's thread is started afterwards.
    STEADY_CYCLES.store(arch::has_steady_cycles(), Ordering::Relaxed);
}

/// A time that is only good for differences, in cycles. 11 ns, or 28 ns from the clock (EPYC, 2 cores, 2026-11).
pub(crate) fn cycles() -> u64 {
    // Ordering: Relaxed. See `set_up`.
    if STEADY_CYCLES.load(Ordering::Relaxed) { arch::cycles() } else { now_ns() * CYCLES_PER_NANO }
}

/// Nanoseconds of `CLOCK_MONOTONIC`. Costs 28 ns (EPYC, 2 cores, 2026-11).
pub(crate) fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the address is writable; CLOCK_MONOTONIC always exists, so the call cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * NANOS_PER_SECOND + time.tv_nsec as u64
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// The moment `timeout` from now; `u64::MAX`, five centuries away, if that is out of range.
pub(crate) fn deadline_after(timeout: Duration) -> u64 {
    let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    now_ns().saturating_add(nanos)
}

/// A moment as the kernel wants it.
pub(crate) fn timespec(nanos: u64) -> libc::timespec {
    libc::timespec {
        tv_sec: (nanos / NANOS_PER_SECOND) as libc::time_t,
        tv_nsec: (nanos % NANOS_PER_SECOND) as libc::c_long,
    }
}
