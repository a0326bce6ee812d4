//! The value of a cell that is written once.
//!
//! | state | who may use the value | leaves by |
//! |---|---|---|
//! | `EMPTY` | who holds the cell's lock | `set` → `FULL` |
//! | `FULL` | everybody, by reference | never, while the cell is shared |
//!
//! Who initialises holds the lock for as long as that takes. If it panics or is killed it releases the lock, the cell is empty still, and the
//! next one tries.

use crate::sys::atomic::{AtomicU32, Ordering};
use crate::sys::cell::UnsafeCell;

const EMPTY: u32 = 0;
const FULL: u32 = 1;

#[derive(Debug)]
pub(super) struct Value<T> {
    state: AtomicU32,
    value: UnsafeCell<Option<T>>,
}

impl<T> Value<T> {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Self {
        Self { state: AtomicU32::new(EMPTY), value: UnsafeCell::new(None) }
    }

    #[cfg(loom)]
    pub(super) fn new() -> Self {
        Self { state: AtomicU32::new(EMPTY), value: UnsafeCell::new(None) }
    }

    /// The value, if there is one.
    #[inline]
    pub(super) fn get(&self) -> Option<&T> {
        // Ordering: Acquire; pairs with the Release in `set`.
        if self.state.load(Ordering::Acquire) != FULL {
            return None;
        }
        // SAFETY: `FULL`: nobody writes it any more.
        self.value.with(|value| unsafe { &*value }).as_ref()
    }

    /// Writes the value.
    ///
    /// # Safety
    ///
    /// The caller holds the cell's lock, and has found no value since it does.
    pub(super) unsafe fn set(&self, new: T) {
        // SAFETY: `EMPTY`: only who holds the lock uses it. There is nothing in it that would be dropped.
        self.value.with_mut(|value| unsafe { *value = Some(new) });
        // Ordering: Release; publishes the value to the Acquire in `get`.
        self.state.store(FULL, Ordering::Release);
    }

    /// Takes the value out: the cell is empty again.
    pub(super) fn take(&mut self) -> Option<T> {
        // Ordering: Relaxed. Nobody else has the cell.
        self.state.store(EMPTY, Ordering::Relaxed);
        // SAFETY: borrowed exclusively.
        self.value.with_mut(|value| unsafe { (*value).take() })
    }

    /// The value, exclusively.
    pub(super) fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: borrowed exclusively.
        self.value.with_mut(|value| unsafe { &mut *value }).as_mut()
    }
}

#[cfg(all(test, loom))]
mod models;
