//! What does the budget cost: per allocation, and per safe point?
//!
//! - `alloc/system`, `alloc/smarm`: a block of 64 bytes is allocated and freed again, straight through the system's allocator, and through
//!   `smarm::Alloc` around it. The difference is the hook. On a plain thread, and in an actor.
//! - `check`: `check!()` in a loop that does nothing else, and `loop`, that loop without it. The difference is the safe point alone, where
//!   nothing hides it. `work` and `work+check`: the same with some nanoseconds of work beside it, as in a program.
//!
//! **Unit**: nanoseconds per operation. **Rival**: the same work without smarm.
//!
//! **What would be unfair**: a loop that the optimizer sees through (the block and the counter go through `black_box`); a `check!()`
//! that switches (the actor is alone, so a slice that ends costs a look around, and that is counted in); setting the
//! program's own allocator, since then both rows would have the hook.

#[expect(dead_code, reason = "it has no rivals to start")]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use common::PerOperation;

static HOOKED: smarm::Alloc = smarm::Alloc::system();

/// Operations in one iteration, so that reading the clock does not count.
const OPERATIONS: u64 = 1000;

fn allocate(allocator: &impl GlobalAlloc) {
    let layout = black_box(Layout::new::<[u64; 8]>());
    // SAFETY: the layout is not empty.
    let block = black_box(unsafe { allocator.alloc(layout) });
    // SAFETY: allocated just now, by the same allocator, with this layout.
    unsafe { allocator.dealloc(block, layout) };
}

fn time(iterations: u64, operation: impl Fn()) -> Duration {
    let started = Instant::now();
    for _ in 0..iterations * OPERATIONS {
        operation();
    }
    started.elapsed()
}

type Timed = fn(u64) -> Duration;

/// A chain of dependent steps.
fn work() {
    let mut state = black_box(1_u64);
    for _ in 0..4 {
        state = black_box(state.wrapping_mul(MULTIPLIER).rotate_left(31));
    }
}

/// Odd, with its bits spread.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

const ROWS: [(&str, Timed); 6] = [
    ("alloc/system", |iterations| time(iterations, || allocate(&System))),
    ("alloc/smarm", |iterations| time(iterations, || allocate(&HOOKED))),
    ("loop", |iterations| time(iterations, || black_box(()))),
    ("check", |iterations| {
        time(iterations, || {
            smarm::check!();
            black_box(());
        })
    }),
    ("work", |iterations| time(iterations, work)),
    ("work+check", |iterations| {
        time(iterations, || {
            smarm::check!();
            work();
        })
    }),
];

fn budget(criterion: &mut Criterion<PerOperation>) {
    let mut group = criterion.benchmark_group("budget");
    group.throughput(Throughput::Elements(OPERATIONS));
    for (name, timed) in ROWS {
        group.bench_function(BenchmarkId::new(name, "thread"), |bencher| bencher.iter_custom(timed));
        group.bench_function(BenchmarkId::new(name, "actor"), |bencher| {
            bencher.iter_custom(|iterations| smarm::run(move || timed(iterations)));
        });
    }
    group.finish();
}

criterion_group!(name = budgets; config = common::criterion(); targets = budget);
criterion_main!(budgets);
