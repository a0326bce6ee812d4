//! A worker's epoll instance, and the eventfd that wakes it.
//!
//! Both are made once for a worker block and never closed: a late waker may write to the eventfd after its runtime is gone,
//! and must not hit somebody else's file. All descriptors are close-on-exec.

use core::mem::MaybeUninit;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{chaos, clock};

/// The token of the eventfd itself.
const WAKE_TOKEN: u64 = u64::MAX;

/// How many events one call takes at most.
const EVENTS_PER_CALL: usize = 128;

const NANOS_PER_MILLI: u64 = 1_000_000;

#[derive(Debug)]
pub(crate) struct Epoll {
    epoll: OwnedFd,
    wake: OwnedFd,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: makes a descriptor that nobody else owns.
        let epoll = unsafe { owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))? };
        // SAFETY: as above.
        let wake = unsafe { owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))? };
        // Edge-triggered: each write is one event, and the counter need never be read back.
        let mut event = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: WAKE_TOKEN };
        // SAFETY: both descriptors are open, and the event lives through the call.
        let added = unsafe {
            libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, wake.as_raw_fd(), &raw mut event)
        };
        if added < 0 { Err(io::Error::last_os_error()) } else { Ok(Self { epoll, wake }) }
    }

    /// Ends the current or the next [`wait`](Self::wait). From any thread.
    pub(crate) fn notify(&self) {
        chaos::pause();
        let one: u64 = 1;
        // SAFETY: writes eight bytes of `one` to our own eventfd. EAGAIN would mean 2^64 unread wakes: still readable, still an edge.
        unsafe { libc::write(self.wake.as_raw_fd(), (&raw const one).cast(), size_of::<u64>()) };
    }

    /// Has events of this descriptor reported, by edges, under this token, which is not [`WAKE_TOKEN`].
    ///
    /// # Errors
    ///
    /// As of `epoll_ctl`: `EPERM` for what is always ready, such as a file.
    pub(crate) fn add(&self, descriptor: RawFd, token: u64) -> io::Result<()> {
        let interest = libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        self.control(
            libc::EPOLL_CTL_ADD,
            descriptor,
            libc::epoll_event { events: interest as u32, u64: token },
        )
    }

    /// Has them reported no more. If the descriptor is closed already, the kernel has seen to that.
    pub(crate) fn delete(&self, descriptor: RawFd) {
        self.control(libc::EPOLL_CTL_DEL, descriptor, libc::epoll_event { events: 0, u64: 0 }).ok();
    }

    fn control(
        &self,
        operation: libc::c_int,
        descriptor: RawFd,
        mut event: libc::epoll_event,
    ) -> io::Result<()> {
        // SAFETY: the event lives through the call; a descriptor that is not open is refused.
        let answer =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, descriptor, &raw mut event) };
        if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Sleeps until [`notify`](Self::notify), an event, or the deadline; gives each event to `each`. May return early. True if there may be more
    /// events.
    pub(crate) fn wait(&self, deadline_ns: Option<u64>, each: impl FnMut(Occurrence)) -> bool {
        if chaos::returns_early() {
            return true;
        }
        let timeout_ns = deadline_ns.map(|deadline| deadline.saturating_sub(clock::now_ns()));
        self.take(timeout_ns, each)
    }

    /// The events that are there already. True if there were as many as one call takes. From any thread.
    pub(crate) fn poll(&self, each: impl FnMut(Occurrence)) -> bool {
        self.take(Some(0), each)
    }

    fn take(&self, timeout_ns: Option<u64>, mut each: impl FnMut(Occurrence)) -> bool {
        let mut events = [const { MaybeUninit::<libc::epoll_event>::uninit() }; EVENTS_PER_CALL];
        let count = self
            .wait_nanos(&mut events, timeout_ns)
            .unwrap_or_else(|| self.wait_millis(&mut events, timeout_ns));
        for event in &events[..count] {
            // SAFETY: the kernel has written so many.
            let event = unsafe { event.assume_init() };
            if event.u64 != WAKE_TOKEN {
                each(Occurrence { token: event.u64, events: event.events });
            }
        }
        count == EVENTS_PER_CALL
    }

    /// `epoll_pwait2` (Linux 5.11), which takes nanoseconds; `None` if this kernel (or valgrind) does not have it. How many events came;
    /// an error, such as EINTR, is none.
    fn wait_nanos(&self, events: &mut Events, timeout_ns: Option<u64>) -> Option<usize> {
        static MISSING: AtomicBool = AtomicBool::new(false);
        // Ordering: Relaxed. A hint that saves a failing system call; nothing depends on it.
        if MISSING.load(Ordering::Relaxed) {
            return None;
        }
        let timeout = timeout_ns.map(clock::timespec);
        let timeout = timeout.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
        // SAFETY: the array, its length and the timeout are valid for the call; no signal mask is given.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                events.as_mut_ptr(),
                events.len() as libc::c_int,
                timeout,
                core::ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        if answer < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS) {
            // Ordering: Relaxed. As above.
            MISSING.store(true, Ordering::Relaxed);
            return None;
        }
        Some(usize::try_from(answer).unwrap_or(0))
    }

    /// The same in whole milliseconds, rounded up so that a deadline is never early.
    fn wait_millis(&self, events: &mut Events, timeout_ns: Option<u64>) -> usize {
        let millis = timeout_ns.map_or(-1, |nanos| {
            libc::c_int::try_from(nanos.div_ceil(NANOS_PER_MILLI)).unwrap_or(libc::c_int::MAX)
        });
        let length = events.len() as libc::c_int;
        // SAFETY: the array and its length are valid for the call. EINTR counts as an early return.
        let answer =
            unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr().cast(), length, millis) };
        usize::try_from(answer).unwrap_or(0)
    }
}

type Events = [MaybeUninit<libc::epoll_event>; EVENTS_PER_CALL];

/// Something has happened to a descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occurrence {
    pub(crate) token: u64,
    events: u32,
}

impl Occurrence {
    /// Whether a read would not block any more: it may give data, the end, or an error.
    pub(crate) fn is_readable(self) -> bool {
        self.has(libc::EPOLLIN | Self::STAYS)
    }

    /// Whether it tells of what a read may leave behind, and no event will tell of again: the end, an error, urgent data.
    pub(crate) fn stays(self) -> bool {
        self.has(Self::STAYS)
    }

    const STAYS: libc::c_int = libc::EPOLLPRI | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR;

    /// The same of a write.
    pub(crate) fn is_writable(self) -> bool {
        self.has(libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR)
    }

    fn has(self, flags: libc::c_int) -> bool {
        self.events & flags as u32 != 0
    }
}

/// # Safety
///
/// `raw` is negative, or a descriptor that nobody else owns.
unsafe fn owned(raw: libc::c_int) -> io::Result<OwnedFd> {
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}
