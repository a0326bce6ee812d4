//! The unbounded channel: a linked list of blocks, one read-modify-write for a send, none for a receive.
//!
//! ```text
//!   head (the receiver's own)                 tail word: index | selects | gone | parked
//!      ▼                                          ▼
//!   [ block: 31 places ] ──next──▶ [ block: 31 places ] ──▶ null
//! ```
//!
//! An index counts places; each 32nd is no place but stands for "the next block is being linked". A sender claims a place by
//! moving the tail word on, writes its message, and marks the place ready. The receiver reads marks only.
//!
//! # Waiting
//!
//! The receiver parks by setting `PARKED` in the tail word, by a compare-and-swap that succeeds only while the tail equals its head:
//! so the queue was empty in that instant. Who takes the bit away again, in the same compare-and-swap by which it looks at the tail, owes the
//! receiver an answer, and unparks it: a sender gives it the message from hand to hand, past the queue, or puts it into the queue and
//! says so; the last sender that leaves says that there is nothing. See `hand`. Nobody else needs to look at the receiver, and no fence
//! is needed.
//!
//! A receiver that waits for other things too adds `SELECTS`: it may choose one of them instead, so a message goes into the queue, and nothing
//! from hand to hand. Otherwise it is the same.
//!
//! # Invariants
//!
//! 1. Only the sender that claimed a place touches it, until it is ready; then only the receiver.
//! 2. The sender that claims the last place of a block links the next block before it marks its place. So when the receiver has
//!    consumed a block's last place, the next block is there, and nobody touches the old one any more: the receiver frees it.
//! 3. Between claim and mark there is no user code and no switch. A receiver that meets a claimed place that is not ready waits for
//!    another *thread*, for a few instructions; if the kernel took that thread off its core, it yields its own.
//!
//! The list of blocks is that of crossbeam's `SegQueue` and list channel, with one consumer.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr;

use super::error::{RecvError, RecvTimeoutError, SendError, TryRecvError};
use super::hand::{Given, Hand};
use std::alloc;

use crate::pid::Pid;
use crate::sys::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use crate::task::current::{self, Here};
use crate::task::park::{self, Wake};
use crate::task::slot::{Slot, SlotRef};
use crate::task::wait::{WaitKind, WaitObject};

/// Indexes from one block to the next, and places in a block.
const LAP: u64 = 32;
const PLACES: usize = LAP as usize - 1;

/// Bits of the tail word below the index.
const PARKED: u64 = 1;
const GONE: u64 = 2;
/// Only beside `PARKED`, and taken away with it.
const SELECTS: u64 = 4;
const ONE: u64 = 8;
/// What the receiver sets, and who answers it takes away.
const MARK: u64 = PARKED | SELECTS;
const INDEX_SHIFT: u32 = ONE.trailing_zeros();

/// Looks at a place that is claimed and not ready before the thread yields.
const SPINS: u32 = 64;

struct Place<T> {
    ready: AtomicBool,
    message: UnsafeCell<MaybeUninit<T>>,
}

struct Block<T> {
    next: AtomicPtr<Block<T>>,
    places: [Place<T>; PLACES],
}

impl<T> Place<T> {
    /// Moves the message there, and says so. By its address: a large one is copied once.
    ///
    /// # Safety
    ///
    /// The caller has claimed the place, and not filled it; it does not use the message afterwards.
    #[inline(always)]
    unsafe fn fill(&self, message: *const T) {
        // SAFETY: claimed, not ready: nobody else touches it. The message is the caller's to give.
        unsafe { self.message.get().cast::<T>().copy_from_nonoverlapping(message, 1) };
        // Ordering: Release; publishes the message, and the link before it, to the Acquire in `pop`.
        self.ready.store(true, Ordering::Release);
    }
}

/// The tail word when one more place is claimed. Who claims it owes the receiver an answer, if that is parked.
fn after(tail: u64) -> u64 {
    (tail & !MARK) + ONE
}

impl<T> Block<T> {
    fn new() -> *mut Self {
        let layout = Layout::new::<Self>();
        // In place: a block of large messages would not fit the stack. SAFETY: a block has a size, for its link.
        let block = unsafe { alloc::alloc_zeroed(layout) }.cast::<Self>();
        // All zeros is a block: no next one, nothing ready, the messages not initialised.
        if block.is_null() { alloc::handle_alloc_error(layout) } else { block }
    }
}

/// Where the receiver is.
struct Head<T> {
    index: u64,
    /// Null until the first message was met.
    block: *mut Block<T>,
}

/// One line for the senders and one for the receiver: the two may be on two threads.
#[repr(C, align(64))]
pub(super) struct Unbounded<T> {
    tail: Tail<T>,
    /// The first block, for the receiver.
    first: AtomicPtr<Block<T>>,
    /// Who is parked, as the bits of a `Pid`, and where. Written by the receiver before it sets `PARKED`.
    receiver: AtomicU64,
    receiver_slot: AtomicPtr<Slot>,
    senders: AtomicUsize,
    pub(super) wait: WaitObject,
    hand: Hand<T>,
    head: ReceiverLine<T>,
}

struct Tail<T> {
    word: AtomicU64,
    block: AtomicPtr<Block<T>>,
}

#[repr(align(64))]
struct ReceiverLine<T>(UnsafeCell<Head<T>>);

// SAFETY: messages cross threads, so they must be `Send`; the protocol above gives each place one user at a time, and the head is
// used by the only receiver.
unsafe impl<T: Send> Sync for Unbounded<T> {}
// SAFETY: as above; it owns its blocks.
unsafe impl<T: Send> Send for Unbounded<T> {}

/// What came of the registration of a select.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Select {
    Waits,
    /// It has another arm that waits for the same.
    Already,
    /// Nothing is registered.
    Ready,
}

/// What the receiver finds at its head.
enum Pop<T> {
    Message(T),
    Empty,
    /// A sender is about to make it ready.
    Busy,
}

impl<T> Unbounded<T> {
    /// A channel with one sender and one receiver.
    pub(super) fn new() -> Self {
        Self {
            tail: Tail { word: AtomicU64::new(0), block: AtomicPtr::new(ptr::null_mut()) },
            head: ReceiverLine(UnsafeCell::new(Head { index: 0, block: ptr::null_mut() })),
            hand: Hand::new(),
            first: AtomicPtr::new(ptr::null_mut()),
            receiver: AtomicU64::new(0),
            receiver_slot: AtomicPtr::new(ptr::null_mut()),
            senders: AtomicUsize::new(1),
            wait: WaitObject::made_by(current::runtime()),
        }
    }

    pub(super) fn used(&self) {
        self.wait.used_by(current::runtime());
    }

    // ---- senders ------------------------------------------------------------------------------------------------------

    #[inline]
    pub(super) fn send(&self, message: T) -> Result<(), SendError<T>> {
        let here = current::here();
        self.wait.used_by(current::runtime_of(here));
        let message = ManuallyDrop::new(message);
        // Ordering: Acquire; see `send_anyhow`.
        let tail = self.tail.word.load(Ordering::Acquire);
        let taken = if Hand::<T>::FITS && tail & MARK == PARKED {
            // SAFETY: it fits; it is used only if it was not taken.
            unsafe { self.hand_over(here, tail, &raw const *message) }
        } else {
            // SAFETY: as above.
            unsafe { self.queue(tail, &raw const *message) }
        };
        // SAFETY: as above.
        if taken || unsafe { self.send_anyhow(&raw const *message) } {
            return Ok(());
        }
        Err(SendError::disconnected(ManuallyDrop::into_inner(message)))
    }

    /// Gives the message to a receiver that waits. False if somebody else was faster.
    ///
    /// # Safety
    ///
    /// It fits, and may be read; the caller uses it afterwards only if this is false.
    #[inline(always)]
    unsafe fn hand_over(&self, here: Option<&'static Here>, tail: u64, message: *const T) -> bool {
        // Ordering: AcqRel. Acquire sees the receiver's name, and that its hand is empty; Release keeps the chain.
        let taken = self
            .tail
            .word
            .compare_exchange(tail, tail & !PARKED, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok();
        if taken {
            let receiver = self.receiver();
            // SAFETY: the mark was taken in the line above.
            unsafe { self.hand.give(message) };
            wake(here, receiver);
        }
        taken
    }

    /// Puts the message into the queue, where nothing is special. False if something is.
    ///
    /// # Safety
    ///
    /// The message may be read; the caller uses it afterwards only if this is false.
    #[inline(always)]
    unsafe fn queue(&self, tail: u64, message: *const T) -> bool {
        // Ordering: Acquire; see `send_anyhow`.
        let block = self.tail.block.load(Ordering::Acquire);
        let offset = tail >> INDEX_SHIFT & (LAP - 1);
        // Ordering: AcqRel; see `send_anyhow`.
        let claimed = tail & (GONE | PARKED) == 0
            && offset + 1 < PLACES as u64
            && !block.is_null()
            && self
                .tail
                .word
                .compare_exchange(tail, after(tail), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        if claimed {
            // SAFETY: the place is claimed, it is not the last one, and the block is the one of this index.
            unsafe { (*block).places[offset as usize].fill(message) };
        }
        claimed
    }

    /// Sends where a block begins or ends, and where other senders interfere. False, and the message is left alone, if the receiver has
    /// gone.
    ///
    /// # Safety
    ///
    /// The message may be read; the caller uses it afterwards only if this is false.
    #[inline(never)]
    unsafe fn send_anyhow(&self, message: *const T) -> bool {
        let mut spare = Spare(ptr::null_mut());
        let mut spins = 0;
        loop {
            // Ordering: Acquire. Ordered before the read of the block that goes with it.
            let tail = self.tail.word.load(Ordering::Acquire);
            if tail & GONE != 0 {
                return false;
            }
            let offset = tail >> INDEX_SHIFT & (LAP - 1);
            if offset == PLACES as u64 {
                relax(&mut spins); // the next block is being linked
                continue;
            }
            // Ordering: Acquire; pairs with the Release of who linked the block. If it is not the block of this tail any more, the
            // compare-and-swap below fails: the word only grows.
            let block = self.tail.block.load(Ordering::Acquire);
            if block.is_null() {
                self.link_first();
                continue;
            }
            if offset + 1 == PLACES as u64 {
                spare.fill();
            }
            // Ordering: AcqRel. Acquire sees the receiver's name behind `PARKED`; Release keeps the chain for the next sender.
            if self
                .tail
                .word
                .compare_exchange_weak(tail, after(tail), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                // SAFETY: the place is claimed, and the block is the one of this index.
                unsafe { self.fill(block, offset as usize, message, &mut spare) };
                if tail & PARKED != 0 {
                    // SAFETY: the mark was taken with the claim.
                    unsafe { self.answer_with_nothing() };
                }
                return true;
            }
        }
    }

    /// Whoever comes first gives the channel its first block.
    #[cold]
    fn link_first(&self) {
        let block = Block::new();
        // Ordering: AcqRel; Release publishes the block.
        let linked =
            self.tail.block.compare_exchange(ptr::null_mut(), block, Ordering::AcqRel, Ordering::Relaxed);
        match linked {
            // Ordering: Release; pairs with the Acquire in `pop`.
            Ok(_) => self.first.store(block, Ordering::Release),
            // SAFETY: made above and never shown to anybody.
            Err(_) => drop(unsafe { Box::from_raw(block) }),
        }
    }

    /// Writes the message to its place.
    ///
    /// # Safety
    ///
    /// The caller has claimed the place at `offset` of `block`; for the last place, `spare` is filled. The message is its to give.
    unsafe fn fill(&self, block: *mut Block<T>, offset: usize, message: *const T, spare: &mut Spare<T>) {
        // SAFETY: a block lives until the receiver has consumed all its places, ours too.
        let block = unsafe { &*block };
        if offset + 1 == PLACES {
            self.link(block, spare.take());
        }
        // SAFETY: claimed by us.
        unsafe { block.places[offset].fill(message) };
    }

    /// Makes `next` the block of the tail. The caller has claimed the last place of `block`.
    fn link(&self, block: &Block<T>, next: *mut Block<T>) {
        // Ordering: Release, three times: the block before the index that goes with it, both before other senders go on; and the new
        // block before the receiver follows the link.
        self.tail.block.store(next, Ordering::Release);
        self.tail.word.fetch_add(ONE, Ordering::Release);
        block.next.store(next, Ordering::Release);
    }

    /// The receiver whose mark the caller has taken.
    #[inline(always)]
    fn receiver(&self) -> Option<(SlotRef, Pid)> {
        // Ordering: Relaxed, twice. Written before the bit that the caller took away by an Acquire.
        let pid = Pid::from_bits(self.receiver.load(Ordering::Relaxed))?;
        // SAFETY: null, or a slot; slots are never freed.
        unsafe { self.receiver_slot.load(Ordering::Relaxed).as_ref() }.map(|slot| (slot, pid))
    }

    /// Has the receiver look at the queue, and at the number of senders.
    ///
    /// # Safety
    ///
    /// The caller has taken the receiver's mark.
    unsafe fn answer_with_nothing(&self) {
        let receiver = self.receiver();
        // SAFETY: the caller's promise.
        unsafe { self.hand.give_nothing() };
        wake(current::here(), receiver);
    }

    pub(super) fn add_sender(&self) {
        self.used();
        // Ordering: Relaxed. The new sender is made from one that keeps the count above zero.
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_sender(&self) {
        // Ordering: AcqRel. Release publishes this sender's messages to a receiver that finds no senders; Acquire for the last one.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Ordering: AcqRel. Both the receiver (by setting the bit) and we modify this word: the second one sees the other's
            // action, either the bit here or the count there.
            if self.tail.word.fetch_and(!MARK, Ordering::AcqRel) & PARKED != 0 {
                // SAFETY: taken in the line above.
                unsafe { self.answer_with_nothing() };
            }
        }
    }

    // ---- the receiver -------------------------------------------------------------------------------------------------

    /// Takes the message at the head.
    ///
    /// # Safety
    ///
    /// The caller is the only receiver.
    #[inline(always)]
    unsafe fn pop(&self) -> Pop<T> {
        // SAFETY: the receiver alone uses the head.
        let head = unsafe { &mut *self.head.0.get() };
        if head.block.is_null() {
            // Ordering: Acquire; pairs with the Release in `link_first`.
            head.block = self.first.load(Ordering::Acquire);
        }
        // SAFETY: null, or a block that we have not freed.
        let Some(block) = (unsafe { head.block.as_ref() }) else { return self.nothing(head.index) };
        let offset = (head.index & (LAP - 1)) as usize;
        let place = &block.places[offset];
        // Ordering: Acquire; pairs with the Release in `fill`.
        if !place.ready.load(Ordering::Acquire) {
            return self.nothing(head.index);
        }
        // SAFETY: ready, and read only once: the head moves on.
        let message = unsafe { (*place.message.get()).assume_init_read() };
        head.index += 1;
        if offset + 1 == PLACES {
            // Ordering: Acquire; pairs with the Release in `link`. Not null: invariant 2.
            let next = block.next.load(Ordering::Acquire);
            // SAFETY: invariant 2: nobody else touches this block any more.
            drop(unsafe { Box::from_raw(head.block) });
            head.block = next;
            head.index += 1;
        }
        Pop::Message(message)
    }

    /// Nothing is ready at this index: nothing there, or not yet.
    fn nothing(&self, index: u64) -> Pop<T> {
        // Ordering: Relaxed. Only compared; what it leads to is looked at again.
        let tail = self.tail.word.load(Ordering::Relaxed) >> INDEX_SHIFT;
        if tail == index { Pop::Empty } else { Pop::Busy }
    }

    /// # Safety
    ///
    /// The caller is the only receiver.
    #[inline]
    pub(super) unsafe fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut spins = 0;
        loop {
            // SAFETY: the caller is the only receiver.
            match unsafe { self.pop() } {
                Pop::Message(message) => return Ok(message),
                Pop::Busy => relax(&mut spins),
                // Ordering: Acquire; pairs with the Release in `remove_sender`: what the senders sent is visible to the next look.
                Pop::Empty if self.senders.load(Ordering::Acquire) > 0 => return Err(TryRecvError::Empty),
                // SAFETY: as above.
                Pop::Empty => match unsafe { self.pop() } {
                    Pop::Message(message) => return Ok(message),
                    Pop::Empty => return Err(TryRecvError::Disconnected),
                    Pop::Busy => {}
                },
            }
        }
    }

    /// # Safety
    ///
    /// The caller is the only receiver.
    #[inline]
    pub(super) unsafe fn recv(&self, here: Option<&'static Here>) -> Result<T, RecvError> {
        // SAFETY: the caller's promise.
        if let Pop::Message(message) = unsafe { self.pop() } {
            return Ok(message);
        }
        // SAFETY: the caller's promise.
        unsafe { self.wait(here, None) }.map_err(RecvError::from_wait)
    }

    /// Waits for a message, after a look that found none.
    ///
    /// # Safety
    ///
    /// The caller is the only receiver.
    #[inline(never)]
    pub(super) unsafe fn wait(
        &self,
        here: Option<&'static Here>,
        deadline_ns: Option<u64>,
    ) -> Result<T, RecvTimeoutError> {
        let slot = current::waiter_of(here);
        self.wait.used_by(slot.runtime());
        loop {
            let stays = park::must_not_park(slot);
            let waited = if stays { Err(Wake::Unparked) } else { self.park_receiver(slot, deadline_ns) };
            let wake = match waited {
                Ok(message) => return Ok(message),
                Err(wake) => wake,
            };
            // SAFETY: as above.
            match unsafe { self.try_recv() } {
                Ok(message) => return Ok(message),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty)
                    if stays && park::may_not_wait(slot, "`recv` on an empty channel") =>
                {
                    return Err(RecvTimeoutError::Unwinding);
                }
                Err(TryRecvError::Empty) if wake == Wake::TimedOut => return Err(RecvTimeoutError::Timeout),
                Err(TryRecvError::Empty) => park::deliver_kill(slot),
            }
        }
    }

    /// Says that the receiver waits, if the queue is empty; else what the tail word is.
    #[inline(always)]
    fn mark(&self, slot: SlotRef, mark: u64) -> Result<u64, u64> {
        // Ordering: Relaxed, twice. Published by the bit.
        self.receiver.store(slot.pid().to_bits(), Ordering::Relaxed);
        self.receiver_slot.store(ptr::from_ref(slot).cast_mut(), Ordering::Relaxed);
        let empty = self.empty();
        // Ordering: AcqRel. Release publishes our name; Acquire, if the last sender has left, sees the count. See `remove_sender`.
        self.tail.word.compare_exchange(empty, empty | mark, Ordering::AcqRel, Ordering::Relaxed)
    }

    /// What the tail word is if the queue is empty and nobody waits. The caller is the receiver.
    #[inline(always)]
    fn empty(&self) -> u64 {
        // SAFETY: the receiver alone uses the head.
        unsafe { (*self.head.0.get()).index << INDEX_SHIFT }
    }

    /// Registers a select that wants to receive. The caller is the receiver.
    pub(super) fn register(&self, slot: SlotRef) -> Select {
        self.wait.used_by(slot.runtime());
        match self.mark(slot, MARK) {
            Ok(_) => {}
            Err(tail) if tail == self.empty() | MARK => return Select::Already,
            Err(_) => return Select::Ready,
        }
        // Ordering: Acquire; as in `park_receiver`.
        if self.senders.load(Ordering::Acquire) == 0 {
            self.deregister();
            return Select::Ready;
        }
        Select::Waits
    }

    /// Takes it back, if it was not [`Already`](Select::Already) there. A message that has come meanwhile is in the queue.
    pub(super) fn deregister(&self) {
        match self.hand.take() {
            Given::Nothing => {}
            Given::Pending => drop(self.unmark()),
            Given::Message(_) => unreachable!("who selects is given nothing from hand to hand"),
        }
    }

    /// Parks until something may have changed; or until a message is handed over.
    #[inline(always)]
    fn park_receiver(&self, slot: SlotRef, deadline_ns: Option<u64>) -> Result<T, Wake> {
        if self.mark(slot, PARKED).is_err() {
            return Err(Wake::Unparked);
        }
        // Ordering: Acquire; as above.
        let wake = if self.senders.load(Ordering::Acquire) == 0 {
            Wake::Unparked
        } else {
            park::park(slot, WaitKind::Receive, Some(&self.wait), deadline_ns)
        };
        match self.hand.take() {
            Given::Message(message) => Ok(message),
            Given::Nothing => Err(wake),
            Given::Pending => self.unmark().ok_or(wake),
        }
    }

    /// Takes our mark away. If it is gone, somebody owes us an answer: that is waited for.
    #[cold]
    fn unmark(&self) -> Option<T> {
        // Ordering: AcqRel; ordered against the senders' compare-and-swaps.
        if self.tail.word.fetch_and(!MARK, Ordering::AcqRel) & PARKED != 0 {
            return None;
        }
        let mut spins = 0;
        loop {
            match self.hand.take() {
                Given::Message(message) => return Some(message),
                Given::Nothing => return None,
                Given::Pending => relax(&mut spins),
            }
        }
    }

    /// The receiver leaves: senders fail from now on, and what is queued is dropped.
    ///
    /// # Safety
    ///
    /// The caller is the only receiver, for the last time.
    pub(super) unsafe fn remove_receiver(&self) {
        // Ordering: AcqRel. Whoever claimed a place before it is waited for below; nobody claims one after it.
        self.tail.word.fetch_or(GONE, Ordering::AcqRel);
        /// Goes on when a message's destructor panics.
        struct Drain<'a, T>(&'a Unbounded<T>);
        impl<T> Drop for Drain<'_, T> {
            fn drop(&mut self) {
                // SAFETY: the promise of `remove_receiver`.
                unsafe { self.0.drain() };
            }
        }
        let _rest = Drain(self);
        // SAFETY: the caller's promise.
        unsafe { self.drain() };
    }

    /// # Safety
    ///
    /// As for `remove_receiver`.
    unsafe fn drain(&self) {
        let mut spins = 0;
        loop {
            // SAFETY: the caller's promise.
            match unsafe { self.pop() } {
                Pop::Message(message) => drop(message),
                Pop::Busy => relax(&mut spins),
                Pop::Empty => return,
            }
        }
    }
}

impl<T> Drop for Unbounded<T> {
    fn drop(&mut self) {
        // The receiver has drained the messages; at most one block is left, and it was never shown to it if no message came.
        let head = self.head.0.get_mut().block;
        let block = if head.is_null() { *self.first.get_mut() } else { head };
        if !block.is_null() {
            // SAFETY: made by `Block::new`, freed once, and nobody else knows the channel any more.
            drop(unsafe { Box::from_raw(block) });
        }
    }
}

#[inline(always)]
fn wake(here: Option<&'static Here>, receiver: Option<(SlotRef, Pid)>) {
    if let Some((slot, pid)) = receiver {
        park::unpark_from(here, slot, pid);
    }
}

/// Waits a little for another thread that is a few instructions from done.
fn relax(spins: &mut u32) {
    *spins += 1;
    if *spins < SPINS { core::hint::spin_loop() } else { std::thread::yield_now() }
}

/// A block made before it is needed, so that the claim is not held up by the allocator; freed if it was not needed.
struct Spare<T>(*mut Block<T>);

impl<T> Spare<T> {
    fn fill(&mut self) {
        if self.0.is_null() {
            self.0 = Block::new();
        }
    }

    fn take(&mut self) -> *mut Block<T> {
        core::mem::replace(&mut self.0, ptr::null_mut())
    }
}

impl<T> Drop for Spare<T> {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: made by `Block::new` and never shown to anybody.
            drop(unsafe { Box::from_raw(self.0) });
        }
    }
}
