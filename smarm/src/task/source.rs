//! An event source: what smarm knows of a descriptor that actors wait for.
//!
//! Like slots, sources are never freed: an event that was underway when its descriptor was closed finds another generation, and goes away.
//! One that slips through all the same says "ready" where nothing is: who is told so tries, and waits again.

use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};
use std::os::fd::RawFd;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::input::Input;
use super::park;
use super::readiness::Readiness;
use super::section::Section;
use crate::pid::Pid;

/// What an actor waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Interest {
    Read,
    Write,
}

#[derive(Debug)]
pub(crate) struct EventSource {
    index: u32,
    /// Which descriptor of all that had this source.
    generation: AtomicU32,
    descriptor: AtomicI32,
    /// The worker whose epoll instance has it, as `sched` knows it; null for none. Written under the lock.
    place: AtomicPtr<()>,
    /// Held while it moves from worker to worker.
    moving: Mutex<()>,
    read: Readiness,
    write: Readiness,
    /// Of streams.
    input: Input,
}

pub(crate) type SourceRef = &'static EventSource;

/// What an event may say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Event {
    /// From [`EventSource::token`].
    pub(crate) token: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// What it says of reads it will not say again: see [`Input`].
    pub(crate) stays: bool,
}

impl EventSource {
    fn new(index: u32) -> Self {
        Self {
            index,
            generation: AtomicU32::new(0),
            descriptor: AtomicI32::new(-1),
            place: AtomicPtr::new(core::ptr::null_mut()),
            moving: Mutex::new(()),
            read: Readiness::new(),
            write: Readiness::new(),
            input: Input::new(),
        }
    }

    pub(crate) fn direction(&self, interest: Interest) -> &Readiness {
        match interest {
            Interest::Read => &self.read,
            Interest::Write => &self.write,
        }
    }

    pub(crate) fn input(&self) -> &Input {
        &self.input
    }

    /// Whether somebody waits in either direction but the caller; a guess.
    pub(crate) fn has_other_waiter(&self, mine: Interest) -> bool {
        match mine {
            Interest::Read => self.write.has_waiter(),
            Interest::Write => self.read.has_waiter(),
        }
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        // Ordering: Relaxed. Written before the source was handed out.
        self.descriptor.load(Ordering::Relaxed)
    }

    /// By what the kernel names it in events.
    pub(crate) fn token(&self) -> u64 {
        // Ordering: Relaxed. The caller owns the source.
        u64::from(self.generation.load(Ordering::Relaxed)) << u32::BITS | u64::from(self.index)
    }

    /// See the field.
    pub(crate) fn place(&self) -> *const () {
        // Ordering: Relaxed. A worker that reads its own name registered the source itself; all others take the lock.
        self.place.load(Ordering::Relaxed)
    }

    /// The caller holds the lock.
    pub(crate) fn set_place(&self, place: *const ()) {
        // Ordering: Relaxed; see `place`.
        self.place.store(place.cast_mut(), Ordering::Relaxed);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all waits with an error, and forbids others.
    pub(crate) fn close(&self) {
        [self.read.close(), self.write.close()].into_iter().flatten().for_each(unpark);
    }
}

fn unpark(waiter: u64) {
    park::unpark(Pid::from_bits(waiter).expect("a wait is registered under the bits of a Pid"));
}

/// Tells who waits for it. From any thread; never parks.
pub(crate) fn fire(event: Event) {
    let (index, generation) = (event.token as u32, (event.token >> u32::BITS) as u32);
    let Some(source) = source_at(index) else { return };
    // Ordering: Relaxed. See the module: a guess is enough.
    if source.generation.load(Ordering::Relaxed) != generation {
        return;
    }
    if event.readable {
        source.input.arrived(event.stays);
    }
    let readable = event.readable.then(|| source.read.fire()).flatten();
    let writable = event.writable.then(|| source.write.fire()).flatten();
    [readable, writable].into_iter().flatten().for_each(unpark);
}

// ---- the table --------------------------------------------------------------------------------------------------------

/// The first segment has this many sources, each further one twice as many as the one before.
const FIRST_SEGMENT: u32 = 64;
/// Enough for more descriptors than a process may have.
const SEGMENTS: usize = 24;

static TABLE: [OnceLock<Box<[EventSource]>>; SEGMENTS] = [const { OnceLock::new() }; SEGMENTS];
static POOL: Mutex<Vec<SourceRef>> = Mutex::new(Vec::new());

fn locate(index: u32) -> (usize, usize) {
    let shifted = u64::from(index) + u64::from(FIRST_SEGMENT);
    let segment = shifted.ilog2() - FIRST_SEGMENT.ilog2();
    (segment as usize, (shifted - (u64::from(FIRST_SEGMENT) << segment)) as usize)
}

fn source_at(index: u32) -> Option<SourceRef> {
    let (segment, position) = locate(index);
    TABLE.get(segment)?.get()?.get(position)
}

fn pool() -> MutexGuard<'static, Vec<SourceRef>> {
    // Nothing panics while it is held but an allocation failure, which leaves it usable.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A source for a descriptor, which lives until [`release`].
pub(crate) fn acquire(descriptor: RawFd) -> SourceRef {
    let _section = Section::begin();
    let mut pool = pool();
    if pool.is_empty() {
        grow(&mut pool);
    }
    let source = pool.pop().expect("grow added some");
    // Ordering: Relaxed, twice. Handed on by the caller.
    source.descriptor.store(descriptor, Ordering::Relaxed);
    source.read.open();
    source.write.open();
    source.input.open();
    source
}

/// Gives a source back. Nobody waits for it, and no epoll instance has it.
pub(crate) fn release(source: SourceRef) {
    let _section = Section::begin();
    // Ordering: Relaxed. See the module.
    source.generation.fetch_add(1, Ordering::Relaxed);
    pool().push(source);
}

fn grow(pool: &mut Vec<SourceRef>) {
    let made = TABLE.iter().take_while(|segment| segment.get().is_some()).count();
    let first = FIRST_SEGMENT * ((1 << made) - 1);
    let sources = (first..first + (FIRST_SEGMENT << made)).map(EventSource::new).collect();
    let segment = TABLE.get(made).expect("no process has so many descriptors").get_or_init(|| sources);
    pool.extend(segment.iter().rev());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_index_has_its_place() {
        let places: Vec<_> = (0..1000).map(locate).collect();
        assert_eq!(places[0], (0, 0));
        assert_eq!(places[63], (0, 63));
        assert_eq!(places[64], (1, 0));
        assert_eq!(places[64 + 127], (1, 127));
        assert_eq!(places[64 + 128], (2, 0));
    }

    #[test]
    fn an_event_for_an_earlier_descriptor_is_nothing_to_a_later_one() {
        let source = acquire(3);
        let token = source.token();
        release(source);
        let again = acquire(4);
        assert_eq!(again.index, source.index, "the last one that was given back is the first to be taken");
        fire(Event { token, readable: true, writable: true, stays: false });
        assert_eq!(again.direction(Interest::Read).begin(1), crate::task::readiness::Begin::Waits);
        fire(Event { token: u64::MAX - 1, readable: true, writable: true, stays: false });
        assert_eq!(again.direction(Interest::Read).end(1), crate::task::readiness::End::Nothing);
        release(again);
    }
}
