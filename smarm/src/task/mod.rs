//! The waist: what is schedulable, and what it may ask of the one who schedules it.
//!
//! Below is the machine (`sys`, `fiber`). On one side stands what runs tasks (`driver`, `sched`), on the other what uses them
//! (`channel`, `time`, `actor`); the two sides never name each other. A wake goes down by inversion: this module says what
//! a task may ask of its host ([`Schedule`]), `sched` supplies it, and the compiler binds them statically through the alias
//! `crate::Host`. An exit goes up: the actor makes its exit steps on its own stack, and the worker only hears that it finished.
//!
//! Who owns what in each state stands in [`state`].

#[cfg(any(loom, feature = "futures-io"))]
pub(crate) mod event_count;
pub(crate) mod growth;
pub(crate) mod input;
pub(crate) mod readiness;
pub(crate) mod reply;
#[cfg(not(loom))]
pub(crate) mod section;
#[cfg(loom)]
#[path = "section_loom.rs"]
pub(crate) mod section;
pub(crate) mod select;
pub(crate) mod state;
pub(crate) mod ties;
pub(crate) mod wakers;
pub(crate) mod winner;

#[cfg(not(loom))]
pub(crate) mod alloc;
#[cfg(not(loom))]
pub(crate) mod api;
#[cfg(not(loom))]
pub(crate) mod budget;
#[cfg(not(loom))]
pub(crate) mod choice;
#[cfg(not(loom))]
pub(crate) mod current;
#[cfg(not(loom))]
pub(crate) mod evented;
#[cfg(not(loom))]
pub(crate) mod locals;
#[cfg(not(loom))]
pub(crate) mod park;
#[cfg(all(not(loom), feature = "futures-io"))]
pub(crate) mod polled;
#[cfg(all(not(loom), not(feature = "futures-io")))]
#[path = "polled_off.rs"]
pub(crate) mod polled;
#[cfg(not(loom))]
pub(crate) mod poller;
#[cfg(not(loom))]
pub(crate) mod preempt;
#[cfg(not(loom))]
pub(crate) mod slot;
#[cfg(not(loom))]
pub(crate) mod source;
#[cfg(not(loom))]
pub(crate) mod wait;

#[cfg(not(loom))]
pub(crate) use host::{
    Armed, Blocking, Fire, Firing, Runtime, Schedule, arm_firing, count_exit, count_io_wait, disarm_firing,
    forget_job, run_blocking, run_next, spawn, spawn_in, start_server, turn_is_over, unwatch, watch,
    with_locals,
};

#[cfg(not(loom))]
mod host {
    use core::sync::atomic::{Ordering, compiler_fence};
    use std::io;
    use std::sync::Arc;

    use super::current::{self, Here};
    use super::locals::Locals;
    use super::slot::{Job, Outcome, Rank, SlotRef};
    use super::source::{Interest, SourceRef};
    use crate::Host;
    use crate::pid::Pid;

    /// What a task may ask of its host.
    pub(crate) trait Schedule {
        /// A pending deadline.
        type Timer;

        /// A pending firing.
        type Armed;

        /// Makes an actor of a job and queues it on the worker of `parent`, the actor that runs here, or, for `spread`, on another
        /// worker; with no parent, on the runtime that this plain thread has entered. `before` is called right before it can run.
        fn spawn(parent: SlotRef, job: *mut Job, spread: bool, before: impl FnOnce(Pid)) -> io::Result<Pid>;

        /// Makes a server of a job, on the runtime of `parent` or, with no parent, on the one that this plain thread has entered; it is
        /// idle, or queued if it `runs` at once.
        fn start_server(parent: SlotRef, job: *mut Job, rank: Rank, runs: bool) -> io::Result<Pid>;

        /// Puts a server that became `Queued` where a worker will find it; `soon`: the caller is about to park, and the server may run in its
        /// place. From any thread; never parks.
        fn activate(slot: SlotRef, soon: bool);

        /// Whether a server that has handled `count` messages in a row should let others go first. Counts as an event of its budget.
        fn turn_is_over(slot: SlotRef, count: u32) -> bool;

        /// Makes an actor of a job, from a firing.
        fn spawn_in(runtime: Runtime, job: *mut Job) -> io::Result<Pid>;

        /// Has `firing` fired at the deadline, by the worker of the current actor; what it fires never parks, and runs no user code.
        fn arm_firing(slot: SlotRef, deadline_ns: u64, firing: Firing) -> Self::Armed;

        /// Takes it back; `None` if it has fired already.
        fn disarm_firing(armed: Self::Armed) -> Option<Firing>;

        /// Has the worker of the current actor start this one next, if it has not started; for a join.
        fn run_next(slot: SlotRef, pid: Pid);

        /// Puts an actor that was woken where its home will find it. From any thread, whose note is `here`; never parks, never runs user code.
        fn wake(here: Option<&'static Here>, slot: SlotRef);

        /// Suspends the current actor until it is unparked. The worker publishes `Parked`.
        fn park(slot: SlotRef);

        /// Suspends the current actor behind the others that wait.
        fn yield_now(slot: SlotRef);

        /// Counts the end of the current actor, before anybody is told of it.
        fn count_exit(slot: SlotRef, outcome: Outcome);

        /// Has the current actor unparked when it has waited so long for the reply to this call; the deadline. `None` if that needs a timer.
        fn note_call(slot: SlotRef, call: u64, timeout_ns: u64) -> Option<u64>;

        /// Has the current actor unparked at the deadline.
        fn arm(slot: SlotRef, deadline_ns: u64) -> Self::Timer;

        /// Takes the deadline back; false if it has passed already.
        fn disarm(slot: SlotRef, timer: Self::Timer) -> bool;

        /// Whether the runtime of the current actor ends its servers, or has done so: a shutdown is past its hooks.
        fn is_ending(slot: SlotRef) -> bool;

        /// Holds the current actor while an inspector looks at what it waited for.
        fn await_inspection();

        /// Suspends the current actor, whose slice is over, behind the others that wait.
        fn end_slice(slot: SlotRef);

        /// Has the worker of the current actor tell of events of a descriptor for which the actor waits, unless another one does already, for
        /// somebody who waits for the other direction. False if it is of a kind that is always ready.
        fn watch(slot: SlotRef, source: SourceRef, interest: Interest) -> io::Result<bool>;

        /// Nobody is to be told of this descriptor any more.
        fn unwatch(source: SourceRef);

        /// The current actor begins to wait for a descriptor, or ends that.
        fn count_io_wait(slot: SlotRef, begins: bool);

        /// The current actor is about to keep its worker: what may move is to go elsewhere. What `end_blocking` is to be given.
        fn begin_blocking(slot: SlotRef) -> u64;

        /// That is over.
        fn end_blocking(slot: SlotRef, before: u64);

        /// Has a thread of the pool run it, for the current actor. False if there is no such thread, and none is to be had.
        fn run_blocking(slot: SlotRef, job: Arc<dyn Blocking>) -> bool;

        /// Looks at what is kept for the runtime that this thread has entered, or else for that of `slot`, who runs here. `None` if there is
        /// no runtime.
        fn with_locals<R>(slot: SlotRef, look: impl FnOnce(&Locals) -> R) -> Option<R>;
    }

    /// Blocking code on its way to a thread of the pool.
    pub(crate) trait Blocking: Send + Sync {
        /// Runs it, on a thread that is no worker. Never unwinds. Gives who is to be unparked, for whom `before_told` was called right before
        /// the result could be seen; `None`, and no such call, if nobody waits for it any more.
        fn run(&self, before_told: &dyn Fn()) -> Option<Pid>;
    }

    /// Has a thread of the pool run it; see [`Schedule::run_blocking`].
    pub(crate) fn run_blocking(slot: SlotRef, job: Arc<dyn Blocking>) -> bool {
        Host::run_blocking(slot, job)
    }

    /// Looks at what is kept for the runtime in force here; see [`Schedule::with_locals`].
    pub(crate) fn with_locals<R>(look: impl FnOnce(&Locals) -> R) -> Option<R> {
        Host::with_locals(current::waiter(), look)
    }

    /// Makes an actor of a job; see [`Schedule::spawn`].
    #[track_caller]
    pub(crate) fn spawn(
        parent: SlotRef,
        job: *mut Job,
        spread: bool,
        before: impl FnOnce(Pid),
    ) -> io::Result<Pid> {
        Host::spawn(parent, job, spread, before)
    }

    /// What a timer does when it is due.
    pub(crate) type Firing = Box<dyn Fire>;

    /// See [`Schedule::arm_firing`].
    pub(crate) trait Fire: Send {
        /// By a worker of this runtime, as `sched` knows it.
        fn fire(self: Box<Self>, runtime: Runtime);

        /// Whether the run goes on until it has fired. Always the same.
        fn holds_up_the_end(&self) -> bool;

        /// Whether it would change nothing by now, so that nobody need wait for it.
        fn is_in_vain(&self) -> bool {
            false
        }
    }

    /// A runtime, as `sched` knows it, for the duration of a firing.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Runtime(pub(crate) *const ());

    /// Makes an actor of a job, from a firing.
    pub(crate) fn spawn_in(runtime: Runtime, job: *mut Job) -> io::Result<Pid> {
        Host::spawn_in(runtime, job)
    }

    /// Whether a server should let others go first; see [`Schedule::turn_is_over`].
    #[inline]
    pub(crate) fn turn_is_over(slot: SlotRef, count: u32) -> bool {
        Host::turn_is_over(slot, count)
    }

    /// A pending firing.
    pub(crate) type Armed = <Host as Schedule>::Armed;

    /// Arms a firing; see [`Schedule::arm_firing`].
    pub(crate) fn arm_firing(slot: SlotRef, deadline_ns: u64, firing: Firing) -> Armed {
        Host::arm_firing(slot, deadline_ns, firing)
    }

    /// Takes a firing back; `None` if it has fired.
    pub(crate) fn disarm_firing(armed: Armed) -> Option<Firing> {
        Host::disarm_firing(armed)
    }

    /// Makes a server of a job; see [`Schedule::start_server`].
    #[track_caller]
    pub(crate) fn start_server(job: *mut Job, rank: Rank, runs: bool) -> io::Result<Pid> {
        Host::start_server(current::waiter(), job, rank, runs)
    }

    /// Counts the end of the actor that runs here; see [`Schedule::count_exit`].
    pub(crate) fn count_exit(slot: SlotRef, outcome: Outcome) {
        Host::count_exit(slot, outcome);
    }

    /// Has the slot of the actor that runs here forget its job, which may be freed afterwards: from here on a panic, an overflow or a
    /// report names the actor by its `Pid` alone.
    pub(crate) fn forget_job(slot: SlotRef) {
        slot.forget_job();
        // An inspector raises its flag, has all threads pass a barrier, and looks: either it finds no job, or we see the flag.
        // Ordering: SeqCst, for the compiler; the barrier of the inspector makes it one for the processor.
        compiler_fence(Ordering::SeqCst);
        Host::await_inspection();
    }

    /// Has the worker of the actor that runs here tell of a descriptor's events; see [`Schedule::watch`].
    pub(crate) fn watch(slot: SlotRef, source: SourceRef, interest: Interest) -> io::Result<bool> {
        Host::watch(slot, source, interest)
    }

    /// Nobody is to be told of this descriptor any more.
    pub(crate) fn unwatch(source: SourceRef) {
        Host::unwatch(source);
    }

    /// The actor that runs here begins to wait for a descriptor, or ends that.
    pub(crate) fn count_io_wait(slot: SlotRef, begins: bool) {
        Host::count_io_wait(slot, begins);
    }

    /// Has that actor run next, if it has not started and `slot`, who runs here, is an actor too.
    pub(crate) fn run_next(slot: SlotRef, pid: Pid) {
        Host::run_next(slot, pid);
    }
}
