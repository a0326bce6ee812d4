//! The host of all tasks: what `task` asks for, done by the worker that the actor lives on.

use std::io;
use std::sync::atomic::Ordering;

use super::deque::Entry;
use super::quiet;
use super::shared::Shared;
use super::worker::{self, Worker};
use crate::driver::timer::TimerKey;
use crate::pid::Pid;
use crate::sys::{clock, stack};
use crate::task::Schedule;
use crate::task::slot::{self, Job, Outcome, SlotRef};

/// The one host; see `crate::Host`.
#[derive(Debug)]
pub(crate) struct Host;

impl Schedule for Host {
    type Timer = TimerKey;

    #[track_caller]
    fn spawn(parent: SlotRef, job: *mut Job, spread: bool) -> io::Result<Pid> {
        // SAFETY: `RuntimeHandle::enter` keeps the runtime alive while it is entered.
        if let Some(shared) = unsafe { parent.entered.get().cast::<Shared>().as_ref() } {
            return spawn_outside(shared, job);
        }
        assert!(
            parent.runtime() != 0,
            "spawn was called on a thread that is no actor: call it inside `smarm::run`, or on a `RuntimeHandle` \
             (`handle.spawn(..)`, `handle.enter(|| ..)`)"
        );
        spawn_inside(worker::home_of(parent), job, spread)
    }

    fn run_next(slot: SlotRef, pid: Pid) {
        if slot.runtime() != 0 && slot::slot_of(pid).runtime() == slot.runtime() {
            worker::home_of(slot).run_next(pid);
        }
    }

    #[inline]
    fn wake(slot: SlotRef) {
        worker::home_of(slot).wake(slot);
    }

    #[inline]
    fn park(slot: SlotRef) {
        worker::home_of(slot).park(slot);
    }

    #[inline]
    fn yield_now(slot: SlotRef) {
        worker::home_of(slot).yield_now(slot);
    }

    fn count_exit(slot: SlotRef, outcome: Outcome) {
        worker::home_of(slot).counters.count_exit(outcome);
    }

    fn arm(slot: SlotRef, deadline_ns: u64) -> TimerKey {
        worker::home_of(slot).arm(slot, deadline_ns)
    }

    fn disarm(slot: SlotRef, timer: TimerKey) -> bool {
        worker::home_of(slot).disarm(timer)
    }

    #[inline]
    fn await_inspection() {
        quiet::await_inspection();
    }

    fn slice_is_over(slot: SlotRef) -> bool {
        worker::home_of(slot).slice_is_over()
    }
}

fn spawn_inside(worker: &'static Worker, job: *mut Job, spread: bool) -> io::Result<Pid> {
    // SAFETY: the job is the caller's until it is published.
    let class = unsafe { (*job).stack_class }.unwrap_or(worker.shared().settings.stack_class);
    let slot = worker.admit(class)?;
    let pid = occupy(slot, job, class, worker.shared().id);
    worker.counters.spawned.add(1);
    match spread.then(|| another_worker(worker)).flatten() {
        Some(other) => other.push_spread(slot),
        None => worker.push_new(slot),
    }
    Ok(pid)
}

/// Some other worker of the same runtime, in turn.
fn another_worker(worker: &Worker) -> Option<&'static Worker> {
    let shared = worker.shared();
    let others = shared.workers().iter().filter(|other| !core::ptr::eq(**other, worker));
    // Ordering: Relaxed. Any other worker will do.
    let turn = shared.next_spread.fetch_add(1, Ordering::Relaxed);
    let count = shared.workers().len() - 1;
    (count > 0).then(|| *others.clone().nth(turn % count).expect("there are so many others"))
}

/// Fills in a free slot and makes it `Queued`. The caller pushes it.
fn occupy(slot: SlotRef, job: *mut Job, class: stack::StackClass, runtime: u32) -> Pid {
    let pid = Pid::new(slot.index(), slot.state.generation() + 1);
    // SAFETY: as in `spawn_inside`.
    unsafe { (*job).pid = Some(pid) };
    slot.prepare(job, runtime, class);
    slot.state.occupy_queued();
    pid
}

/// Spawns from a plain thread, or from an actor of another runtime. A job without a class gets the runtime's own.
pub(crate) fn spawn_outside(shared: &Shared, job: *mut Job) -> io::Result<Pid> {
    // SAFETY: as in `spawn_inside`.
    let class = unsafe { (*job).stack_class }.unwrap_or(shared.settings.stack_class);
    stack::reserve(class, 1)?;
    let slot = slot::take_one().map_err(|slot::NoSlot| {
        stack::unreserve(class, 1);
        io::Error::new(io::ErrorKind::OutOfMemory, "no memory for another actor's control block")
    })?;
    if !shared.count_outside_spawn() {
        stack::unreserve(class, 1);
        slot::give_back(core::iter::once(slot));
        return Err(io::Error::other("the runtime has ended"));
    }
    let pid = occupy(slot, job, class, shared.id);
    shared.injector.push(Entry { pid: pid.to_bits(), pushed_ns: clock::now_ns() });
    shared.wake_one();
    Ok(pid)
}
