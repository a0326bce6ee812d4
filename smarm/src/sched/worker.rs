//! A worker: find → resume → settle.
//!
//! # Where a worker looks, in this order
//!
//! 1. what a join asks to run next
//! 2. the LIFO slot: what the last actor woke; three times in a row while others wait
//! 3. woken actors, in the order of their wakes; eight times in a row while others wait
//! 4. in turn: the deque of actors that have not started, and the ring of actors that yielded
//! 5. the injector, then the other workers' deques
//!
//! An actor that parks while the LIFO slot is filled, or yields while only yielded ones wait, switches to that one directly: the same order,
//! one switch instead of two. The one that is continued publishes the other's park.
//!
//! Every 61 ticks, and after a slice that used up its budget, it first looks at its inbox, timers and the injector.
//!
//! # Placement
//!
//! A started actor stays for life, and a hop to a sleeping worker costs a thousand local ones. So a push by an actor
//! wakes nobody; work is shared when it has waited for [`SHARE_AFTER_NS`] and will wait for much longer. The measurements behind the
//! constants are in `docs/adr/0001-placement.md`.
//!
//! # Who may touch what
//!
//! `inbox`, `sleep`, `deque`, `timers`, `counters` may be used from any thread, by their own rules. All else belongs to the worker's
//! own thread: its loop, and the actors that run on it, which call in through [`Host`](super::Host). Owner-only fields are `Cell`s or
//! reached by [`OwnerCell::with`], never borrowed across a switch.

use core::cell::{Cell, UnsafeCell};
use core::ptr;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use super::deque::{Deque, Entry, Steal};
use super::idle::{Notify, SleepWord};
use super::inbox::Inbox;
use super::injector::Injector;
use super::quiet;
use super::replies::Replies;
use super::shared::Shared;
use super::stats::Counters;
use super::supplies::Supplies;
use super::timers::{Due, FiringKey, Timers};
use crate::driver::timer::TimerKey;
use crate::fiber::{self, Context};
use crate::pid::Pid;
use crate::sys::epoll::Epoll;
use crate::sys::stack::{self, Stack, StackClass};
use crate::sys::{arch, clock};
use crate::task::current::{self, Here};
use crate::task::park;
use crate::task::{Firing, Runtime};
use crate::task::slot::{self, Slot, SlotRef, Turn};
use crate::task::state::{Claim, Park, Rest};

/// How many actors run between two looks at inbox, timers and injector. Prime, as in Go and tokio, so that it does not beat with
/// the program's own periods.
const POLL_INTERVAL: u32 = 61;
/// How long an unstarted actor waits here before other workers may have it.
pub(crate) const SHARE_AFTER_NS: u64 = 50_000;
/// The same for an actor that was spread: it was to start there, so others take it only from a worker that does not come to it.
const SHARE_SPREAD_AFTER_NS: u64 = 10_000_000;
/// How much work must wait before a share of it is worth the wake of a thread (tens of microseconds), and actors on two threads from
/// then on: a row of actors that start and park at once is not.
const SHARE_WORTH_NS: u64 = 500_000;
/// What a run costs that does next to nothing; the estimate of a run's cost grows from here.
const SHORT_RUN_NS: u64 = 250;
/// A worker that has not looked around for so long is held up by one actor.
const HELD_UP_NS: u64 = 1_000_000;
/// From this length on the deque is worked from the newest end: depth first, so that a tree of actors needs few stacks at a time.
const DEPTH_FIRST_LENGTH: usize = 256;
/// Even then one actor in so many is taken from the oldest end, so that nobody waits for ever.
const OLDEST_TURN: u32 = 32;
/// At most this many are stolen at a time.
const STEAL_BATCH: usize = 1024;
/// A worker whose last sleep was shorter than this looks out for work before it sleeps again, for half as long: the signal that wakes a
/// sleeping thread takes tens of microseconds.
const SHORT_SLEEP_NS: u64 = 100_000;
/// A reading of the clock is good for so many cycles, some hundred microseconds.
const FRESH_CYCLES: u64 = 1_000_000;
/// Calls that wait at least this long may give up some hundred microseconds early.
const COARSE_TIMEOUT_NS: u64 = 1_000_000_000;
/// Looks between two readings of the clock.
const LOOKS: u32 = 16;
/// The LIFO slot runs this many times in a row while others wait.
const LIFO_RUNS: u32 = 3;
/// Woken actors run this many times in a row before those that yielded or have not started.
const WOKEN_RUNS: u32 = 8;

/// A server handles so many messages in a row while others wait.
const TURN_MESSAGES: u32 = 64;

/// What a suspended actor wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    Park,
    Yield,
    /// A server that has no mail.
    Rest,
    /// A server that lets others go first.
    Again,
    Finish,
}

/// A field that the worker's own thread alone uses.
#[derive(Debug, Default)]
struct OwnerCell<T>(UnsafeCell<T>);

impl<T> OwnerCell<T> {
    fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Uses the value.
    ///
    /// # Safety
    ///
    /// On the owner's thread; `f` does not switch and does not come here again for the same field.
    #[inline(always)]
    unsafe fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: by the caller's promise nobody else has a reference to the value.
        f(unsafe { &mut *self.0.get() })
    }
}

/// A worker block. Never freed; used again by later runtimes.
#[repr(C, align(128))]
pub(crate) struct Worker {
    inbox: Inbox,
    /// Actors that were spread to this worker.
    spread: Injector,
    pub(super) sleep: SleepWord,
    epoll: Epoll,
    pub(super) deque: Deque,
    pub(super) counters: Counters,
    timers: Timers,
    /// Counts the actors that ran, for the monitor. Written by the owner.
    pub(super) runs: super::stats::Counter,
    /// When the owner last looked around, and what one run had cost on average until then: for who wants to share.
    last_look_ns: super::stats::Gauge,
    run_cost_ns: super::stats::Gauge,
    runs_at_look: Cell<u64>,
    /// The runtime that uses the block. Set before its thread starts, constant until the thread has ended.
    shared: Cell<*const Shared>,
    position: Cell<usize>,
    here: Here,
    context: Cell<Context>,
    action: Cell<Action>,
    lifo: Cell<Option<SlotRef>>,
    next: Cell<Option<Pid>>,
    /// Who handed over to the running actor and waits for its park to be published.
    predecessor: Cell<Option<SlotRef>>,
    woken: OwnerCell<VecDeque<SlotRef>>,
    yielded: OwnerCell<VecDeque<SlotRef>>,
    /// Length of both rings and the LIFO slot at the last look, for statistics.
    sticky_len: super::stats::Gauge,
    lifo_runs: Cell<u32>,
    woken_runs: Cell<u32>,
    yielded_turn: Cell<bool>,
    unstarted_turn: Cell<u32>,
    ticks: Cell<u32>,
    /// The time at the last look; what is pushed is stamped with it.
    now_ns: Cell<u64>,
    /// The earliest deadline; `u64::MAX` for none.
    next_timer_ns: Cell<u64>,
    /// How long the last sleep took, with the watch before it.
    last_sleep_ns: Cell<u64>,
    /// When the running actor's slice began; 0 until its budget first reached zero.
    slice_start: Cell<u64>,
    supplies: OwnerCell<Supplies>,
    replies: OwnerCell<Replies>,
    /// Callers that wait with a deadline, at the last sleep.
    waiting_callers: super::stats::Gauge,
    /// The time, at a count of cycles.
    time_ns: Cell<u64>,
    time_cycles: Cell<u64>,
}

// SAFETY: what several threads use is atomic or locked; the rest is used by the thread that runs the worker only, which the
// module's rule and the `unsafe` of `OwnerCell::with` keep.
unsafe impl Sync for Worker {}
// SAFETY: as above. The block is handed to its thread before anything else happens.
unsafe impl Send for Worker {}

/// Worker blocks that no runtime uses.
static FREE: Mutex<Vec<&'static Worker>> = Mutex::new(Vec::new());

impl Worker {
    /// A block for a new runtime.
    pub(crate) fn acquire() -> std::io::Result<&'static Self> {
        let used = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        used.map_or_else(|| Ok(&*Box::leak(Box::new(Self::new(Epoll::new()?)))), Ok)
    }

    fn new(epoll: Epoll) -> Self {
        Self {
            inbox: Inbox::new(),
            spread: Injector::default(),
            sleep: SleepWord::new(),
            epoll,
            deque: Deque::new(),
            counters: Counters::default(),
            timers: Timers::new(),
            runs: super::stats::Counter::default(),
            last_look_ns: super::stats::Gauge::default(),
            run_cost_ns: super::stats::Gauge::default(),
            runs_at_look: Cell::new(0),
            shared: Cell::new(ptr::null()),
            position: Cell::new(0),
            here: Here::new(),
            context: Cell::new(Context::running()),
            action: Cell::new(Action::Park),
            lifo: Cell::new(None),
            next: Cell::new(None),
            predecessor: Cell::new(None),
            woken: OwnerCell::default(),
            yielded: OwnerCell::default(),
            sticky_len: super::stats::Gauge::default(),
            lifo_runs: Cell::new(0),
            woken_runs: Cell::new(0),
            yielded_turn: Cell::new(false),
            unstarted_turn: Cell::new(0),
            ticks: Cell::new(0),
            now_ns: Cell::new(0),
            next_timer_ns: Cell::new(u64::MAX),
            last_sleep_ns: Cell::new(u64::MAX),
            slice_start: Cell::new(0),
            supplies: OwnerCell::new(Supplies::new(StackClass::SMALLEST, 1)),
            replies: OwnerCell::default(),
            waiting_callers: super::stats::Gauge::default(),
            time_ns: Cell::new(0),
            time_cycles: Cell::new(0),
        }
    }

    /// Gives the block back. Nothing is queued, and its thread has ended.
    pub(crate) fn release(&'static self) {
        drop(self.timers.clear()); // what was to be sent later than the end
        self.next_timer_ns.set(u64::MAX);
        self.counters.reset();
        FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self);
    }

    /// Binds the block to a runtime. Before its thread starts.
    pub(crate) fn bind(&self, shared: *const Shared, position: usize) {
        self.shared.set(shared);
        self.position.set(position);
    }

    #[inline]
    pub(super) fn shared(&self) -> &'static Shared {
        // SAFETY: set by `bind`; the runtime waits for the worker's thread before it drops what this points to.
        unsafe { &*self.shared.get() }
    }

    /// Whether this is the worker of the thread that noted itself there.
    pub(super) fn is_here(&self, here: &Here) -> bool {
        ptr::eq(here, &raw const self.here)
    }

    /// The worker of a thread's note.
    pub(super) fn of(here: &Here) -> &'static Self {
        // SAFETY: set by `run`, before anybody could see the note, to a block that is never freed.
        unsafe { &*here.worker.get().cast::<Self>() }
    }

    /// Runs actors until the runtime stops. The body of the worker's thread.
    pub(crate) fn run(&'static self) {
        let shared = self.shared();
        self.here.runtime.set(shared.id);
        self.here.worker.set(ptr::from_ref(self).cast());
        let supplies = Supplies::new(shared.settings.stack_class, shared.workers().len());
        // SAFETY: the owner's thread.
        unsafe { self.supplies.with(|old| *old = supplies) };
        current::enter_worker(&self.here);
        precise_sleep();
        self.refresh_now();
        while !self.may_leave() {
            match self.find() {
                Some(slot) => self.execute(slot),
                None => self.sleep_until_work(),
            }
        }
        // SAFETY: the owner's thread.
        unsafe { self.supplies.with(Supplies::clear) };
        self.shared().dismiss(); // whoever sleeps may leave too
        current::leave_worker();
    }

    /// Whether the runtime has ended. Its end notifies all workers after it has made this true.
    fn may_leave(&self) -> bool {
        self.shared().is_stopping() && self.shared().live() == 0
    }

    // ---- find ---------------------------------------------------------------------------------------------------------

    /// An actor, claimed: the caller must run it.
    fn find(&'static self) -> Option<SlotRef> {
        let ticks = self.ticks.get() + 1;
        self.ticks.set(ticks);
        if ticks >= POLL_INTERVAL {
            self.poll();
        }
        self.find_local().or_else(|| {
            self.poll();
            self.find_local().or_else(|| self.steal())
        })
    }

    fn find_local(&'static self) -> Option<SlotRef> {
        self.take_next()
            .or_else(|| self.take_lifo())
            .or_else(|| self.take_woken())
            .or_else(|| self.take_waiting())
    }

    /// What a join asked for.
    fn take_next(&'static self) -> Option<SlotRef> {
        let pid = self.next.take()?;
        self.forget_if_at_an_end(pid);
        self.claim_movable(pid)
    }

    /// Removes the queue entry of an actor that is about to be claimed, where that is cheap: entries left behind are skipped later.
    fn forget_if_at_an_end(&self, pid: Pid) {
        let is_it = |entry: Entry| entry.pid == pid.to_bits();
        // SAFETY: this is the owner's thread.
        let popped = unsafe {
            if self.deque.newest().is_some_and(is_it) {
                self.deque.pop_newest()
            } else if self.deque.oldest().is_some_and(is_it) {
                self.deque.pop_oldest()
            } else {
                None
            }
        };
        // A thief may have taken it between the look and the pop, which then gave us the next one.
        if let Some(other) = popped.filter(|entry| !is_it(*entry)) {
            self.push_entry(other);
        }
    }

    #[inline]
    fn take_lifo(&self) -> Option<SlotRef> {
        let slot = self.lifo.take()?;
        let runs = self.lifo_runs.get() + 1;
        if runs <= LIFO_RUNS {
            self.lifo_runs.set(runs);
            return self.claim_if_movable(slot);
        }
        self.lifo_runs.set(0);
        if self.others_wait() {
            self.displace(slot);
            return None;
        }
        self.claim_if_movable(slot)
    }

    fn others_wait(&self) -> bool {
        // SAFETY: the owner's thread; the closures only look.
        let sticky = unsafe {
            !self.woken.with(|woken| woken.is_empty()) || !self.yielded.with(|ring| ring.is_empty())
        };
        sticky || !self.deque.is_empty()
    }

    fn take_woken(&self) -> Option<SlotRef> {
        let runs = self.woken_runs.get().saturating_add(1);
        if runs > WOKEN_RUNS && self.someone_waits_behind() {
            self.woken_runs.set(0);
            return None;
        }
        // SAFETY: the owner's thread.
        let slot = unsafe { self.woken.with(VecDeque::pop_front) }?;
        self.woken_runs.set(runs);
        Some(slot)
    }

    fn someone_waits_behind(&self) -> bool {
        // SAFETY: the owner's thread.
        !self.deque.is_empty() || unsafe { !self.yielded.with(|ring| ring.is_empty()) }
    }

    /// From the deque and the ring of those that yielded, in turn; then from the woken ones, if their turn was cut.
    fn take_waiting(&'static self) -> Option<SlotRef> {
        self.lifo_runs.set(0);
        let yielded_first = self.yielded_turn.replace(!self.yielded_turn.get());
        let found = if yielded_first {
            self.take_yielded()
        } else {
            self.take_unstarted().or_else(|| self.take_yielded())
        };
        // SAFETY: the owner's thread.
        found.or_else(|| self.take_unstarted()).or_else(|| unsafe { self.woken.with(VecDeque::pop_front) })
    }

    fn take_yielded(&self) -> Option<SlotRef> {
        // SAFETY: the owner's thread. A yielded actor stayed `Running`: there is nothing to claim.
        unsafe { self.yielded.with(pop_and_look_ahead) }
    }

    fn take_unstarted(&'static self) -> Option<SlotRef> {
        loop {
            let length = self.deque.len();
            if length == 0 {
                return None;
            }
            // SAFETY: this is the owner's thread.
            let entry = unsafe {
                if self.works_from_oldest(length) { self.deque.pop_oldest() } else { self.deque.pop_newest() }
            };
            let claimed = entry.and_then(|entry| self.claim_movable(Pid::from_bits(entry.pid)?));
            if claimed.is_some() {
                return claimed;
            }
        }
    }

    /// Breadth first while the deque is short; depth first when it is long, but for one in some, so that nobody waits for ever.
    fn works_from_oldest(&self, length: usize) -> bool {
        let turn = self.unstarted_turn.get().wrapping_add(1);
        self.unstarted_turn.set(turn);
        length < DEPTH_FIRST_LENGTH || turn.is_multiple_of(OLDEST_TURN)
    }

    /// What the LIFO slot held: an actor that was woken is its worker's already, a server is yet to be claimed.
    #[inline(always)]
    fn claim_if_movable(&self, slot: SlotRef) -> Option<SlotRef> {
        if !slot.home().is_null() {
            return Some(slot);
        }
        (slot.state.claim(slot.state.generation()) == Claim::Run).then_some(slot)
    }

    /// Queues what has to leave the LIFO slot.
    fn displace(&self, slot: SlotRef) {
        if slot.home().is_null() { self.push_new(slot) } else { self.push_woken(slot) }
    }

    fn claim_movable(&self, pid: Pid) -> Option<SlotRef> {
        let slot = slot::slot_of(pid);
        (slot.state.claim(pid.generation()) == Claim::Run).then_some(slot)
    }

    // ---- sharing ------------------------------------------------------------------------------------------------------

    /// Something has waited for long: a sleeping worker may have it.
    pub(super) fn share_old(&self, now_ns: u64) {
        if self.shared().sleepers() > 0 && self.may_give(now_ns) {
            self.shared().wake_one();
        }
    }

    /// Whether another worker may start some of those that wait here: they have waited for long, and will wait for longer.
    fn may_give(&self, now_ns: u64) -> bool {
        let have_waited =
            self.deque.oldest_ns().is_some_and(|pushed_ns| is_older(pushed_ns, now_ns, SHARE_AFTER_NS));
        have_waited && (self.is_held_up(now_ns) || self.backlog_ns() >= SHARE_WORTH_NS)
            || self.may_give_spread(now_ns)
    }

    fn is_held_up(&self, now_ns: u64) -> bool {
        is_older(self.last_look_ns.get(), now_ns, HELD_UP_NS)
    }

    /// How long those that wait to be started will take to be, at the latest rate.
    fn backlog_ns(&self) -> u64 {
        (self.deque.len() as u64).saturating_mul(self.run_cost_ns.get())
    }

    fn may_give_spread(&self, now_ns: u64) -> bool {
        let oldest_ns = if self.spread.len() > 0 { self.spread.oldest_ns() } else { None };
        oldest_ns.is_some_and(|pushed_ns| is_older(pushed_ns, now_ns, SHARE_SPREAD_AFTER_NS))
    }

    /// From the injector, then from the other workers.
    fn steal(&'static self) -> Option<SlotRef> {
        if self.shared().injector.len() > 0 {
            self.take_injected();
        }
        self.take_unstarted().or_else(|| {
            let workers = self.shared().workers();
            let others = (1..workers.len()).map(|step| workers[(self.position.get() + step) % workers.len()]);
            others.into_iter().find_map(|victim| self.steal_from(victim))
        })
    }

    fn take_injected(&self) {
        let shared = self.shared();
        shared.injector.take_share(shared.workers().len(), |entry| self.push_entry(entry));
    }

    /// Takes the older half of what a worker may give, and claims the first of it.
    fn steal_from(&'static self, victim: &Worker) -> Option<SlotRef> {
        let now_ns = self.refresh_now();
        let is_old = |pushed_ns| is_older(pushed_ns, now_ns, SHARE_AFTER_NS);
        let most = if victim.may_give(now_ns) { victim.deque.len().div_ceil(2).min(STEAL_BATCH) } else { 0 };
        let mut taken = 0;
        while taken < most {
            match victim.deque.steal(is_old) {
                Steal::Taken(entry) => self.push_entry(entry),
                Steal::Retry => continue,
                Steal::Nothing => break,
            }
            taken += 1;
        }
        if victim.may_give_spread(now_ns) {
            victim.spread.take_share(2, |entry| {
                taken += 1;
                self.push_entry(entry);
            });
        }
        self.counters.steals.add(taken as u64);
        self.take_unstarted()
    }

    fn push_entry(&self, entry: Entry) {
        if self.deque.is_full() {
            self.sweep();
        }
        // SAFETY: this is the owner's thread.
        unsafe { self.deque.push(entry) };
    }

    /// Drops the entries of actors that were claimed otherwise, so that they do not make the deque grow.
    #[cold]
    fn sweep(&self) {
        for _ in 0..self.deque.len() {
            // SAFETY: this is the owner's thread.
            let Some(entry) = (unsafe { self.deque.pop_oldest() }) else { return };
            let waits = |pid: Pid| slot::slot_of(pid).state.is_movable(pid.generation());
            if Pid::from_bits(entry.pid).is_some_and(waits) {
                // SAFETY: this is the owner's thread. There is room: one was just taken out.
                unsafe { self.deque.push(entry) };
            }
        }
    }

    // ---- resume and settle --------------------------------------------------------------------------------------------

    /// Runs a claimed actor until it parks, yields or ends.
    #[inline(always)]
    fn execute(&'static self, slot: SlotRef) {
        if slot.home().is_null() && !self.prepare_start(slot) {
            return;
        }
        let mut slot = slot;
        loop {
            self.begin_slice(slot);
            // SAFETY: the actor is ours to run, so its context is suspended; it was started on this thread (`prepare_start` just now, or
            // it was in a queue for its home only). No reference into the worker is held across the switch.
            unsafe { fiber::switch(self.context.as_ptr(), slot.context.as_ptr()) };
            slot = self.here.actor().expect("an actor switched to the worker"); // not always the one we switched to
            if self.settle(slot) == Park::Parked {
                break;
            }
        }
        self.here.running.set(ptr::null());
    }

    #[inline(always)]
    fn begin_slice(&self, slot: SlotRef) {
        self.runs.add(1);
        self.slice_start.set(0);
        self.here.running.set(slot);
    }

    /// Does what the actor switched away for. `Notified`: it goes on at once.
    fn settle(&self, slot: SlotRef) -> Park {
        match self.action.get() {
            Action::Park => {
                self.counters.parks.add(1);
                // Invariant: after `Parked` the actor may run, end and be gone; nothing below touches it.
                return slot.state.park();
            }
            Action::Yield => {
                // SAFETY: the owner's thread.
                unsafe { self.yielded.with(|ring| ring.push_back(slot)) };
            }
            Action::Rest => self.end_activation(slot, false),
            Action::Again => self.end_activation(slot, true),
            Action::Finish => self.bury(slot),
        }
        Park::Parked
    }

    /// Gives the actor its stack. False if there was none: then it stays queued.
    #[inline]
    fn prepare_start(&'static self, slot: SlotRef) -> bool {
        let (class, server) = (slot.stack_class(), slot.is_server());
        // SAFETY: the owner's thread.
        let stack = unsafe {
            self.supplies.with(|supplies| if server { supplies.lend_stack(class) } else { supplies.take_stack(class) })
        };
        match stack {
            Ok(stack) => {
                if server {
                    self.counters.activations.add(1);
                }
                stack.set_owner(ptr::from_ref(slot).cast_mut().cast());
                slot.stack_index.set(stack.index());
                slot.set_home(ptr::from_ref(self).cast());
                // SAFETY: the stack was just taken, so there are no frames on it, and it is the actor's until it ends.
                slot.context
                    .set(unsafe { Context::new(&stack, enter, ptr::from_ref(slot).cast_mut().cast()) });
                true
            }
            Err(error) => {
                self.put_back(slot, &error);
                false
            }
        }
    }

    /// For thread actors reservations make this nearly impossible: the kernel has no memory for a page table. Servers, which have none,
    /// come here when all stacks are in use. The actor waits and is tried again.
    #[cold]
    fn put_back(&self, slot: SlotRef, error: &stack::StackError) {
        eprintln!("smarm: actor {} must wait for a stack: {error}", slot.pid());
        slot.state.unclaim();
        self.shared().injector.push(Entry { pid: slot.pid().to_bits(), pushed_ns: self.now_ns.get() });
        std::thread::yield_now();
    }

    /// Takes the stack from an actor that has switched away from it for good.
    fn strip(&self, slot: SlotRef) -> Stack {
        // SAFETY: the actor ran on it, and is stripped once.
        let stack = unsafe { slot.stack() };
        stack.set_owner(ptr::null_mut());
        slot.set_home(ptr::null());
        stack
    }

    /// Takes back the stack of a server, which is movable again.
    fn end_activation(&self, slot: SlotRef, again: bool) {
        let stack = self.strip(slot);
        // SAFETY: the owner's thread.
        unsafe { self.supplies.with(|supplies| supplies.take_stack_back(&stack)) };
        // Before anybody else can activate it; see `Shared::servers_at_rest`.
        self.counters.rests.add(1);
        let entry = Entry { pid: slot.pid().to_bits(), pushed_ns: self.now_ns.get() };
        // Invariant: after it is idle the server may run, end and be gone; nothing below touches it.
        if again {
            slot.state.unclaim();
        } else if slot.state.rest() == Rest::Idle {
            return;
        }
        self.push_entry(entry);
    }

    /// Takes back slot and stack of an actor that has ended.
    fn bury(&self, slot: SlotRef) {
        let stack = self.strip(slot);
        slot.state.finish();
        // SAFETY: the owner's thread.
        unsafe { self.supplies.with(|supplies| supplies.take_back(slot, &stack)) };
        // Last: when the counts say that nobody is left, nothing of the actor is in use.
        self.counters.buried.add(1);
    }

    // ---- poll and sleep -----------------------------------------------------------------------------------------------

    fn refresh_now(&self) -> u64 {
        let now_ns = clock::now_ns();
        self.now_ns.set(now_ns);
        now_ns
    }

    /// Looks at inbox, timers and injector, and shares what has waited for long.
    fn poll(&'static self) {
        self.ticks.set(0);
        let before_ns = self.now_ns.get();
        let now_ns = self.refresh_now();
        self.note_run_cost(now_ns - before_ns);
        self.last_look_ns.set(now_ns);
        self.take_inbox();
        if self.next_timer_ns.get() != u64::MAX {
            self.fire_timers(now_ns); // also when nothing is due: this keeps the timers' wheel near the clock
        }
        self.fire_replies(now_ns);
        if self.spread.len() > 0 {
            self.spread.take_share(1, |entry| self.push_entry(entry));
        }
        if self.shared().injector.len() > 0 {
            self.take_injected();
        }
        self.share_old(now_ns);
        self.sticky_len.set(self.sticky_queue_len() as u64);
    }

    /// Notes what the runs since the last look cost on average. The figure at most doubles from look to look, so that one long run, such
    /// as that of the actor which has just spawned all the others, does not stand for theirs.
    fn note_run_cost(&self, elapsed_ns: u64) {
        let runs = self.runs.get();
        let since = runs - self.runs_at_look.replace(runs);
        if let Some(cost_ns) = elapsed_ns.checked_div(since) {
            let at_most = (2 * self.run_cost_ns.get()).max(SHORT_RUN_NS);
            self.run_cost_ns.set(cost_ns.min(at_most));
        }
    }

    /// How many started actors are ready here. Owner only.
    fn sticky_queue_len(&self) -> usize {
        let lifo = self.lifo.take();
        self.lifo.set(lifo);
        // SAFETY: the owner's thread; the closures only look.
        let rings = unsafe { self.woken.with(|woken| woken.len()) + self.yielded.with(|ring| ring.len()) };
        rings + usize::from(lifo.is_some())
    }

    fn take_inbox(&self) {
        if self.inbox.is_empty() {
            return;
        }
        let slot_at = |index| slot::slot_at(index).expect("an inbox holds slots that exist");
        self.inbox.take(|index| &slot_at(index).next, |index| self.receive(slot_at(index)));
    }

    fn receive(&self, slot: SlotRef) {
        self.counters.wakes.add(1);
        self.push_woken(slot);
    }

    fn fire_timers(&self, now_ns: u64) {
        while let Some(due) = self.timers.pop_due(now_ns) {
            match due {
                Due::Unpark(pid) => park::unpark(pid),
                Due::Fire(firing) => self.fire(firing),
            }
        }
        self.next_timer_ns.set(self.timers.next_deadline());
    }

    fn fire_replies(&self, now_ns: u64) {
        // SAFETY: the owner's thread; an unpark does not come here.
        while let Some(caller) = unsafe { self.replies.with(|replies| replies.pop_due(now_ns)) } {
            park::unpark(caller);
        }
    }

    /// When the caller, an actor of this worker, gives up waiting for a reply; `None` if it needs a timer for that.
    #[inline]
    pub(super) fn note_call(&self, slot: SlotRef, call: u64, timeout_ns: u64) -> Option<u64> {
        if timeout_ns < COARSE_TIMEOUT_NS {
            return None;
        }
        let deadline_ns = self.about_now().saturating_add(timeout_ns);
        // SAFETY: the owner's thread; nothing in there comes here again.
        unsafe { self.replies.with(|replies| replies.note(deadline_ns, slot, call)) }.then_some(deadline_ns)
    }

    /// The time, at most some hundred microseconds ago: reading the cycle counter costs less than half as much as the clock.
    #[inline]
    fn about_now(&self) -> u64 {
        let cycles = arch::cycles();
        if cycles.wrapping_sub(self.time_cycles.get()) > FRESH_CYCLES {
            self.time_cycles.set(cycles);
            self.time_ns.set(clock::now_ns());
        }
        self.time_ns.get()
    }

    /// Whether there is something to do, for a worker that has announced its sleep. By the locks, not by guesses.
    fn sees_work(&self) -> bool {
        let shared = self.shared();
        let now_ns = self.now_ns.get();
        self.may_leave()
            || !self.inbox.is_empty()
            || self.sticky_queue_len() > 0
            || !self.deque.is_empty()
            || !shared.injector.is_surely_empty()
            || !self.spread.is_surely_empty()
            || shared.workers().iter().any(|worker| worker.may_give(now_ns))
    }

    fn sleep_until_work(&'static self) {
        let idle_since_ns = clock::now_ns();
        let found =
            self.last_sleep_ns.get() < SHORT_SLEEP_NS && self.watch(idle_since_ns + SHORT_SLEEP_NS / 2);
        if !found {
            self.sleep_until_notified();
        }
        self.last_sleep_ns.set(clock::now_ns() - idle_since_ns);
    }

    /// Looks out for work, awake. False if there was none in time. Not where workers take each other's processors.
    fn watch(&self, until_ns: u64) -> bool {
        let shared = self.shared();
        // Who waits for the end has waited for this worker's sleep.
        let may_watch = shared.settings.may_watch && !shared.is_end_wanted();
        while may_watch && clock::now_ns() < until_ns {
            for _ in 0..LOOKS {
                if !self.inbox.is_empty() || self.spread.len() > 0 || shared.injector.len() > 0 {
                    return true;
                }
                core::hint::spin_loop();
            }
        }
        false
    }

    fn sleep_until_notified(&'static self) {
        self.sleep.drowse();
        if self.sees_work() {
            return self.sleep.awake();
        }
        while stack::trim() {
            if self.sees_work() {
                return self.sleep.awake();
            }
        }
        self.sticky_len.set(0);
        // SAFETY: the owner's thread.
        self.waiting_callers.set(unsafe { self.replies.with(Replies::open) } as u64);
        // SAFETY: as above.
        let reply_ns = unsafe { self.replies.with(Replies::next_deadline) };
        let nap = quiet::fall_idle(self.shared());
        let deadline_ns = self.next_timer_ns.get().min(reply_ns).min(nap.check_at_ns());
        // Falling idle may have queued a server that is to end.
        if self.deque.is_empty() && self.sleep.fall_asleep() {
            self.epoll.wait((deadline_ns != u64::MAX).then_some(deadline_ns));
        }
        quiet::wake_up(self.shared(), nap);
        self.sleep.awake();
        self.shared().monitor.wake_if_asleep();
        self.refresh_now(); // what passed was sleep
        self.poll();
    }

    /// Tells this worker that there is something for it. From any thread, after the push.
    #[inline]
    pub(super) fn notify(&self) {
        if self.sleep.notify() == Notify::Signal {
            self.signal();
        }
    }

    pub(super) fn signal(&self) {
        self.epoll.notify();
    }

    // ---- for the actors that run here ---------------------------------------------------------------------------------

    /// Suspends the running actor.
    #[inline(always)]
    fn suspend(&self, slot: SlotRef, action: Action) {
        debug_assert!(ptr::eq(self.here.running.get(), slot), "an actor suspends on the worker that runs it");
        debug_assert!(
            stack::current_owner().is_none_or(|owner| ptr::eq(owner.as_ptr().cast(), slot)),
            "an actor suspends on its own stack, or on one that it brought itself"
        );
        self.action.set(action);
        // SAFETY: the worker's context was saved when it switched to this actor, on this thread; it alone continues it.
        unsafe { fiber::switch(slot.context.as_ptr(), self.context.as_ptr()) };
    }

    /// Parks the running actor. If it has just woken another one, that one runs at once, without a detour over the worker's stack.
    #[inline(always)]
    pub(super) fn park(&'static self, slot: SlotRef) {
        match self.take_heir() {
            Some(heir) => {
                self.action.set(Action::Park);
                self.predecessor.set(Some(slot));
                self.hand_over(slot, heir);
            }
            None => self.suspend(slot, Action::Park),
        }
        self.settle_predecessor();
    }

    /// Puts the running actor behind the others. If only actors that yielded wait, the first of them runs at once.
    #[inline(always)]
    pub(super) fn yield_now(&self, slot: SlotRef) {
        match self.take_yielded_heir() {
            Some(heir) => {
                // SAFETY: the owner's thread.
                unsafe { self.yielded.with(|ring| ring.push_back(slot)) };
                self.hand_over(slot, heir);
            }
            None => self.suspend(slot, Action::Yield),
        }
        self.settle_predecessor();
    }

    /// Whom the parking actor may hand over to: the one in the LIFO slot, unless the worker has something else to look at first.
    #[inline(always)]
    fn take_heir(&'static self) -> Option<SlotRef> {
        if !self.counts_as_plain_tick() {
            return None;
        }
        let heir = self.take_lifo()?;
        (!heir.home().is_null() || self.prepare_start(heir)).then_some(heir)
    }

    #[inline(always)]
    fn take_yielded_heir(&self) -> Option<SlotRef> {
        // SAFETY: the owner's thread; the closure only looks.
        let only_yielded = unsafe { self.woken.with(|woken| woken.is_empty()) } && self.deque.is_empty();
        if !only_yielded || self.has_lifo() || !self.counts_as_plain_tick() {
            return None;
        }
        self.take_yielded()
    }

    #[inline(always)]
    fn has_lifo(&self) -> bool {
        let lifo = self.lifo.take();
        self.lifo.set(lifo);
        lifo.is_some()
    }

    /// Counts a tick; false if the worker itself must look around now.
    #[inline(always)]
    fn counts_as_plain_tick(&self) -> bool {
        let ticks = self.ticks.get() + 1;
        let plain = ticks < POLL_INTERVAL && self.next.get().is_none();
        if plain {
            self.ticks.set(ticks);
        }
        plain
    }

    /// Switches from the running actor to a claimed one.
    #[inline(always)]
    fn hand_over(&self, slot: SlotRef, heir: SlotRef) {
        self.begin_slice(heir);
        // SAFETY: the heir is claimed and suspended, on this thread, which is its home. Our own context is continued by whoever claims
        // us later, on this thread.
        unsafe { fiber::switch(slot.context.as_ptr(), heir.context.as_ptr()) };
    }

    /// What every actor does when it is continued: what its predecessor, which handed over to it, switched away for. Only now are the
    /// predecessor's registers saved, and its stack is not in use.
    #[inline(always)]
    fn settle_predecessor(&self) {
        let Some(slot) = self.predecessor.take() else { return };
        if self.action.get() != Action::Park {
            return self.settle_left(slot);
        }
        self.counters.parks.add(1);
        // Invariant: after `Parked` the actor may be woken, end and be gone; nothing below touches it.
        if slot.state.park() == Park::Notified {
            self.requeue(slot);
        }
    }

    /// The same for a predecessor that left its stack for good.
    #[inline(never)]
    fn settle_left(&self, slot: SlotRef) {
        let park = self.settle(slot);
        debug_assert_eq!(park, Park::Parked, "who left for good does not go on");
    }

    /// Puts an actor that is `Running` behind the others.
    #[inline(never)]
    fn requeue(&self, slot: SlotRef) {
        // SAFETY: the owner's thread.
        unsafe { self.yielded.with(|ring| ring.push_back(slot)) };
    }

    /// Switches away from a stack for good. If somebody was just woken, that one runs at once, and clears up.
    fn leave(&'static self, slot: SlotRef, turn: Turn) -> ! {
        let action = match turn {
            Turn::Ended => Action::Finish,
            Turn::Idle => Action::Rest,
            Turn::Again => Action::Again,
        };
        match self.take_heir() {
            Some(heir) => {
                self.action.set(action);
                self.predecessor.set(Some(slot));
                self.hand_over(slot, heir);
            }
            None => self.suspend(slot, action),
        }
        unreachable!("nobody resumes a stack that was left for good")
    }

    pub(super) fn run_next(&self, pid: Pid) {
        self.next.set(Some(pid));
    }

    /// A wake of one of this worker's actors.
    #[inline]
    pub(super) fn wake(&self, slot: SlotRef) {
        if !current::here().is_some_and(|here| self.is_here(here)) {
            self.inbox.push(slot.index(), &slot.next);
            return self.notify();
        }
        self.counters.wakes.add(1);
        slot.prefetch_stack(); // it runs when the waker parks, most often at once
        if self.here.running.get().is_null() {
            self.push_woken(slot); // by a timer: in the order of their deadlines
        } else if let Some(displaced) = self.lifo.replace(Some(slot)) {
            self.displace(displaced);
        }
    }

    /// Queues a server here that has mail. The caller is this worker, or an actor that runs on it; `soon`: one that is about to park.
    pub(super) fn activate(&self, slot: SlotRef, soon: bool) {
        self.counters.wakes.add(1);
        if !soon {
            return self.push_new(slot);
        }
        if let Some(displaced) = self.lifo.replace(Some(slot)) {
            self.displace(displaced);
        }
    }

    #[inline]
    fn push_woken(&self, slot: SlotRef) {
        // SAFETY: the owner's thread.
        unsafe { self.woken.with(|woken| woken.push_back(slot)) };
    }

    /// Queues a new actor here. The caller is an actor of this worker.
    pub(super) fn push_new(&self, slot: SlotRef) {
        self.push_entry(Entry { pid: slot.pid().to_bits(), pushed_ns: self.now_ns.get() });
    }

    /// Queues a new actor on this worker, from another one.
    pub(super) fn push_spread(&self, slot: SlotRef) {
        self.spread.push(Entry { pid: slot.pid().to_bits(), pushed_ns: clock::now_ns() });
        self.notify();
    }

    /// A slot for a new server. The caller is an actor of this worker.
    pub(super) fn admit_server(&self) -> std::io::Result<SlotRef> {
        // SAFETY: the owner's thread.
        unsafe { self.supplies.with(Supplies::admit_server) }
    }

    /// A slot and, for `class`, a stack reservation for a new actor. The caller is an actor of this worker.
    pub(super) fn admit(&self, class: StackClass) -> std::io::Result<SlotRef> {
        // SAFETY: the owner's thread.
        unsafe { self.supplies.with(|supplies| supplies.admit(class)) }
    }

    pub(super) fn arm(&self, slot: SlotRef, deadline_ns: u64) -> TimerKey {
        self.next_timer_ns.set(self.next_timer_ns.get().min(deadline_ns));
        self.timers.insert(deadline_ns, slot.pid())
    }

    pub(super) fn disarm(&self, timer: TimerKey) -> bool {
        self.timers.remove(timer)
    }

    /// Files a firing. The caller is an actor of this worker.
    pub(super) fn arm_firing(&self, deadline_ns: u64, firing: Firing) -> FiringKey {
        if firing.holds_up_the_end() {
            // Ordering: Relaxed. Read when all workers sleep.
            self.shared().deliveries.fetch_add(1, Ordering::Relaxed);
        }
        self.next_timer_ns.set(self.next_timer_ns.get().min(deadline_ns));
        self.timers.insert_firing(deadline_ns, firing)
    }

    /// Takes it back; from any thread. `None` if it has fired.
    pub(super) fn disarm_firing(&self, firing: FiringKey) -> Option<Firing> {
        self.timers.remove_firing(firing, |firing| self.note_delivery(firing.holds_up_the_end()))
    }

    fn fire(&self, firing: Firing) {
        let held_up = firing.holds_up_the_end();
        firing.fire(Runtime(self.shared.get().cast()));
        self.note_delivery(held_up);
    }

    /// Whether something is underway that somebody lives to receive.
    pub(super) fn holds_up_the_end(&self) -> bool {
        self.timers.hold_up_the_end()
    }

    fn note_delivery(&self, held_up: bool) {
        if held_up {
            // Ordering: Release; pairs with the Acquire of who ends idle servers: it sees the mail.
            self.shared().deliveries.fetch_sub(1, Ordering::Release);
        }
    }

    /// Whether a server that has handled so many messages in a row should let others go first.
    #[inline]
    pub(super) fn turn_is_over(&self, count: u32) -> bool {
        let budget = self.here.budget.get();
        if budget > 0 {
            self.here.budget.set(budget - 1);
        } else if self.slice_is_over() {
            return true;
        }
        count >= TURN_MESSAGES && (self.has_lifo() || self.others_wait())
    }

    /// Fills the running actor's budget, which has reached zero; true if its slice is over.
    #[cold]
    pub(super) fn slice_is_over(&self) -> bool {
        let settings = &self.shared().settings;
        self.here.budget.set(settings.budget_events);
        let now = arch::cycles();
        let start = self.slice_start.get();
        if start == 0 {
            self.slice_start.set(now);
            return false;
        }
        if now.wrapping_sub(start) < settings.timeslice_cycles {
            return false;
        }
        // The next look at inbox and timers comes right after this slice, and finds who waits there.
        self.ticks.set(POLL_INTERVAL);
        true
    }

    // ---- for statistics -----------------------------------------------------------------------------------------------

    pub(super) fn queue_len(&self) -> usize {
        self.deque.len() + self.spread.len() + self.sticky_len.get() as usize
    }

    /// Deadlines that are pending; of calls, as of the last sleep.
    pub(super) fn timer_count(&self) -> usize {
        self.timers.len() + self.waiting_callers.get() as usize
    }
}

/// Takes the first actor of a ring, and has the processor fetch what the next ones will need: of the second one the end of its stack,
/// of the third one its slot, which tells where that is.
#[inline(always)]
fn pop_and_look_ahead(ring: &mut VecDeque<SlotRef>) -> Option<SlotRef> {
    let first = ring.pop_front()?;
    if let Some(second) = ring.front() {
        second.prefetch_stack();
    }
    if let Some(third) = ring.get(1) {
        arch::prefetch(ptr::from_ref(*third).cast());
    }
    Some(first)
}

/// What runs first on an actor's stack.
unsafe extern "C" fn enter(argument: *mut ()) -> ! {
    // SAFETY: `prepare_start` passed the slot.
    let slot: SlotRef = unsafe { &*argument.cast::<Slot>() };
    let worker = home_of(slot);
    worker.settle_predecessor();
    let job = slot.job();
    // SAFETY: the job lives until `run` frees it; this is its actor's stack.
    let turn = unsafe { ((*job).run)(job, slot) };
    worker.leave(slot, turn)
}

fn is_older(pushed_ns: u64, now_ns: u64, age_ns: u64) -> bool {
    now_ns.saturating_sub(pushed_ns) >= age_ns
}

/// The worker of a started actor.
#[inline]
pub(super) fn home_of(slot: SlotRef) -> &'static Worker {
    debug_assert!(!slot.home().is_null(), "the actor has started");
    // SAFETY: a started actor's home is a worker block, which is never freed.
    unsafe { &*slot.home().cast::<Worker>() }
}

/// The runtime of a started actor.
pub(crate) fn shared_of(slot: SlotRef) -> &'static Shared {
    home_of(slot).shared()
}

/// Has the kernel wake this thread at its deadlines, not up to 50 µs later, which is the default slack.
fn precise_sleep() {
    // SAFETY: changes one number of this thread; if it fails, wakes are later.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
}
