//! A worker's deque of what may move: actors without a stack.
//!
//! The owner pushes at the bottom and pops at either end; thieves steal at the top, where the oldest entries are.
//!
//! ```text
//!        top                                 bottom
//!   thieves ▶ | oldest | ... | ... | newest | ◀ owner
//! ```
//!
//! After Chase and Lev, "Dynamic Circular Work-Stealing Deque" (SPAA 2005), with two changes:
//!
//! - Where the paper and its C11 form (Lê et al., PPoPP 2013) put sequentially consistent fences between the two ends, both
//!   sides here *modify* a third word, `crossing`, by adding nothing: the owner after it has lowered `bottom` to pop the newest,
//!   the thief between its looks at `top` and at `bottom`. On x86-64 that is what a fence costs. Proof sketch: let a thief read
//!   top = t, cross, and see bottom > t; let the owner lower bottom to t, cross, and take entry t without a compare-and-swap,
//!   so having read top < t. If the thief crossed first, the owner acquires what the thief had seen, and reads top >= t:
//!   contradiction. If the owner crossed first, the thief sees bottom = t, or entry t is one that was pushed later:
//!   contradiction. It has to be a word that is never stored to: a modification of `bottom` itself would be hidden from the
//!   owner by its next push, whose store begins a new release sequence, and then an entry could be taken twice and the
//!   next one lost.
//! - Entries carry the time of their push, so that thieves can leave the young ones.
//!
//! Even so an entry is only a hint: the claim is in the state word. A lost race costs time, never an actor.
//!
//! Buffers that were outgrown stay allocated as long as the deque, because a thief may still read them: all together they are
//! smaller than the one in use.

use core::cell::UnsafeCell;
use core::ptr;

use crate::sys::atomic::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::task::section::Section;

/// What is queued: an actor's `Pid` as bits, and when it was pushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) pid: u64,
    pub(crate) pushed_ns: u64,
}

/// What came of an attempt to steal.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Steal {
    Taken(Entry),
    /// The oldest entry may not be taken, or there is none.
    Nothing,
    /// Somebody else was faster.
    Retry,
}

#[cfg(not(loom))]
const FIRST_CAPACITY: usize = 64;
/// Small, so that the models see a buffer grow.
#[cfg(loom)]
const FIRST_CAPACITY: usize = 2;

#[derive(Debug)]
struct Cell {
    pid: AtomicU64,
    pushed_ns: AtomicU64,
}

#[derive(Debug)]
struct Buffer {
    /// Length: a power of two.
    cells: Box<[Cell]>,
}

impl Buffer {
    fn new(capacity: usize) -> Box<Self> {
        let cell = |_| Cell { pid: AtomicU64::new(0), pushed_ns: AtomicU64::new(0) };
        Box::new(Self { cells: (0..capacity).map(cell).collect() })
    }

    fn cell(&self, position: i64) -> &Cell {
        &self.cells[position as usize & (self.cells.len() - 1)]
    }

    fn write(&self, position: i64, entry: Entry) {
        let cell = self.cell(position);
        // Ordering: Relaxed, twice. Published by the store of `bottom`.
        cell.pid.store(entry.pid, Ordering::Relaxed);
        cell.pushed_ns.store(entry.pushed_ns, Ordering::Relaxed);
    }

    fn read(&self, position: i64) -> Entry {
        let cell = self.cell(position);
        // Ordering: Relaxed, twice. A thief's torn or outdated read is thrown away when its compare-and-swap of `top` fails: the
        // cell at `top` is written again only after `top` has moved.
        Entry { pid: cell.pid.load(Ordering::Relaxed), pushed_ns: cell.pushed_ns.load(Ordering::Relaxed) }
    }
}

#[derive(Debug)]
pub(crate) struct Deque {
    top: AtomicI64,
    bottom: AtomicI64,
    /// Invariant: only modified, by [`Deque::cross`], never stored to. So of two who cross the second sees what the first had seen.
    crossing: AtomicU32,
    buffer: AtomicPtr<Buffer>,
    /// All buffers, the one in use last. Only the owner touches it.
    buffers: UnsafeCell<Vec<*mut Buffer>>,
}

// SAFETY: `buffers` is used by the owner alone (the methods that touch it are unsafe and say so); the rest is atomic.
unsafe impl Sync for Deque {}
// SAFETY: as above; it owns its buffers.
unsafe impl Send for Deque {}

impl Deque {
    pub(crate) fn new() -> Self {
        let first = Box::into_raw(Buffer::new(FIRST_CAPACITY));
        Self {
            top: AtomicI64::new(0),
            bottom: AtomicI64::new(0),
            crossing: AtomicU32::new(0),
            buffer: AtomicPtr::new(first),
            buffers: UnsafeCell::new(vec![first]),
        }
    }

    fn buffer(&self) -> &Buffer {
        // Ordering: Acquire; pairs with the Release in `grow`.
        let buffer = self.buffer.load(Ordering::Acquire);
        // SAFETY: buffers live as long as the deque.
        unsafe { &*buffer }
    }

    /// How many entries there are; a guess for anyone but the owner.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Ordering: Relaxed, twice. A guess.
        let (top, bottom) = (self.top.load(Ordering::Relaxed), self.bottom.load(Ordering::Relaxed));
        (bottom - top).max(0) as usize
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the oldest entry was pushed.
    pub(crate) fn oldest_ns(&self) -> Option<u64> {
        self.oldest().map(|entry| entry.pushed_ns)
    }

    /// The newest entry.
    ///
    /// # Safety
    ///
    /// Only the owner may call this.
    pub(crate) unsafe fn newest(&self) -> Option<Entry> {
        // SAFETY: the caller is the owner.
        unsafe { self.newest_but(0) }
    }

    /// The entry before the `count` newest ones.
    ///
    /// # Safety
    ///
    /// Only the owner may call this.
    pub(crate) unsafe fn newest_but(&self, count: usize) -> Option<Entry> {
        // Ordering: Relaxed. Only the owner writes `bottom`.
        let newest = self.bottom.load(Ordering::Relaxed) - 1;
        (self.len() > count).then(|| self.buffer().read(newest - count as i64))
    }

    /// The oldest entry, which a thief may be taking.
    pub(crate) fn oldest(&self) -> Option<Entry> {
        // Ordering: Relaxed. A guess; the entry may be taken meanwhile.
        let top = self.top.load(Ordering::Relaxed);
        (!self.is_empty()).then(|| self.buffer().read(top))
    }

    /// Whether the next push makes the buffer grow.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.buffer().cells.len()
    }

    /// Adds the newest entry.
    ///
    /// # Safety
    ///
    /// Only the owner may call this.
    #[inline]
    pub(crate) unsafe fn push(&self, entry: Entry) {
        // Ordering: Relaxed. Only the owner writes `bottom`.
        let bottom = self.bottom.load(Ordering::Relaxed);
        // Ordering: Acquire; pairs with the Release of the thief that moved `top`: its read of the cell is over.
        let top = self.top.load(Ordering::Acquire);
        // Ordering: Relaxed. Only the owner changes the buffer.
        let mut buffer = self.buffer.load(Ordering::Relaxed);
        // SAFETY: buffers live as long as the deque.
        if bottom - top >= unsafe { &*buffer }.cells.len() as i64 {
            // SAFETY: the caller is the owner.
            buffer = unsafe { self.grow(top, bottom) };
        }
        // SAFETY: as above.
        unsafe { &*buffer }.write(bottom, entry);
        // Ordering: Release; publishes the cell to thieves.
        self.bottom.store(bottom + 1, Ordering::Release);
    }

    /// # Safety
    ///
    /// Only the owner may call this.
    #[cold]
    unsafe fn grow(&self, top: i64, bottom: i64) -> *mut Buffer {
        let _section = Section::begin();
        let old = self.buffer();
        let new = Buffer::new(old.cells.len() * 2);
        for position in top..bottom {
            new.write(position, old.read(position));
        }
        let new = Box::into_raw(new);
        // SAFETY: the caller is the owner, and nobody else touches the list.
        unsafe { (*self.buffers.get()).push(new) };
        // Ordering: Release; publishes the cells of the new buffer.
        self.buffer.store(new, Ordering::Release);
        new
    }

    /// Takes the newest entry.
    ///
    /// # Safety
    ///
    /// Only the owner may call this.
    pub(crate) unsafe fn pop_newest(&self) -> Option<Entry> {
        if self.is_empty() {
            return None;
        }
        // Ordering: Relaxed. Only the owner writes `bottom`.
        let newest = self.bottom.load(Ordering::Relaxed) - 1;
        // Ordering: Release; publishes the cells of the older entries to thieves, as `push` did.
        self.bottom.store(newest, Ordering::Release);
        self.cross();
        // Ordering: Acquire. At least as new as what any thief had seen that crossed before.
        let top = self.top.load(Ordering::Acquire);
        if top < newest {
            return Some(self.buffer().read(newest));
        }
        let entry = (top == newest).then(|| self.buffer().read(newest));
        let won = entry.is_some() && self.advance_top(top);
        // Ordering: Release. Back to an empty deque; as in `push`.
        self.bottom.store(newest + 1, Ordering::Release);
        entry.filter(|_| won)
    }

    /// Takes the oldest entry.
    ///
    /// # Safety
    ///
    /// Only the owner may call this.
    pub(crate) unsafe fn pop_oldest(&self) -> Option<Entry> {
        loop {
            // Ordering: Acquire; as in `steal`.
            let top = self.top.load(Ordering::Acquire);
            // Ordering: Relaxed. Only the owner writes `bottom`.
            if top >= self.bottom.load(Ordering::Relaxed) {
                return None;
            }
            let entry = self.buffer().read(top);
            if self.advance_top(top) {
                return Some(entry);
            }
        }
    }

    /// Takes the oldest entry, if `may_take` the time of its push. From any thread.
    pub(crate) fn steal(&self, may_take: impl Fn(u64) -> bool) -> Steal {
        // Ordering: Acquire. Sees what the taker of the entry before had seen.
        let top = self.top.load(Ordering::Acquire);
        self.cross();
        // Ordering: Acquire; pairs with the Release of `push`.
        let bottom = self.bottom.load(Ordering::Acquire);
        if top >= bottom {
            return Steal::Nothing;
        }
        let entry = self.buffer().read(top);
        if !may_take(entry.pushed_ns) {
            return Steal::Nothing;
        }
        if self.advance_top(top) { Steal::Taken(entry) } else { Steal::Retry }
    }

    /// Between a look at one end and a look at the other, by whoever may be racing for the last entry.
    fn cross(&self) {
        // Ordering: AcqRel. Release publishes what this side has read or written, Acquire sees what those had who crossed before.
        self.crossing.fetch_add(0, Ordering::AcqRel);
    }

    fn advance_top(&self, top: i64) -> bool {
        // Ordering: AcqRel; Release tells the owner that the cell has been read (see `push`), Acquire orders this end's takers.
        self.top.compare_exchange(top, top + 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

impl Drop for Deque {
    fn drop(&mut self) {
        for &buffer in self.buffers.get_mut().iter() {
            debug_assert!(!ptr::eq(buffer, ptr::null()));
            // SAFETY: made by `Box::into_raw`, in the list once, and nobody uses the deque any more.
            drop(unsafe { Box::from_raw(buffer) });
        }
    }
}

#[cfg(all(test, loom))]
mod models;
