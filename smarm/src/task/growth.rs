//! Queues that grow in a [`Section`]: for those that are behind a lock, or belong to the worker.
//!
//! A push that finds room costs what it costs in `std`; the section is out of the way, in a function of its own.

use std::collections::VecDeque;

use super::section::Section;

/// `push_back`, which does not switch.
#[inline(always)]
pub(crate) fn push_back<T>(queue: &mut VecDeque<T>, value: T) {
    if queue.len() == queue.capacity() {
        grow(queue);
    }
    queue.push_back(value);
}

#[cold]
#[inline(never)]
fn grow<T>(queue: &mut VecDeque<T>) {
    let _section = Section::begin();
    queue.reserve(1);
}

/// `push`, which does not switch.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) fn push<T>(stack: &mut Vec<T>, value: T) {
    if stack.len() == stack.capacity() {
        grow_stack(stack);
    }
    stack.push(value);
}

#[cfg(not(loom))]
#[cold]
#[inline(never)]
fn grow_stack<T>(stack: &mut Vec<T>) {
    let _section = Section::begin();
    stack.reserve(1);
}
