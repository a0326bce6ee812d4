//! What the process has of the machine's memory.

/// How much of it is resident, in KiB.
///
/// # Panics
///
/// If the system does not say.
#[must_use]
pub fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("every process has memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}

/// How often a page was touched that was not there, so far.
///
/// # Panics
///
/// If the system does not say.
#[must_use]
pub fn page_faults() -> u64 {
    // SAFETY: all zeros is a `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the place is one for a `rusage`.
    let answer = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    assert_eq!(answer, 0, "getrusage: {}", std::io::Error::last_os_error());
    usage.ru_minflt.try_into().expect("a count")
}
