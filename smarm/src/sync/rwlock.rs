//! The lock for many readers or one writer.
//!
//! | held by | queue | a reader | a writer | who releases |
//! |---|---|---|---|---|
//! | nobody | empty | enters | enters | |
//! | `n` readers | empty | enters | queues up | the last one grants from the front |
//! | `n` readers | a writer is first | queues up | queues up | the last one grants from the front |
//! | a writer | any | queues up | queues up | grants from the front |
//!
//! To grant from the front is to let the first writer in, or all readers that are before the next writer. So the order is that of arrival,
//! and neither side starves. Who leaves has the same done: readers that were behind a writer that gave up go on.
//!
//! All of it is under one small lock. The writer's name stands beside it, for those who look for cycles; readers have no names, so a cycle that
//! leads over a reader is found by the timeout only.

use crate::sys::atomic::{AtomicU64, Ordering};
use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::NonNull;
use std::sync::PoisonError;
use std::time::Duration;

use super::error::LockError;
use super::queue::{Node, Queue};
use super::waiting::{self, DEFAULT_TIMEOUT, Look, Wait};
use crate::pid::Pid;
use crate::sys::atomic;
use crate::task::current;
use crate::task::park;
use crate::task::preempt::checkpoint;
use crate::task::section::Section;
use crate::task::slot::SlotRef;
use crate::task::wait::WaitKind;

/// A value that many may read, or one may change, at a time; who waits for it parks, and its worker runs others.
///
/// Works in actors of any runtime and on plain OS threads, which it blocks. As with [`Mutex`](super::Mutex), every wait has an end (30 s, or
/// what the call says), a wait for a *writer* that waits for the caller is an error at once, there is no poisoning, and a
/// lock may be held over a wait. It costs more than a mutex, and is worth it where readers hold it for long.
///
/// **Fair**: in the order of arrival. A reader that comes while a writer waits, waits behind it. So do not read twice in one actor: with a
/// writer between, the second one waits for the first, until the time is up.
///
/// `std`'s cousin is [`std::sync::RwLock`]. Erlang's would be an ETS table.
///
/// ```
/// use smarm::{scope, sync::RwLock};
///
/// smarm::run(|| {
///     let names = RwLock::new(vec!["one"]);
///     scope(|s| {
///         s.spawn(|| names.write().unwrap().push("two"));
///         s.spawn(|| assert_eq!(names.read().unwrap()[0], "one"));
///     });
///     assert_eq!(names.into_inner(), ["one", "two"]);
/// });
/// ```
pub struct RwLock<T: ?Sized> {
    state: atomic::Mutex<State>,
    /// The packed `Pid` of the writer that has it; 0 for none. Written under the lock.
    writer: AtomicU64,
    value: UnsafeCell<T>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Read,
    /// Under this name.
    Write(Pid),
}

struct State {
    readers: usize,
    is_written: bool,
    queue: Queue<Pid, Wish>,
}

impl State {
    fn has_room_for(&self, wish: Wish) -> bool {
        !self.is_written && (wish == Wish::Read || self.readers == 0)
    }
}

// SAFETY: who owns it may take the value out.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: one writer at a time, on whatever thread; readers share references.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}
// As for a mutex: there is no poisoning, and that is the user's to know.
impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

impl<T> RwLock<T> {
    /// Makes a lock that nobody has. Never parks; allocates nothing.
    #[must_use]
    pub const fn new(value: T) -> Self {
        let state = State { readers: 0, is_written: false, queue: Queue::new() };
        Self { state: atomic::Mutex::new(state), writer: AtomicU64::new(0), value: UnsafeCell::new(value) }
    }

    /// The value. Never parks: nobody else can have it.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Takes the lock to read; waits up to 30 s while somebody writes, or waits to write. A safe point. May park, on any thread.
    ///
    /// # Errors
    ///
    /// If it could not be had in time; if the writer is the caller, or waits for the caller; if the actor is unwinding and would have had to
    /// wait. See [`LockError`].
    ///
    /// # Panics
    ///
    /// Inside [`no_preempt`](crate::no_preempt) and [`forbid_yield`](crate::forbid_yield), if it would have to wait.
    pub fn read(&self) -> Result<RwLockReadGuard<'_, T>, LockError> {
        self.read_timeout(DEFAULT_TIMEOUT)
    }

    /// Takes the lock to read, but waits no longer than `timeout`. A safe point. May park, on any thread.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// As [`read`](Self::read) does.
    pub fn read_timeout(&self, timeout: Duration) -> Result<RwLockReadGuard<'_, T>, LockError> {
        self.acquire(|_| Wish::Read, timeout)?;
        Ok(RwLockReadGuard { lock: self, not_send: PhantomData })
    }

    /// Takes the lock to read, if nobody writes or waits. Never parks, and is no safe point.
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.try_acquire(Wish::Read).then(|| RwLockReadGuard { lock: self, not_send: PhantomData })
    }

    /// Takes the lock to write; waits up to 30 s while others have it, or have waited for longer. A safe point. May park, on any thread.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// As [`read`](Self::read) does.
    pub fn write(&self) -> Result<RwLockWriteGuard<'_, T>, LockError> {
        self.write_timeout(DEFAULT_TIMEOUT)
    }

    /// Takes the lock to write, but waits no longer than `timeout`. A safe point. May park, on any thread.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// As [`read`](Self::read) does.
    pub fn write_timeout(&self, timeout: Duration) -> Result<RwLockWriteGuard<'_, T>, LockError> {
        self.acquire(|slot| Wish::Write(slot.pid()), timeout)?;
        Ok(RwLockWriteGuard { lock: self, not_send: PhantomData })
    }

    /// Takes the lock to write, if nobody has it. Never parks, and is no safe point.
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        let wish = Wish::Write(current::waiter().pid());
        self.try_acquire(wish).then(|| RwLockWriteGuard { lock: self, not_send: PhantomData })
    }

    /// The value. Never parks: nobody else can have the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    fn state(&self) -> atomic::MutexGuard<'_, State> {
        // Nothing panics while it is held but an allocation failure, which leaves the state as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_acquire(&self, wish: Wish) -> bool {
        self.try_enter(&mut self.state(), wish)
    }

    fn try_enter(&self, state: &mut State, wish: Wish) -> bool {
        let can = state.queue.is_empty() && state.has_room_for(wish);
        if can {
            self.enter(state, wish);
        }
        can
    }

    fn enter(&self, state: &mut State, wish: Wish) {
        match wish {
            Wish::Read => state.readers += 1,
            Wish::Write(writer) => {
                state.is_written = true;
                self.note_writer(writer.to_bits());
            }
        }
    }

    fn note_writer(&self, bits: u64) {
        // Ordering: Relaxed. The lock orders it; who looks for a cycle has seen an edge that was published after it.
        self.writer.store(bits, Ordering::Relaxed);
    }

    /// Lets in who is first, and those who can come with it; unparks them.
    fn grant(&self, mut state: atomic::MutexGuard<'_, State>) {
        let _section = Section::begin(); // allocates under the lock
        let mut granted = Vec::new();
        while let Some(wish) = state.queue.first().copied().filter(|wish| state.has_room_for(*wish)) {
            self.enter(&mut state, wish);
            granted.extend(state.queue.grant_first());
        }
        drop(state);
        granted.into_iter().for_each(park::unpark);
    }

    fn release_read(&self) {
        let mut state = self.state();
        state.readers -= 1;
        if state.readers == 0 {
            self.grant(state);
        }
    }

    fn release_write(&self) {
        let mut state = self.state();
        state.is_written = false;
        self.note_writer(0);
        self.grant(state);
    }

    #[inline]
    fn acquire(&self, wish: impl FnOnce(SlotRef) -> Wish, timeout: Duration) -> Result<(), LockError> {
        checkpoint();
        let slot = current::waiter();
        let wish = wish(slot);
        if self.try_acquire(wish) { Ok(()) } else { self.wait(slot, wish, timeout) }
    }

    #[cold]
    fn wait(&self, slot: SlotRef, wish: Wish, timeout: Duration) -> Result<(), LockError> {
        let (call, kind) = match wish {
            Wish::Read => ("`read` of a lock that is taken", WaitKind::Read),
            Wish::Write(_) => ("`write` of a lock that is taken", WaitKind::Write),
        };
        waiting::begin(slot, call)?;
        let mut node = Node::new(slot.pid(), wish);
        let node = NonNull::from(&mut node);
        {
            let mut state = self.state();
            if self.try_enter(&mut state, wish) {
                return Ok(());
            }
            // SAFETY: new, and in place until `until_owned` returns or unwinds, which it does after a look has said that it is in no queue.
            unsafe { state.queue.push(node) };
        }
        let look = |gives_up: bool| {
            let mut state = self.state();
            // SAFETY: pushed above.
            if unsafe { state.queue.is_granted(node) } {
                return Look::Granted;
            }
            if !gives_up {
                return Look::Waiting;
            }
            // SAFETY: it was not granted, so it is in the queue.
            unsafe { state.queue.remove(node) };
            self.grant(state);
            Look::Left
        };
        Wait { slot, kind, object: None, timeout: Some(timeout) }.until_owned(&self.writer, look)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    /// Shows the value if nobody writes or waits. Never parks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RwLock");
        match self.try_read() {
            Some(value) => shown.field("value", &&*value),
            None => shown.field("value", &format_args!("<locked>")),
        };
        shown.finish()
    }
}

/// The right to read what an [`RwLock`] guards. Dropped, it releases the lock; that never parks. Not `Send`; `Sync`, if the value is.
#[must_use = "a guard that is dropped at once guards nothing"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    not_send: PhantomData<*const ()>,
}

/// The right to change what an [`RwLock`] guards. Dropped, it releases the lock; that never parks. Not `Send`; `Sync`, if the value is.
#[must_use = "a guard that is dropped at once guards nothing"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    /// Invariant: the writer's name is that of who has the guard.
    not_send: PhantomData<*const ()>,
}

// SAFETY: by reference it gives away references to the value only.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: it is held to read, so nobody changes the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: it is held to write, so nobody else uses the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.release_read();
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.release_write();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
