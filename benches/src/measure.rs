//! Clocks and memory figures of this process.

use std::time::{Duration, Instant};

/// What a piece of work took.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Time on the wall.
    pub wall: Duration,
    /// Processor time of the whole process, user and system.
    pub cpu: Duration,
}

/// Runs `work` and says what it took.
pub fn cost_of<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let cpu_before = cpu_time();
    let started = Instant::now();
    let value = work();
    let wall = started.elapsed();
    (value, Cost { wall, cpu: cpu_time().saturating_sub(cpu_before) })
}

/// Processor time this process has used so far, all threads, user and system.
///
/// # Panics
///
/// If the kernel refuses `getrusage`, which it cannot for `RUSAGE_SELF`.
#[must_use]
pub fn cpu_time() -> Duration {
    // SAFETY: `rusage` is plain integers, for which all zeroes is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a live, writable `rusage`.
    let status = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    assert_eq!(status, 0, "getrusage(RUSAGE_SELF) failed");
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).expect("a process cannot have used less than no time");
    let micros = u64::try_from(time.tv_usec).expect("microseconds are counted from 0");
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}

/// Memory of this process, in bytes, as `/proc/self/status` tells it.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Resident pages (`VmRSS`).
    pub resident: u64,
    /// The most there ever were (`VmHWM`).
    pub peak: u64,
    /// Page tables (`VmPTE`).
    pub page_tables: u64,
}

impl Memory {
    /// Reads the figures now.
    ///
    /// # Panics
    ///
    /// If `/proc` is not mounted or speaks another language.
    #[must_use]
    pub fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status is readable");
        let bytes = |key: &str| {
            kib_field(&status, key).unwrap_or_else(|| panic!("/proc/self/status has no {key}")) * 1024
        };
        Self { resident: bytes("VmRSS:"), peak: bytes("VmHWM:"), page_tables: bytes("VmPTE:") }
    }
}

fn kib_field(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Nanoseconds per operation.
#[must_use]
pub fn per_operation(time: Duration, operations: u64) -> f64 {
    time.as_nanos() as f64 / operations as f64
}
