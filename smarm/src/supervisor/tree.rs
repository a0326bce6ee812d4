//! The server that supervises.
//!
//! It is a server like any other: idle it has no stack, and it handles one thing after the other. While it stops a child or waits for one to
//! begin, its handler waits, and everything else does too, as in OTP.
//!
//! # A child
//!
//! | state | meaning | leaves by |
//! |---|---|---|
//! | `Runs` | it has a life | its end; a stop |
//! | `Waits` | it has ended and is to be restarted: its handles wait for that | the restart; a stop |
//! | `Rests` | it has ended for good, or was never started: its handles are at their end | a start, with new handles |

use core::hash::{BuildHasher as _, Hasher as _};
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::hash::RandomState;
use std::sync::Arc;

use super::child::Child;
use super::error::{ChildError, GaveUp, NotStarted};
use super::info::{ChildCounts, ChildInfo};
use super::intensity::{History, Verdict};
use super::options::Common;
use super::restart::Restart;
use super::seed::{ChildKind, Found, Source};
use super::shutdown::Shutdown;
use super::strategy::{self, Strategy, View};
use super::tether::{Ended, News, Tether};
use super::{auto::Part, backoff::Streak};
use crate::actor::{self, Ctx, Down, Tell};
use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::sys::{clock, stderr};
use crate::task::current;
use crate::task::park;

/// How long a killed child may take before its supervisor says for whom it waits.
const PATIENCE_NS: u64 = 5_000_000_000;

/// A child by the order of the starts: a later one has a greater number.
type Key = u64;

/// What children a supervisor begins with.
#[derive(Debug)]
pub(super) enum Children {
    Listed(Vec<Child>),
    Dynamic { most: Option<usize>, restart: Restart, shutdown: Option<Shutdown> },
}

/// See the module's words.
#[derive(Debug)]
enum State {
    Runs(Life),
    Waits,
    Rests,
}

#[derive(Debug)]
struct Life {
    pid: Pid,
    tether: Arc<Tether>,
    since_ns: u64,
}

#[derive(Debug)]
struct Entry {
    child: Child,
    state: State,
    streak: Streak,
}

impl Entry {
    fn life(&self) -> Option<&Life> {
        match &self.state {
            State::Runs(life) => Some(life),
            State::Waits | State::Rests => None,
        }
    }

    fn pid(&self) -> Option<Pid> {
        self.life().map(|life| life.pid)
    }
}

/// The state of a supervisor.
pub struct Tree {
    common: Common,
    children: BTreeMap<Key, Entry>,
    by_pid: HashMap<Pid, Key>,
    by_id: HashMap<Box<str>, Key>,
    next_key: Key,
    history: History<Box<str>>,
    kind: Kind,
    /// Until all has begun.
    tell: Option<Tell>,
    /// From then on.
    place: Option<(Pid, News)>,
}

/// What is special to one of the two kinds of supervisors.
enum Kind {
    Listed,
    Dynamic { most: Option<usize>, restart: Restart, shutdown: Option<Shutdown> },
}

impl core::fmt::Debug for Tree {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tree").field("children", &self.children).finish_non_exhaustive()
    }
}

/// What a child was started as: its `Pid`, and a handle, or the `Pid` again.
pub(super) type Started = (Pid, Found);

#[smarm_macros::actor(
    name = "supervisor",
    mailbox = unbounded,
    timeout = none,
    handle = TreeHandle,
    msg = TreeMsg
)]
impl Tree {
    pub(super) fn which_children(&self) -> Vec<ChildInfo> {
        let info = |entry: &Entry| ChildInfo {
            id: entry.child.id.clone(),
            pid: entry.pid(),
            kind: entry.child.source.kind(),
            restart: entry.child.restart,
            is_restarting: matches!(entry.state, State::Waits),
        };
        self.children.values().map(info).collect()
    }

    pub(super) fn count_children(&self) -> ChildCounts {
        let count = |is: &dyn Fn(&Entry) -> bool| self.children.values().filter(|entry| is(entry)).count();
        ChildCounts {
            specs: self.children.len(),
            active: count(&|entry| entry.life().is_some()),
            supervisors: count(&|entry| entry.child.source.kind() == ChildKind::Supervisor),
            workers: count(&|entry| entry.child.source.kind() == ChildKind::Worker),
        }
    }

    /// The handle of a child, or its `Pid`; none if it rests, or there is none.
    pub(super) fn find(&self, id: String) -> Option<Found> {
        let entry = &self.children[self.by_id.get(id.as_str())?];
        // One that waits for its restart keeps its handles; a thread actor has none then.
        match &entry.state {
            State::Runs(life) => Some(entry.child.source.handle().unwrap_or_else(|| Found::new(life.pid))),
            State::Waits => entry.child.source.handle(),
            State::Rests => None,
        }
    }

    pub(super) fn start_child(&mut self, child: Child) -> Result<Started, ChildError> {
        let key = self.add(child)?;
        self.start_first(key)
    }

    /// In the way of all its children.
    pub(super) fn start_dynamic(&mut self, source: Box<dyn Source>) -> Result<Started, ChildError> {
        let Kind::Dynamic { restart, shutdown, .. } = self.kind else {
            unreachable!("only handles of dynamic supervisors have this")
        };
        let shutdown = shutdown.unwrap_or_else(|| source.default_shutdown());
        let id = format!("child {}", self.next_key).into_boxed_str();
        let key = self.add(Child { id, source, restart, shutdown, is_significant: false })?;
        self.start_first(key)
    }

    pub(super) fn terminate_child(&mut self, id: String) -> Result<(), ChildError> {
        let key = self.key_of(&id)?;
        self.terminate(key);
        Ok(())
    }

    pub(super) fn terminate_pid(&mut self, pid: Pid) -> Result<(), ChildError> {
        let key = *self.by_pid.get(&pid).ok_or(ChildError::NotFound)?;
        self.terminate(key);
        self.forget(key);
        Ok(())
    }

    pub(super) fn restart_child(&mut self, id: String) -> Result<Started, ChildError> {
        let key = self.key_of(&id)?;
        self.check_rests(key)?;
        self.begin_life(key).map_err(|reason| ChildError::NotStarted { reason })?;
        Ok(self.started(key))
    }

    pub(super) fn delete_child(&mut self, id: String) -> Result<(), ChildError> {
        let key = self.key_of(&id)?;
        self.check_rests(key)?;
        self.forget(key);
        Ok(())
    }

    /// It is time to start these again.
    pub(super) fn resume(&mut self, keys: Vec<Key>, ctx: &mut Ctx<Self>) {
        self.start_again(keys, ctx);
    }

    #[on_start]
    fn begin(&mut self, ctx: &mut Ctx<Self>) {
        self.place = Some((ctx.pid(), Arc::new(ctx.news())));
        let begun = self.start_all();
        if let Some(tell) = self.tell.take() {
            tell.tell(&begun);
        }
        if let Err(reason) = begun {
            actor::exit(reason);
        }
    }

    #[on_down]
    fn hear(&mut self, down: Down, ctx: &mut Ctx<Self>) {
        // Not there: its end was waited for.
        let Some(&key) = self.by_pid.get(&down.pid) else { return };
        let ended = self.children[&key].life().and_then(|life| life.tether.take());
        if let Some(ended) = ended {
            self.child_ended(key, ended, ctx);
        }
    }

    #[on_exit]
    fn end(&mut self) {
        match self.kind {
            Kind::Listed => self.stop_in_order(),
            Kind::Dynamic { .. } => self.stop_at_once(),
        }
    }
}

impl Tree {
    pub(super) fn new(common: Common, children: Children, tell: Tell) -> Self {
        let (listed, kind) = match children {
            Children::Listed(listed) => (listed, Kind::Listed),
            Children::Dynamic { most, restart, shutdown } => {
                (Vec::new(), Kind::Dynamic { most, restart, shutdown })
            }
        };
        let entry = |child| Entry { child, state: State::Rests, streak: Streak::default() };
        Self {
            children: listed
                .into_iter()
                .map(entry)
                .enumerate()
                .map(|(at, entry)| (at as Key, entry))
                .collect(),
            by_pid: HashMap::new(),
            by_id: HashMap::new(),
            next_key: 0,
            history: History::new(common.intensity),
            kind,
            common,
            tell: Some(tell),
            place: None,
        }
    }

    // ---- starting -----------------------------------------------------------------------------------------------------

    /// Starts what was listed. If one fails, `end` stops those before it.
    fn start_all(&mut self) -> Result<(), ExitReason> {
        for (key, entry) in core::mem::take(&mut self.children) {
            let id = entry.child.id.clone();
            let failed = |reason| NotStarted { child: id.to_string(), reason };
            self.check(&entry.child).map_err(|error| failed(error.into_reason()).into_reason())?;
            self.by_id.insert(id.clone(), key);
            self.children.insert(key, entry);
            self.next_key = key + 1;
            self.begin_life(key).map_err(|reason| failed(reason).into_reason())?;
        }
        Ok(())
    }

    /// Whether such a child may be added.
    fn check(&self, child: &Child) -> Result<(), ChildError> {
        if self.by_id.contains_key(&child.id) {
            return Err(ChildError::AlreadyPresent);
        }
        if let Kind::Dynamic { most: Some(most), .. } = self.kind
            && self.children.len() >= most
        {
            return Err(ChildError::TooMany { most });
        }
        let objection = child.is_significant.then(|| self.common.auto_shutdown.objection(child.restart));
        match objection.flatten() {
            Some(objection) => Err(ChildError::NotSignificant { objection }),
            None => Ok(()),
        }
    }

    fn add(&mut self, child: Child) -> Result<Key, ChildError> {
        self.check(&child)?;
        let key = self.next_key;
        self.next_key += 1;
        self.by_id.insert(child.id.clone(), key);
        self.children.insert(key, Entry { child, state: State::Rests, streak: Streak::default() });
        Ok(key)
    }

    /// The first start of a child that was added: if it fails, there is no such child.
    fn start_first(&mut self, key: Key) -> Result<Started, ChildError> {
        if let Err(reason) = self.begin_life(key) {
            self.forget(key);
            return Err(ChildError::NotStarted { reason });
        }
        Ok(self.started(key))
    }

    fn started(&self, key: Key) -> Started {
        let entry = &self.children[&key];
        let pid = entry.pid().expect("it was just started");
        (pid, entry.child.source.handle().unwrap_or_else(|| Found::new(pid)))
    }

    /// Begins a life of a child that has none, and waits until it has begun.
    fn begin_life(&mut self, key: Key) -> Result<(), ExitReason> {
        let (me, news) = self.place.clone().expect("a supervisor that starts children has begun");
        let tether = Tether::new(me, news);
        let entry = self.children.get_mut(&key).expect("a child of this supervisor");
        let begun = entry.child.source.begin(&entry.child.id, &tether);
        let (pid, told) = begun.map_err(|error| ExitReason::Error(Arc::new(error)))?;
        entry.state = State::Runs(Life { pid, tether: tether.clone(), since_ns: clock::now_ns() });
        self.by_pid.insert(pid, key);
        let Some(told) = told else { return Ok(()) };
        told.wait(|| ExitReason::NoProc).map_err(|_| {
            let ended = tether.wait(None).expect("waited for without a limit");
            self.note_end(key);
            ended.reason
        })
    }

    /// The life of a child is over; what follows is to be decided.
    fn note_end(&mut self, key: Key) {
        let entry = self.children.get_mut(&key).expect("a child of this supervisor");
        if let State::Runs(life) = core::mem::replace(&mut entry.state, State::Waits) {
            self.by_pid.remove(&life.pid);
        }
    }

    // ---- when one has ended -------------------------------------------------------------------------------------------

    fn child_ended(&mut self, key: Key, ended: Ended, ctx: &mut Ctx<Self>) {
        let Ended { reason, on_request } = ended;
        let ran_ns = self.children[&key].life().map_or(0, |life| clock::now_ns() - life.since_ns);
        self.note_end(key);
        let restart = self.children[&key].child.restart;
        if !on_request && restart.restarts_after(&reason) {
            self.recover(key, reason, ran_ns, ctx);
        } else {
            let ends_too = self.children[&key].child.is_significant
                && self.common.auto_shutdown.is_due(&self.parts(), self.position(key));
            self.put_to_rest(key, reason);
            if ends_too {
                actor::exit(ExitReason::Shutdown);
            }
        }
    }

    /// There will be no restart.
    fn put_to_rest(&mut self, key: Key, reason: ExitReason) {
        let entry = self.children.get_mut(&key).expect("a child of this supervisor");
        entry.state = State::Rests;
        entry.child.source.bury(reason);
        if entry.child.restart.is_forgotten() || matches!(self.kind, Kind::Dynamic { .. }) {
            self.forget(key);
        }
    }

    /// Stops whom the end of a child concerns, and has them start again, at once or after a delay.
    fn recover(&mut self, failed: Key, reason: ExitReason, ran_ns: u64, ctx: &mut Ctx<Self>) {
        let id = self.children[&failed].child.id.clone();
        if self.history.note(clock::now_ns(), id.clone(), reason) == Verdict::GiveUp {
            self.give_up(&id);
        }
        let keys = self.clear(failed);
        let streak = &mut self.children.get_mut(&failed).expect("it is restarted").streak;
        let backoff = self.common.backoff.as_ref();
        let attempt = backoff.map(|backoff| (backoff, streak.note(backoff, Duration::from_nanos(ran_ns))));
        match attempt.map(|(backoff, attempt)| backoff.delay(attempt, random())) {
            Some(delay) => drop(ctx.send_after(delay, TreeMsg::Resume { keys })),
            None => self.start_again(keys, ctx),
        }
    }

    /// Stops whom the end of a child concerns; who is to be started again, in order.
    fn clear(&mut self, failed: Key) -> Vec<Key> {
        if self.common.strategy == Strategy::OneForOne {
            return vec![failed];
        }
        let keys: Vec<Key> = self.children.keys().copied().collect();
        let plan = strategy::plan(self.common.strategy, &self.views(), self.position(failed));
        let mut start = plan.start;
        for at in plan.stop {
            // Somebody has asked it to stop at the same time, and may wait for that.
            if let Some(ended) = self.stop(keys[at]).filter(|ended| ended.on_request) {
                self.put_to_rest(keys[at], ended.reason);
                start.retain(|other| *other != at);
            }
        }
        for at in plan.drop {
            self.put_to_rest(keys[at], ExitReason::Shutdown);
        }
        let start: Vec<Key> = start.into_iter().map(|at| keys[at]).collect();
        for key in &start {
            self.children.get_mut(key).expect("a child of this supervisor").state = State::Waits;
        }
        start
    }

    /// Starts those that wait. One that fails has ended once more.
    fn start_again(&mut self, keys: Vec<Key>, ctx: &mut Ctx<Self>) {
        for key in keys {
            let waits = self.children.get(&key).is_some_and(|entry| matches!(entry.state, State::Waits));
            if waits && let Err(reason) = self.begin_life(key) {
                return self.recover(key, reason, 0, ctx);
            }
        }
    }

    fn give_up(&self, id: &str) -> ! {
        let gave_up = GaveUp { child: id.to_owned(), history: self.history.to_string() };
        let mut line = String::from("smarm: ");
        // Writing to a String cannot fail.
        current::waiter().describe(&mut line).ok();
        line.push_str(&format!(" gives up: {gave_up}\n"));
        stderr::write(line.as_bytes());
        actor::exit(ExitReason::Error(Arc::new(gave_up)));
    }

    fn position(&self, key: Key) -> usize {
        self.children.range(..key).count()
    }

    fn views(&self) -> Vec<View> {
        let view = |entry: &Entry| View { restart: entry.child.restart, runs: entry.life().is_some() };
        self.children.values().map(view).collect()
    }

    fn parts(&self) -> Vec<Part> {
        let part = |entry: &Entry| Part {
            is_significant: entry.child.is_significant,
            is_active: !matches!(entry.state, State::Rests),
        };
        self.children.values().map(part).collect()
    }

    // ---- stopping -----------------------------------------------------------------------------------------------------

    /// Asks a child to stop, as its specification says. When it is to be killed, if it runs; `None` in it: never.
    fn begin_stop(&self, key: Key) -> Option<Option<u64>> {
        let Entry { child, state: State::Runs(life), .. } = &self.children[&key] else { return None };
        if child.shutdown.asks() {
            child.source.ask_to_stop(life.pid);
        }
        Some(child.shutdown.kill_at_ns(clock::now_ns()))
    }

    /// Waits for the end of a child that was asked, and kills it when it is time.
    fn finish_stop(&mut self, key: Key, kill_at_ns: Option<u64>) -> Option<Ended> {
        let Entry { child, state: State::Runs(life), .. } = &self.children[&key] else { return None };
        let ended = life.tether.wait(kill_at_ns).unwrap_or_else(|| {
            park::kill(life.pid);
            await_killed(&child.id, life)
        });
        self.note_end(key);
        Some(ended)
    }

    /// Stops a child, and waits for its end. It may be restarted.
    fn stop(&mut self, key: Key) -> Option<Ended> {
        let kill_at_ns = self.begin_stop(key)?;
        self.finish_stop(key, kill_at_ns)
    }

    /// Stops a child for good; it stays in the list.
    fn terminate(&mut self, key: Key) {
        let reason = self.stop(key).map_or(ExitReason::Shutdown, |ended| ended.reason);
        let entry = self.children.get_mut(&key).expect("a child of this supervisor");
        entry.state = State::Rests;
        entry.child.source.bury(reason);
    }

    /// The last started first.
    fn stop_in_order(&mut self) {
        let keys: Vec<Key> = self.children.keys().copied().collect();
        for at in strategy::stop_order(&self.views()) {
            self.terminate(keys[at]);
        }
        keys.into_iter().for_each(|key| self.forget(key)); // those that wait for a restart, too
    }

    fn stop_at_once(&mut self) {
        let keys: Vec<Key> = self.children.keys().copied().collect();
        let asked: Vec<_> = keys.iter().map(|&key| (key, self.begin_stop(key))).collect();
        for (key, kill_at_ns) in asked {
            if let Some(kill_at_ns) = kill_at_ns {
                self.finish_stop(key, kill_at_ns);
            }
            self.terminate(key);
            self.forget(key);
        }
    }

    fn key_of(&self, id: &str) -> Result<Key, ChildError> {
        self.by_id.get(id).copied().ok_or(ChildError::NotFound)
    }

    fn check_rests(&self, key: Key) -> Result<(), ChildError> {
        match self.children[&key].state {
            State::Runs(_) => Err(ChildError::Running),
            State::Waits => Err(ChildError::Restarting),
            State::Rests => Ok(()),
        }
    }

    fn forget(&mut self, key: Key) {
        if let Some(mut entry) = self.children.remove(&key) {
            self.by_id.remove(&entry.child.id);
            entry.child.source.bury(ExitReason::Shutdown);
        }
    }
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Waits for a child that was killed. It ends at its next safe point; if that does not come, it is told for whom the supervisor waits.
fn await_killed(id: &str, life: &Life) -> Ended {
    loop {
        if let Some(ended) = life.tether.wait(Some(clock::now_ns().saturating_add(PATIENCE_NS))) {
            return ended;
        }
        let (me, pid) = (current::waiter().pid(), life.pid);
        let line = format!(
            "smarm: supervisor {me} waits for its child '{id}' {pid}, which was killed and does not end\n"
        );
        stderr::write(line.as_bytes());
    }
}
