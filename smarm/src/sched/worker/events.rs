//! What a worker hears of descriptors: each has an epoll instance of its own, which it sleeps in.
//!
//! A descriptor is registered when an actor has to wait for it for the first time, with the worker of that actor, and stays there. An actor
//! of another worker that waits takes it along, unless somebody waits for the other direction: so a connection that was accepted here and is
//! served there is registered there, and its events wake nobody else.

use std::io;
use std::sync::atomic::Ordering;

use super::Worker;
use crate::sys::epoll::Occurrence;
use crate::task::section::Section;
use crate::task::source::{self, Event, Interest, SourceRef};

/// While actors run, events are looked for at most so often: it is a system call.
const LOOK_EVERY_NS: u64 = 10_000;

impl Worker {
    /// See `Schedule::watch`. By an actor of this worker.
    pub(in crate::sched) fn watch(&self, source: SourceRef, interest: Interest) -> io::Result<bool> {
        let here = core::ptr::from_ref(self).cast();
        if source.place() == here {
            return Ok(true);
        }
        let _section = Section::begin(); // holds a lock
        let _moving = source.lock();
        let other = worker_of(source);
        if other.is_some() && source.has_other_waiter(interest) {
            return Ok(true);
        }
        match self.epoll.add(source.descriptor(), source.token()) {
            Ok(()) => {
                // Only now: were it refused here, who began to wait in the other direction meanwhile would never be told.
                other.inspect(|other| other.forget(source));
                source.set_place(here);
                // Ordering: Relaxed. A worker that misses it sleeps in the same instance.
                self.watched.fetch_add(1, Ordering::Relaxed);
                Ok(true)
            }
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes a source out of this worker's instance. The caller holds its lock.
    fn forget(&self, source: SourceRef) {
        self.epoll.delete(source.descriptor());
        source.set_place(core::ptr::null());
        // Ordering: Relaxed. As above.
        self.watched.fetch_sub(1, Ordering::Relaxed);
    }

    /// Tells those who wait of what has happened, now and then. By the worker itself.
    pub(super) fn look_for_events(&self, now_ns: u64) {
        if now_ns.saturating_sub(self.events_looked_ns.get()) >= LOOK_EVERY_NS {
            self.events_looked_ns.set(now_ns);
            self.take_events();
        }
    }

    /// The same, at once. From any thread.
    pub(in crate::sched) fn take_events(&self) {
        // Ordering: Relaxed. A guess; who sleeps in the instance needs none.
        if self.watched.load(Ordering::Relaxed) > 0 {
            while self.epoll.poll(tell) {}
        }
    }
}

/// See `Schedule::unwatch`.
pub(in crate::sched) fn unwatch(source: SourceRef) {
    let _section = Section::begin(); // holds a lock
    let _moving = source.lock();
    if let Some(worker) = worker_of(source) {
        worker.forget(source);
    }
}

fn worker_of(source: SourceRef) -> Option<&'static Worker> {
    // SAFETY: null or a worker block, which is never freed.
    unsafe { source.place().cast::<Worker>().as_ref() }
}

/// Passes on what the kernel says.
pub(super) fn tell(occurrence: Occurrence) {
    source::fire(Event {
        token: occurrence.token,
        readable: occurrence.is_readable(),
        writable: occurrence.is_writable(),
        stays: occurrence.stays(),
    });
}
