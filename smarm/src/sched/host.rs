//! The host of all tasks: what `task` asks for, done by the worker that the actor lives on.

use core::ptr;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::deque::Entry;
use super::quiet;
use super::shared::Shared;
use super::timers::FiringKey;
use super::worker::{self, Worker};
use crate::driver::timer::TimerKey;
use crate::pid::Pid;
use crate::sys::{clock, stack};
use crate::task::current::{self, Here};
use crate::task::locals::Locals;
use crate::task::section::Section;
use crate::task::slot::{self, Job, JobThread, Outcome, Rank, SlotRef};
use crate::task::source::{Interest, SourceRef};
use crate::task::{Blocking, Firing, Runtime, Schedule};

/// A pending firing, and whose it is.
#[derive(Clone, Copy)]
pub(crate) struct Armed {
    worker: &'static Worker,
    key: FiringKey,
}

impl core::fmt::Debug for Armed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Armed").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The one host; see `crate::Host`.
#[derive(Debug)]
pub(crate) struct Host;

impl Schedule for Host {
    type Timer = TimerKey;
    type Armed = Armed;

    #[track_caller]
    fn spawn(parent: SlotRef, job: *mut Job, spread: bool, before: impl FnOnce(Pid)) -> io::Result<Pid> {
        // SAFETY: `RuntimeHandle::enter` keeps the runtime alive while it is entered.
        if let Some(shared) = unsafe { parent.entered.get().cast::<Shared>().as_ref() } {
            return spawn_outside(shared, job, before);
        }
        assert!(
            parent.runtime() != 0,
            "spawn was called on a thread that is no actor: call it inside `smarm::run`, or on a `RuntimeHandle` \
             (`handle.spawn(..)`, `handle.enter(|| ..)`)"
        );
        spawn_inside(parent, job, spread, before)
    }

    #[track_caller]
    fn start_server(parent: SlotRef, job: *mut Job, rank: Rank, runs: bool) -> io::Result<Pid> {
        // SAFETY: `RuntimeHandle::enter` keeps the runtime alive while it is entered.
        if let Some(shared) = unsafe { parent.entered.get().cast::<Shared>().as_ref() } {
            return start_server_outside(shared, job, rank, runs);
        }
        assert!(
            parent.runtime() != 0,
            "a server was started on a thread that is no actor: start it under `#[smarm::main]` or inside `smarm::run`, or in \
             `RuntimeHandle::enter(|| ..)`"
        );
        start_server_inside(worker::home_of(parent), job, rank, runs)
    }

    fn activate(slot: SlotRef, soon: bool) {
        // SAFETY: the caller has queued the server and not pushed it yet, so its runtime waits for it.
        let shared = unsafe { &*slot.shared().cast::<Shared>() };
        // SAFETY: queued and not pushed, it is nobody's but the caller's, and so is its job.
        if let JobThread::Seat(seat) = unsafe { (*slot.job()).thread.get() } {
            return shared.worker_at(seat.into()).push_spread(slot);
        }
        match worker_here(shared) {
            Some(worker) => worker.activate(slot, soon),
            None => {
                // Once it is pushed, the server may end, and its runtime with it.
                let shared = shared.this();
                shared.injector.push(Entry { pid: slot.pid().to_bits(), pushed_ns: clock::now_ns() });
                shared.wake_one();
            }
        }
    }

    #[inline]
    fn turn_is_over(slot: SlotRef, count: u32) -> bool {
        worker::home_of(slot).turn_is_over(count)
    }

    fn spawn_in(runtime: Runtime, job: *mut Job) -> io::Result<Pid> {
        // SAFETY: a worker of that runtime fires, so it is alive.
        spawn_outside(unsafe { &*runtime.0.cast::<Shared>() }, job, |_| ())
    }

    fn arm_firing(slot: SlotRef, deadline_ns: u64, firing: Firing) -> Armed {
        let worker = worker::home_of(slot);
        Armed { worker, key: worker.arm_firing(deadline_ns, firing) }
    }

    fn disarm_firing(armed: Armed) -> Option<Firing> {
        armed.worker.disarm_firing(armed.key)
    }

    fn run_next(slot: SlotRef, pid: Pid) {
        if slot.runtime() != 0 && slot::slot_of(pid).runtime() == slot.runtime() {
            worker::home_of(slot).run_next(pid);
        }
    }

    #[inline]
    fn wake(here: Option<&'static Here>, slot: SlotRef) {
        worker::home_of(slot).wake(here, slot);
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

    #[inline]
    fn note_call(slot: SlotRef, call: u64, timeout_ns: u64) -> Option<u64> {
        worker::home_of(slot).note_call(slot, call, timeout_ns)
    }

    fn arm(slot: SlotRef, deadline_ns: u64) -> TimerKey {
        worker::home_of(slot).arm(slot, deadline_ns)
    }

    fn disarm(slot: SlotRef, timer: TimerKey) -> bool {
        worker::home_of(slot).disarm(timer)
    }

    fn is_ending(slot: SlotRef) -> bool {
        worker::home_of(slot).shared().shutdown.ends_servers()
    }

    #[inline]
    fn await_inspection() {
        quiet::await_inspection();
    }

    fn watch(slot: SlotRef, source: SourceRef, interest: Interest) -> io::Result<bool> {
        worker::home_of(slot).watch(source, interest)
    }

    fn unwatch(source: SourceRef) {
        worker::unwatch(source);
    }

    fn count_io_wait(slot: SlotRef, begins: bool) {
        let waits = &worker::home_of(slot).io_waits;
        waits.set(if begins { waits.get() + 1 } else { waits.get() - 1 });
    }

    fn begin_blocking(slot: SlotRef) -> u64 {
        worker::home_of(slot).begin_blocking()
    }

    fn end_blocking(slot: SlotRef, before: u64) {
        worker::home_of(slot).end_blocking(before);
    }

    fn run_blocking(slot: SlotRef, job: Arc<dyn Blocking>) -> bool {
        worker::home_of(slot).shared().run_blocking(job)
    }

    #[inline(always)]
    fn end_slice(slot: SlotRef) {
        worker::home_of(slot).end_slice(slot);
    }

    fn with_locals<R>(slot: SlotRef, look: impl FnOnce(&Locals) -> R) -> Option<R> {
        // SAFETY: `RuntimeHandle::enter` keeps the runtime alive while it is entered.
        if let Some(shared) = unsafe { slot.entered.get().cast::<Shared>().as_ref() } {
            return Some(look(&shared.locals));
        }
        (slot.runtime() != 0).then(|| look(&worker::home_of(slot).shared().locals))
    }
}

fn spawn_inside(parent: SlotRef, job: *mut Job, spread: bool, before: impl FnOnce(Pid)) -> io::Result<Pid> {
    let worker = worker::home_of(parent);
    // SAFETY: the job is the caller's until it is published.
    let class = unsafe { (*job).stack_class }.unwrap_or(worker.shared().settings.stack_class);
    let own = own_worker(worker.shared(), job)?;
    let slot = worker.admit(class).inspect_err(|_| let_go(own))?;
    let pid = occupy(slot, job, class, worker.shared(), parent.is_told());
    worker.counters.spawned.add(1);
    before(pid);
    match own.or_else(|| spread.then(|| another_worker(worker)).flatten()) {
        Some(other) => other.push_spread(slot),
        None => worker.push_new(slot),
    }
    Ok(pid)
}

/// A worker for the job alone, if it wants one. The job remembers it.
#[inline]
fn own_worker(shared: &Shared, job: *mut Job) -> io::Result<Option<&'static Worker>> {
    // SAFETY: as in `spawn_inside`.
    if unsafe { (*job).thread.get() } == JobThread::Any {
        Ok(None)
    } else {
        take_own_worker(shared, job).map(Some)
    }
}

#[cold]
fn take_own_worker(shared: &Shared, job: *mut Job) -> io::Result<&'static Worker> {
    let _section = Section::begin();
    let worker = shared.take_own_worker()?;
    let seat = u16::try_from(worker.position()).expect("there are not so many workers");
    // SAFETY: as in `spawn_inside`.
    unsafe { (*job).thread.set(JobThread::Seat(seat)) };
    Ok(worker)
}

/// The actor for which the worker was taken cannot start.
fn let_go(own: Option<&'static Worker>) {
    own.inspect(|worker| worker.shared().let_own_go(worker));
}

/// The worker of this runtime whose thread this is.
#[inline]
fn worker_here(shared: &Shared) -> Option<&'static Worker> {
    current::here().filter(|here| here.runtime.get() == shared.id).map(Worker::of)
}

/// Starts a server from an actor of this worker.
fn start_server_inside(worker: &'static Worker, job: *mut Job, rank: Rank, runs: bool) -> io::Result<Pid> {
    let shared = worker.shared();
    // SAFETY: the job is the caller's until it is published.
    let class = unsafe { (*job).stack_class }.unwrap_or(shared.settings.stack_class);
    let own = own_worker(shared, job)?;
    let slot = worker.admit_server().inspect_err(|_| let_go(own))?;
    // Before it can be activated; see `Shared::servers_at_rest`.
    worker.counters.spawned.add(1);
    worker.counters.rests.add(1);
    let pid = occupy_server(slot, job, class, shared, rank);
    publish_server(slot, runs);
    match own {
        _ if !runs => {}
        Some(own) => own.push_spread(slot),
        None => worker.push_new(slot),
    }
    Ok(pid)
}

/// Fills in a free slot for a server.
fn occupy_server(slot: SlotRef, job: *mut Job, class: stack::StackClass, shared: &Shared, rank: Rank) -> Pid {
    let pid = Pid::new(slot.index(), slot.state.generation() + 1);
    // SAFETY: as in `start_server_inside`.
    unsafe { (*job).pid.set(pid) };
    slot.prepare(job, shared.id, ptr::from_ref(shared).cast(), class);
    slot.make_server(rank, shared.next_sequence());
    pid
}

/// Makes it `Idle`, or `Queued` if it `runs` at once: then the caller pushes it.
fn publish_server(slot: SlotRef, runs: bool) {
    if runs {
        slot.state.occupy_queued()
    } else {
        slot.state.occupy_idle()
    };
}

/// Starts a server from a plain thread, or from an actor of another runtime.
fn start_server_outside(shared: &Shared, job: *mut Job, rank: Rank, runs: bool) -> io::Result<Pid> {
    // SAFETY: as in `start_server_inside`.
    let class = unsafe { (*job).stack_class }.unwrap_or(shared.settings.stack_class);
    let own = own_worker(shared, job)?;
    let slot = slot::take_one().inspect_err(|_| let_go(own))?;
    if !shared.count_outside_server() {
        slot::give_back(core::iter::once(slot));
        let_go(own);
        return Err(io::Error::other("the runtime has ended"));
    }
    let pid = occupy_server(slot, job, class, shared, rank);
    publish_server(slot, runs);
    match own {
        _ if !runs => {}
        Some(own) => own.push_spread(slot),
        None => shared.injector.push(Entry { pid: pid.to_bits(), pushed_ns: clock::now_ns() }),
    }
    shared.wake_one(); // also for an idle one: whoever ends the idle servers has to know of it
    Ok(pid)
}

/// Some other worker of the same runtime, in turn.
fn another_worker(worker: &Worker) -> Option<&'static Worker> {
    let shared = worker.shared();
    let others = || {
        let regular = shared.workers().take(shared.regular_count());
        regular.filter(|other| !core::ptr::eq(*other, worker))
    };
    // Ordering: Relaxed. Any other worker will do.
    let turn = shared.next_spread.fetch_add(1, Ordering::Relaxed);
    let count = others().count();
    others().nth(turn.checked_rem(count)?)
}

/// Fills in a free slot and makes it `Queued`. The caller pushes it. `is_told`: it helps somebody who knows of the shutdown.
fn occupy(slot: SlotRef, job: *mut Job, class: stack::StackClass, shared: &Shared, is_told: bool) -> Pid {
    let pid = Pid::new(slot.index(), slot.state.generation() + 1);
    // SAFETY: as in `spawn_inside`.
    unsafe { (*job).pid.set(pid) };
    slot.prepare(job, shared.id, ptr::from_ref(shared).cast(), class);
    if is_told {
        slot.set_told();
    }
    slot.state.occupy_queued();
    pid
}

/// The right to a stack; from its process-wide pool, which is locked meanwhile.
fn reserve(class: stack::StackClass) -> Result<(), stack::StackError> {
    let _section = Section::begin();
    stack::reserve(class, 1)
}

/// Spawns from a plain thread, or from an actor of another runtime. A job without a class gets the runtime's own.
pub(crate) fn spawn_outside(shared: &Shared, job: *mut Job, before: impl FnOnce(Pid)) -> io::Result<Pid> {
    // SAFETY: as in `spawn_inside`.
    let class = unsafe { (*job).stack_class }.unwrap_or(shared.settings.stack_class);
    let own = own_worker(shared, job)?;
    reserve(class).inspect_err(|_| let_go(own))?;
    let slot = slot::take_one().inspect_err(|_| give_up(class, own))?;
    if !shared.count_outside_spawn() {
        slot::give_back(core::iter::once(slot));
        give_up(class, own);
        return Err(io::Error::other("the runtime has ended"));
    }
    let pid = occupy(slot, job, class, shared, false);
    before(pid);
    if let Some(own) = own {
        own.push_spread(slot);
        return Ok(pid);
    }
    shared.injector.push(Entry { pid: pid.to_bits(), pushed_ns: clock::now_ns() });
    shared.wake_one();
    Ok(pid)
}

/// Gives back what an actor would have had that cannot start.
fn give_up(class: stack::StackClass, own: Option<&'static Worker>) {
    stack::unreserve(class, 1);
    let_go(own);
}
