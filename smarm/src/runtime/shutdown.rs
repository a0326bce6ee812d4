//! An orderly end: who is told what, and in which order.
//!
//! ```text
//!   shutdown() ─▶ steward:  hooks ─▶ supervisors ─▶ other servers ─▶ all others are asked ─▶ ends
//!                             │           │               │
//!                             └── one after the other, the latest first ──┘
//!   run ─▶ Watch: waits for the end ─▶ at the deadline: all are killed ─▶ after a grace: who is left is named
//! ```
//!
//! The steward is an actor, so what it waits for costs a switch and not a thread: a million idle servers end in a second. It may never come to
//! run, or wait for somebody who hangs; so the deadline is not its business but that of the thread, or the actor of another runtime, that
//! waits in `run`.
//!
//! # What ends a run, and how
//!
//! | what | how |
//! |---|---|
//! | `shutdown`, a signal, the panic or the kill of the root | orderly |
//! | an outer runtime asks the actor that runs this one | orderly |
//! | a deadlock, the kill of the actor that runs this one, the drop of the `Runtime` | all are killed at once |

use core::cell::Cell;
use core::ops::ControlFlow;
use core::panic::Location;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use super::handle::{launch, with_shared};
use crate::actor::{Options, Prepared};
use crate::pid::Pid;
use crate::sched::quiet;
use crate::sched::shared::Shared;
use crate::sched::shutdown::Hook;
use crate::sched::worker;
use crate::sys::clock;
use crate::task::park;
use crate::task::preempt::checkpoint;
use crate::task::slot::{self, JobThread, SlotRef};
use crate::task::wait::WaitKind;
use crate::task::{self, current};

/// How often those that were spawned meanwhile are asked, or killed, too.
const AGAIN: Duration = Duration::from_millis(20);

/// How long actors have to unwind once the deadline has killed them. More than a few destructors need; who then is left hangs.
const GRACE: Duration = Duration::from_secs(1);

/// Begins the orderly end of the runtime: of the current actor's, or of the one that this thread has entered. Returns at once; never parks. If
/// one has begun already, nothing happens.
///
/// | in this order | |
/// |---|---|
/// | hooks | those of [`on_shutdown`] run, the latest first |
/// | supervisors | those that nobody supervises end, with their children, the latest first |
/// | servers | those that nobody supervises handle what they have in their mailboxes, and end with [`ExitReason::Shutdown`](crate::ExitReason::Shutdown), the latest first |
/// | all others | [`wait_for_shutdown`] returns; where an actor has to wait for anything else, it unwinds, as by a kill, and who joins it gets [`ExitReason::Shutdown`](crate::ExitReason::Shutdown) |
///
/// Each step waits for the one before. At the deadline, [`Config::shutdown_timeout`](crate::runtime::Config::shutdown_timeout) after the call, all
/// actors that are left are killed; those that do not end then are named on standard error. `run` returns when no actor is left, or
/// then. The page [SHUTDOWN](https://github.com/smarm-rs/smarm/blob/main/docs/SHUTDOWN.md) has the details, and what to write.
///
/// The deadline is kept by who waits in `run`. Where no run is in progress, the next one, or the drop of the
/// [`Runtime`](crate::runtime::Runtime), does so.
///
/// Under `#[smarm::main]`, the signals `SIGTERM` and `SIGINT` do the same. Erlang's cousin is `init:stop/0`.
///
/// # Panics
///
/// On a plain thread that has not [entered](crate::RuntimeHandle::enter) a runtime:
/// [`RuntimeHandle::shutdown`](crate::RuntimeHandle::shutdown) works on any thread.
///
/// ```
/// smarm::run(|| {
///     smarm::on_shutdown(|| println!("goodbye"));
///     smarm::spawn(smarm::shutdown);
///     smarm::wait_for_shutdown();
/// });
/// ```
#[track_caller]
pub fn shutdown() {
    let place = Location::caller();
    with_shared("smarm::shutdown", |shared| begin_at(shared, place));
}

/// Whether a [`shutdown`] of the runtime has begun: of the current actor's, or of the one that this thread has entered. Never parks, and costs
/// nanoseconds: for loops that compute without waiting, and for servers that are to take no more work.
///
/// # Panics
///
/// As [`shutdown`]; there is [`RuntimeHandle::is_shutting_down`](crate::RuntimeHandle::is_shutting_down).
///
/// ```
/// smarm::run(|| {
///     assert!(!smarm::is_shutting_down());
///     smarm::shutdown();
///     assert!(smarm::is_shutting_down());
/// });
/// ```
#[must_use]
#[track_caller]
pub fn is_shutting_down() -> bool {
    with_shared("smarm::is_shutting_down", |shared| shared.shutdown.has_begun())
}

/// Waits until all actors are asked to end: a [`shutdown`] has begun, its hooks have run, and the servers have ended.
///
/// From then on the actor sees to its end by itself: the shutdown does not end its waits, nor those of the actors that it spawns from then
/// on. It has until the deadline. For the root of a service, and for actors that have to say goodbye to somebody. A server has
/// `#[on_exit]` for that; a handler should not wait here, as its own server is waited for. In a hook, which the others wait for, it returns
/// at once.
///
/// May park; on a plain thread that has [entered](crate::RuntimeHandle::enter) a runtime it blocks. A safe point, at which a kill is delivered.
/// While its actor unwinds it returns at once. Under `#[smarm::main]`, where a signal may come, it is never reported as a deadlock.
///
/// # Panics
///
/// As [`shutdown`], and where waits panic: inside [`no_preempt`](crate::no_preempt) and [`forbid_yield`](crate::forbid_yield).
///
/// ```
/// smarm::run(|| {
///     let root = smarm::spawn(|| {
///         smarm::wait_for_shutdown();
///         "goodbye"
///     });
///     smarm::shutdown();
///     assert_eq!(root.join().unwrap(), "goodbye");
/// });
/// ```
#[track_caller]
pub fn wait_for_shutdown() {
    with_shared("smarm::wait_for_shutdown", |shared| {
        checkpoint();
        wait_for_ask(shared, current::waiter());
    });
}

fn wait_for_ask(shared: &Shared, slot: SlotRef) {
    while !shared.shutdown.has_asked() && !slot.is_told() {
        if park::may_not_wait(slot, "`wait_for_shutdown`") {
            return;
        }
        park::deliver_kill(slot);
        if shared.shutdown.await_ask(slot.pid()) {
            park::park(slot, kind_of_wait(shared, slot), None, None);
            shared.shutdown.leave(slot.pid());
        }
    }
    if slot.runtime() == shared.id {
        slot.set_told();
    }
}

/// As a report of a deadlock sees it.
fn kind_of_wait(shared: &Shared, slot: SlotRef) -> WaitKind {
    if slot.runtime() == shared.id { WaitKind::Shutdown } else { WaitKind::Elsewhere }
}

/// Has `f` run at the beginning of a [`shutdown`], while all else still works: to stop taking in work, and to wait for what is in hand. Never
/// parks.
///
/// Hooks run one after the other, the latest first, each on an actor of its own, where it may wait. A panic is told of in one line, as every
/// panic of an actor, and the next hook runs. Supervisors and servers do not end before the last one has returned, but the
/// [deadline](crate::runtime::Config::shutdown_timeout) kills hooks as it does all others.
///
/// If a shutdown has begun already, `f` runs at once, beside it. Hooks do not run at the end of a run that nobody shuts down, nor of one whose
/// actors are killed (see [`shutdown`]): they are dropped then. Those of one run are nothing to the next one.
///
/// # Panics
///
/// As [`shutdown`].
///
/// ```
/// let (tx, rx) = smarm::channel();
/// smarm::run(move || {
///     let first = tx.clone();
///     smarm::on_shutdown(move || first.send("close the till").unwrap());
///     smarm::on_shutdown(move || tx.send("lock the door").unwrap());
///     smarm::shutdown();
/// });
/// assert_eq!(rx.iter().collect::<Vec<_>>(), ["lock the door", "close the till"]);
/// ```
#[track_caller]
pub fn on_shutdown<F>(f: F)
where
    F: FnOnce() + Send + 'static,
{
    let hook = Hook { run: Box::new(f), placed_at: Location::caller() };
    with_shared("smarm::on_shutdown", |shared| {
        if let Err(late) = shared.shutdown.add_hook(hook) {
            let placed_at = late.placed_at;
            match launch(shared, prepare(late.run, HOOK, placed_at)) {
                Ok(hook) => drop(hook),
                Err(error) => {
                    tell(&format!("cannot run the hook of the shutdown, placed at {placed_at}: {error}"))
                }
            }
        }
    });
}

/// What the actors of a shutdown are called.
const HOOK: &str = "shutdown hook";
const STEWARD: &str = "shutdown";

fn tell(what: &str) {
    eprintln!("smarm: {what}");
}

/// An actor that belongs to the shutdown, and is not asked to end by it.
fn prepare(
    f: Box<dyn FnOnce() + Send>,
    name: &str,
    spawned_at: &'static Location<'static>,
) -> Prepared<impl FnOnce(), ()> {
    let told = move || {
        current::waiter().set_told();
        f();
    };
    let name = Some(name.into());
    let options =
        Options { name, stack_class: None, thread: JobThread::Any, spawned_at, preempt_in_alloc: false };
    Prepared::new(told, options)
}

// ---- the steward ------------------------------------------------------------------------------------------------------

/// Begins a shutdown, unless one has begun.
#[track_caller]
pub(super) fn begin(shared: &Shared) {
    begin_at(shared, Location::caller());
}

fn begin_at(shared: &Shared, place: &'static Location<'static>) {
    let deadline_ns = clock::deadline_after(shared.settings.shutdown_timeout);
    let Some(hooks) = shared.shutdown.begin(deadline_ns) else { return };
    if hooks.is_empty() && !shared.is_busy() {
        return shared.shutdown.ask(); // nobody is there to be asked
    }
    let steward = prepare(Box::new(move || conduct(hooks)), STEWARD, place);
    match launch(shared, steward) {
        Ok(steward) => drop(steward),
        // Nobody is left of a runtime that has ended.
        Err(_) if shared.is_stopping() => {}
        Err(error) => {
            tell(&format!("no actor for the shutdown ({error}): all actors are killed"));
            shared.shutdown.hurry();
        }
    }
    shared.tell_end_waiter();
}

/// Has the deadline come at once; begins a shutdown if none has begun.
pub(super) fn hurry(shared: &Shared) {
    begin(shared);
    shared.shutdown.hurry();
    shared.tell_end_waiter();
}

/// The steward's life. Past the deadline, when all are killed, it takes no further step: who was killed did not do what it should.
fn conduct(hooks: Vec<Hook>) {
    let me = current::waiter();
    let shared = worker::shared_of(me);
    for Hook { run, placed_at } in hooks.into_iter().rev() {
        run_hook(run, placed_at);
        if is_over(shared) {
            return;
        }
    }
    shared.shutdown.end_servers(me.pid());
    while end_in_turn(me, quiet::servers_that_supervise(shared, true), None) {}
    // Who hangs in a handler is not to use up the time of all that come after.
    let until_ns = shared.shutdown.deadline_ns().map(halfway);
    while end_in_turn(me, quiet::servers_that_supervise(shared, false), until_ns) {}
    if is_over(shared) {
        return;
    }
    shared.shutdown.ask();
    quiet::ask_all(shared);
    shared.tell_end_waiter();
}

/// Whether the deadline has passed.
fn is_over(shared: &Shared) -> bool {
    shared.shutdown.deadline_ns().is_some_and(|deadline_ns| clock::now_ns() >= deadline_ns)
}

fn run_hook(run: Box<dyn FnOnce() + Send>, placed_at: &'static Location<'static>) {
    let prepared = prepare(run, HOOK, placed_at);
    match task::spawn(current::waiter(), prepared.job(), false, |_| ()) {
        // A panic was told of where it happened.
        Ok(pid) => drop(prepared.launched(pid).join()),
        Err(error) => tell(&format!("cannot run the hook of the shutdown, placed at {placed_at}: {error}")),
    }
}

/// The middle of the time from now on.
fn halfway(until_ns: u64) -> u64 {
    let now_ns = clock::now_ns();
    now_ns + until_ns.saturating_sub(now_ns) / 2
}

/// Asks servers to end, the latest of them first, and waits for each. Whether there may be others by now: false if there was none, or if the
/// time is over; then all were asked.
fn end_in_turn(me: SlotRef, mut servers: Vec<Pid>, until_ns: Option<u64>) -> bool {
    let is_over = || until_ns.is_some_and(|until_ns| clock::now_ns() >= until_ns);
    let found = !servers.is_empty();
    while let Some(latest) = servers.pop() {
        park::end_server(latest);
        while slot::is_alive(latest) && !is_over() {
            park::deliver_kill(me);
            park::park(me, WaitKind::Elsewhere, None, until_ns);
        }
    }
    found && !is_over()
}

// ---- who waits for the end --------------------------------------------------------------------------------------------

/// Looks after the end of a run, for who waits for it.
pub(super) struct Watch<'a> {
    shared: &'a Shared,
    /// Who waits, if that is an actor whose own end is passed on: one that has not masked its kills.
    caller: Option<SlotRef>,
    /// All are killed, and given up at that time.
    gives_up_at_ns: Cell<Option<u64>>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(shared: &'a Shared, caller: Option<SlotRef>) -> Self {
        Self { shared, caller, gives_up_at_ns: Cell::new(None) }
    }

    /// All actors are to be killed at once. They have as long as for an orderly end.
    pub(super) fn kill(&self) {
        let timeout = self.shared.settings.shutdown_timeout.max(GRACE);
        self.gives_up_at_ns.set(Some(clock::deadline_after(timeout)));
    }

    /// The root has ended without a value: the others are to end too.
    pub(super) fn end(&self) {
        self.look_for_reasons();
        if !self.kills() {
            begin(self.shared);
        }
    }

    /// Whether all actors are killed.
    fn kills(&self) -> bool {
        self.gives_up_at_ns.get().is_some()
    }

    /// Does what there is to do now; until when to wait before the next look, or whether it has lasted long enough.
    pub(super) fn look(&self) -> ControlFlow<(), Option<u64>> {
        self.look_for_reasons();
        let shutdown = &self.shared.shutdown;
        let until_ns = match (self.gives_up_at_ns.get(), shutdown.deadline_ns()) {
            (None, None) => return ControlFlow::Continue(None),
            (None, Some(deadline_ns)) if !shutdown.has_asked() => {
                return ControlFlow::Continue(Some(deadline_ns));
            }
            (None, Some(deadline_ns)) => {
                quiet::ask_all(self.shared);
                deadline_ns
            }
            (Some(gives_up_at_ns), _) if clock::now_ns() >= gives_up_at_ns => return ControlFlow::Break(()),
            (Some(gives_up_at_ns), _) => {
                quiet::kill_all(self.shared.id);
                gives_up_at_ns
            }
        };
        ControlFlow::Continue(Some(clock::deadline_after(AGAIN).min(until_ns)))
    }

    fn look_for_reasons(&self) {
        if self.kills() {
            return;
        }
        let is_killed = || self.caller.is_some_and(|caller| caller.state.is_killed());
        let is_asked = || self.caller.is_some_and(|caller| caller.state.is_asked());
        if self.shared.has_failed() || is_killed() {
            return self.kill();
        }
        if is_asked() {
            begin(self.shared);
        }
        if is_over(self.shared) {
            if self.shared.is_busy() {
                self.shared.shutdown.note_overdue();
            }
            self.gives_up_at_ns.set(Some(clock::deadline_after(GRACE)));
        }
    }

    /// Waits until nobody is left. False if it gave up, and has named who is.
    pub(super) fn await_end(&self, wait: impl Fn(Option<u64>)) -> bool {
        while self.shared.is_busy() {
            let ControlFlow::Continue(until_ns) = self.look() else {
                self.name_the_rest();
                return false;
            };
            if self.shared.is_busy() {
                wait(until_ns);
            }
        }
        true
    }

    /// Tells of what is left behind.
    fn name_the_rest(&self) {
        if self.shared.live() > 0 {
            let actors = quiet::survivors(self.shared);
            tell(&format!("the shutdown timeout is over, and these actors are left:\n{actors}"));
        }
        match self.shared.pending_blocking() {
            0 => {}
            1 => tell("the shutdown timeout is over, and 1 closure given to `block_on_io` still runs"),
            count => tell(&format!(
                "the shutdown timeout is over, and {count} closures given to `block_on_io` still run"
            )),
        }
    }
}

/// The run has ended. Hooks that did not run are dropped: what they panic with has been told of by the panic hook.
// Not inlined: who calls it parks, and this counts panics, in a thread-local.
#[inline(never)]
pub(super) fn clear(shared: &Shared) {
    for hook in shared.shutdown.clear() {
        panic::catch_unwind(AssertUnwindSafe(|| drop(hook))).ok();
    }
}
