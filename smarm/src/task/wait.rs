//! What an actor can wait for, as a report of who waits for what sees it.
//!
//! # Who waits on whom
//!
//! An actor that waits for one particular other actor publishes that in its slot (`waits_on`), so that a call that would close a cycle of
//! callers is an error at once. Each caller publishes first and looks along the chain then, both by sequentially consistent
//! operations: of two who close a cycle at the same time, at least one sees the other. An edge counts only while it is in force: a call's
//! while its reply word waits, a join's while the other actor lives, a wait for room until somebody tells of it. A cycle counts only if a second look finds the same calls.
//!
//! Who waits for a lock publishes which lock, not who owns it: the owner changes without a word to those who wait. The owner is read from
//! the lock itself, which lives as long as somebody waits for it; so who looks at another's lock holds a guard, which the waiter takes too
//! before it leaves.

use core::fmt;
use core::sync::atomic::AtomicU8;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::slot::{self, SlotRef};
use crate::pid::Pid;
use crate::sys::atomic::{AtomicBool, AtomicU64, Ordering};

/// The kinds of things an actor waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WaitKind {
    Receive,
    Send,
    OneshotReceive,
    Join,
    /// A call of a server.
    Call,
    /// Room in a server's mailbox.
    Room,
    Scope,
    Sleep,
    /// A descriptor.
    Io,
    /// A mutex.
    Lock,
    /// A reader's wait for a read-write lock.
    Read,
    /// A writer's.
    Write,
    Condvar,
    Semaphore,
    Barrier,
    /// Another's initialisation of a cell.
    Once,
    /// Blocking code that runs on another thread.
    Blocking,
    /// Somebody calls the waker of a future.
    Future,
    /// The beginning of a shutdown, or its time to be told of it.
    Shutdown,
    /// Several things, of which one is enough.
    Select,
    /// Another runtime's end, or anything else that is not of this runtime.
    Elsewhere,
    /// Nothing: it was switched out by an allocation, and is ready.
    Allocation,
}

impl WaitKind {
    const ALL: [Self; 22] = [
        Self::Receive,
        Self::Send,
        Self::OneshotReceive,
        Self::Join,
        Self::Call,
        Self::Room,
        Self::Scope,
        Self::Sleep,
        Self::Io,
        Self::Lock,
        Self::Read,
        Self::Write,
        Self::Condvar,
        Self::Semaphore,
        Self::Barrier,
        Self::Once,
        Self::Blocking,
        Self::Future,
        Self::Shutdown,
        Self::Select,
        Self::Elsewhere,
        Self::Allocation,
    ];
}

/// A kind that its owner changes, and that reports may read at any time.
#[derive(Debug)]
pub(crate) struct AtomicWaitKind(AtomicU8);

impl AtomicWaitKind {
    pub(crate) fn new(kind: WaitKind) -> Self {
        Self(AtomicU8::new(kind as u8))
    }

    #[inline(always)]
    pub(crate) fn set(&self, kind: WaitKind) {
        // Ordering: Relaxed. Of a parked actor it is published by its state word; else it is a guess.
        self.0.store(kind as u8, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> WaitKind {
        // Ordering: Relaxed. As above.
        WaitKind::ALL[usize::from(self.0.load(Ordering::Relaxed))]
    }
}

impl fmt::Display for WaitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receive => f.write_str("recv on a channel"),
            Self::Send => f.write_str("send on a full channel"),
            Self::OneshotReceive => f.write_str("recv on a oneshot"),
            Self::Join => f.write_str("join"),
            Self::Call => f.write_str("a call"),
            Self::Room => f.write_str("a send to a full mailbox"),
            Self::Scope => f.write_str("the actors of its scope"),
            Self::Sleep => f.write_str("sleep"),
            Self::Io => f.write_str("I/O"),
            Self::Lock => f.write_str("lock of a mutex"),
            Self::Read => f.write_str("read of a read-write lock"),
            Self::Write => f.write_str("write of a read-write lock"),
            Self::Condvar => f.write_str("wait on a condition variable"),
            Self::Semaphore => f.write_str("acquire of a semaphore"),
            Self::Barrier => f.write_str("wait at a barrier"),
            Self::Once => f.write_str("the initialisation of a cell"),
            Self::Blocking => f.write_str("block_on_io"),
            Self::Future => f.write_str("block_on"),
            Self::Shutdown => f.write_str("wait_for_shutdown"),
            Self::Select => f.write_str("a select"),
            Self::Elsewhere => f.write_str("something outside its runtime"),
            Self::Allocation => f.write_str("an allocation"),
        }
    }
}

/// The part of a channel, a join cell, a lock that tells whether somebody outside the runtime may still act on it.
///
/// A wait is certainly in vain only if all who could end it are actors of the same runtime that wait themselves. So each object
/// remembers, in one sticky bit, that it was ever made, cloned or used by a plain thread or by an actor of another runtime.
#[derive(Debug)]
pub(crate) struct WaitObject {
    /// The runtime of the thread that made it; 0 for a plain thread.
    runtime: u32,
    outside: AtomicBool,
}

impl WaitObject {
    /// An object made by code of this runtime; 0 for a plain thread.
    pub(crate) fn made_by(runtime: u32) -> Self {
        Self { runtime, outside: AtomicBool::new(runtime == 0) }
    }

    /// Remembers that code of this runtime used it.
    #[inline]
    pub(crate) fn used_by(&self, runtime: u32) {
        if runtime != self.runtime {
            self.used_outside();
        }
    }

    #[cold]
    fn used_outside(&self) {
        // Ordering: Relaxed. Sticky; the report is made only when nothing has happened for a second.
        self.outside.store(true, Ordering::Relaxed);
    }

    /// Whether somebody outside the runtime may still act on it.
    pub(crate) fn is_shared_outside(&self) -> bool {
        // Ordering: Relaxed. See `used_outside`.
        self.outside.load(Ordering::Relaxed)
    }
}

/// How many actors a look along a chain passes; a longer cycle is left to the timeouts.
const MOST_HOPS: usize = 64;
/// Set in `waits_on` if the wait is a call; no slot has an index with this bit.
const IS_CALL: u64 = 1 << 63;
/// Set in `waits_on` if the rest is the address of the word of a lock; no slot has an index with this bit, no address either.
const IS_LOCK: u64 = 1 << 62;
/// In the word of a lock, the part that is its owner's `Pid`; what is above is the lock's.
const OWNER: u64 = IS_LOCK - 1;

/// The caller waits for an actor: for its end, or for room in its mailbox. Published until it is dropped.
#[derive(Debug)]
pub(crate) struct Edge {
    slot: SlotRef,
    on: Pid,
}

impl Edge {
    /// From the caller, whose slot this is.
    #[inline]
    pub(crate) fn to(slot: SlotRef, on: Pid) -> Self {
        let edge = Self { slot, on };
        edge.renew();
        edge
    }

    /// Publishes it again, before another park: who told of room has taken it away.
    #[inline]
    pub(crate) fn renew(&self) {
        // Ordering: SeqCst; see above.
        self.slot.waits_on.store(self.on.to_bits(), Ordering::SeqCst);
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        end(self.slot);
    }
}

/// Takes away the edge of one who waits for room and is about to be told of it: it is not in force any more.
pub(crate) fn settle(waiter: Pid, on: Pid) {
    // Ordering: Relaxed. If the waiter has left meanwhile and waits again, a cycle may be missed, and left to the timeouts.
    slot::slot_of(waiter)
        .waits_on
        .compare_exchange(on.to_bits(), 0, Ordering::Relaxed, Ordering::Relaxed)
        .ok();
}

/// Publishes that the caller, whose slot this is, waits for a reply of an actor; after its reply word is open.
pub(crate) fn begin_call(slot: SlotRef, on: Pid) {
    // Ordering: SeqCst; see above.
    slot.waits_on.store(on.to_bits() | IS_CALL, Ordering::SeqCst);
}

/// The wait is over.
pub(crate) fn end(slot: SlotRef) {
    // Ordering: Relaxed. An edge that is seen too long is not in force.
    slot.waits_on.store(0, Ordering::Relaxed);
}

/// For whom the actor of this slot waits, for reports.
pub(crate) fn waits_on(slot: SlotRef) -> Option<Pid> {
    // Ordering: Relaxed. The caller inspects, and saw it parked.
    let bits = slot.waits_on.load(Ordering::Relaxed);
    if bits & IS_LOCK != 0 { owner_of(slot).map(|(owner, _)| owner) } else { Pid::from_bits(bits & !IS_CALL) }
}

/// The caller waits for a lock. Published until it is dropped.
#[derive(Debug)]
pub(crate) struct LockEdge<'a> {
    slot: SlotRef,
    lock: &'a AtomicU64,
}

impl<'a> LockEdge<'a> {
    /// From the caller, whose slot this is, to the owner in this word, whoever that is at any time: the packed `Pid` below the two highest
    /// bits, or 0 for nobody.
    pub(crate) fn to(slot: SlotRef, lock: &'a AtomicU64) -> Self {
        let address = lock.as_ptr().expose_provenance() as u64;
        debug_assert!(address & (IS_LOCK | IS_CALL) == 0, "no user space goes so far");
        // Ordering: SeqCst; see above.
        slot.waits_on.store(address | IS_LOCK, Ordering::SeqCst);
        Self { slot, lock }
    }

    /// The actors of the cycle that this wait closes. The first one is the caller.
    #[inline]
    pub(crate) fn cycle(&self) -> Option<Box<[Pid]>> {
        // Ordering: SeqCst; see above.
        let owner = Pid::from_bits(self.lock.load(Ordering::SeqCst) & OWNER)?;
        cycle(self.slot, owner)
    }
}

impl Drop for LockEdge<'_> {
    fn drop(&mut self) {
        let _guard = guard_of(self.slot);
        end(self.slot);
    }
}

/// Each is for the slots of some indexes: held to read the owner of the lock for which one of them waits, and to leave that wait. Nothing
/// else is locked meanwhile.
static GUARDS: [Mutex<()>; 64] = [const { Mutex::new(()) }; 64];

fn guard_of(slot: SlotRef) -> MutexGuard<'static, ()> {
    GUARDS[slot.index() as usize % GUARDS.len()].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who owns the lock for which the actor of this slot waits, and which lock it is.
fn owner_of(slot: SlotRef) -> Option<(Pid, u64)> {
    let _guard = guard_of(slot);
    // Ordering: SeqCst; see above.
    let bits = slot.waits_on.load(Ordering::SeqCst);
    if bits & IS_LOCK == 0 {
        return None;
    }
    let lock = core::ptr::with_exposed_provenance::<AtomicU64>((bits & !IS_LOCK) as usize);
    // SAFETY: the slot's wait for this lock goes on while we hold the guard, and borrows it.
    let lock = unsafe { &*lock };
    // Ordering: SeqCst; see above.
    Some((Pid::from_bits(lock.load(Ordering::SeqCst) & OWNER)?, bits))
}

/// An edge in force: whose, to whom, and, of a call or a lock, which.
type Found = (Pid, Pid, Option<u64>);

/// The actors of the cycle that would be closed if `me`, whose edge is published, waited for `on`. The first one is `me`.
#[inline]
pub(crate) fn cycle(me: SlotRef, on: Pid) -> Option<Box<[Pid]>> {
    if on == me.pid() {
        return Some([on].into());
    }
    // Most often the other one does not wait.
    edge_of(on).and_then(|_| cycle_from(me, on))
}

/// Those who wait for a lock in the cycle that would be closed if `me`, whose edge is published, waited for `on` without a way to give up.
#[cold]
pub(crate) fn lock_waiters_in_cycle(me: SlotRef, on: Pid) -> Vec<Pid> {
    // Ordering: Relaxed. A guess; who is woken looks for itself.
    let waits_for_lock = |pid: &Pid| slot::slot_of(*pid).waits_on.load(Ordering::Relaxed) & IS_LOCK != 0;
    cycle(me, on).into_iter().flatten().filter(waits_for_lock).collect()
}

#[cold]
fn cycle_from(me: SlotRef, on: Pid) -> Option<Box<[Pid]>> {
    let chain = chain(me.pid(), on)?;
    let again = self::chain(me.pid(), on)?;
    let pids = core::iter::once(me.pid()).chain(chain.iter().map(|(whose, ..)| *whose));
    (chain == again).then(|| pids.collect())
}

/// The edges from `on` to `me`, if they lead there.
fn chain(me: Pid, on: Pid) -> Option<Vec<Found>> {
    let mut edges = Vec::new();
    let mut at = on;
    while edges.len() < MOST_HOPS {
        let edge = edge_of(at)?;
        edges.push(edge);
        at = edge.1;
        if at == me {
            return Some(edges);
        }
    }
    None
}

/// Whether an actor waits for another one; a guess that costs a load.
#[inline]
pub(crate) fn waits(pid: Pid) -> bool {
    // Ordering: SeqCst; see above.
    slot::slot_of(pid).waits_on.load(Ordering::SeqCst) != 0
}

#[inline]
fn edge_of(pid: Pid) -> Option<Found> {
    let slot = slot::slot_of(pid);
    // Ordering: SeqCst; see above.
    let bits = slot.waits_on.load(Ordering::SeqCst);
    if bits & IS_LOCK != 0 {
        let (owner, lock) = owner_of(slot)?;
        return slot.state.is_of(pid.generation()).then_some((pid, owner, Some(lock)));
    }
    let to = Pid::from_bits(bits & !IS_CALL)?;
    let call = if bits & IS_CALL != 0 { Some(slot.reply.waiting()?) } else { None };
    slot.state.is_of(pid.generation()).then_some((pid, to, call))
}
