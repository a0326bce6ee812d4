//! Readiness of sockets for futures: a poll that would block leaves a waker.
//!
//! A waker is anybody's code, and so is what it may drop. Neither may run on a worker's own stack, which is where workers hear of descriptors.
//! So wakers are called by a thread of their own: one per process, started by the first poll that would block, which sleeps in an epoll
//! instance of its own. It is never ended, and whoever polls may be an actor or a plain thread.
//!
//! Who waits in one direction is in [`event_count`](super::event_count), with the steps of both sides; a poll registers the descriptor with that thread
//! before it leaves its first waker.
//!
//! The wait of an actor, [`evented`](super::evented), is independent of this: a descriptor may be registered with both.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::task::{Context, Waker};
use std::collections::HashMap;
use std::io;
use std::mem;
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use super::event_count::{EventCount, Events, Leave};
use super::section::Section;
use super::source::Interest;
use crate::sys::epoll::{Epoll, Occurrence};

/// After so many operations in a row that did not block, a poll gives way, and is called again at once: so a fast peer does not keep an
/// executor from its other tasks, nor an actor from its safe points.
const MOST_IN_A_ROW: u32 = 64;

/// What a socket has for futures that poll it. Dropped before the descriptor is closed.
#[derive(Debug, Default)]
pub(crate) struct Polled {
    registration: Mutex<Registration>,
    /// Set when it is registered, for good.
    watch: OnceLock<Arc<Watch>>,
    in_a_row: AtomicU32,
}

#[derive(Debug, Default)]
enum Registration {
    #[default]
    None,
    Is,
    Closed,
}

impl Polled {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Whether a poll should give way now. Then the waker has been called.
    pub(crate) fn gives_way(&self, context: &Context<'_>) -> bool {
        // Ordering: Relaxed, twice. A guess; who polls in between changes how long it takes.
        let in_a_row = self.in_a_row.load(Ordering::Relaxed);
        let gives_way = in_a_row >= MOST_IN_A_ROW;
        self.in_a_row.store(if gives_way { 0 } else { in_a_row + 1 }, Ordering::Relaxed);
        if gives_way {
            context.waker().wake_by_ref();
        }
        gives_way
    }

    /// What is known before an operation in this direction is tried.
    pub(crate) fn events(&self, interest: Interest) -> Events {
        self.watch.get().map_or(Events::default(), |watch| watch.direction(interest).events())
    }

    /// For an operation that would block, tried after `seen` was looked at.
    ///
    /// # Errors
    ///
    /// If the socket cannot be registered.
    pub(crate) fn wait(
        &self,
        descriptor: RawFd,
        interest: Interest,
        seen: Events,
        context: &Context<'_>,
    ) -> io::Result<Leave> {
        // Ordering: Relaxed; see `gives_way`.
        self.in_a_row.store(0, Ordering::Relaxed);
        let Some(watch) = self.watch(descriptor)? else { return Ok(Leave::Closed) };
        Ok(watch.direction(interest).leave(seen, context.waker()))
    }

    /// `None` if it was closed before anybody has polled it.
    fn watch(&self, descriptor: RawFd) -> io::Result<Option<&Watch>> {
        if let Some(watch) = self.watch.get() {
            return Ok(Some(watch));
        }
        let _section = Section::begin(); // holds a lock
        let mut registration = lock(&self.registration);
        if let Registration::None = *registration {
            let watch = reactor()?.register(descriptor)?;
            self.watch.get_or_init(|| watch);
            *registration = Registration::Is;
        }
        Ok(self.watch.get().map(Arc::as_ref))
    }

    /// The watch, for the one who is to take it out of the reactor.
    fn take(&self, next: Registration) -> Option<&Watch> {
        match mem::replace(&mut *lock(&self.registration), next) {
            Registration::Is => self.watch.get().map(Arc::as_ref),
            Registration::None | Registration::Closed => None,
        }
    }

    /// Ends the waits with an error, and forbids others.
    pub(crate) fn close(&self) {
        if let Some(watch) = self.take(Registration::Closed) {
            watch.leave();
            watch.read.close();
            watch.write.close();
        }
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        if let Some(watch) = self.take(Registration::None) {
            watch.leave();
        }
    }
}

/// A descriptor as the thread knows it.
#[derive(Debug)]
struct Watch {
    descriptor: RawFd,
    token: u64,
    read: EventCount,
    write: EventCount,
}

impl Watch {
    fn direction(&self, interest: Interest) -> &EventCount {
        match interest {
            Interest::Read => &self.read,
            Interest::Write => &self.write,
        }
    }

    /// Takes it out of the reactor, where it is.
    fn leave(&self) {
        let reactor = REACTOR.get().expect("a watch is made by the reactor");
        reactor.epoll.delete(self.descriptor);
        let removed = {
            let _section = Section::begin(); // holds a lock
            lock(&reactor.watches).remove(&self.token)
        };
        drop(removed);
    }
}

/// Nobody else's code runs under these locks, so a panic under them leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// ---- the thread -------------------------------------------------------------------------------------------------------

#[derive(Debug)]
struct Reactor {
    epoll: Epoll,
    /// By token.
    watches: Mutex<HashMap<u64, Arc<Watch>>>,
    next_token: AtomicU64,
}

static REACTOR: OnceLock<Reactor> = OnceLock::new();
/// Held while it starts: whether its thread runs.
static RUNS: Mutex<bool> = Mutex::new(false);

/// The one of this process, with its thread running.
///
/// # Errors
///
/// If there are no descriptors, or no thread, for it; the next call tries again.
fn reactor() -> io::Result<&'static Reactor> {
    let mut runs = lock(&RUNS);
    let reactor = match REACTOR.get() {
        Some(reactor) => reactor,
        None => {
            let epoll = Epoll::new()?;
            REACTOR.get_or_init(|| Reactor {
                epoll,
                watches: Mutex::default(),
                next_token: AtomicU64::new(0),
            })
        }
    };
    if !*runs {
        thread::Builder::new().name("smarm-futures".into()).spawn(|| reactor.run())?;
        *runs = true;
    }
    Ok(reactor)
}

impl Reactor {
    /// The caller is in a section.
    fn register(&self, descriptor: RawFd) -> io::Result<Arc<Watch>> {
        // Ordering: Relaxed. A number that nobody else has.
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        let watch = Arc::new(Watch { descriptor, token, read: EventCount::new(), write: EventCount::new() });
        // First here: the kernel may tell of it at once.
        lock(&self.watches).insert(token, Arc::clone(&watch));
        match self.epoll.add(descriptor, token) {
            Ok(()) => Ok(watch),
            Err(error) => {
                lock(&self.watches).remove(&token);
                Err(error)
            }
        }
    }

    fn run(&self) -> ! {
        loop {
            self.epoll.wait(None, |occurrence| self.tell(occurrence));
        }
    }

    fn tell(&self, occurrence: Occurrence) {
        let Some(watch) = lock(&self.watches).get(&occurrence.token).cloned() else { return };
        let readers = occurrence.is_readable().then(|| watch.read.fire());
        let writers = occurrence.is_writable().then(|| watch.write.fire());
        readers.into_iter().chain(writers).flatten().for_each(wake);
    }
}

/// Calls a waker; if it panics, the others are called all the same.
fn wake(waker: Waker) {
    if catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err() {
        eprintln!("smarm: a waker of a future has panicked; its task may never be polled again");
    }
}
