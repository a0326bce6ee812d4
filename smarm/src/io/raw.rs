//! Waits for descriptors that are somebody else's.
//!
//! Such a descriptor may be closed, and its number used again, while an actor waits; another actor may wait for it in the other direction on
//! another worker; and it may be a socket of `net`, which is registered already. So each wait makes a duplicate for itself, registers that,
//! and takes it back at its end: what happens to the number meanwhile concerns nobody. A table keeps two actors from waiting for the same.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::sys::{clock, poll};
use crate::task::current;
use crate::task::evented::{self, Evented};
use crate::task::preempt;
use crate::task::section::Section;
use crate::task::source::{EventSource, Interest, SourceRef};

/// Waits until `descriptor` can be read: there is data, or the end, or an error. Parks the actor; a safe point.
///
/// The descriptor may be blocking or not. What is always ready, such as a file, is so at once. Go's cousin is the netpoller, Erlang's a port.
///
/// # Errors
///
/// See [the module](crate::io#errors-that-smarm-adds); else what the kernel says.
pub fn wait_readable(descriptor: &impl AsFd) -> io::Result<()> {
    wait(descriptor.as_fd(), Interest::Read, None)
}

/// Waits until `descriptor` can be written; else as [`wait_readable`].
///
/// # Errors
///
/// As of [`wait_readable`].
pub fn wait_writable(descriptor: &impl AsFd) -> io::Result<()> {
    wait(descriptor.as_fd(), Interest::Write, None)
}

/// [`wait_readable`], but no longer than this.
///
/// # Errors
///
/// As of [`wait_readable`]; [`TimedOut`](io::ErrorKind::TimedOut) when the time is over.
pub fn wait_readable_timeout(descriptor: &impl AsFd, timeout: Duration) -> io::Result<()> {
    wait(descriptor.as_fd(), Interest::Read, Some(clock::deadline_after(timeout)))
}

/// [`wait_writable`], but no longer than this.
///
/// # Errors
///
/// As of [`wait_readable_timeout`].
pub fn wait_writable_timeout(descriptor: &impl AsFd, timeout: Duration) -> io::Result<()> {
    wait(descriptor.as_fd(), Interest::Write, Some(clock::deadline_after(timeout)))
}

/// Reads once, after [`wait_readable`] if there is nothing yet. How many bytes; 0 at the end.
///
/// # Errors
///
/// As of [`wait_readable`], and of `read`.
pub fn read(descriptor: &impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    read_raw(descriptor.as_fd().as_raw_fd(), buffer)
}

/// Writes once, after [`wait_writable`] if there is no room yet. How many bytes, which may be fewer than all.
///
/// A descriptor that blocks may do so if the bytes are more than there is room for.
///
/// # Errors
///
/// As of [`wait_readable`], and of `write`.
pub fn write(descriptor: &impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    write_raw(descriptor.as_fd().as_raw_fd(), bytes)
}

/// [`wait_readable`] by number. If it is closed meanwhile, the wait goes on until its other end is closed or written to.
///
/// # Errors
///
/// As of [`wait_readable`]; `EBADF` if there is no such descriptor.
pub fn wait_readable_raw(descriptor: RawFd) -> io::Result<()> {
    wait_number(descriptor, Interest::Read, None)
}

/// [`wait_writable`] by number; see [`wait_readable_raw`].
///
/// # Errors
///
/// As of [`wait_readable_raw`].
pub fn wait_writable_raw(descriptor: RawFd) -> io::Result<()> {
    wait_number(descriptor, Interest::Write, None)
}

/// [`read()`] by number.
///
/// # Errors
///
/// As of [`read()`] and [`wait_readable_raw`].
pub fn read_raw(descriptor: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    transfer(descriptor, Interest::Read, || {
        // SAFETY: the buffer is valid for so many bytes.
        unsafe { libc::read(descriptor, buffer.as_mut_ptr().cast(), buffer.len()) }
    })
}

/// [`write()`] by number.
///
/// # Errors
///
/// As of [`write()`] and [`wait_readable_raw`].
pub fn write_raw(descriptor: RawFd, bytes: &[u8]) -> io::Result<usize> {
    transfer(descriptor, Interest::Write, || {
        // SAFETY: the bytes are initialised, and valid for the call.
        unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) }
    })
}

/// Does it once the descriptor is ready: it may be one that blocks.
fn transfer(
    descriptor: RawFd,
    interest: Interest,
    mut attempt: impl FnMut() -> libc::ssize_t,
) -> io::Result<usize> {
    loop {
        wait_number(descriptor, interest, None)?;
        let Ok(count) = usize::try_from(attempt()) else {
            let error = io::Error::last_os_error();
            match error.kind() {
                // Another one was faster.
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => continue,
                _ => return Err(error),
            }
        };
        return Ok(count);
    }
}

fn wait_number(descriptor: RawFd, interest: Interest, deadline_ns: Option<u64>) -> io::Result<()> {
    if descriptor < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: not -1. That it stays open nobody promises: it is used in system calls only, which say so if it is not.
    wait(unsafe { BorrowedFd::borrow_raw(descriptor) }, interest, deadline_ns)
}

fn wait(descriptor: BorrowedFd<'_>, interest: Interest, deadline_ns: Option<u64>) -> io::Result<()> {
    preempt::checkpoint();
    let number = descriptor.as_raw_fd();
    let is_ready = || poll::wait(number, interest == Interest::Write, Some(0));
    if is_ready()? {
        return Ok(());
    }
    if current::actor().is_none() {
        return match poll::wait(number, interest == Interest::Write, deadline_ns)? {
            true => Ok(()),
            false => Err(evented::timed_out()),
        };
    }
    let duplicate = Evented::new(descriptor.try_clone_to_owned()?);
    let _turn = Turn::take(number, interest, duplicate.source())?;
    loop {
        duplicate.wait(interest, deadline_ns)?;
        // Woken for no reason? Not by its number, which may be another one's by now.
        if poll::wait(duplicate.socket().as_raw_fd(), interest == Interest::Write, Some(0))? {
            return Ok(());
        }
    }
}

/// Closes a descriptor, and ends the waits of actors for its number with an error of the kind [`NotConnected`](io::ErrorKind::NotConnected).
/// Never parks.
///
/// Closed in another way, such a wait would go on: the kernel does not tell of it. Sockets of [`net`](crate::net) have a `close` of their own.
pub fn close(descriptor: impl Into<OwnedFd>) {
    let descriptor = descriptor.into();
    let waits = {
        let _section = Section::begin(); // holds a lock
        let mut waiting = waiting();
        let number = descriptor.as_raw_fd();
        let waits = [false, true].map(|writes| waiting.remove(&(number, writes)));
        // Before anybody is told, so that who waits again finds it gone; and under the lock, so that nobody can wait for the next one of
        // this number before.
        drop(descriptor);
        waits
    };
    waits.into_iter().flatten().for_each(EventSource::close);
}

/// Who waits, by the number of the descriptor, and whether it is to write.
type Waiting = BTreeMap<(RawFd, bool), SourceRef>;

static WAITING: Mutex<Waiting> = Mutex::new(BTreeMap::new());

fn waiting() -> MutexGuard<'static, Waiting> {
    // Nothing panics while it is held but an allocation failure, which leaves it usable.
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to be the one who waits.
pub(super) struct Turn {
    /// The key in the table.
    key: (RawFd, bool),
    source: SourceRef,
}

impl Turn {
    pub(super) fn take(descriptor: RawFd, interest: Interest, source: SourceRef) -> io::Result<Self> {
        let _section = Section::begin(); // holds a lock
        let key = (descriptor, interest == Interest::Write);
        let mut waiting = waiting();
        // Its duplicate is open as long as it is in the table. Of another file: it waits for an earlier one of this number.
        if waiting.get(&key).is_some_and(|other| is_same_file(other.descriptor(), source.descriptor())) {
            return Err(evented::busy());
        }
        waiting.insert(key, source);
        Ok(Self { key, source })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _section = Section::begin(); // holds a lock
        let mut waiting = waiting();
        // A later one of this number may have taken the place.
        if waiting.get(&self.key).is_some_and(|source| core::ptr::eq(*source, self.source)) {
            waiting.remove(&self.key);
        }
    }
}

/// Whether two open descriptors are of one file, pipe or socket.
fn is_same_file(one: RawFd, other: RawFd) -> bool {
    let identity = |descriptor| {
        // SAFETY: a structure of numbers.
        let mut status: libc::stat = unsafe { core::mem::zeroed() };
        // SAFETY: the structure is writable. A descriptor that is not open leaves the zeros.
        unsafe { libc::fstat(descriptor, &raw mut status) };
        (status.st_dev, status.st_ino)
    };
    identity(one) == identity(other)
}
