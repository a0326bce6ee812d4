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
//!
//! The turn may end between any two of its looks at a worker. So what a thread does is told only if the same turn was still on
//! after it was looked at: else an actor would be blamed for the sleep of a worker that has nothing to do.

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

/// An actor's turn on a worker, as the monitor sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Turn {
    runs: u64,
    /// Who runs; `None`: the worker itself, or it sleeps.
    pid: Option<Pid>,
}

impl Turn {
    fn of(worker: &Worker) -> Self {
        Self { runs: worker.runs.get(), pid: worker.running().map(|slot| slot.pid()) }
    }
}

/// A worker, as it was at the last look.
#[derive(Clone, Copy, Debug, Default)]
struct Watch {
    turn: Turn,
    /// Since when that turn goes on, at least.
    since_ns: u64,
    /// What the thread had done when the turn was seen for the second time: asking for that is a system call.
    usage: Option<Usage>,
    /// How long it must have gone on to be told of (again).
    tell_after_ns: u64,
}

impl Watch {
    fn begin(turn: Turn, now_ns: u64, limit_ns: u64) -> Self {
        Self { turn, since_ns: now_ns, usage: None, tell_after_ns: limit_ns }
    }
}

/// How much of a turn its thread has run or been blocked. On a busy machine it waits for a processor for most of the rest, and the actor has
/// no part in that.
#[derive(Clone, Copy, Debug)]
struct Usage {
    /// The processor time of the thread when this began.
    began_cpu_ns: u64,
    /// The same at the last look. A thread that has used none since has waited all the while.
    last_cpu_ns: u64,
    /// When it became so.
    still_since_ns: u64,
}

impl Usage {
    fn begin(now_ns: u64, cpu_ns: u64) -> Self {
        Self { began_cpu_ns: cpu_ns, last_cpu_ns: cpu_ns, still_since_ns: now_ns }
    }

    /// For how long the thread has run, and has been blocked without a break if it is at this look. One that is in a lock for a moment has not been
    /// blocked for long, though it may have waited for long for a processor.
    fn look(&mut self, now_ns: u64, cpu_ns: u64, is_blocked: bool) -> u64 {
        if cpu_ns != self.last_cpu_ns {
            (self.last_cpu_ns, self.still_since_ns) = (cpu_ns, now_ns);
        }
        let blocked_ns = if is_blocked { now_ns - self.still_since_ns } else { 0 };
        cpu_ns.saturating_sub(self.began_cpu_ns) + blocked_ns
    }
}

/// What a look at a thread found, if the turn that is meant was still on afterwards. What the worker wrote before it fell asleep is seen by who
/// sees it asleep: the kernel has taken a lock in between, on both sides.
fn seen_in<T>(turn: Turn, look: impl FnOnce() -> T, turn_now: impl FnOnce() -> Turn) -> Option<T> {
    let seen = look();
    (turn_now() == turn).then_some(seen)
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
        let turn = Turn::of(worker);
        let Some(pid) = turn.pid.filter(|_| turn == watch.turn) else {
            *watch = Watch::begin(turn, now_ns, limit_ns);
            worker.set_stalled(false);
            return false;
        };
        let held_ns = now_ns - watch.since_ns;
        let cpu_time_ns = || thread::cpu_time_ns(worker.thread_id());
        let usage = watch.usage.get_or_insert_with(|| Usage::begin(now_ns, cpu_time_ns()));
        if worker.keeps_to_itself() {
            return true;
        }
        // While a spare worker is out, others are: one by one, too many hogs would take a limit each.
        let out_after_ns = if worker.has_role(Role::Spare) { limit_ns / SPARE_SHARE } else { limit_ns };
        if held_ns >= out_after_ns {
            worker.set_stalled(true);
        }
        if held_ns >= watch.tell_after_ns {
            let look = || (cpu_time_ns(), stall::activity_of(worker.thread_id()));
            let Some((cpu_ns, activity)) = seen_in(turn, look, || Turn::of(worker)) else { return true };
            if usage.look(now_ns, cpu_ns, activity.is_blocked()) >= watch.tell_after_ns {
                watch.tell_after_ns = held_ns.saturating_mul(10);
                self.teller.tell(shared, worker, pid, held_ns, activity);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    const MS: u64 = 1_000_000;

    #[test]
    fn what_a_thread_does_after_the_turn_is_not_the_actors() {
        let turn = Turn { runs: 7, pid: Some(Pid::new(1, 1)) };
        let of_worker = Cell::new(turn);
        assert_eq!(seen_in(turn, || "blocked", || of_worker.get()), Some("blocked"));
        // The actor parks, and the worker falls asleep, after the monitor saw who runs and before it sees what the thread does.
        let falls_asleep = || {
            of_worker.set(Turn { pid: None, ..turn });
            "blocked"
        };
        assert_eq!(seen_in(turn, falls_asleep, || of_worker.get()), None);
        // The same actor again, in its next turn.
        let goes_on = || {
            of_worker.set(Turn { runs: 8, ..turn });
            "blocked"
        };
        assert_eq!(seen_in(turn, goes_on, || of_worker.get()), None);
    }

    #[test]
    fn who_computes_has_its_processor_time() {
        let mut usage = Usage::begin(MS, 50 * MS);
        assert_eq!(usage.look(11 * MS, 60 * MS, false), 10 * MS);
        assert_eq!(usage.look(12 * MS, 61 * MS, false), 11 * MS);
    }

    #[test]
    fn who_is_blocked_all_the_while_has_the_time() {
        let mut usage = Usage::begin(MS, 50 * MS);
        assert_eq!(usage.look(11 * MS, 50 * MS, true), 10 * MS);
        assert_eq!(usage.look(12 * MS, 50 * MS, true), 11 * MS);
    }

    #[test]
    fn who_waits_for_a_processor_and_is_blocked_for_a_moment_has_not() {
        let mut usage = Usage::begin(MS, 50 * MS);
        assert_eq!(usage.look(11 * MS, 50 * MS, false), 0);
        assert_eq!(usage.look(12 * MS, 51 * MS, true), MS);
        assert_eq!(usage.look(13 * MS, 51 * MS, true), 2 * MS);
        assert_eq!(usage.look(14 * MS, 52 * MS, true), 2 * MS);
    }
}
