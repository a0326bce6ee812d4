//! A memory barrier on all threads of the process at once, for who seldom needs one against many who would need one each time.

use std::sync::OnceLock;

/// `membarrier` with this command, when it has been registered, returns after each thread of the process has passed a full barrier.
const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

/// Passes the barrier; false where the system does not have it (Linux before 4.14, some sandboxes).
pub(crate) fn on_all_threads() -> bool {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    *REGISTERED.get_or_init(|| call(REGISTER_PRIVATE_EXPEDITED)) && call(PRIVATE_EXPEDITED)
}

fn call(command: libc::c_int) -> bool {
    // SAFETY: takes numbers only.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_barrier_is_there_or_not_at_each_call() {
        assert_eq!(on_all_threads(), on_all_threads());
    }
}
