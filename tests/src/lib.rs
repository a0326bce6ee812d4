//! What the tests of smarm share: watchdogs, runtimes, random numbers, drop counts, child processes.
//!
//! A test that hangs must say its name and end the process instead of hanging the build: so every test body goes
//! through [`actors`], [`on`], [`plain`] or [`in_child`], each of which watches it.

mod child;
mod memory;
mod panics;
mod reset;
mod rng;
mod tally;
mod watchdog;

use smarm::runtime::{Config, Deadlock, Runtime, init};

pub use child::{Child, Ended, in_child};
pub use memory::{page_faults, resident_kib};
pub use panics::{message_of, panic_message, panic_payload};
pub use reset::reset;
pub use rng::Rng;
pub use tally::{Tally, Token};
pub use watchdog::Watchdog;

/// Runs `body` as the root actor of a runtime with one worker and then of one with two.
///
/// The closure is cloned, so what it captures is fresh each time.
pub fn actors<F>(body: F)
where
    F: FnOnce() + Clone + Send + 'static,
{
    let _watchdog = Watchdog::of::<F>();
    for workers in [1, 2] {
        runtime(workers).run(body.clone());
    }
}

/// Runs `body` as the root actor of a runtime with this many workers.
pub fn on<F, T>(workers: usize, body: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let _watchdog = Watchdog::of::<F>();
    runtime(workers).run(body)
}

/// Runs `body` where it is called, which is outside any actor.
pub fn plain<F: FnOnce() -> T, T>(body: F) -> T {
    let _watchdog = Watchdog::of::<F>();
    body()
}

/// A runtime that fails, instead of hanging, when its actors have locked each other up.
///
/// One worker has no spares: on it a test may rely on one actor running at a time, also on a busy machine.
pub fn runtime(workers: usize) -> Runtime {
    let config = Config::exact(workers).deadlock(Deadlock::Fail);
    init(if workers == 1 { config.spares(0) } else { config })
}

/// Whether this is the chaos build (`--cfg smarm_chaos`), in which a test may not count on what is only usual: which of two actors runs
/// first, where, and for how long. See `docs/TESTING.md`.
#[must_use]
pub const fn is_chaos() -> bool {
    cfg!(smarm_chaos)
}

/// Uses up this many KiB of the stack it is called on, and gives back something that depends on all of it.
pub fn burn_stack(kib: usize) -> u64 {
    let mut block = [0_u8; 1024];
    std::hint::black_box(&mut block);
    block[kib % 1024] = 1;
    let below = if kib > 1 { burn_stack(kib - 1) } else { 0 };
    std::hint::black_box(&block);
    below + u64::from(block[kib % 1024])
}

/// The Rust in these pages compiles and runs.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../docs/ACTORS.md")]
    struct Actors;
    #[doc = include_str!("../../docs/SUPERVISION.md")]
    struct Supervision;
    #[doc = include_str!("../../docs/PANICS.md")]
    struct Panics;
    #[doc = include_str!("../../docs/SHUTDOWN.md")]
    struct Shutdown;
    #[doc = include_str!("../../docs/COMING_FROM.md")]
    struct ComingFrom;
}
