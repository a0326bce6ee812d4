//! The one heap block of a thread actor: its closure, then its result, and who waits for it.
//!
//! ```text
//!   Header: job | join word | ...      payload: closure ─run─▶ result
//! ```
//!
//! | join word | meaning | leaves by |
//! |---|---|---|
//! | `NOBODY` | it runs, and there is a handle | park of the joiner, drop of the handle, end |
//! | a `Pid` | it runs, and that actor or thread is parked in `join` | leave of the joiner, end |
//! | `DETACHED` | it runs, and the handle is gone | end: the actor itself drops the result and frees the block |
//! | `DONE` | it has ended | the handle takes or drops the result and frees the block |
//!
//! Each side ends its part by a swap, so exactly one of them is second, and frees the block.

use core::cell::{Cell, UnsafeCell};
use core::mem::ManuallyDrop;
use core::panic::Location;
use core::ptr::{self, NonNull};
use std::sync::Arc;

use super::exit;
use super::join::JoinHandle;
use super::scope::ScopeData;
use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::sys::atomic::{AtomicU64, Ordering};
use crate::sys::stack::StackClass;
use crate::task::park;
use crate::task::slot::{Job, JobKind, JobPid, JobThread, SlotRef, Turn};
use crate::task::wait::WaitObject;
use crate::task::{self, current};

const NOBODY: u64 = 0;
const DONE: u64 = u64::MAX;
const DETACHED: u64 = u64::MAX - 1;
// All else is the `Pid` of a parked joiner: generations end before u32::MAX, so none has these bits.

/// What a handle knows of the block, whatever the closure's type.
#[repr(C)]
pub(super) struct Header {
    job: Job,
    join: AtomicU64,
    name: Option<Box<str>>,
    pub(super) wait: WaitObject,
    /// For an actor of a scope: told at the very end. Taken out by the actor, while a joiner may hold a reference to the header.
    scope: UnsafeCell<Option<Arc<ScopeData>>>,
    /// Moves the result to the address given, a `Result<T, ExitReason>`, and frees the block.
    take: unsafe fn(*mut Header, *mut ()),
    /// Drops the result and frees the block. Whether the actor had panicked.
    discard: unsafe fn(*mut Header) -> bool,
}

#[repr(C)]
struct Block<F, T> {
    header: Header,
    payload: UnsafeCell<Payload<F, T>>,
}

/// The closure until the actor runs; the result after it has ended; nothing between.
union Payload<F, T> {
    closure: ManuallyDrop<F>,
    result: ManuallyDrop<Result<T, ExitReason>>,
}

/// How an actor is to be made.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) name: Option<Box<str>>,
    pub(crate) stack_class: Option<StackClass>,
    pub(crate) thread: JobThread,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) preempt_in_alloc: bool,
}

/// An actor that is ready to be handed to the host. Dropped instead, it drops the closure.
pub(crate) struct Prepared<F, T> {
    block: NonNull<Block<F, T>>,
}

impl<F: FnOnce() -> T + Send + 'static, T: Send + 'static> Prepared<F, T> {
    pub(crate) fn new(closure: F, options: Options) -> Self {
        // SAFETY: closure and result borrow nothing.
        unsafe { Self::borrowing(closure, options, None) }
    }
}

impl<F: FnOnce() -> T, T> Prepared<F, T> {
    /// # Safety
    ///
    /// Closure and result may be sent to another thread, and what they borrow lives until the actor has ended and its result is gone:
    /// the caller waits for `scope` to be told.
    pub(super) unsafe fn borrowing(closure: F, options: Options, scope: Option<Arc<ScopeData>>) -> Self {
        let job = Job {
            kind: const { &JobKind { run: run::<F, T>, name } },
            pid: JobPid::default(),
            spawned_at: options.spawned_at,
            stack_class: options.stack_class,
            thread: Cell::new(options.thread),
            preempt_in_alloc: false,
        };
        let header = Header {
            job,
            join: AtomicU64::new(NOBODY),
            name: options.name,
            wait: WaitObject::made_by(current::runtime()),
            scope: UnsafeCell::new(scope),
            take: take::<F, T>,
            discard: discard::<F, T>,
        };
        let payload = UnsafeCell::new(Payload { closure: ManuallyDrop::new(closure) });
        let mut block = Box::new(Block { header, payload });
        if options.preempt_in_alloc {
            // Here and not above: a byte of its own there makes each spawn wait for the copy of the block's head (17 ns).
            block.header.job.preempt_in_alloc = true;
        }
        Self { block: NonNull::from(Box::leak(block)) }
    }

    /// The job, for the host.
    pub(crate) fn job(&self) -> *mut Job {
        self.block.as_ptr().cast()
    }

    /// The host has taken it, under this name.
    pub(crate) fn launched(self, pid: Pid) -> JoinHandle<T> {
        let header = self.block.cast::<Header>();
        core::mem::forget(self);
        // SAFETY: the block is shared by the actor and this one handle.
        unsafe { JoinHandle::new(header, pid) }
    }
}

impl<F, T> Drop for Prepared<F, T> {
    fn drop(&mut self) {
        // SAFETY: the host has refused the job, so the block is ours alone.
        let block = unsafe { Box::from_raw(self.block.as_ptr()) };
        // SAFETY: the actor never ran: the payload is the closure.
        drop(ManuallyDrop::into_inner(unsafe { block.payload.into_inner().closure }));
    }
}

/// The whole life of the actor, on its own stack.
///
/// # Safety
///
/// `job` is the head of a `Block<F, T>` whose closure has not run; called once, on the actor's stack.
unsafe fn run<F: FnOnce() -> T, T>(job: *mut Job, slot: SlotRef) -> Turn {
    let block = job.cast::<Block<F, T>>();
    // SAFETY: the block lives until the swap below.
    let payload = unsafe { (*block).payload.get() };
    // SAFETY: the payload is the closure, and is moved out once.
    let closure = unsafe { ManuallyDrop::take(&mut (*payload).closure) };
    let result = exit::run_to_end(slot, closure);
    task::count_exit(slot, exit::outcome_of(&result));
    let was_shut_down = matches!(result, Err(ExitReason::Shutdown));
    let reason = || result.as_ref().err().cloned().unwrap_or(ExitReason::Normal);
    let obituary = exit::tell_bonds(slot, reason, false);
    // SAFETY: the payload is nothing now, and ours until the swap.
    unsafe { (*payload).result = ManuallyDrop::new(result) };
    // SAFETY: as above; the header's scope is ours until the swap.
    let scope = unsafe { (*(*block).header.scope.get()).take() };
    task::forget_job(slot);
    // SAFETY: as above.
    unsafe { end(block.cast(), scope.as_deref()) };
    // Last of all: what the closure or the result borrowed may be gone afterwards.
    if let Some(scope) = scope {
        if was_shut_down {
            scope.child_shut_down();
        }
        scope.child_ended();
    }
    obituary.tell_keeper();
    Turn::Ended
}

/// The name of a thread actor.
///
/// # Safety
///
/// `job` is the head of a block.
unsafe fn name(job: *const Job) -> Option<&'static str> {
    // SAFETY: the caller's promise.
    unsafe { &*job.cast::<Header>() }.name.as_deref()
}

/// Tells the joiner, or cleans up in its place.
///
/// # Safety
///
/// The result is in the block, and the caller is its actor, for the last time.
unsafe fn end(header: *mut Header, scope: Option<&ScopeData>) {
    // SAFETY: the block lives until the swap.
    let discard = unsafe { (*header).discard };
    // Ordering: AcqRel. Release publishes the result; Acquire sees the joiner's name.
    // SAFETY: as above.
    match unsafe { (*header).join.swap(DONE, Ordering::AcqRel) } {
        NOBODY => {}
        DETACHED => exit::shielded(|| {
            // SAFETY: the handle is gone, so the block is ours.
            if unsafe { discard(header) } {
                scope.inspect(|scope| scope.child_panicked());
            }
        }),
        joiner => {
            if let Some(a) = Pid::from_bits(joiner) {
                park::unpark(a)
            }
        }
    }
}

/// See [`Header::take`].
///
/// # Safety
///
/// The actor has ended, the block is the caller's, and `into` is valid for a write of the result.
unsafe fn take<F, T>(header: *mut Header, into: *mut ()) {
    // SAFETY: the caller's promise: the head of such a block.
    let block = unsafe { Box::from_raw(header.cast::<Block<F, T>>()) };
    // SAFETY: the actor has ended: the payload is the result.
    let result = ManuallyDrop::into_inner(unsafe { block.payload.into_inner().result });
    // SAFETY: the caller's promise.
    unsafe { into.cast::<Result<T, ExitReason>>().write(result) };
}

/// See [`Header::discard`].
///
/// # Safety
///
/// The actor has ended, and the block is the caller's.
unsafe fn discard<F, T>(header: *mut Header) -> bool {
    // SAFETY: the caller's promise: the head of such a block.
    let block = unsafe { Box::from_raw(header.cast::<Block<F, T>>()) };
    // SAFETY: the actor has ended: the payload is the result.
    let result = ManuallyDrop::into_inner(unsafe { block.payload.into_inner().result });
    let panicked = matches!(result, Err(ExitReason::Panicked(_)));
    drop(result);
    panicked
}

impl Header {
    /// Whether the actor has ended.
    pub(super) fn is_done(&self) -> bool {
        // Ordering: Acquire; pairs with the Release in `end`.
        self.join.load(Ordering::Acquire) == DONE
    }

    /// Whether the actor runs on a thread of its own, where alone it can be started.
    pub(super) fn has_own_thread(&self) -> bool {
        self.job.thread.get() != JobThread::Any
    }

    /// Registers a joiner, which may be registered already. False if the actor has ended.
    pub(super) fn register(&self, joiner: Pid) -> bool {
        let me = joiner.to_bits();
        // Ordering: AcqRel. Ordered against the swap in `end`.
        match self.join.compare_exchange(NOBODY, me, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => true,
            Err(word) => word == me,
        }
    }

    /// Takes the registration back, if the actor has not ended.
    pub(super) fn deregister(&self, joiner: Pid) {
        // Ordering: Relaxed. Nothing is published; whether the actor has ended is looked at again.
        self.join.compare_exchange(joiner.to_bits(), NOBODY, Ordering::Relaxed, Ordering::Relaxed).ok();
    }
}

/// Takes the result out, and frees the block.
///
/// # Safety
///
/// The actor has ended, its result type is `T`, and the caller is the handle, for the last time.
pub(super) unsafe fn take_result<T>(header: NonNull<Header>) -> Result<T, ExitReason> {
    let mut result = core::mem::MaybeUninit::<Result<T, ExitReason>>::uninit();
    // SAFETY: the caller's promise.
    unsafe { (header.as_ref().take)(header.as_ptr(), ptr::from_mut(&mut result).cast()) };
    // SAFETY: written by `take`.
    unsafe { result.assume_init() }
}

/// The handle goes without the result. Whether it dropped that of an actor that had panicked.
///
/// # Safety
///
/// The caller is the handle, for the last time.
pub(super) unsafe fn detach(header: NonNull<Header>) -> bool {
    // SAFETY: the block lives until both sides have swapped.
    let discard = unsafe { header.as_ref() }.discard;
    // Ordering: AcqRel. Acquire sees the result; Release publishes the handle's last use of the block.
    // SAFETY: as above.
    let before = unsafe { header.as_ref() }.join.swap(DETACHED, Ordering::AcqRel);
    // SAFETY: if the actor has ended, the block is ours.
    before == DONE && unsafe { discard(header.as_ptr()) }
}
