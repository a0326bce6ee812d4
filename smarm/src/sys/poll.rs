//! Waiting for one descriptor by blocking the thread.

use std::io;
use std::os::fd::RawFd;

use super::clock;

/// Whether it can be read, or, for `write`, written; waits for that until the deadline. Also true if it has an error or is closed: then the
/// read or write says so.
///
/// # Errors
///
/// As of `poll`. A descriptor that is not open is an error too.
pub(crate) fn wait(descriptor: RawFd, write: bool, deadline_ns: Option<u64>) -> io::Result<bool> {
    let interest = if write { libc::POLLOUT } else { libc::POLLIN | libc::POLLRDHUP };
    let mut entry = libc::pollfd { fd: descriptor, events: interest, revents: 0 };
    loop {
        let timeout = deadline_ns.map(|deadline| clock::timespec(deadline.saturating_sub(clock::now_ns())));
        let timeout = timeout.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
        // SAFETY: one entry, and a timeout or none, valid for the call.
        let count = unsafe { libc::ppoll(&raw mut entry, 1, timeout, core::ptr::null()) };
        match count {
            0 => return Ok(false),
            1.. if entry.revents & libc::POLLNVAL != 0 => {
                return Err(io::Error::from_raw_os_error(libc::EBADF));
            }
            1.. => return Ok(true),
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}
