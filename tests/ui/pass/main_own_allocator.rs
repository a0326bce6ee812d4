//! A program with an allocator of its own, inside smarm's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static BLOCKS: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOC: smarm::Alloc<Counting> = smarm::Alloc::new(Counting);

#[smarm::main(workers = 1, alloc = false)]
fn main() {
    let before = BLOCKS.load(Ordering::Relaxed);
    drop(std::hint::black_box(Box::new(1)));
    assert!(BLOCKS.load(Ordering::Relaxed) > before);
}
