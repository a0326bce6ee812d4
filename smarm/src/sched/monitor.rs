//! The monitor: a thread that looks at workers whose actor does not let them look themselves.
//!
//! A worker shares what waits on it at its ticks. While it runs an actor that comes to no safe point it has no ticks. Then the monitor
//!
//! - wakes a sleeping worker on its behalf, which takes what may move,
//! - after a limit calls a spare worker in its place (see [`crew`](super::crew)), and fires its timers: those of servers are not bound to
//!   it,
//! - tells of the stall, and again each time that it has become ten times as long.
//!
//! It looks every millisecond; every fourth one while for long nobody was kept and nothing waited that could move, since each look is the wake
//! of a thread (25 to 40 µs of processor time on a virtual machine); and it sleeps when all workers do. It reads atomics of worker blocks, which are never freed; how it learns the
//! name of an actor that may end meanwhile is told in [`quiet`](super::quiet).

use std::sync::atomic::{AtomicU32, Ordering};

use super::crew::Role;
use super::shared::Shared;
use super::stall::{self, Teller};
use super::worker::Worker;
use crate::pid::Pid;
use crate::sys::{clock, futex, thread};

/// How often it looks, while somebody works.
const TICK_NS: u64 = 1_000_000;
/// The same when it has had nothing to do for [`CALM_LOOKS`].
const CALM_TICK_NS: u64 = 4 * TICK_NS;
const CALM_LOOKS: u32 = 20;
/// For how many looks all workers must have slept before it does, so that a program that works now and then does not pay for
/// waking it each time.
const IDLE_TICKS: u32 = 20;

/// A spare worker is out after so small a part of the limit.
const SPARE_SHARE: u64 = 10;

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
        thread::sleep_precisely();
        thread::ask_for_short_slices();
        let mut rounds = Rounds::default();
        let mut idle_ticks = 0;
        // Ordering: Acquire; pairs with the Release in `stop`.
        while self.word.load(Ordering::Acquire) != STOPPED {
            futex::wait(&self.word, AWAKE, Some(clock::now_ns() + rounds.tick_ns()));
            idle_ticks = if shared.all_sleep() { idle_ticks + 1 } else { 0 };
            if idle_ticks > IDLE_TICKS {
                self.sleep(shared);
                idle_ticks = 0;
            }
            rounds.look(shared, clock::now_ns());
        }
    }

    fn sleep(&self, shared: &Shared) {
        // Ordering: SeqCst, here and in `wake_if_asleep`: of the two who change one word and then read the other's (this one, and the
        // count of sleepers), one must see the other.
        let slept = self.word.compare_exchange(AWAKE, ASLEEP, Ordering::SeqCst, Ordering::Relaxed);
        if slept.is_ok() && shared.all_sleep() {
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

    pub(crate) fn stop(&self) {
        // Ordering: Release; pairs with the Acquire in `run`.
        self.word.store(STOPPED, Ordering::Release);
        futex::wake_one(self.word.as_ptr());
    }
}

/// What the monitor remembers from look to look.
#[derive(Debug, Default)]
struct Rounds {
    /// By the workers' places.
    watches: Vec<Watch>,
    teller: Teller,
    /// How many looks in a row found nothing to do, and nothing that may become so soon.
    calm_looks: u32,
}

/// A worker, as it was at the last look.
#[derive(Clone, Copy, Debug, Default)]
struct Watch {
    runs: u64,
    /// Who ran; `None`: the worker itself, or it slept.
    pid: Option<Pid>,
    /// Since when that run goes on, at least.
    since_ns: u64,
    /// What processor time the worker's thread had used when the run was seen for the second time: reading it is a system call.
    cpu_ns: Option<u64>,
    /// How long it must have gone on to be told of (again).
    tell_after_ns: u64,
}

impl Rounds {
    fn tick_ns(&self) -> u64 {
        if self.calm_looks < CALM_LOOKS { TICK_NS } else { CALM_TICK_NS }
    }

    fn look(&mut self, shared: &Shared, now_ns: u64) {
        let mut is_calm = shared.injector.len() == 0 && shared.settings.stall.after_ns >= 2 * CALM_TICK_NS;
        for (position, worker) in shared.workers().enumerate() {
            if self.watches.len() == position {
                self.watches.push(Watch::default());
            }
            is_calm &= !self.is_kept(shared, worker, now_ns) && !worker.is_out() && !worker.has_movable();
            if worker.is_out() {
                worker.fire_due(now_ns);
                worker.take_events();
            }
            if !worker.sleep.is_asleep() {
                worker.share_old(now_ns);
            }
        }
        if shared.is_out_of_balance() {
            is_calm = false;
            shared.balance(now_ns);
        }
        self.calm_looks = if is_calm { self.calm_looks.saturating_add(1) } else { 0 };
        // A worker that was told of something may have been held up before it came to it.
        if shared.injector.len() > 0 && shared.has_sleeping_taker() {
            shared.wake_one();
        }
    }

    /// Whether the same actor runs as at the last look. If it has done so for long, others are called, and it is told of.
    fn is_kept(&mut self, shared: &Shared, worker: &'static Worker, now_ns: u64) -> bool {
        let limit_ns = shared.settings.stall.after_ns;
        let watch = &mut self.watches[worker.position()];
        let (runs, pid) = (worker.runs.get(), worker.running().map(|slot| slot.pid()));
        let Some(pid) = pid.filter(|pid| runs == watch.runs && Some(*pid) == watch.pid) else {
            *watch = Watch { runs, pid, since_ns: now_ns, cpu_ns: None, tell_after_ns: limit_ns };
            worker.set_stalled(false);
            return false;
        };
        let held_ns = now_ns - watch.since_ns;
        let cpu_ns = *watch.cpu_ns.get_or_insert_with(|| thread::cpu_time_ns(worker.thread_id()));
        if worker.keeps_to_itself() {
            return true;
        }
        // While a spare worker is out, others are: one by one, too many hogs would take a limit each.
        let out_after_ns = if worker.has_role(Role::Spare) { limit_ns / SPARE_SHARE } else { limit_ns };
        if held_ns >= out_after_ns {
            worker.set_stalled(true);
        }
        if held_ns >= watch.tell_after_ns {
            // On a busy machine it is the thread that waits, for a processor: the actor is told of when it has had its time.
            let has_run_ns = thread::cpu_time_ns(worker.thread_id()).saturating_sub(cpu_ns);
            if has_run_ns >= watch.tell_after_ns || stall::is_blocked(worker) {
                watch.tell_after_ns = held_ns.saturating_mul(10);
                self.teller.tell(shared, worker, pid, held_ns);
            }
        }
        true
    }
}
