//! The allocator hook: allocations count down the budget of the actor that makes them.
//!
//! All that an allocation may do is to ask for a switch (see [`budget`](super::budget)). It does not switch, park, allocate or lock: it
//! may be made with a lock of `std` held, inside a thread-local's initialiser, in `unsafe` code, in a destructor, by a worker itself.
//!
//! # Who wants more
//!
//! An actor may want to be switched out right there. That is `unsafe` to ask for, for all that was just listed. Its allocation is made first,
//! then the actor goes behind the others, as at a safe point; [`preempt`](super::preempt) says when. Programs in which nobody ever asked for
//! it pay for one look at [`ASKED_FOR`], and that only between the end of a slice and the next safe point.
//!
//! # How it finds the budget
//!
//! By the same thread-local as [`current::here`], but without the detour: the hook needs no answer that outlives it. The thread-local is a
//! plain pointer with a constant initial value and no destructor, so its access runs no code, allocates nothing and works until the thread
//! is gone. The compiler takes its address for a constant of a function; [`count`] is a function of its own, never inlined, which does not
//! switch and calls nothing that does. So the address is not kept over a switch, neither in it nor in its callers, also not under
//! link-time optimization: a test reads the generated code.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicBool, Ordering};
use std::alloc::System;

use super::{current, preempt};

/// A global allocator that counts allocations, so that an actor that allocates for long lets others run.
///
/// It wraps another one, [`System`] if nothing else is said, and passes everything on to it. Every 10 to 20 µs it looks
/// whether the actor's [slice](crate::runtime::Config::timeslice_cycles) is over; if so, the actor's next safe point lets the others run: a call
/// that may park, [`yield_now`](crate::yield_now), [`check!`](crate::check). **The allocation itself never switches,** so it is no
/// safe point, and what holds of a program without it holds with it. (An actor may want it otherwise:
/// [`Builder::preempt_in_alloc`](crate::Builder::preempt_in_alloc) is `unsafe`.) It costs a nanosecond or two; on plain threads less.
///
/// [`#[smarm::main]`](crate::main) makes it the program's allocator. Without that attribute, or with `alloc = false`, it is one line:
///
/// ```
/// #[global_allocator]
/// static ALLOC: smarm::Alloc = smarm::Alloc::system();
/// # assert_eq!(smarm::run(|| vec![1, 2, 3].len()), 3);
/// ```
///
/// # With another allocator
///
/// Any `GlobalAlloc` can be inside: write `#[smarm::main(alloc = false)]`, and
///
/// ```
/// # mod mimalloc { pub use std::alloc::System as MiMalloc; }
/// use mimalloc::MiMalloc; // or `tikv_jemallocator::Jemalloc`
///
/// #[global_allocator]
/// static ALLOC: smarm::Alloc<MiMalloc> = smarm::Alloc::new(MiMalloc);
/// # fn main() {}
/// ```
///
/// A program has one global allocator. If there are two, the compiler says ``cannot define multiple global allocators`` and shows both, or,
/// if the other one is in a library, ``the `#[global_allocator]` in this crate conflicts with global allocator in: ..``.
///
/// # Without it
///
/// Nothing depends on it. Then safe points alone count, and an actor that allocates for long without coming to many of them keeps the
/// processor a little longer.
///
/// In Erlang every function call counts down, and the process is switched out right there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alloc<A = System> {
    inner: A,
}

impl Alloc {
    /// The system's allocator, with allocations counted.
    #[must_use]
    pub const fn system() -> Self {
        Self::new(System)
    }
}

impl<A> Alloc<A> {
    /// This allocator, with allocations counted.
    ///
    /// ```
    /// static ALLOC: smarm::Alloc<std::alloc::System> = smarm::Alloc::new(std::alloc::System);
    /// ```
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self { inner }
    }
}

// SAFETY: everything is passed on unchanged to an allocator that keeps the contract; counting and switching do not unwind, and a kill is
// not delivered here.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Alloc<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if count() {
            // SAFETY: the caller's promise.
            return allocate_and_switch(move || unsafe { self.inner.alloc(layout) });
        }
        // SAFETY: the caller's promise.
        unsafe { self.inner.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise; the block came from the same allocator.
        unsafe { self.inner.dealloc(block, layout) };
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if count() {
            // SAFETY: the caller's promise.
            return allocate_and_switch(move || unsafe { self.inner.alloc_zeroed(layout) });
        }
        // SAFETY: the caller's promise.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if count() {
            // SAFETY: the caller's promise; the block came from the same allocator.
            return allocate_and_switch(move || unsafe { self.inner.realloc(block, layout, new_size) });
        }
        // SAFETY: the caller's promise; the block came from the same allocator.
        unsafe { self.inner.realloc(block, layout, new_size) }
    }
}

/// Whether anybody in this process ever asked for switches inside the allocator. Never taken back.
static ASKED_FOR: AtomicBool = AtomicBool::new(false);

/// Somebody asks for switches inside the allocator.
pub(crate) fn ask_for_switches() {
    // Ordering: Relaxed. Whoever asks does so before its actors run, and hands these over by the state word.
    ASKED_FOR.store(true, Ordering::Relaxed);
}

/// Counts an allocation of this thread's worker; nothing on a plain thread. True if the slice is over, and somebody wants switches here.
// TLS: never inlined; see the module.
#[inline(never)]
fn count() -> bool {
    // Ordering: Relaxed. See `ask_for_switches`.
    current::here_in_leaf()
        .is_some_and(|here| here.budget.count_allocation() && ASKED_FOR.load(Ordering::Relaxed))
}

/// Allocates, and has others run before it gives the block away, if that may be.
#[cold]
#[inline(never)]
fn allocate_and_switch(allocate: impl FnOnce() -> *mut u8) -> *mut u8 {
    let block = allocate();
    preempt::switch_in_allocation();
    block
}
