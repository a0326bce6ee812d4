//! What binds actors to each other: links, monitors, supervisors; and how the end of one reaches the others.
//!
//! An actor's bonds lie in a table of the process, by its name, under one of a number of locks; most actors have none. Its slot says whether
//! there may be some ([`ties`](crate::task::ties)), so that an end without bonds costs one look at that.
//!
//! ```text
//!   bonds of an actor: links ──▶ who gets an exit signal when it ends, and it theirs
//!                      watchers ▶ what is told of its end: monitors
//!                      watches ─▶ whose watchers it has made itself: taken back at its end
//!                      trap ────▶ where exit signals go instead of ending it
//!                      verdict ─▶ the signal that ends it
//!                      keeper ──▶ its supervisor, told last
//! ```
//!
//! # Order and exactness
//!
//! - A link is on both sides or, while one side ends, on none that counts: who ends takes its bonds out of the table, and signals those in
//!   whose bonds it finds itself. So nothing is signalled after `unlink` has returned, and nothing twice.
//! - Two locks of the table are never held at once. What is dropped (an `ExitReason` may own a payload of the user's) is so outside of them.
//! - A bond with an actor that has ended is refused ([`tie`]), and its maker acts as if the end had been told with
//!   [`ExitReason::NoProc`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::exit;
use super::links::{Exit, Trap};
use super::signals::Signals;
use super::traits::Down;
use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::task::park;
use crate::task::section::Section;
use crate::task::slot::{SlotRef, slot_of};

/// One watcher of an actor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct WatchKey(u64);

/// What is called with the news. It never parks, and runs no user code.
pub(super) type Watcher = Box<dyn FnOnce(Down) + Send>;

/// Who decides what becomes of an actor that has ended.
pub(crate) trait Keeper: Send + Sync {
    /// It has ended, and nothing of it is in use any more. `on_request`: it was asked to stop.
    fn ended(&self, pid: Pid, reason: ExitReason, on_request: bool);
}

#[derive(Default)]
struct Bonds {
    links: BTreeSet<Pid>,
    watchers: BTreeMap<WatchKey, Watcher>,
    watches: BTreeSet<(Pid, WatchKey)>,
    next_number: u64,
    trap: Option<Trap>,
    verdict: Option<ExitReason>,
    signals: Option<Signals>,
    keeper: Option<Arc<dyn Keeper>>,
}

type Shard = BTreeMap<Pid, Box<Bonds>>;

/// Enough that actors that end at the same time rarely meet.
const SHARDS: usize = 64;

static TABLE: [Mutex<Shard>; SHARDS] = [const { Mutex::new(BTreeMap::new()) }; SHARDS];

fn shard_of(pid: Pid) -> MutexGuard<'static, Shard> {
    // Nothing panics while it is held but an allocation failure, which leaves the table as it was.
    TABLE[pid.index() as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Changes the bonds of an actor. `None` if it has ended, or ends: what is left in the table now would not be read.
fn tie<R>(pid: Pid, change: impl FnOnce(&mut Bonds) -> R) -> Option<R> {
    let slot = slot_of(pid);
    let _section = Section::begin();
    let mut shard = shard_of(pid);
    let tied = slot.ties.tie() && slot.state.is_of(pid.generation()) && slot.runtime() != 0;
    tied.then(|| change(shard.entry(pid).or_default()))
}

/// Changes the bonds of an actor, if there are any.
fn with<R>(pid: Pid, change: impl FnOnce(&mut Bonds) -> R) -> Option<R> {
    let _section = Section::begin();
    shard_of(pid).get_mut(&pid).map(|bonds| change(bonds))
}

/// How many actors of the process have bonds. For tests.
#[must_use]
pub fn bonds() -> usize {
    TABLE.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
}

// ---- links ------------------------------------------------------------------------------------------------------------

/// Links two actors, the first of which runs here, or was not started yet. False if the other one has ended.
pub(super) fn link(me: Pid, other: Pid) -> bool {
    // The own side first: who ends signals those in whose bonds it is.
    if tie(me, |bonds| bonds.links.insert(other)).is_none() {
        return true; // it has ended itself
    }
    let linked = tie(other, |bonds| bonds.links.insert(me)).is_some();
    if !linked {
        with(me, |bonds| bonds.links.remove(&other));
    }
    linked
}

pub(super) fn unlink(me: Pid, other: Pid) {
    with(me, |bonds| bonds.links.remove(&other));
    with(other, |bonds| bonds.links.remove(&me));
}

impl Bonds {
    /// Does to the actor what an exit signal does. Under the lock, so that it is done when `unlink` returns; it never parks, and drops nothing
    /// of the user's, since the caller has the reason. A trap to which nobody listens any more, to be dropped.
    fn suffer(&mut self, to: Pid, from: Pid, reason: &ExitReason) -> Option<Trap> {
        let trapped = |trap: &mut Trap| trap.send(Exit { pid: from, reason: reason.clone() });
        if self.trap.as_mut().is_some_and(trapped) {
            return None;
        }
        let deaf = self.trap.take(); // it traps no longer
        if !reason.is_normal() || to == from {
            if self.verdict.is_none() && !slot_of(to).state.was_killed() {
                self.verdict = Some(reason.clone());
            }
            park::kill(to);
        }
        deaf
    }
}

/// Sends an exit signal to an actor. Nothing happens if it has ended.
pub(super) fn signal(to: Pid, from: Pid, reason: &ExitReason) {
    drop(tie(to, |bonds| bonds.suffer(to, from, reason)));
}

/// The same from an actor that has ended, if the two are linked still.
fn signal_link(to: Pid, from: Pid, reason: &ExitReason) {
    drop(with(to, |bonds| bonds.links.remove(&from).then(|| bonds.suffer(to, from, reason))));
}

/// Has exit signals come here instead of ending the actor. The trap before.
pub(super) fn set_trap(me: Pid, trap: Trap) -> Option<Trap> {
    tie(me, |bonds| bonds.trap.replace(trap)).flatten()
}

/// Why a killed actor ends: by a kill, or by the exit signal that has killed it.
pub(super) fn verdict(slot: SlotRef) -> ExitReason {
    let verdict = slot.ties.is_tied().then(|| with(slot.pid(), |bonds| bonds.verdict.clone()));
    verdict.flatten().flatten().unwrap_or(ExitReason::Killed)
}

// ---- watchers ---------------------------------------------------------------------------------------------------------

/// Has the watcher called at the end of an actor. It is given back if that has ended.
pub(super) fn watch(pid: Pid, watcher: Watcher) -> Result<WatchKey, Watcher> {
    let mut watcher = Some(watcher);
    let key = tie(pid, |bonds| {
        bonds.next_number += 1;
        let key = WatchKey(bonds.next_number);
        bonds.watchers.extend(watcher.take().map(|watcher| (key, watcher)));
        key
    });
    match (key, watcher) {
        (Some(key), _) => Ok(key),
        (None, Some(watcher)) => Err(watcher),
        (None, None) => unreachable!("a watcher is taken where its key is made"),
    }
}

/// Takes a watcher back. False if it was called, or is about to be.
pub(super) fn unwatch(pid: Pid, key: WatchKey) -> bool {
    let watcher = with(pid, |bonds| bonds.watchers.remove(&key));
    watcher.flatten().is_some()
}

/// Remembers a watcher that the actor that runs here has made: it is taken back at the actor's end.
pub(super) fn note_watch(me: Pid, pid: Pid, key: WatchKey) {
    tie(me, |bonds| bonds.watches.insert((pid, key)));
}

pub(super) fn forget_watch(me: Pid, pid: Pid, key: WatchKey) {
    with(me, |bonds| bonds.watches.remove(&(pid, key)));
}

// ---- parents and keepers ----------------------------------------------------------------------------------------------

/// Has the actor that runs here hear of each actor that it starts from now on. What it heard them by before.
pub(super) fn set_signals(slot: SlotRef, signals: Signals) -> Option<Signals> {
    let before = tie(slot.pid(), |bonds| bonds.signals.replace(signals));
    slot.ties.make_parent();
    before.flatten()
}

/// By what the actor that runs here wants to hear of those that it starts.
pub(super) fn signals_of(slot: SlotRef) -> Option<Signals> {
    with(slot.pid(), |bonds| bonds.signals.clone()).flatten()
}

/// Leaves the decision on what becomes of an actor, which has not started, to a keeper.
pub(super) fn keep(pid: Pid, keeper: Arc<dyn Keeper>) {
    tie(pid, |bonds| bonds.keeper = Some(keeper));
}

/// Whether a keeper decides what becomes of the actor that runs here.
pub(super) fn is_kept(slot: SlotRef) -> bool {
    slot.ties.is_tied() && with(slot.pid(), |bonds| bonds.keeper.is_some()).unwrap_or(false)
}

// ---- the end ----------------------------------------------------------------------------------------------------------

/// The bonds of an actor that ends, for what is left to be told.
#[must_use = "who is bound to the actor is told by `tell`"]
pub(super) struct Released(Option<Box<Bonds>>);

/// Takes the bonds of the actor that runs here: it has none from now on, and nobody makes new ones.
pub(super) fn release(slot: SlotRef) -> Released {
    if !slot.ties.seal() {
        return Released(None);
    }
    let pid = slot.pid();
    let _section = Section::begin();
    Released(shard_of(pid).remove(&pid))
}

impl Released {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Tells links, then monitors. Who is to be told at the very end.
    pub(super) fn tell(self, pid: Pid, reason: &ExitReason) -> Option<Arc<dyn Keeper>> {
        let bonds = *self.0?;
        for (target, key) in bonds.watches {
            unwatch(target, key);
        }
        for link in bonds.links {
            signal_link(link, pid, reason);
        }
        for watcher in bonds.watchers.into_values() {
            exit::shielded(|| watcher(Down { pid, reason: reason.clone() }));
        }
        exit::shielded(|| drop((bonds.trap, bonds.verdict, bonds.signals)));
        bonds.keeper
    }
}
