//! Sections of smarm's own in which no allocation switches.
//!
//! An actor may want to be switched out where it allocates; see [`alloc`](super::alloc). What smarm itself does on that actor's stack must
//! not be interrupted so while it holds a lock, uses what belongs to the worker, or has half changed something that another actor of the
//! same worker may look at. If it allocates there, it does so in a section. What is safe against other threads at that point needs none.
//!
//! A section does not switch, so it ends on the thread and by the actor that it began on. Where only the growth of a queue allocates, only
//! that is a section; see [`growth`](super::growth).
//!
//! Rejected: that all of smarm is one section, begun by each public call: every call would pay for it.

use core::sync::atomic::{Ordering, compiler_fence};

use super::current::{self, Here};

/// A section that is underway, until it is dropped. Nests.
#[derive(Debug)]
#[must_use = "a section lasts until this is dropped"]
pub(crate) struct Section<'a> {
    /// `None` on plain threads, where nothing switches.
    here: Option<&'a Here>,
}

impl Section<'static> {
    #[inline]
    pub(crate) fn begin() -> Self {
        let here = current::here();
        here.into_iter().for_each(enter);
        Self { here }
    }
}

impl<'a> Section<'a> {
    /// The same, for who knows the note of its thread.
    #[inline(always)]
    pub(crate) fn begin_on(here: &'a Here) -> Self {
        enter(here);
        Self { here: Some(here) }
    }
}

#[inline(always)]
fn enter(here: &Here) {
    here.sections.set(here.sections.get() + 1);
    // Ordering: none between threads. The compiler may take an allocation for something that does not look at the count.
    compiler_fence(Ordering::SeqCst);
}

impl Drop for Section<'_> {
    #[inline]
    fn drop(&mut self) {
        let Some(here) = self.here else { return };
        // Ordering: as in `enter`.
        compiler_fence(Ordering::SeqCst);
        here.sections.set(here.sections.get() - 1);
    }
}
