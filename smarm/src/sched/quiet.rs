//! Quiet: nothing can happen any more. The end of a run, and the deadlock report.
//!
//! Decided by a worker that falls asleep, never by counters on the hot path.
//!
//! - **The end.** The caller of `run` registers as the end's waiter and looks at the counts; each worker that falls asleep looks
//!   at them too. Both modify the same word before (`Shared::idle`), so the second one sees what the first one counted. When no
//!   actor is alive, the waiter is unparked.
//! - **Idle servers.** When the end is waited for, all workers sleep, and only servers at rest are left, with no message underway to one at
//!   some later time, the newest of them is asked to end; when all sleep again, the next one.
//! - **Blocking code.** What runs on a thread of the pool may do anything yet, also if its caller was killed: while it runs, neither the end
//!   has come nor is there a deadlock. If nobody waits for it, its end wakes a worker, which looks again.
//! - **A deadlock.** The last worker to fall asleep, with actors left, no deadline pending and no blocking code running, sets itself an alarm. If until then
//!   no actor ran, it inspects all actors. It is a *certain* deadlock if all are parked on objects that no plain thread
//!   and no other runtime ever had, nobody outside holds a handle to this runtime, no call is awaited by a waker, no shutdown has begun, and no foreign thread was started since the run
//!   began that is still there (it may have been given an end of a channel). Otherwise somebody may still come: silence.
//!
//! # Inspection
//!
//! An inspector reads what a parked actor waits for, which is on that actor's stack or kept alive by it. It first raises
//! [`INSPECTING`], then modifies each state word. An actor that is woken later acquires that modification, finds the flag up when
//! its park returns, and waits there for the inspector to be done. So what the inspector sees parked stays where it is.
//!
//! A report also names actors that are not parked. Such an actor may end meanwhile; but it looks at the flag after its slot has forgotten
//! its job, and before that job is freed (`task::forget_job`). With the flag up, the inspector has all threads pass a barrier: what jobs it
//! finds in slots after that stay until it is done. Where the system refuses the barrier, such actors are named by their `Pid` alone.

use core::panic::Location;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::shared::Shared;
use super::worker::Worker;
use crate::pid::Pid;
use crate::sys::atomic::{AtomicBool, Ordering};
use crate::sys::{clock, membarrier};
use crate::task::choice::WaitSet;
use crate::task::park;
use crate::task::poller;
use crate::task::section::Section;
use crate::task::slot::{self, Rank, Slot, SlotRef};
use crate::task::state::Seen;
use crate::task::wait::{self, WaitKind, WaitObject};

/// How long nothing must have happened before a deadlock fails the run, or is reported.
const FAIL_AFTER: Duration = Duration::from_secs(1);
const WARN_AFTER: Duration = Duration::from_secs(5);

/// How many actors a report lists.
const REPORTED_ACTORS: usize = 20;

/// What a worker remembers over its sleep.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nap {
    /// When to look for a deadlock; `u64::MAX` for never.
    check_at_ns: u64,
    /// How many times an actor had run.
    activity: u64,
    /// How it was counted.
    takes_work: bool,
}

impl Nap {
    pub(super) fn check_at_ns(self) -> u64 {
        self.check_at_ns
    }
}

/// A worker is about to sleep.
pub(super) fn fall_idle(shared: &Shared, worker: &Worker) -> Nap {
    let takes_work = worker.takes_work();
    let (all_sleep, end_wanted) = shared.count_sleeper(takes_work);
    let live = shared.live();
    if end_wanted && live == 0 {
        shared.tell_end_waiter();
    }
    if live == 0 && shared.is_stopping() {
        shared.dismiss(); // it was dropped while actors lived: the last one has ended
    }
    if end_wanted && all_sleep {
        end_newest_server(shared);
    }
    let activity = activity(shared);
    let news = activity != shared.checked_activity.get();
    // Of a descriptor nobody knows when it will be ready: without an alarm the kernel has no timer to set for each sleep of a server.
    let may_come = waits_for_descriptor(shared) || pending_timers(shared) > 0 || shared.pool.pending() > 0;
    let suspicious = live > shared.servers_at_rest() && all_sleep && news && !may_come;
    let check_at_ns = if suspicious { clock::deadline_after(patience(shared)) } else { u64::MAX };
    Nap { check_at_ns, activity, takes_work }
}

fn patience(shared: &Shared) -> Duration {
    if shared.settings.deadlock_fails { FAIL_AFTER } else { WARN_AFTER }
}

/// Asks the newest server to end, if nobody is left but servers at rest.
fn end_newest_server(shared: &Shared) {
    if !are_only_servers_at_rest(shared) {
        return;
    }
    let mut ending = shared.ending.lock().unwrap_or_else(PoisonError::into_inner);
    // Asked, and not claimed yet, it counts as at rest; and the worker that has asked it counts as asleep until it is done with that.
    if ending.asked.is_some_and(slot::is_alive) {
        return;
    }
    if ending.pids.is_empty() || ending.started != shared.servers_started() {
        ending.started = shared.servers_started();
        ending.pids = servers_at_rest(shared);
    }
    // Once more: this worker may have been held up, the run may have ended, and these may be servers of the next one, whose root counts
    // before they do. What is found now holds for all in the list that have not ended.
    if !are_only_servers_at_rest(shared) {
        ending.pids.clear(); // some may be missing that were at work
        return;
    }
    while let Some(newest) = ending.pids.pop() {
        if park::end_idle(newest) {
            ending.asked = Some(newest);
            return;
        }
        // This worker was held up after it had found that all sleep: another one has come here before it, and the newest server works, or
        // is about to rest. Its turn is still before that of the older ones; who runs it comes here when it falls asleep.
        if slot::is_alive(newest) {
            ending.pids.push(newest);
            return;
        }
    }
    ending.pids = Vec::new(); // it may have been long
}

/// Whether nobody is left but servers at rest, and nothing is to come.
fn are_only_servers_at_rest(shared: &Shared) -> bool {
    // The servers first: one that is started meanwhile counts as alive, and its starter wakes a worker that comes here again.
    let at_rest = shared.servers_at_rest();
    at_rest > 0 && shared.live() == at_rest && shared.pool.pending() == 0 && !is_something_underway(shared)
}

/// Whether a message is to be sent later, to somebody who has not ended.
fn is_something_underway(shared: &Shared) -> bool {
    // Ordering: Acquire; pairs with the Release of who delivers.
    let underway = shared.deliveries.load(Ordering::Acquire) > 0;
    underway && shared.workers().any(|worker| worker.holds_up_the_end())
}

/// An actor, as [`entry`] saw it.
struct Entry {
    pid: Pid,
    seen: Seen,
    /// Nothing, for a thread actor.
    server: Option<(Rank, u64)>,
    is_told: bool,
}

/// What a slot holds, if that is an actor of this runtime: as it was at one moment between two looks at its state word, which both found it
/// alive.
fn entry(shared: &Shared, slot: SlotRef) -> Option<Entry> {
    let pid = slot.pid();
    let seen = slot.state.inspect();
    let server = slot.is_server().then(|| (slot.rank(), slot.sequence()));
    let (is_told, is_of_runtime) = (slot.is_told(), slot.runtime() == shared.id);
    let is_same = seen != Seen::Free && slot.state.inspect() != Seen::Free && slot.pid() == pid;
    (is_same && is_of_runtime).then_some(Entry { pid, seen, server, is_told })
}

/// The slots of a runtime.
fn slots(shared: &Shared) -> impl Iterator<Item = SlotRef> {
    let id = shared.id;
    slot::all().filter(move |slot| slot.runtime() == id)
}

/// The servers of a runtime that are nobody's children, and of which `wanted` is true, in the order of their starts.
fn servers(shared: &Shared, wanted: impl Fn(&Entry, Rank) -> bool) -> Vec<Pid> {
    let mut servers: Vec<_> = slots(shared)
        .filter_map(|slot| {
            let entry = entry(shared, slot)?;
            let (rank, sequence) = entry.server?;
            (!rank.is_supervised && wanted(&entry, rank)).then_some((sequence, entry.pid))
        })
        .collect();
    servers.sort_unstable();
    servers.into_iter().map(|(_, pid)| pid).collect()
}

/// The idle ones.
fn servers_at_rest(shared: &Shared) -> Vec<Pid> {
    servers(shared, |entry, _| entry.seen == Seen::Idle)
}

/// Those that end others, or those that do not, in the order of their starts. Supervised ones are left to their supervisors.
pub(crate) fn servers_that_supervise(shared: &Shared, supervise: bool) -> Vec<Pid> {
    servers(shared, |_, rank| rank.is_supervisor == supervise)
}

/// Asks all actors of a runtime to end where they would wait, but for those who know already. Of servers, whose turn was before, those that
/// were asked then and have not ended.
pub(crate) fn ask_all(shared: &Shared) {
    for slot in slots(shared).filter(|slot| !slot.state.is_asked()) {
        let Some(entry) = entry(shared, slot) else { continue };
        let is_due = entry.server.is_none_or(|(rank, _)| !rank.is_supervised && slot.state.is_ending());
        if is_due && !entry.is_told {
            park::ask(entry.pid);
        }
    }
}

fn activity(shared: &Shared) -> u64 {
    shared.workers().map(|worker| worker.runs.get()).sum()
}

fn pending_timers(shared: &Shared) -> usize {
    shared.workers().map(|worker| worker.timer_count()).sum()
}

/// Whether some actor waits for a descriptor; exact when all workers sleep.
fn waits_for_descriptor(shared: &Shared) -> bool {
    shared.workers().any(|worker| worker.io_waits.get() > 0)
}

/// A worker no longer sleeps.
pub(super) fn wake_up(shared: &Shared, nap: Nap) {
    let alarm = clock::now_ns() >= nap.check_at_ns;
    let silent = shared.all_sleep() && activity(shared) == nap.activity;
    // With new foreign threads around, or a waker of whoever's, nothing is certain: look again later.
    if alarm && silent && !shared.has_new_foreign_threads() && !poller::is_any_waker_out() {
        shared.checked_activity.set(nap.activity);
        check_for_deadlock(shared);
    }
    shared.uncount_sleeper(nap.takes_work);
}

fn check_for_deadlock(shared: &Shared) {
    let Some(report) = inspect(|| certain_deadlock(shared)) else { return };
    if !shared.settings.deadlock_fails {
        eprintln!("smarm: {report}");
        return;
    }
    shared.fail(report);
    kill_all(shared.id);
    shared.tell_end_waiter(); // its waiter sees to it that the run ends even if an actor does not
}

/// Asks all actors of a runtime to end, but for those that were asked before: one that masks its kill need not be woken for it again.
pub(crate) fn kill_all(runtime: u32) {
    for slot in slot::all() {
        // The generation first: if the slot changes hands between the two readings, the kill is stale.
        let pid = slot.pid();
        if slot.runtime() == runtime && !slot.state.is_killed() {
            park::kill(pid);
        }
    }
}

// ---- inspection -------------------------------------------------------------------------------------------------------

static INSPECTING: AtomicBool = AtomicBool::new(false);
static INSPECTION: Mutex<()> = Mutex::new(());

fn inspect<T>(f: impl FnOnce() -> T) -> T {
    let _section = Section::begin();
    let _inspection = INSPECTION.lock().unwrap_or_else(PoisonError::into_inner);
    // Ordering: Relaxed. Published by the modification of each state word that is inspected.
    INSPECTING.store(true, Ordering::Relaxed);
    let result = f();
    // Ordering: Relaxed. Whoever waits, waits for the lock.
    INSPECTING.store(false, Ordering::Relaxed);
    result
}

/// Holds an actor that was just woken while it may be inspected.
#[inline]
pub(super) fn await_inspection() {
    // Ordering: Relaxed. If the inspector saw this actor parked, the wake has acquired its store; see the module's words.
    if INSPECTING.load(Ordering::Relaxed) {
        await_inspector();
    }
}

#[cold]
fn await_inspector() {
    drop(INSPECTION.lock());
}

/// The report of a deadlock, if there certainly is one.
fn certain_deadlock(shared: &Shared) -> Option<String> {
    // Ordering: Acquire; pairs with the Release of a handle's drop.
    // In a shutdown somebody waits for its deadline.
    if shared.handles.load(Ordering::Acquire) > 0 || shared.shutdown.has_begun() {
        return None;
    }
    let mut lines = Vec::new();
    for slot in slots(shared) {
        match slot.state.inspect() {
            Seen::Free | Seen::Idle => {}
            _ if slot.runtime() != shared.id => {} // it changed hands since it was filtered
            Seen::Parked if waits_in_vain(shared, slot) => lines.push(describe_parked(slot)),
            Seen::Parked | Seen::Queued | Seen::Running => return None,
        }
    }
    (!lines.is_empty()).then(|| {
        let count = lines.len();
        let actors = if count == 1 { "1 actor waits".into() } else { format!("{count} actors wait") };
        format!("deadlock: {actors} for each other, and nobody else can wake them\n{}", listed(lines))
    })
}

/// Whether only actors of its own runtime could end its wait. The caller inspects, and saw it parked.
fn waits_in_vain(shared: &Shared, slot: SlotRef) -> bool {
    match slot.wait_kind.get() {
        WaitKind::Elsewhere => false,
        WaitKind::Shutdown => !shared.shutdown.heeds_signals(),
        WaitKind::Select => wait_set(slot).is_some_and(|set| !set.is_shared_outside()),
        _ => {
            // SAFETY: the actor is parked and held by the inspection; what it waits for lives as long as it waits.
            let object = unsafe { slot.waits_for.get().cast::<WaitObject>().as_ref() };
            object.is_some_and(|object| !object.is_shared_outside())
        }
    }
}

/// What an actor selects from. The caller inspects, and saw it parked.
fn wait_set<'a>(slot: SlotRef) -> Option<&'a WaitSet<'a>> {
    let selects = slot.wait_kind.get() == WaitKind::Select;
    // SAFETY: as in `waits_in_vain`, and this kind of wait is for a set. It is used in the inspection only. Its arms are on the actor's stack,
    // and have cells, which `object` does not look at.
    if selects { unsafe { slot.waits_for.get().cast::<WaitSet<'a>>().as_ref() } } else { None }
}

/// The actor is held by the inspection.
fn describe_parked(slot: SlotRef) -> String {
    let mut line = String::new();
    slot.describe_with_place(&mut line).expect("a String takes everything");
    write!(line, ", waits in {}", slot.wait_kind.get()).expect("a String takes everything");
    if let Some(set) = wait_set(slot) {
        write!(line, " at {}", set.place()).expect("a String takes everything");
    }
    if let Some(pid) = wait::waits_on(slot) {
        write!(line, " of {pid}").expect("a String takes everything");
    }
    line
}

/// Has all jobs that are in slots after it stay there until the inspection is over; see the module's words. False if the system refuses.
fn hold_jobs() -> bool {
    membarrier::on_all_threads()
}

/// An actor that is not parked, and what it does. `is_held`: jobs are.
fn describe_active(slot: SlotRef, is_held: bool, what: &str) -> String {
    let mut line = String::new();
    if is_held {
        slot.describe_with_place(&mut line).expect("a String takes everything");
    } else {
        write!(line, "actor {}", slot.pid()).expect("a String takes everything");
    }
    line + what
}

/// The name of an actor that runs, and where it was spawned; nothing of one that has ended, or where the system refuses the barrier.
pub(super) fn describe_running(pid: Pid) -> (Option<String>, Option<&'static Location<'static>>) {
    let slot = slot::slot_of(pid);
    inspect(|| {
        let is_held = hold_jobs() && slot.state.inspect() == Seen::Running;
        let described = if is_held { slot.name_and_place() } else { (None, None) };
        // Else it may have been that of a later actor in the same slot.
        if slot.pid() == pid { described } else { (None, None) }
    })
}

fn listed(lines: Vec<String>) -> String {
    let more = lines.len().saturating_sub(REPORTED_ACTORS);
    let mut text: String = lines.iter().take(REPORTED_ACTORS).map(|line| format!("  {line}\n")).collect();
    if more > 0 {
        writeln!(text, "  and {more} more").expect("a String takes everything");
    }
    text.truncate(text.trim_end().len());
    text
}

/// Whether the actor was switched out in the middle of something, such as a lock of `std` that others now wait for. A guess: it may run on at
/// any time.
fn is_switched_out(slot: &Slot) -> bool {
    slot.wait_kind.get() == WaitKind::Allocation
}

const SWITCHED_OUT: &str = " (switched out in an allocation)";

/// All actors of all runtimes, for a watchdog that is about to give up.
pub(crate) fn dump() -> String {
    inspect(|| {
        let is_held = hold_jobs();
        let actors = slot::all().filter(|slot| slot.runtime() != 0);
        let line = |slot: SlotRef| match slot.state.inspect() {
            Seen::Free => None,
            _ if slot.runtime() == 0 => None, // it changed hands since it was filtered
            Seen::Parked => Some(describe_parked(slot)),
            Seen::Queued => Some(describe_active(slot, is_held, ", is queued")),
            Seen::Idle => Some(describe_active(slot, is_held, ", is idle")),
            Seen::Running if is_switched_out(slot) => {
                Some(describe_active(slot, is_held, ", runs") + SWITCHED_OUT)
            }
            Seen::Running => Some(describe_active(slot, is_held, ", runs")),
        };
        listed(actors.filter_map(line).collect())
    })
}

/// The names of the actors of a runtime that are still there although all were killed, for a shutdown that gives up, and what keeps each.
pub(crate) fn survivors(shared: &Shared) -> String {
    inspect(|| {
        let is_held = hold_jobs();
        let actors = slots(shared);
        let line = |slot: SlotRef| match slot.state.inspect() {
            Seen::Free => None,
            _ if slot.runtime() != shared.id => None, // it changed hands since it was filtered
            Seen::Parked if slot.state.is_deaf() => Some(describe_parked(slot) + SWALLOWED),
            Seen::Parked if slot.kill_masks.get() > 0 => {
                Some(describe_parked(slot) + ", where its kill is masked")
            }
            Seen::Parked => Some(describe_parked(slot)),
            // Asked once: it may run on while it is described.
            Seen::Running if is_switched_out(slot) => {
                Some(describe_active(slot, is_held, WAITS) + SWITCHED_OUT)
            }
            Seen::Running if !shared.workers().any(|worker| worker.runs(slot)) => {
                Some(describe_active(slot, is_held, WAITS))
            }
            Seen::Running if slot.state.is_deaf() => {
                Some(describe_active(slot, is_held, &format!(", runs{SWALLOWED}")))
            }
            Seen::Running => Some(describe_active(slot, is_held, ", does not come to a safe point")),
            Seen::Queued | Seen::Idle => Some(describe_active(slot, is_held, WAITS)),
        };
        listed(actors.filter_map(line).collect())
    })
}

const WAITS: &str = ", waits for a worker, which another one keeps";
const SWALLOWED: &str = ", and has swallowed its kill";
