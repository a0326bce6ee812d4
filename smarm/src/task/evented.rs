//! A socket that actors wait for, and the wait itself.

#[cfg(feature = "futures-io")]
use core::task::{Context, Poll};
use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use super::choice::{Alternative, Arm, Choosable, Waiter};
#[cfg(feature = "futures-io")]
use super::event_count::Leave;
use super::park::{self, Wake};
use super::polled::Polled;
use super::readiness::{Begin, End};
use super::select::{Register, Source};
use super::slot::SlotRef;
use super::source::{self, Interest, SourceRef};
use super::wait::{WaitKind, WaitObject};
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
            Begin::Busy | Begin::Already => return Err(busy()),
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

    /// Registers an actor that waits for other things too. `None` if it was registered already.
    ///
    /// # Errors
    ///
    /// As of [`wait`](Self::wait).
    fn register(&self, slot: SlotRef, interest: Interest) -> io::Result<Option<Register>> {
        let direction = self.0.direction(interest);
        let me = slot.pid().to_bits();
        match direction.begin(me) {
            Begin::Waits => {}
            Begin::Already => return Ok(None),
            Begin::Ready => return Ok(Some(Register::Ready)),
            Begin::Busy => return Err(busy()),
            Begin::Closed => return Err(closed()),
        }
        let watched = super::watch(slot, self.0, interest);
        if let Ok(true) = watched {
            super::count_io_wait(slot, true);
            return Ok(Some(Register::Waits));
        }
        direction.end(me);
        watched.map(|_| Some(Register::Ready))
    }

    /// Takes that back. What has come meanwhile is found by the next one who tries.
    fn deregister(&self, slot: SlotRef, interest: Interest) {
        super::count_io_wait(slot, false);
        self.0.direction(interest).end(slot.pid().to_bits());
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
    // Invariant: these two are dropped first; see there.
    watched: Watched,
    polled: Polled,
    socket: S,
}

impl<S: AsRawFd> Evented<S> {
    /// The socket has been made not to block.
    pub(crate) fn new(socket: S) -> Self {
        Self { watched: Watched::new(socket.as_raw_fd()), polled: Polled::new(), socket }
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
        let Self { watched, polled, socket } = self;
        drop((watched, polled));
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

    /// Does something that may not be ready, for a future. Never parks, and is no safe point.
    #[cfg(feature = "futures-io")]
    pub(crate) fn poll<T>(
        &self,
        interest: Interest,
        context: &Context<'_>,
        mut attempt: impl FnMut(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        if self.polled.gives_way(context) {
            return Poll::Pending;
        }
        loop {
            let seen = self.polled.events(interest);
            match attempt(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                answer => return Poll::Ready(answer),
            }
            match self.polled.wait(self.socket.as_raw_fd(), interest, seen, context)? {
                Leave::Left => return Poll::Pending,
                Leave::Again => {}
                Leave::Closed => return Poll::Ready(Err(closed())),
            }
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

    /// Ends the waits of actors and futures with an error, and forbids others.
    pub(crate) fn close(&self) {
        self.watched.close();
        self.polled.close();
    }
}

impl<S: AsFd> AsFd for Evented<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

// ---- in a `select!` ----------------------------------------------------------------------------------------------------

/// How often a plain thread that selects asks a descriptor: it cannot sleep for both.
const PLAIN_THREAD_ASKS: Duration = Duration::from_millis(1);

/// When a plain thread asks a descriptor again.
pub(crate) fn next_look() -> u64 {
    clock::deadline_after(PLAIN_THREAD_ASKS)
}

/// Whether an arm is registered: another one of the same select may be, for the same descriptor.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    is_registered: Cell<bool>,
}

impl Watch {
    /// Registers an actor.
    ///
    /// # Errors
    ///
    /// As of [`Watched::wait`].
    pub(crate) fn register<S: AsRawFd>(
        &self,
        evented: &Evented<S>,
        slot: SlotRef,
        interest: Interest,
    ) -> io::Result<Register> {
        let Some(register) = evented.watched.register(slot, interest)? else { return Ok(Register::Waits) };
        self.is_registered.set(register == Register::Waits);
        Ok(register)
    }

    pub(crate) fn deregister<S: AsRawFd>(&self, evented: &Evented<S>, slot: SlotRef, interest: Interest) {
        if self.is_registered.replace(false) {
            evented.watched.deregister(slot, interest);
        }
    }
}

/// Makes a result, unless one is there already: of a registration that failed. False if there is none yet.
pub(crate) fn attempt<T>(
    place: &Cell<Option<io::Result<T>>>,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> bool {
    let mut result = place.take().unwrap_or_else(&mut attempt);
    while matches!(&result, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
        result = attempt();
    }
    let is_made = !matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
    place.set(Some(result).filter(|_| is_made));
    is_made
}

/// An arm of `select!` for a socket.
pub struct IoArm<'a, S, T> {
    evented: &'a Evented<S>,
    interest: Interest,
    attempt: fn(&S) -> io::Result<T>,
    watch: Watch,
    result: Cell<Option<io::Result<T>>>,
}

impl<'a, S: AsRawFd, T> IoArm<'a, S, T> {
    /// `attempt` never waits: it would rather give the error `WouldBlock`.
    pub(crate) fn new(evented: &'a Evented<S>, interest: Interest, attempt: fn(&S) -> io::Result<T>) -> Self {
        Self { evented, interest, attempt, watch: Watch::default(), result: Cell::new(None) }
    }
}

impl<S: AsRawFd, T> Source<Waiter> for IoArm<'_, S, T> {
    fn register(&self, waiter: Waiter) -> Register {
        if waiter.slot.runtime() == 0 {
            return Register::Waits; // it looks again and again
        }
        self.watch.register(self.evented, waiter.slot, self.interest).unwrap_or_else(|error| {
            self.result.set(Some(Err(error)));
            Register::Ready
        })
    }

    fn deregister(&self, waiter: Waiter) {
        self.watch.deregister(self.evented, waiter.slot, self.interest);
    }
}

impl<S: AsRawFd, T> Alternative for IoArm<'_, S, T> {
    fn attempt(&self) -> bool {
        attempt(&self.result, || (self.attempt)(&self.evented.socket))
    }

    fn give_up(&self) {
        self.result.set(Some(Err(unwinding())));
    }

    /// The world may always send something.
    fn object(&self) -> Option<&WaitObject> {
        None
    }

    fn deadline_ns(&self, is_plain: bool) -> Option<u64> {
        is_plain.then(next_look)
    }
}

impl<S: AsRawFd, T> Arm for IoArm<'_, S, T> {
    type Won = io::Result<T>;

    fn chosen(self) -> io::Result<T> {
        self.result.take().expect("an arm that has won has a result")
    }

    fn alternative(&self) -> Choosable<'_> {
        Choosable(self)
    }
}

impl<S, T> fmt::Debug for IoArm<'_, S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoArm").field("interest", &self.interest).finish_non_exhaustive()
    }
}

/// Whether an operation in this direction would not block now; an attempt that does nothing.
///
/// # Errors
///
/// `WouldBlock`; and what the system says.
pub(crate) fn look(descriptor: RawFd, interest: Interest) -> io::Result<()> {
    match poll::wait(descriptor, interest == Interest::Write, Some(0))? {
        true => Ok(()),
        false => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// [`look`], to read.
pub(crate) fn look_readable<S: AsRawFd>(socket: &S) -> io::Result<()> {
    look(socket.as_raw_fd(), Interest::Read)
}

/// [`look`], to write.
pub(crate) fn look_writable<S: AsRawFd>(socket: &S) -> io::Result<()> {
    look(socket.as_raw_fd(), Interest::Write)
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

pub(crate) fn unwinding() -> io::Error {
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

pub(crate) fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "closed while it was waited for")
}
