//! Connections that end badly.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// Closes a connection over TCP by a reset: what is underway is thrown away, and the port is free at once.
///
/// # Panics
///
/// When it is no socket.
pub fn reset(stream: impl Into<OwnedFd>) {
    let stream = stream.into();
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the descriptor is open, and the option is of this type.
    let answer = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        )
    };
    assert_eq!(answer, 0, "{}", io::Error::last_os_error());
}
