//! The slot: the control block of one actor, or of one plain thread or one future that waits. Never freed.
//!
//! Slots live in segments that double in size and are never unmapped, so a late waker may always look at one: it finds a newer
//! generation and goes away. A slot's fields belong to whoever the table in [`state`](super::state) says; what others may read at
//! any time is atomic.

use core::cell::Cell;
use core::fmt;
use core::panic::Location;
use core::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::reply::{CallId, ReplyWord, Silence};
use super::section::Section;
use super::state::StateWord;
pub(crate) use super::ties::Rank;
use super::ties::Ties;
use super::wait::{AtomicWaitKind, WaitKind};
use super::winner::WinnerWord;
use crate::fiber::Context;
use crate::pid::Pid;
use crate::sys::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::sys::stack::{Stack, StackClass};

/// How an actor ended, for the counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Normal,
    Panicked,
    Killed,
    Error,
}

/// What is being dropped, as far as rights to a reply in it have to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Burial {
    /// Nothing of that kind.
    None,
    /// The state of a server that ends.
    State,
    /// A message that nobody will handle.
    Dropping,
    /// The same; with it the right to a reply was dropped: it is a call, and its caller was told.
    CallerTold,
}

/// What keeps an actor from being switched out: the function that it is in. A stronger one is greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Hold {
    None,
    /// `forbid_yield`: a switch is a mistake, and panics.
    NoYield,
    /// `no_preempt`: safe points do not switch and deliver no kill; a wait is a mistake, and panics.
    NoPreempt,
}

/// A panic that is underway, or over.
#[derive(Debug, Default)]
struct Panic {
    place: Option<String>,
    /// The rights to a reply that it dropped; told of when the reason is known.
    unanswered: Vec<(Pid, CallId)>,
}

/// How the run of a [`Job`] ended.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// The actor has ended.
    Ended,
    /// A server that has no mail.
    Idle,
    /// A server that lets others go first.
    Again,
}

/// What a slot runs: the head of a larger, typed block that belongs to `actor`.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) kind: &'static JobKind,
    /// Filled in by the host before anybody can see the actor.
    pub(crate) pid: JobPid,
    pub(crate) spawned_at: &'static Location<'static>,
    /// Which stack; `None` for the runtime's own default.
    pub(crate) stack_class: Option<StackClass>,
    /// Changed only while nobody runs the job.
    pub(crate) thread: Cell<JobThread>,
    /// Whether it wants to be switched out where it allocates; its runtime may want that of all.
    pub(crate) preempt_in_alloc: bool,
}

/// The name of the actor that runs a job. A server that is restarted gets another one, while others may ask for it.
#[derive(Debug, Default)]
pub(crate) struct JobPid(AtomicU64);

impl JobPid {
    #[inline]
    pub(crate) fn get(&self) -> Option<Pid> {
        // Ordering: Relaxed. Who has a handle has it from somebody who knew a name; of two, either will do.
        Pid::from_bits(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, pid: Pid) {
        // Ordering: Relaxed. As above.
        self.0.store(pid.to_bits(), Ordering::Relaxed);
    }
}

/// On which thread a job runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum JobThread {
    /// On any worker's.
    Any,
    /// On one for itself.
    Own,
    /// On that one: the place of its worker in the runtime. Filled in by the host before anybody can see the job.
    Seat(u16),
}

/// What jobs of one type have in common.
#[derive(Debug)]
pub(crate) struct JobKind {
    /// Runs the actor on its stack: a thread actor to its end, with exit steps and everything; a server for some messages. Never unwinds;
    /// the job may be gone afterwards.
    pub(crate) run: unsafe fn(*mut Job, &'static Slot) -> Turn,
    /// What the actor is called.
    pub(crate) name: unsafe fn(*const Job) -> Option<&'static str>,
}

impl Job {
    /// What the actor is called, if there is a job. By the address of the whole block, of which a reference to the job alone would give
    /// nothing away.
    ///
    /// # Safety
    ///
    /// Null, or the head of a block of its kind, which lives as long as the name is used.
    pub(crate) unsafe fn name<'a>(job: *const Self) -> Option<&'a str> {
        // SAFETY: the caller's promise.
        let kind = unsafe { job.as_ref() }?.kind;
        // SAFETY: as above.
        unsafe { (kind.name)(job) }
    }
}

/// One actor, or one waiting plain thread or future. Two cache lines: the first has all that a park, a wake and a call touch.
#[repr(C, align(128))]
pub(crate) struct Slot {
    pub(crate) state: StateWord,
    /// The worker on which the actor's stack lives, as `sched` knows it; null for plain threads and while there is no stack. A started
    /// stack never changes its OS thread.
    home: AtomicPtr<()>,
    /// Where the suspended actor continues.
    pub(crate) context: Cell<Context>,
    /// What it waits for, while it is parked: a `WaitObject`, or a `WaitSet` if `wait_kind` says that it selects; null for none.
    pub(crate) waits_for: Cell<*const ()>,
    /// The actor that alone can end its wait, as the bits of a `Pid`; see `wait`.
    pub(crate) waits_on: AtomicU64,
    /// Where the reply to its call goes.
    pub(crate) reply: ReplyWord,
    /// The runtime this actor belongs to; 0 for plain threads and futures.
    runtime: AtomicU32,
    /// The next slot in a worker's inbox; see `sched::inbox`.
    pub(crate) next: AtomicU32,
    // ---- second line
    /// What kind of wait it is in; only meaningful while it is parked, or was switched out by an allocation.
    pub(crate) wait_kind: AtomicWaitKind,
    pub(crate) ties: Ties,
    stack_class: Cell<StackClass>,
    /// Whether a message is being dropped that nobody will handle.
    pub(crate) burial: Cell<Burial>,
    /// How many `mask_kill` sections the actor is in.
    pub(crate) kill_masks: Cell<u16>,
    pub(crate) hold: Cell<Hold>,
    /// How often its kill was thrown at the actor.
    pub(crate) kills_thrown: Cell<u8>,
    /// Position of the stack in its class, while there is one.
    pub(crate) stack_index: Cell<u32>,
    index: u32,
    pub(crate) winner: WinnerWord,
    /// What it runs.
    job: AtomicPtr<Job>,
    /// The runtime, as `sched` knows it. Valid while the actor lives: its runtime waits for it.
    shared: AtomicPtr<()>,
    /// The runtime that `RuntimeHandle::enter` put in force here, as `sched` knows it.
    pub(crate) entered: Cell<*const ()>,
    /// What is known of the latest panic here.
    panic: Cell<Option<Box<Panic>>>,
    /// When it was started, among the servers of its runtime.
    sequence: AtomicU64,
}

const _: () = assert!(size_of::<Slot>() == 128, "a slot is two cache lines");

// SAFETY: the `Cell`s are used only by the owner that the state word's table names, and handed over by its AcqRel transitions;
// the exception, `waits_for`, is read by an inspector under the protocol of `inspect`, which keeps the owner from moving on.
unsafe impl Sync for Slot {}
// SAFETY: as above; the raw pointers in it are only passed on.
unsafe impl Send for Slot {}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("index", &self.index).field("state", &self.state).finish_non_exhaustive()
    }
}

/// A slot, by reference: they live as long as the process.
pub(crate) type SlotRef = &'static Slot;

impl Slot {
    fn new(index: u32) -> Self {
        Self {
            state: StateWord::new(),
            home: AtomicPtr::new(ptr::null_mut()),
            context: Cell::new(Context::running()),
            waits_for: Cell::new(ptr::null()),
            waits_on: AtomicU64::new(0),
            reply: ReplyWord::new(),
            runtime: AtomicU32::new(0),
            next: AtomicU32::new(0),
            wait_kind: AtomicWaitKind::new(WaitKind::Elsewhere),
            ties: Ties::new(),
            stack_class: Cell::new(StackClass::SMALLEST),
            burial: Cell::new(Burial::None),
            kill_masks: Cell::new(0),
            hold: Cell::new(Hold::None),
            kills_thrown: Cell::new(0),
            stack_index: Cell::new(0),
            index,
            winner: WinnerWord::new(),
            job: AtomicPtr::new(ptr::null_mut()),
            shared: AtomicPtr::new(ptr::null_mut()),
            entered: Cell::new(ptr::null()),
            panic: Cell::new(None),
            sequence: AtomicU64::new(0),
        }
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// The name of who has the slot now.
    #[inline]
    pub(crate) fn pid(&self) -> Pid {
        Pid::new(self.index, self.state.generation())
    }

    /// The worker this actor's stack lives on; null if it has none.
    #[inline]
    pub(crate) fn home(&self) -> *const () {
        // Ordering: Relaxed. Whoever needs it has seen the actor running (by a transition of the state word), and it was written
        // before.
        self.home.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set_home(&self, home: *const ()) {
        // Ordering: Relaxed. Published by the state word's transitions.
        self.home.store(home.cast_mut(), Ordering::Relaxed);
    }

    /// The runtime of who has the slot; only meaningful to a holder of its generation.
    #[inline]
    pub(crate) fn runtime(&self) -> u32 {
        // Ordering: Relaxed. Written by `prepare`, before the word's generation is published.
        self.runtime.load(Ordering::Relaxed)
    }

    /// Has the processor fetch the slot.
    #[inline(always)]
    pub(crate) fn prefetch(&self) {
        for line in 0..size_of::<Self>() / CACHE_LINE_BYTES {
            crate::sys::arch::prefetch(
                core::ptr::from_ref(self).cast::<u8>().wrapping_add(line * CACHE_LINE_BYTES),
            );
        }
    }

    /// Has the processor fetch the end of the suspended actor's stack.
    #[inline(always)]
    pub(crate) fn prefetch_stack(&self) {
        // SAFETY: a plain read of a pointer-sized cell; only the home worker, which calls this, writes it while the actor is queued.
        let pointer = unsafe { *self.context.as_ptr().cast::<*const u8>() };
        for line in 0..PREFETCHED_LINES {
            crate::sys::arch::prefetch(pointer.wrapping_add(line * CACHE_LINE_BYTES));
        }
    }

    /// What the actor runs.
    pub(crate) fn job(&self) -> *mut Job {
        // Ordering: Relaxed. Published by the state word.
        self.job.load(Ordering::Relaxed)
    }

    /// The job is about to be freed. The caller is the actor, and waits then for an inspector who may have found it: see
    /// `task::forget_job`.
    pub(super) fn forget_job(&self) {
        // Ordering: Relaxed. Read by code of this actor, and by inspectors, whose own protocol orders it.
        self.job.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// Writes the actor's name and `Pid`. Allocates nothing: the fault handler uses it. The actor is the caller, or held by an inspection.
    pub(crate) fn describe(&self, to: &mut dyn fmt::Write) -> fmt::Result {
        self.describe_by(self.reported_job(), to)
    }

    /// The same, and where it was spawned.
    pub(crate) fn describe_with_place(&self, to: &mut dyn fmt::Write) -> fmt::Result {
        let job = self.reported_job();
        self.describe_by(job, to)?;
        // SAFETY: as in `describe_by`.
        match unsafe { job.as_ref() } {
            Some(job) => write!(to, ", spawned at {}", job.spawned_at),
            None => Ok(()),
        }
    }

    /// Its name, and where it was spawned. The actor is held by an inspection.
    pub(crate) fn name_and_place(&self) -> (Option<String>, Option<&'static Location<'static>>) {
        let job = self.reported_job();
        // SAFETY: as in `describe_by`.
        let name = unsafe { Job::name(job) }.map(str::to_owned);
        // SAFETY: as above.
        let place = unsafe { job.as_ref() }.map(|job| job.spawned_at);
        (name, place)
    }

    fn describe_by(&self, job: *const Job, to: &mut dyn fmt::Write) -> fmt::Result {
        // SAFETY: the actor is alive, by the words of who asks for a description, and so is its job, if it has one still.
        match unsafe { Job::name(job) } {
            Some(name) => write!(to, "actor '{name}' {}", self.pid()),
            None => write!(to, "actor {}", self.pid()),
        }
    }

    fn reported_job(&self) -> *const Job {
        // Ordering: Acquire; pairs with the Release in `prepare`: an inspector may meet the job of an actor whose state it has not seen.
        self.job.load(Ordering::Acquire)
    }

    /// Fills in a free slot for a new actor, for a plain thread, or for a future. The caller owns the slot.
    #[inline]
    pub(crate) fn prepare(&self, job: *mut Job, runtime: u32, shared: *const (), class: StackClass) {
        // Ordering: Release; an inspector that saw another actor here may meet this one's job before `occupy` publishes it.
        self.job.store(job, Ordering::Release);
        // Ordering: Relaxed, four times. Published by `StateWord::occupy`.
        self.runtime.store(runtime, Ordering::Relaxed);
        self.shared.store(shared.cast_mut(), Ordering::Relaxed);
        self.home.store(ptr::null_mut(), Ordering::Relaxed);
        self.waits_on.store(0, Ordering::Relaxed);
        self.stack_class.set(class);
        self.ties.reset(None);
        self.waits_for.set(ptr::null());
        self.wait_kind.set(WaitKind::Elsewhere);
        self.panic.set(None);
        self.burial.set(Burial::None);
        self.kill_masks.set(0);
        self.hold.set(Hold::None);
        self.kills_thrown.set(0);
        self.entered.set(ptr::null());
    }

    /// Says that the new actor is a server, of which rank, and which one in the order of their starts. The caller owns the slot.
    pub(crate) fn make_server(&self, rank: Rank, sequence: u64) {
        self.ties.reset(Some(rank));
        // Ordering: Relaxed. Published by the state word.
        self.sequence.store(sequence, Ordering::Relaxed);
    }

    /// Whether it is a server: then its stack was not reserved when it was started.
    #[inline]
    pub(crate) fn is_server(&self) -> bool {
        self.ties.is_server()
    }

    /// Whether a future waits by it: an unpark calls a waker.
    pub(crate) fn is_polled(&self) -> bool {
        self.ties.is_polled()
    }

    /// What it is among servers; for a holder of its generation.
    pub(crate) fn rank(&self) -> Rank {
        self.ties.rank()
    }

    /// Notes that the actor knows of the shutdown and sees to its end by itself. The caller is the actor, or makes it.
    pub(crate) fn set_told(&self) {
        self.ties.set_told();
    }

    /// Whether the actor sees to its end by itself, in a shutdown.
    #[inline]
    pub(crate) fn is_told(&self) -> bool {
        self.ties.is_told()
    }

    /// Which server it is in the order of their starts; only meaningful to a holder of its generation.
    pub(crate) fn sequence(&self) -> u64 {
        // Ordering: Relaxed. As for `runtime`.
        self.sequence.load(Ordering::Relaxed)
    }

    /// The runtime of an actor that lives, and goes on doing so: the caller is the actor, or has queued it and not pushed it yet.
    pub(crate) fn shared(&self) -> *const () {
        // Ordering: Relaxed. As for `runtime`.
        self.shared.load(Ordering::Relaxed)
    }

    // ---- panics -------------------------------------------------------------------------------------------------------

    /// Remembers where the actor panicked. By the panic hook.
    pub(crate) fn note_panic(&self, place: Option<String>) {
        let mut panic = self.panic.take().unwrap_or_default();
        panic.place = place;
        self.panic.set(Some(panic));
    }

    /// Where it panicked. By the exit steps.
    pub(crate) fn take_panic_place(&self) -> Option<String> {
        let mut panic = self.panic.take()?;
        let place = panic.place.take();
        self.panic.set(Some(panic));
        place
    }

    /// Remembers a caller whose reply the panic has dropped: the reason is not known yet.
    pub(crate) fn note_unanswered(&self, caller: Pid, call: CallId) {
        let mut panic = self.panic.take().unwrap_or_default();
        panic.unanswered.push((caller, call));
        self.panic.set(Some(panic));
    }

    /// Tells those callers.
    #[inline]
    pub(crate) fn send_last_words(&self, silence: Silence) {
        let Some(panic) = self.panic.take() else { return };
        for (caller, call) in panic.unanswered {
            if slot_of(caller).reply.abandon(call, silence) {
                super::park::unpark(caller);
            }
        }
    }

    /// The class of stack this actor runs on, or will run on.
    pub(crate) fn stack_class(&self) -> StackClass {
        self.stack_class.get()
    }

    /// Takes out the stack on which this actor ran.
    ///
    /// # Safety
    ///
    /// The actor was given a stack of its class, recorded in `stack_index`, and this is called once for it, by its owner.
    pub(crate) unsafe fn stack(&self) -> Stack {
        // SAFETY: the caller's promise.
        unsafe { Stack::from_index(self.stack_class.get(), self.stack_index.get()) }
    }
}

/// How much of a suspended stack is used first: the saved registers and the frames above them.
const PREFETCHED_LINES: usize = 4;
const CACHE_LINE_BYTES: usize = 64;

/// The first segment has this many slots, each further one twice as many as the one before.
const FIRST_SEGMENT: u32 = 256;
const FIRST_SEGMENT_SHIFT: u32 = FIRST_SEGMENT.trailing_zeros();
/// Enough for all 32-bit indexes.
const SEGMENTS: usize = 24;

static TABLE: [AtomicPtr<Slot>; SEGMENTS] = [const { AtomicPtr::new(ptr::null_mut()) }; SEGMENTS];

/// Free slots, for workers (which take and return many at a time) and for plain threads.
static POOL: Mutex<Pool> = Mutex::new(Pool { free: Vec::new(), next: 1 });

struct Pool {
    free: Vec<SlotRef>,
    /// The first index that was never used. Invariant: at least 1, because a packed `Pid` is never zero.
    next: u32,
}

fn pool() -> MutexGuard<'static, Pool> {
    // Nothing panics while it is held but an allocation failure, which leaves it usable.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Segment and position of an index.
#[inline]
fn locate(index: u32) -> (usize, usize) {
    let shifted = u64::from(index) + u64::from(FIRST_SEGMENT);
    let segment = shifted.ilog2() - FIRST_SEGMENT_SHIFT;
    let start = u64::from(FIRST_SEGMENT) << segment;
    (segment as usize, (shifted - start) as usize)
}

fn segment_length(segment: usize) -> usize {
    (FIRST_SEGMENT as usize) << segment
}

/// The slot at an index that some `Pid` or inbox holds.
#[inline]
pub(crate) fn slot_at(index: u32) -> Option<SlotRef> {
    let (segment, position) = locate(index);
    // Ordering: Acquire; pairs with the Release in `grow`: the slots of the segment are initialised.
    let slots = TABLE[segment].load(Ordering::Acquire);
    if slots.is_null() {
        return None;
    }
    // SAFETY: the segment has `segment_length` slots, `locate` stays inside, and it is never freed.
    Some(unsafe { &*slots.add(position) })
}

/// The slot of a `Pid`; the holder compares the generation by the state word's transitions.
#[inline]
pub(crate) fn slot_of(pid: Pid) -> SlotRef {
    slot_at(pid.index()).expect("a Pid names a slot that was made before it")
}

/// Whether the actor of this name has not ended; a guess.
pub(crate) fn is_alive(pid: Pid) -> bool {
    slot_of(pid).state.is_of(pid.generation())
}

/// No memory for another segment of slots, or no index left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NoSlot;

impl From<NoSlot> for std::io::Error {
    fn from(NoSlot: NoSlot) -> Self {
        Self::new(std::io::ErrorKind::OutOfMemory, "no memory for another actor's control block")
    }
}

/// Takes up to `count` free slots, at least one.
pub(crate) fn take(count: usize, into: &mut Vec<SlotRef>) -> Result<(), NoSlot> {
    let _section = Section::begin();
    let mut pool = pool();
    if pool.free.is_empty() {
        grow(&mut pool)?;
    }
    let from = pool.free.len().saturating_sub(count);
    into.extend(pool.free.drain(from..));
    Ok(())
}

/// Takes one free slot.
pub(crate) fn take_one() -> Result<SlotRef, NoSlot> {
    let _section = Section::begin();
    let mut pool = pool();
    if pool.free.is_empty() {
        grow(&mut pool)?;
    }
    Ok(pool.free.pop().expect("grow added some"))
}

/// Returns slots whose state is `Free`. One whose generations are used up is retired: a stale `Pid` must never name a new actor.
pub(crate) fn give_back(slots: impl Iterator<Item = SlotRef>) {
    let usable = |slot: &SlotRef| slot.state.generation() < u32::MAX;
    let _section = Section::begin();
    pool().free.extend(slots.filter(usable));
}

/// Indexes are below this: the two highest bits of a packed `Pid` are free, for `wait`, for timers and for locks.
const INDEX_LIMIT: u32 = 1 << 30;

/// How many slots are prepared at a time.
const GROW_BATCH: u32 = 256;

/// Adds a batch of never-used slots to the pool. They are initialised here, in small numbers, so that a segment's memory is
/// touched only as far as it is used.
fn grow(pool: &mut Pool) -> Result<(), NoSlot> {
    let first = pool.next;
    let count = GROW_BATCH.min(INDEX_LIMIT - first);
    if count == 0 {
        return Err(NoSlot);
    }
    for index in (first..first + count).rev() {
        let (segment, position) = locate(index);
        let slots = segment_or_new(segment)?;
        // SAFETY: inside the segment, and no index at or above `next` was ever handed out, so nobody reads this slot.
        let place = unsafe { slots.add(position) };
        // SAFETY: as above.
        unsafe { place.write(Slot::new(index)) };
        // SAFETY: just initialised, never freed.
        pool.free.push(unsafe { &*place });
    }
    pool.next = first + count;
    Ok(())
}

/// The memory of a segment; zeroed pages that the kernel supplies when they are touched. A slot of zeros is a valid free slot: a
/// scan may meet one that is not initialised yet.
fn segment_or_new(segment: usize) -> Result<*mut Slot, NoSlot> {
    // Ordering: Relaxed. Written under the pool's lock, which the caller holds.
    let slots = TABLE[segment].load(Ordering::Relaxed);
    if !slots.is_null() {
        return Ok(slots);
    }
    let layout = core::alloc::Layout::array::<Slot>(segment_length(segment)).map_err(|_| NoSlot)?;
    // SAFETY: the layout is not empty.
    let slots = unsafe { std::alloc::alloc_zeroed(layout) }.cast::<Slot>();
    if slots.is_null() {
        return Err(NoSlot);
    }
    // Ordering: Release; pairs with the Acquire in `slot_at`.
    TABLE[segment].store(slots, Ordering::Release);
    Ok(slots)
}

/// All slots that were ever handed out, for reports and shutdown.
pub(crate) fn all() -> impl Iterator<Item = SlotRef> {
    let end = pool().next;
    (1..end).filter_map(slot_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_free(slot: SlotRef) -> bool {
        pool().free.iter().any(|free| ptr::eq(*free, slot))
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_retired_and_names_nobody_any_more() {
        let slot = take_one().expect("memory for a slot");
        slot.state.wear_out(u32::MAX - 2);
        let first = Pid::new(slot.index(), slot.state.occupy_running());
        slot.state.finish();
        let last = Pid::new(slot.index(), slot.state.occupy_running());
        assert_eq!((first.generation(), last.generation()), (u32::MAX - 1, u32::MAX));
        assert!(!is_alive(first) && is_alive(last));
        slot.state.finish();
        give_back(core::iter::once(slot));
        assert!(!is_free(slot));
        super::super::park::kill(first);
        super::super::park::kill(last);
        assert!(!is_alive(last) && !slot.state.is_killed());
    }
}
