//! Waiting for file descriptors. Sockets that do it by themselves are in [`net`](crate::net).
//!
//! | on an actor | on a plain thread |
//! |---|---|
//! | a wait parks the actor; its worker runs others, and hears of the descriptor in the `epoll` instance that it sleeps in | a wait blocks the thread |
//!
//! ```
//! use std::io::Write;
//!
//! smarm::run(|| {
//!     let (mut one, other) = std::os::unix::net::UnixStream::pair().unwrap(); // of `std`, and blocking
//!     let writer = smarm::spawn(move || one.write_all(b"hi"));
//!     let mut word = [0; 2];
//!     assert_eq!(smarm::io::read(&other, &mut word).unwrap(), 2);
//!     assert_eq!(&word, b"hi");
//!     writer.join().unwrap().unwrap();
//! });
//! ```
//!
//! # Errors that smarm adds
//!
//! - [`TimedOut`](std::io::ErrorKind::TimedOut): the timeout of the wait is over.
//! - [`ResourceBusy`](std::io::ErrorKind::ResourceBusy): another actor waits for the same descriptor in the same direction. One event would wake
//!   one of the two, and which one nobody can say.
//! - One that [`is_unwinding`] knows: the caller's actor unwinds, so it does not wait.

mod arms;
mod raw;

use std::io;

#[doc(hidden)]
pub use self::arms::{DescriptorArm, readable_in_select, writable_in_select};
pub use self::raw::{
    close, read, read_raw, wait_readable, wait_readable_raw, wait_readable_timeout, wait_writable,
    wait_writable_raw, wait_writable_timeout, write, write_raw,
};

use crate::task::evented;

/// Whether an operation did not wait because the caller's actor unwinds: a wait in a destructor would let others see the actor half
/// unwound.
///
/// ```
/// assert!(!smarm::io::is_unwinding(&std::io::Error::other("something else")));
/// ```
#[must_use]
pub fn is_unwinding(error: &io::Error) -> bool {
    evented::is_unwinding(error)
}
