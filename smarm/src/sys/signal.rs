//! The signals that ask a program to end: `SIGTERM`, and `SIGINT`, which is Ctrl-C.
//!
//! ```text
//!   handler: number and count in one word ─▶ futex ─▶ a thread that waits for news
//! ```
//!
//! A handler is installed only where the system's default is in force: what the program has installed, or its parent has had ignored, stays.
//! The handler runs on whatever thread the kernel chooses, in the middle of anything: on the thread's alternate stack, if it has one, as all of
//! `std`'s have; it changes one word, makes one system call, and leaves the error number as it was. Calls that it interrupts are
//! restarted by the kernel, where that can be done.
//!
//! Rejected: a `signalfd`. It wants the signals blocked in all threads, also in those that others make, and a blocked signal stays so in a child
//! process; a handler does not. Rejected: a pipe, which can be full, and costs two descriptors.

use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use super::{errno, futex};

/// Which of them; the others are left to the program.
const SIGNALS: [i32; 2] = [libc::SIGTERM, libc::SIGINT];

/// The latest signal in the low byte, 0 for [`Signals::stop`]; above it, how many have come, so that each changes the word.
static NEWS: AtomicU32 = AtomicU32::new(0);
const NUMBER_MASK: u32 = 0xff;
const COUNT_SHIFT: u32 = NUMBER_MASK.count_ones();

/// Adds a signal to the word, and wakes who waits for it. In a signal handler too.
fn note(number: u32) {
    let after = |news: u32| (news & !NUMBER_MASK).wrapping_add(1 << COUNT_SHIFT) | number;
    // Ordering: Relaxed. A guess for the compare-and-swap.
    let mut news = NEWS.load(Ordering::Relaxed);
    // Ordering: Relaxed. The word stands for itself.
    while let Err(now) = NEWS.compare_exchange_weak(news, after(news), Ordering::Relaxed, Ordering::Relaxed) {
        news = now;
    }
    // SAFETY: wakes who sleeps on the word; the address is only a key. Allowed in a signal handler.
    unsafe {
        libc::syscall(libc::SYS_futex, NEWS.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, i32::MAX)
    };
}

extern "C" fn handle(signal: libc::c_int) {
    let error = errno::get();
    note(signal as u32);
    errno::set(error);
}

fn action_of(signal: i32) -> libc::sigaction {
    // SAFETY: a sigaction of zeros is valid (default action, empty mask).
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    // SAFETY: asks only; the address is writable.
    unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) };
    action
}

fn set_action(signal: i32, handler: usize) {
    // SAFETY: as in `action_of`.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: the handler is the system's default, or ours, which has this signature, and does only what a signal handler may.
    unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
}

fn our_handler() -> usize {
    handle as extern "C" fn(libc::c_int) as usize
}

/// The signals that are ours, until this is dropped.
#[derive(Debug)]
pub(crate) struct Signals {
    taken: [bool; SIGNALS.len()],
    /// What was known when they were taken.
    seen: u32,
}

impl Signals {
    /// Takes those for which the system's default is in force; `None` if there is none.
    pub(crate) fn take() -> Option<Self> {
        // Ordering: Relaxed. The word stands for itself.
        let seen = NEWS.load(Ordering::Relaxed);
        let taken = SIGNALS.map(|signal| action_of(signal).sa_sigaction == libc::SIG_DFL);
        let signals = Self { taken, seen };
        signals.each(|signal| set_action(signal, our_handler()));
        taken.contains(&true).then_some(signals)
    }

    fn each(&self, f: impl Fn(i32)) {
        SIGNALS.into_iter().zip(self.taken).filter(|(_, taken)| *taken).for_each(|(signal, _)| f(signal));
    }

    /// What comes from now on, and what has come since they were taken.
    pub(crate) fn ear(&self) -> Ear {
        Ear { seen: self.seen }
    }

    /// Has who listens hear that no more will come.
    pub(crate) fn stop(&self) {
        note(0);
    }

    /// Puts the system's default back where nobody has put anything else meanwhile: the next one ends the process.
    pub(crate) fn give_back(&self) {
        self.each(|signal| {
            if action_of(signal).sa_sigaction == our_handler() {
                set_action(signal, libc::SIG_DFL);
            }
        });
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// For the one thread that listens.
#[derive(Debug)]
pub(crate) struct Ear {
    seen: u32,
}

impl Ear {
    /// Waits for news: the latest signal, or 0 if no more will come.
    pub(crate) fn listen(&mut self) -> i32 {
        loop {
            // Ordering: Relaxed. As above.
            let news = NEWS.load(Ordering::Relaxed);
            if news != self.seen {
                return self.latest();
            }
            futex::wait(&NEWS, news, None);
        }
    }

    /// The latest signal by now, or 0 if no more will come. All until then count as heard.
    pub(crate) fn latest(&mut self) -> i32 {
        // Ordering: Relaxed. As above.
        self.seen = NEWS.load(Ordering::Relaxed);
        (self.seen & NUMBER_MASK) as i32
    }
}
