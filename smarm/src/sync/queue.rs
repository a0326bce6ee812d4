//! Those who wait: a list of nodes that lie on the waiters' own stacks, in the order in which they came.
//!
//! | node | who may touch it | leaves by |
//! |---|---|---|
//! | new | its waiter | `push` → waiting |
//! | waiting | who holds the lock around the queue | `grant_first` → granted; `remove` → out |
//! | granted, out | its waiter, the first look under the lock | its frame's end |
//!
//! # Invariants
//!
//! 1. The queue and all its nodes are used under one lock, the owner's of the queue. It is held for a few instructions, never over user
//!    code or a switch.
//! 2. A waiter returns only after it has looked under the lock, and has found itself granted or has taken itself out. So a node in the
//!    list is alive, and nobody looks at it after its frame is gone.
//! 3. Who grants has committed what was waited for, under the same lock. So a waiter is granted or has left, never both, and each
//!    wait here has one source; the winner word (`task::winner`), for waits with several, is not needed.
//! 4. A granted node may be gone as soon as the lock is released: whom to unpark is copied before.

use core::ptr::NonNull;

/// One wait; `W` is whom to unpark, `P` is what it waits for.
#[derive(Debug)]
pub(super) struct Node<W, P> {
    who: W,
    wish: P,
    is_granted: bool,
    previous: Link<W, P>,
    next: Link<W, P>,
}

type Link<W, P> = Option<NonNull<Node<W, P>>>;

impl<W, P> Node<W, P> {
    pub(super) fn new(who: W, wish: P) -> Self {
        Self { who, wish, is_granted: false, previous: None, next: None }
    }
}

#[derive(Debug)]
pub(super) struct Queue<W, P> {
    first: Link<W, P>,
    last: Link<W, P>,
}

// SAFETY: the pointers lead to nodes that are used under the lock around the queue only; what is in them may be on any thread.
unsafe impl<W: Send, P: Send> Send for Queue<W, P> {}

impl<W: Clone, P> Queue<W, P> {
    pub(super) const fn new() -> Self {
        Self { first: None, last: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// What the one who has waited longest waits for.
    pub(super) fn first(&self) -> Option<&P> {
        // SAFETY: invariants 1 and 2.
        self.first.map(|node| unsafe { &node.as_ref().wish })
    }

    /// Whom to unpark for the first one to look.
    pub(super) fn who_is_first(&self) -> Option<W> {
        // SAFETY: invariants 1 and 2.
        self.first.map(|node| unsafe { node.as_ref().who.clone() })
    }

    pub(super) fn is_first(&self, node: NonNull<Node<W, P>>) -> bool {
        self.first == Some(node)
    }

    /// # Safety
    ///
    /// The node is new and the caller's, and stays in place until it has found itself granted or removed it.
    pub(super) unsafe fn push(&mut self, mut node: NonNull<Node<W, P>>) {
        // SAFETY: the caller's promise.
        unsafe { node.as_mut() }.previous = self.last;
        match self.last {
            // SAFETY: invariants 1 and 2.
            Some(mut last) => unsafe { last.as_mut() }.next = Some(node),
            None => self.first = Some(node),
        }
        self.last = Some(node);
    }

    /// Takes the first one out, who has got what it waits for; whom to unpark, when the lock is released.
    #[must_use = "who was granted something sleeps until it is unparked"]
    pub(super) fn grant_first(&mut self) -> Option<W> {
        let mut first = self.first?;
        // SAFETY: it is in the list.
        unsafe { self.remove(first) };
        // SAFETY: invariants 1 and 2; its waiter is in its wait until it has looked.
        let node = unsafe { first.as_mut() };
        node.is_granted = true;
        Some(node.who.clone())
    }

    /// Whether this one has got what it waits for.
    ///
    /// # Safety
    ///
    /// The node is the caller's, and was pushed to this queue.
    pub(super) unsafe fn is_granted(&self, node: NonNull<Node<W, P>>) -> bool {
        // SAFETY: the caller's promise, and invariant 1.
        unsafe { node.as_ref().is_granted }
    }

    /// Takes one out that has not been granted.
    ///
    /// # Safety
    ///
    /// The node is in this queue.
    pub(super) unsafe fn remove(&mut self, node: NonNull<Node<W, P>>) {
        // SAFETY: the caller's promise.
        let (previous, next) = unsafe { (node.as_ref().previous, node.as_ref().next) };
        match previous {
            // SAFETY: invariants 1 and 2.
            Some(mut previous) => unsafe { previous.as_mut() }.next = next,
            None => self.first = next,
        }
        match next {
            // SAFETY: invariants 1 and 2.
            Some(mut next) => unsafe { next.as_mut() }.previous = previous,
            None => self.last = previous,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    type Names = Queue<u8, ()>;

    fn drain(queue: &mut Names) -> Vec<u8> {
        core::iter::from_fn(|| queue.grant_first()).collect()
    }

    #[test]
    fn those_who_wait_are_granted_in_the_order_in_which_they_came_whoever_leaves() {
        for leaver in 0..4_u8 {
            let mut queue = Names::new();
            let mut nodes: Vec<_> = (0..4).map(|name| Node::new(name, ())).collect();
            let places: Vec<_> = nodes.iter_mut().map(NonNull::from).collect();
            for place in &places {
                // SAFETY: new, and in place until the end of the test.
                unsafe { queue.push(*place) };
            }
            // SAFETY: pushed above.
            unsafe { queue.remove(places[usize::from(leaver)]) };
            let others: Vec<_> = (0..4).filter(|name| *name != leaver).collect();
            assert_eq!(queue.who_is_first(), others.first().copied());
            assert_eq!(drain(&mut queue), others);
            assert!(queue.is_empty());
            for (name, place) in (0..4).zip(&places) {
                // SAFETY: its own.
                assert_eq!(unsafe { queue.is_granted(*place) }, name != leaver);
            }
        }
    }
}
