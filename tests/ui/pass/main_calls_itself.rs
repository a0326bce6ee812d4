//! A `main` that calls itself calls the function, and starts no second runtime.

use std::sync::atomic::{AtomicU32, Ordering};

static CALLS: AtomicU32 = AtomicU32::new(0);

#[smarm::main(workers = 1)]
fn main() {
    if CALLS.fetch_add(1, Ordering::Relaxed) < 3 {
        main();
    }
}
