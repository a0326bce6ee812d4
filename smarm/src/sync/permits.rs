//! The permits of a semaphore: how many are free, and who waits for some. All of `Semaphore` but the parking.
//!
//! | free permits | queue | a taker of `n` | who gives permits back |
//! |---|---|---|---|
//! | at least `n` | empty | takes them | adds them |
//! | fewer | empty | queues up | adds them |
//! | fewer than the first one wants | not empty | queues up, or is refused, however few it wants | adds them, and grants from the front as far as they go |
//!
//! Strictly in order: nobody is overtaken, so one who wants many is not starved by those who want few. A waiter that leaves has those behind
//! it granted what they can have now. All of it under one lock.

use core::ptr::NonNull;
use std::sync::PoisonError;

use super::queue::{Node, Queue};
use crate::sys::atomic::{Mutex, MutexGuard};
use crate::task::section::Section;

/// One that waits; for how many.
pub(super) type Taker<W> = Node<W, usize>;

/// What a waiter finds.
#[must_use]
#[derive(Debug)]
pub(super) enum Look<W> {
    /// The permits are its own, and it is in no queue any more.
    Acquired,
    Waiting,
    /// It gave up, and is in no queue any more; these are to be unparked.
    Left(Vec<W>),
}

#[derive(Debug)]
pub(super) struct Permits<W> {
    state: Mutex<State<W>>,
}

#[derive(Debug)]
struct State<W> {
    free: usize,
    queue: Queue<W, usize>,
}

impl<W: Clone> State<W> {
    fn try_take(&mut self, count: usize) -> bool {
        let can = self.queue.is_empty() && count <= self.free;
        if can {
            self.free -= count;
        }
        can
    }

    /// Grants from the front, as far as the permits go.
    fn grant(&mut self) -> Vec<W> {
        let _section = Section::begin(); // allocates under the lock
        let mut granted = Vec::new();
        while let Some(count) = self.queue.first().copied().filter(|count| *count <= self.free) {
            self.free -= count;
            granted.extend(self.queue.grant_first());
        }
        granted
    }
}

impl<W: Clone> Permits<W> {
    pub(super) fn new(free: usize) -> Self {
        Self { state: Mutex::new(State { free, queue: Queue::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        // Nothing panics while it is held but an allocation failure, and a sum that is not stored then.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn free(&self) -> usize {
        self.state().free
    }

    pub(super) fn try_take(&self, count: usize) -> bool {
        self.state().try_take(count)
    }

    /// Takes permits, or queues up for as many as the node says.
    ///
    /// # Safety
    ///
    /// The node is new, and stays in place until [`look`](Self::look) has said `Acquired` or `Left`.
    pub(super) unsafe fn enter(&self, count: usize, node: NonNull<Taker<W>>) -> Look<W> {
        let mut state = self.state();
        if state.try_take(count) {
            return Look::Acquired;
        }
        // SAFETY: the caller's promise.
        unsafe { state.queue.push(node) };
        Look::Waiting
    }

    /// Looks again, after a wake. Who `gives_up` leaves, unless it has its permits by now.
    ///
    /// # Safety
    ///
    /// The node is the caller's, and was entered here.
    pub(super) unsafe fn look(&self, node: NonNull<Taker<W>>, gives_up: bool) -> Look<W> {
        let mut state = self.state();
        // SAFETY: the caller's promise.
        if unsafe { state.queue.is_granted(node) } {
            return Look::Acquired;
        }
        if !gives_up {
            return Look::Waiting;
        }
        // SAFETY: it was not granted, so it is in the queue.
        unsafe { state.queue.remove(node) };
        Look::Left(state.grant())
    }

    /// Adds permits; whom to unpark. `None` if there would be more than can be counted.
    #[must_use = "who was granted permits sleeps until it is unparked"]
    pub(super) fn add(&self, count: usize) -> Option<Vec<W>> {
        let mut state = self.state();
        state.free = state.free.checked_add(count)?;
        Some(state.grant())
    }
}

#[cfg(all(test, loom))]
mod models;
