//! The chaos build (`--cfg smarm_chaos`): the runtime does at random, and often, all that it is allowed to do and seldom does.
//!
//! Each function here answers a question that is asked at one place: the twin `chaos_off.rs`, which every other build has, answers
//! with constants, so that nothing is left of the question.
//!
//! | what | where it is asked |
//! |---|---|
//! | a safe point switches | `task::preempt`, `Worker::turn_is_over` |
//! | a woken actor does not run in its waker's place, or not in the order of the wakes | `Worker::{wake, take_lifo, take_heir, push_woken}` |
//! | a park returns for no reason; so does a system call that waits | `task::park`, `sys::{epoll, futex}` |
//! | what can move is queued elsewhere, and taken however young it is | `Worker::{push_movable, activate}`, `is_older` |
//! | the pages of stacks that nobody uses go back to the kernel at once | `sys::stack` |
//! | a thread stands still, for a moment or for long, between two steps of a protocol | [`atomic`], `sys::{epoll, futex}` |
//! | a weak compare-and-swap fails for no reason | [`atomic`] |
//! | a stack that nobody uses is full of rubbish, and still is when somebody takes it | `sched::supplies` |
//! | the context of an actor that has no stack leads nowhere | `Worker::strip` |
//!
//! # The seed
//!
//! `SMARM_CHAOS_SEED` if it is set, else the clock. It is printed once, to standard error. From it come the odds of each of these, so that
//! one seed nearly always switches and another one seldom, and the generator of each thread, in the order in which they ask first.
//! What the operating system does is not in it: a seed that has failed may have to run some times to fail again.
//!
//! Not here: a switch in the allocator (none is allowed there, and all that an allocation asks for is a switch at the next safe point,
//! which is random already), kills (each is somebody's wish), deadlines that come early.

pub(crate) mod atomic;

use core::cell::Cell;
use core::sync::atomic::{AtomicU64, Ordering};
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

const SEED_VARIABLE: &str = "SMARM_CHAOS_SEED";

/// What happens at random, and how often, of 65536 times: a seed chooses one of four for each.
#[derive(Clone, Copy)]
enum Event {
    Switch,
    LeaveLifo,
    LeaveHeir,
    Overtake,
    WakeEarly,
    WakeSomebody,
    ReturnEarly,
    Move,
    TakeYoung,
    TrimEarly,
    FailWeakly,
    Pause,
}

const ODDS: [[u32; 4]; 12] = [
    [8 << 10, 32 << 10, 56 << 10, 64 << 10], // Switch
    [0, 16 << 10, 32 << 10, 56 << 10],       // LeaveLifo
    [0, 16 << 10, 32 << 10, 64 << 10],       // LeaveHeir
    [0, 4 << 10, 16 << 10, 32 << 10],        // Overtake
    [1 << 10, 8 << 10, 16 << 10, 40 << 10],  // WakeEarly
    [0, 256, 1 << 10, 4 << 10],              // WakeSomebody
    [0, 8 << 10, 16 << 10, 32 << 10],        // ReturnEarly
    [0, 16 << 10, 32 << 10, 60 << 10],       // Move
    [0, 16 << 10, 48 << 10, 64 << 10],       // TakeYoung
    [0, 8 << 10, 32 << 10, 64 << 10],        // TrimEarly
    [0, 1 << 10, 8 << 10, 16 << 10],         // FailWeakly
    [16, 64, 256, 512],                      // Pause
];

/// What a seed decides for the whole process.
struct Temper {
    seed: u64,
    odds: [u32; ODDS.len()],
}

impl Temper {
    fn get() -> &'static Self {
        static TEMPER: OnceLock<Temper> = OnceLock::new();
        TEMPER.get_or_init(|| {
            let seed = seed();
            // Not by `eprintln`, whose output a test that succeeds hides. If nobody can read it, nobody wants it.
            writeln!(std::io::stderr(), "smarm: chaos, {SEED_VARIABLE}={seed}").ok();
            let chosen = |event: usize| ODDS[event][mixed(seed.wrapping_add(event as u64)) as usize % 4];
            Self { seed, odds: core::array::from_fn(chosen) }
        })
    }
}

/// A small number, so that it can be copied by hand.
fn seed() -> u64 {
    const SEEDS: u128 = 1_000_000_000;
    std::env::var(SEED_VARIABLE).map_or_else(
        |_| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            ((now.as_nanos() / 1000 + u128::from(std::process::id()) * 7919) % SEEDS) as u64
        },
        |text| text.parse().unwrap_or_else(|_| panic!("{SEED_VARIABLE} is to be a number, not {text:?}")),
    )
}

thread_local! {
    /// This thread's generator; 0 before its first number. No destructor, and it stays with the thread, as every actor with frames does.
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// The golden ratio, as SplitMix64 has it.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

// TLS: not inlined into code that switches.
#[inline(never)]
fn draw() -> u64 {
    let state = Some(STATE.get()).filter(|state| *state != 0).unwrap_or_else(first_state);
    let state = state.wrapping_add(GAMMA);
    STATE.set(state);
    mixed(state)
}

#[cold]
fn first_state() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(1);
    // Ordering: Relaxed. Only uniqueness matters.
    let thread = THREADS.fetch_add(1, Ordering::Relaxed);
    mixed(Temper::get().seed.wrapping_add(thread.wrapping_mul(GAMMA)))
}

/// The output function of SplitMix64.
fn mixed(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

fn happens(event: Event) -> bool {
    draw() as u32 % (1 << 16) < Temper::get().odds[event as usize]
}

/// A random number below `limit`, small ones more often.
pub(crate) fn small_number_below(limit: usize) -> usize {
    let most = (limit >> (draw() % u64::from(limit.ilog2().max(1)))).max(1);
    draw() as usize % most
}

/// Whether a safe point looks closer than it has to.
#[inline(always)]
pub(crate) const fn looks_up() -> bool {
    true
}

/// Whether a slice is over that need not be.
pub(crate) fn ends_slice() -> bool {
    happens(Event::Switch)
}

/// Whether a woken actor waits with the others instead of running in its waker's place.
pub(crate) fn leaves_lifo() -> bool {
    happens(Event::LeaveLifo)
}

/// Whether an actor that parks switches to its worker instead of the one it has woken.
pub(crate) fn leaves_heir() -> bool {
    happens(Event::LeaveHeir)
}

/// Whether a woken actor runs before the others that were.
pub(crate) fn overtakes() -> bool {
    happens(Event::Overtake)
}

/// Whether a park returns at once.
pub(crate) fn wakes_early() -> bool {
    happens(Event::WakeEarly)
}

/// Whether a worker wakes some actor or thread that nobody has asked it to.
pub(crate) fn wakes_somebody() -> bool {
    happens(Event::WakeSomebody)
}

/// Whether a system call that waits returns at once.
pub(crate) fn returns_early() -> bool {
    happens(Event::ReturnEarly)
}

/// Whether an actor without a stack is queued on another worker.
pub(crate) fn moves() -> bool {
    happens(Event::Move)
}

/// Whether what was queued just now counts as old.
pub(crate) fn takes_young() -> bool {
    happens(Event::TakeYoung)
}

/// Whether stacks that nobody uses lose their pages however short the time.
pub(crate) fn trims_early() -> bool {
    happens(Event::TrimEarly)
}

/// Lets other threads go first, now and then.
pub(crate) fn pause() {
    if happens(Event::Pause) {
        stand_still();
    }
}

#[cold]
fn stand_still() {
    const LONGEST_SLEEP_NANOS: u64 = 200_000;
    const LONGEST_SPIN: u64 = 2_000;
    match draw() % 16 {
        0 => sleep(draw() % LONGEST_SLEEP_NANOS),
        1..4 => (0..draw() % LONGEST_SPIN).for_each(|_| core::hint::spin_loop()),
        // SAFETY: no arguments, no conditions.
        _ => _ = unsafe { libc::sched_yield() },
    }
}

fn sleep(nanos: u64) {
    let time = super::clock::timespec(nanos);
    // SAFETY: the time is readable, and nobody wants to know the rest of it. An early return is as good.
    unsafe { libc::nanosleep(&raw const time, core::ptr::null_mut()) };
}

// ---- rubbish ----------------------------------------------------------------------------------------------------------

/// What fills a stack that nobody uses. No address: on every machine a pointer of these bytes faults.
const RUBBISH: usize = usize::from_ne_bytes([0xDB; size_of::<usize>()]);
const PAGE_BYTES: usize = 4096;
const WORD_BYTES: usize = size_of::<usize>();

/// Overwrites the pages of `low..high` that are in memory.
///
/// # Safety
///
/// The range is mapped and writable, begins at a page and ends at a word, and nobody uses what is in it.
pub(crate) unsafe fn fill(low: usize, high: usize) {
    let mut in_memory = vec![0_u8; (high - low).div_ceil(PAGE_BYTES)];
    // SAFETY: the range is mapped, by the caller's promise, and the vector has a byte for each page of it.
    let answer = unsafe { libc::mincore(low as *mut libc::c_void, high - low, in_memory.as_mut_ptr()) };
    if answer != 0 {
        return;
    }
    for page in (0..in_memory.len()).filter(|page| in_memory[*page] & 1 != 0) {
        let start = low + page * PAGE_BYTES;
        for word in (start..high.min(start + PAGE_BYTES)).step_by(WORD_BYTES) {
            // SAFETY: inside the range; aligned, because the range begins at a page.
            unsafe { (word as *mut usize).write(RUBBISH) };
        }
    }
}

/// Ends the process if somebody has written to what was [`fill`]ed, or never used, or given back to the kernel.
///
/// # Safety
///
/// The range is mapped and readable, and words begin at its ends; nobody uses it.
pub(crate) unsafe fn check(low: usize, high: usize) {
    for address in (low..high).step_by(WORD_BYTES) {
        // SAFETY: inside the range, and aligned.
        let word = unsafe { (address as *const usize).read() };
        if word != RUBBISH && word != 0 {
            let place = high - address;
            writeln!(
                std::io::stderr(),
                "smarm: {word:#x} was written {place} bytes below the top of a free stack"
            )
            .ok();
            std::process::abort();
        }
    }
}

/// Does what only this build does.
#[inline(always)]
pub(crate) fn also(f: impl FnOnce()) {
    f();
}
