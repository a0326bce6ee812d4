//! A socket that actors wait for, and the wait itself.

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use super::park::{self, Wake};
use super::readiness::{Begin, End};
use super::slot::SlotRef;
use super::source::{self, Interest, SourceRef};
use super::wait::WaitKind;
use super::{current, preempt};
use crate::sys::{clock, poll};

/// The right to wait for a descriptor. Dropped before the descriptor is closed.
#[derive(Debug)]
pub(crate) struct Watched(SourceRef);

impl Watched {
    /// For a descriptor that stays open until this is dropped.
    pub(crate) fn new(descriptor: RawFd) -> Self {
        Self(source::acquire(descriptor))
    }

    /// Waits until an operation in this direction may not block any more; for one that would have.
    ///
    /// # Errors
    ///
    /// Those of the module `io`, and what the kernel says.
    pub(crate) fn wait(&self, interest: Interest, deadline_ns: Option<u64>) -> io::Result<()> {
        self.wait_unless(interest, deadline_ns, || false)
    }

    /// The same; not if it `has_come` by the time that the caller would be told.
    #[inline(always)]
    fn wait_unless(
        &self,
        interest: Interest,
        deadline_ns: Option<u64>,
        has_come: impl FnOnce() -> bool,
    ) -> io::Result<()> {
        let slot = current::waiter();
        if slot.runtime() == 0 {
            return self.block_thread(interest, deadline_ns);
        }
        let direction = self.0.direction(interest);
        let me = slot.pid().to_bits();
        if park::may_not_wait(slot, "a wait for a descriptor") {
            return Err(unwinding());
        }
        match direction.begin(me) {
            Begin::Waits => {}
            Begin::Ready => return Ok(()),
            Begin::Busy => return Err(busy()),
            Begin::Closed => return Err(closed()),
        }
        let parked = if has_come() { Ok(Wake::Unparked) } else { self.park(slot, interest, deadline_ns) };
        let end = direction.end(me);
        park::deliver_kill(slot);
        match (parked?, end) {
            (_, End::Ready) => Ok(()),
            (_, End::Closed) => Err(closed()),
            (Wake::TimedOut, End::Nothing) => Err(timed_out()),
            (Wake::Unparked, End::Nothing) => Ok(()), // for no reason: the caller tries again
        }
    }

    fn park(&self, slot: SlotRef, interest: Interest, deadline_ns: Option<u64>) -> io::Result<Wake> {
        if !super::watch(slot, self.0, interest)? {
            return Ok(Wake::Unparked);
        }
        super::count_io_wait(slot, true);
        let wake = park::park(slot, WaitKind::Io, None, deadline_ns);
        super::count_io_wait(slot, false);
        Ok(wake)
    }

    #[cold]
    fn block_thread(&self, interest: Interest, deadline_ns: Option<u64>) -> io::Result<()> {
        match poll::wait(self.0.descriptor(), interest == Interest::Write, deadline_ns)? {
            true => Ok(()),
            false => Err(timed_out()),
        }
    }

    /// Whether it is a stream of which an actor that may wait knows that a read would find nothing.
    #[inline]
    fn knows_of_no_input(&self) -> bool {
        let slot = current::waiter();
        self.0.input().is_empty() && slot.runtime() != 0 && !park::must_not_park(slot)
    }

    /// Ends the waits of actors with an error, and forbids others.
    pub(crate) fn close(&self) {
        self.0.close();
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        super::unwatch(self.0);
        source::release(self.0);
    }
}

/// A socket that does not block, of `std`'s type.
#[derive(Debug)]
pub(crate) struct Evented<S> {
    // Invariant: dropped first; see `Watched`.
    watched: Watched,
    socket: S,
}

impl<S: AsRawFd> Evented<S> {
    /// The socket has been made not to block.
    pub(crate) fn new(socket: S) -> Self {
        Self { watched: Watched::new(socket.as_raw_fd()), socket }
    }

    pub(crate) fn source(&self) -> SourceRef {
        self.watched.0
    }

    /// See [`Watched::wait`].
    pub(crate) fn wait(&self, interest: Interest, deadline_ns: Option<u64>) -> io::Result<()> {
        self.watched.wait(interest, deadline_ns)
    }

    pub(crate) fn socket(&self) -> &S {
        &self.socket
    }

    /// Gives the socket back, which still does not block.
    pub(crate) fn into_socket(self) -> S {
        let Self { watched, socket } = self;
        drop(watched);
        socket
    }

    /// Does something, again and again as long as it would block. A safe point.
    #[inline]
    pub(crate) fn retry<T>(
        &self,
        interest: Interest,
        deadline_ns: impl FnOnce() -> Option<u64>,
        mut attempt: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        preempt::checkpoint();
        let mut deadline_ns = Some(deadline_ns);
        let mut until_ns = None;
        loop {
            match attempt(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                answer => return answer,
            }
            if let Some(deadline_ns) = deadline_ns.take() {
                until_ns = deadline_ns();
            }
            self.watched.wait(interest, until_ns)?;
        }
    }

    /// [`retry`](Self::retry) for a read of a stream into `room` bytes. Fewer mean that there are no more for now: see
    /// [`Input`](super::input::Input). Only where they do, which is so for TCP; a read of a Unix socket also stops at a descriptor that was sent.
    #[inline]
    pub(crate) fn read_stream(
        &self,
        room: usize,
        deadline_ns: impl Fn() -> Option<u64>,
        mut attempt: impl FnMut(&S) -> io::Result<usize>,
    ) -> io::Result<usize> {
        preempt::checkpoint();
        let input = self.watched.0.input();
        let mut until_ns = None;
        // Of a wait that was in vain; then what came at the last moment is still read.
        let mut timeout = None;
        let skips = self.watched.knows_of_no_input();
        let mut waits = skips;
        loop {
            if waits {
                let until_ns = *until_ns.get_or_insert_with(&deadline_ns);
                let has_come = || skips && !input.is_empty();
                match self.watched.wait_unless(Interest::Read, until_ns, has_come) {
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => timeout = Some(error),
                    other => other?,
                }
            }
            let known = input.arrivals();
            match attempt(&self.socket) {
                Ok(count) => {
                    if 0 < count && count < room {
                        input.is_empty_since(known);
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => waits = false,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match timeout.take() {
                    Some(timeout) => return Err(timeout),
                    None => waits = true,
                },
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the waits of actors with an error, and forbids others.
    pub(crate) fn close(&self) {
        self.watched.close();
    }
}

impl<S: AsFd> AsFd for Evented<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

// ---- errors -----------------------------------------------------------------------------------------------------------

/// The caller unwinds.
#[derive(Debug)]
struct Unwinding;

impl fmt::Display for Unwinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not waited for: the caller is unwinding")
    }
}

impl Error for Unwinding {}

/// See `io::is_unwinding`.
pub(crate) fn is_unwinding(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Unwinding>())
}

/// How long to wait before something is tried again of which the system does not tell: that there is room in another one's queue.
const PAUSE: Duration = Duration::from_millis(1);

/// Waits a little before another try.
///
/// # Errors
///
/// If the deadline has passed, or the caller unwinds.
pub(crate) fn pause(deadline_ns: Option<u64>) -> io::Result<()> {
    if park::may_not_wait(current::waiter(), "a wait for room") {
        return Err(unwinding());
    }
    if deadline_ns.is_some_and(|deadline| clock::now_ns() >= deadline) {
        return Err(timed_out());
    }
    let slot = current::waiter();
    park::deliver_kill(slot);
    park::park(slot, WaitKind::Sleep, None, Some(clock::deadline_after(PAUSE)));
    park::deliver_kill(slot);
    Ok(())
}

fn unwinding() -> io::Error {
    io::Error::other(Unwinding)
}

pub(crate) fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the timeout of the wait is over")
}

pub(crate) fn busy() -> io::Error {
    io::Error::new(
        io::ErrorKind::ResourceBusy,
        "another actor waits for this descriptor in the same direction: let one do it, or give each a `try_clone`",
    )
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "closed while it was waited for")
}
