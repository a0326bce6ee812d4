//! The monitor: a thread that looks at workers whose actor does not let them look themselves.
//!
//! A worker shares what waits on it at its ticks. While it runs an actor that makes no smarm call it has no ticks; then the monitor
//! wakes a sleeping worker on its behalf, which takes what may move. The monitor sleeps when all workers do, and a runtime with
//! one worker has none.

use std::sync::atomic::{AtomicU32, Ordering};

use super::shared::Shared;
use crate::sys::{clock, futex};

/// How often it looks, while somebody works.
const TICK_NS: u64 = 1_000_000;
/// For how many looks all workers must have slept before it does, so that a program that works now and then does not pay for
/// waking it each time.
const IDLE_TICKS: u32 = 20;

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;
const STOPPED: u32 = 2;

#[derive(Debug, Default)]
pub(crate) struct Monitor {
    word: AtomicU32,
}

impl Monitor {
    /// The body of the monitor's thread.
    pub(crate) fn run(&self, shared: &Shared) {
        let mut idle_ticks = 0;
        // Ordering: Acquire; pairs with the Release in `stop`.
        while self.word.load(Ordering::Acquire) != STOPPED {
            futex::wait(&self.word, AWAKE, Some(clock::now_ns() + TICK_NS));
            idle_ticks = if all_sleep(shared) { idle_ticks + 1 } else { 0 };
            if idle_ticks > IDLE_TICKS {
                self.sleep(shared);
                idle_ticks = 0;
            }
            let now_ns = clock::now_ns();
            shared
                .workers()
                .iter()
                .filter(|worker| !worker.sleep.is_asleep())
                .for_each(|worker| worker.share_old(now_ns));
        }
    }

    fn sleep(&self, shared: &Shared) {
        // Ordering: SeqCst, here and in `wake_if_asleep`: of the two who change one word and then read the other's (this one, and the
        // count of sleepers), one must see the other.
        let slept = self.word.compare_exchange(AWAKE, ASLEEP, Ordering::SeqCst, Ordering::Relaxed);
        if slept.is_ok() && all_sleep(shared) {
            futex::wait(&self.word, ASLEEP, None);
        }
        // Ordering: Relaxed. Back to work, unless it was stopped.
        self.word.compare_exchange(ASLEEP, AWAKE, Ordering::Relaxed, Ordering::Relaxed).ok();
    }

    /// A worker woke up.
    pub(super) fn wake_if_asleep(&self) {
        // Ordering: SeqCst; see `sleep`.
        if self.word.load(Ordering::SeqCst) == ASLEEP
            // Ordering: SeqCst; see `sleep`.
            && self.word.compare_exchange(ASLEEP, AWAKE, Ordering::SeqCst, Ordering::Relaxed).is_ok()
        {
            futex::wake_one(self.word.as_ptr());
        }
    }

    pub(super) fn stop(&self) {
        // Ordering: Release; pairs with the Acquire in `run`.
        self.word.store(STOPPED, Ordering::Release);
        futex::wake_one(self.word.as_ptr());
    }
}

fn all_sleep(shared: &Shared) -> bool {
    shared.sleepers() == shared.workers().len()
}
