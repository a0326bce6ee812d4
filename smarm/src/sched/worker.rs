//! A worker: find → resume → settle.
//!
//! # Where a worker looks, in this order
//!
//! 1. what a join asks to run next
//! 2. the LIFO slot: what the last actor woke; three times in a row while others wait
//! 3. woken actors, in the order of their wakes; eight times in a row while others wait
//! 4. in turn: the deque of actors without a stack, unstarted ones and servers with mail, and the ring of actors that yielded
//! 5. the injector, then the other workers' deques
//!
//! Every 61 ticks, and after a slice that used up its budget, it first looks at its inbox, timers and the injector.
//!
//! # Placement
//!
//! A started actor stays for life, and a hop to a sleeping worker costs a thousand local ones. So a push by an actor
//! wakes nobody; work is shared when it has waited and will wait for much longer. A server between two messages may go anywhere.
//!
//! | file | what |
//! |---|---|
//! | `queues` | whom the worker runs next |
//! | `turns` | how an actor gets the processor, and leaves it |
//! | `sharing` | what other workers may have |
//! | `deadlines` | what it does at some time |
//! | `events` | what it hears of descriptors |
//!
//! # Who may touch what
//!
//! `inbox`, `sleep`, `deque`, `timers`, `counters` may be used from any thread, by their own rules. All else belongs to the worker's
//! own thread: its loop, and the actors that run on it, which call in through [`Host`](super::Host). Owner-only fields are `Cell`s or
//! reached by [`OwnerCell::with`], never borrowed across a switch.

mod deadlines;
mod events;
mod queues;
mod sharing;
mod turns;

pub(in crate::sched) use self::events::unwatch;
use core::cell::{Cell, UnsafeCell};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::crew::Role;
use super::deque::Deque;
use super::idle::{Notify, SleepWord};
use super::inbox::Inbox;
use super::injector::Injector;
use super::quiet;
use super::replies::Replies;
use super::shared::Shared;
use super::stats::Counters;
use super::supplies::Supplies;
use super::timers::Timers;
use crate::fiber::Context;
use crate::pid::Pid;
use crate::sys::clock;
use crate::sys::epoll::Epoll;
use crate::sys::stack::{self, StackClass};
use crate::sys::thread;
use crate::task::current::{self, Here};
use crate::task::section::Section;
use crate::task::slot::SlotRef;

/// How many actors run between two looks at inbox, timers and injector. Prime, as in Go and tokio, so that it does not beat with
/// the program's own periods.
const POLL_INTERVAL: u32 = 61;
/// A worker whose last sleep was shorter than this looks out for work before it sleeps again, for half as long: the signal that wakes a
/// sleeping thread takes tens of microseconds.
const SHORT_SLEEP_NS: u64 = 100_000;
/// Looks between two readings of the clock.
const LOOKS: u32 = 16;

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
    /// What it is there for; see `crew`.
    role: AtomicU8,
    /// One actor keeps it for longer than the limit, says the monitor.
    stalled: AtomicBool,
    /// The run, as `runs` counts them, during which the actor that runs keeps it on purpose; 0 for none.
    blocking_run: AtomicU64,
    /// How many actors have begun here and not ended. Only of workers beyond the regular ones.
    started: super::stats::Gauge,
    /// The thread, as the system knows it.
    thread_id: AtomicI32,
    /// How many descriptors its epoll instance has.
    watched: AtomicU32,
    /// When events were last looked for.
    events_looked_ns: Cell<u64>,
    /// Actors that wait for a descriptor.
    pub(super) io_waits: super::stats::Gauge,
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
    pace: deadlines::Pace,
    /// How long the last sleep took, with the watch before it.
    last_sleep_ns: Cell<u64>,
    supplies: OwnerCell<Supplies>,
    replies: OwnerCell<Replies>,
    /// Callers that waited with a deadline at the last sleep, and still do.
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
    /// Whether this actor is on the worker's processor; from elsewhere a guess.
    pub(super) fn runs(&self, slot: SlotRef) -> bool {
        self.here.actor().is_some_and(|running| core::ptr::eq(running, slot))
    }

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
            role: AtomicU8::new(Role::Absent as u8),
            stalled: AtomicBool::new(false),
            blocking_run: AtomicU64::new(0),
            started: super::stats::Gauge::default(),
            thread_id: AtomicI32::new(0),
            watched: AtomicU32::new(0),
            events_looked_ns: Cell::new(0),
            io_waits: super::stats::Gauge::default(),
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
            pace: deadlines::Pace::default(),
            last_sleep_ns: Cell::new(u64::MAX),
            supplies: OwnerCell::new(Supplies::new(StackClass::SMALLEST, 1)),
            replies: OwnerCell::default(),
            waiting_callers: super::stats::Gauge::default(),
            time_ns: Cell::new(0),
            time_cycles: Cell::new(0),
        }
    }

    /// Gives the block back. Nothing is queued, and its thread has ended.
    pub(crate) fn release(&'static self) {
        self.set_role(Role::Absent);
        self.set_stalled(false);
        self.started.set(0);
        let left = {
            let _section = Section::begin();
            self.timers.clear()
        };
        drop(left); // what was to be sent later than the end
        self.next_timer_ns.set(u64::MAX);
        self.counters.reset();
        let _section = Section::begin();
        FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self);
    }

    /// Binds the block to a runtime. Before its thread starts.
    pub(crate) fn bind(&self, shared: *const Shared, position: usize) {
        self.shared.set(shared);
        self.position.set(position);
    }

    pub(super) fn position(&self) -> usize {
        self.position.get()
    }

    // ---- what it is there for -----------------------------------------------------------------------------------------

    pub(super) fn role(&self) -> Role {
        // Ordering: Relaxed. Who sets it notifies the worker; see `crew`.
        Role::from_bits(self.role.load(Ordering::Relaxed))
    }

    #[inline(always)]
    pub(super) fn has_role(&self, role: Role) -> bool {
        // Ordering: Relaxed. As above.
        self.role.load(Ordering::Relaxed) == role as u8
    }

    pub(super) fn set_role(&self, role: Role) {
        // Ordering: Relaxed. As above.
        self.role.store(role as u8, Ordering::Relaxed);
    }

    /// Whether it takes what may move.
    #[inline]
    pub(super) fn takes_work(&self) -> bool {
        // Ordering: Relaxed. As above.
        let role = self.role.load(Ordering::Relaxed);
        role == Role::Regular as u8 || role == Role::Spare as u8
    }

    /// Whether it sleeps and no actor lives here; a guess.
    pub(super) fn is_vacant(&self) -> bool {
        self.started.get() == 0 && self.sleep.is_asleep()
    }

    /// Whether one actor keeps it from all others.
    pub(super) fn is_out(&self) -> bool {
        // Ordering: Relaxed, here and below. Guesses: the monitor looks again after a tick.
        let stalled = self.stalled.load(Ordering::Relaxed);
        // Ordering: Relaxed. As above.
        let blocking_run = self.blocking_run.load(Ordering::Relaxed);
        let keeps_on_purpose = blocking_run != 0 && blocking_run == self.runs.get();
        (stalled || keeps_on_purpose) && self.here.actor().is_some()
    }

    /// Whether its actor may keep it: on purpose, or because it is its own.
    pub(super) fn keeps_to_itself(&self) -> bool {
        // Ordering: Relaxed. As above.
        self.has_role(Role::Own) || self.blocking_run.load(Ordering::Relaxed) == self.runs.get()
    }

    pub(super) fn set_stalled(&self, stalled: bool) {
        // Ordering: Relaxed. As above.
        self.stalled.store(stalled, Ordering::Relaxed);
    }

    /// The actor that runs here keeps the worker on purpose from now on. What [`end_blocking`](Self::end_blocking) is to put back.
    pub(in crate::sched) fn begin_blocking(&self) -> u64 {
        // Ordering: Relaxed. As above.
        let before = self.blocking_run.swap(self.runs.get(), Ordering::Relaxed);
        let shared = self.shared();
        if !self.deque.is_empty() || shared.injector.len() > 0 {
            if !shared.has_sleeping_taker() {
                let _section = Section::begin(); // takes a lock
                shared.balance(self.refresh_now());
            }
            shared.wake_one();
        }
        before
    }

    pub(in crate::sched) fn end_blocking(&self, before: u64) {
        // Ordering: Relaxed. As above.
        self.blocking_run.store(before, Ordering::Relaxed);
    }

    /// Who runs here; a guess.
    pub(super) fn running(&self) -> Option<SlotRef> {
        self.here.actor()
    }

    /// The thread, as the system knows it; 0 before it has begun.
    pub(super) fn thread_id(&self) -> i32 {
        // Ordering: Relaxed. It stands for itself.
        self.thread_id.load(Ordering::Relaxed)
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
        self.here.all_preempt_in_alloc.set(shared.settings.preempt_in_alloc);
        self.here.budget.set_up(shared.settings.alloc_interval, shared.settings.timeslice_cycles);
        let supplies = Supplies::new(shared.settings.stack_class, shared.most_takers());
        // SAFETY: the owner's thread.
        unsafe { self.supplies.with(|old| *old = supplies) };
        // Ordering: Relaxed. It stands for itself.
        self.thread_id.store(thread::id(), Ordering::Relaxed);
        current::enter_worker(&self.here);
        thread::sleep_precisely();
        if !self.has_role(Role::Regular) {
            thread::ask_for_short_slices();
        }
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

    fn refresh_now(&self) -> u64 {
        let now_ns = clock::now_ns();
        self.now_ns.set(now_ns);
        now_ns
    }

    /// Looks at inbox, timers and injector, and shares what has waited for long. `idle`: nobody waits to run here.
    fn poll(&'static self, idle: bool) {
        self.ticks.set(0);
        let before_ns = self.now_ns.get();
        let now_ns = self.refresh_now();
        self.note_run_cost(now_ns - before_ns);
        self.last_look_ns.set(now_ns);
        self.take_inbox();
        if self.next_timer_ns.get() != u64::MAX {
            // Also when nothing is due: this keeps the timers' wheel near the clock.
            if idle { self.fire_timers_at_pace(now_ns) } else { self.fire_timers(now_ns) }
        }
        self.fire_replies(now_ns);
        self.uncount_callers();
        self.look_for_events(now_ns);
        if self.takes_work() {
            self.take_what_may_move(now_ns);
        } else {
            self.pass_on();
        }
        self.sticky_len.set(self.sticky_queue_len() as u64);
    }

    fn take_what_may_move(&self, now_ns: u64) {
        if self.spread.len() > 0 {
            self.spread.take_share(1, |entry| self.push_local(entry));
        }
        if self.shared().injector.len() > 0 {
            self.take_injected();
        }
        self.share_old(now_ns);
    }

    /// Whether there is something to do, for a worker that has announced its sleep. By the locks, not by guesses.
    fn sees_work(&self) -> bool {
        let shared = self.shared();
        let now_ns = self.now_ns.get();
        self.may_leave()
            || !self.inbox.is_empty()
            || self.sticky_queue_len() > 0
            || !self.deque.is_empty()
            || !self.spread.is_surely_empty()
            || self.takes_work()
                && (!shared.injector.is_surely_empty()
                    || shared.workers().any(|worker| worker.may_give(now_ns)))
    }

    fn sleep_until_work(&'static self) {
        let idle_since_ns = clock::now_ns();
        let found = self.last_sleep_ns.get() < SHORT_SLEEP_NS
            && self.look_out((idle_since_ns + SHORT_SLEEP_NS / 2).min(self.next_firing_ns()));
        if !found {
            self.sleep_until_notified();
        }
        self.last_sleep_ns.set(clock::now_ns() - idle_since_ns);
    }

    /// Looks out for work, awake. False if there was none in time. Not where workers take each other's processors.
    fn look_out(&self, until_ns: u64) -> bool {
        let shared = self.shared();
        // Who waits for the end has waited for this worker's sleep.
        // Of descriptors it hears in its sleep.
        // Ordering: Relaxed. A guess.
        let hears_of_descriptors = self.watched.load(Ordering::Relaxed) > 0;
        let may_watch = shared.settings.may_watch
            && self.has_role(Role::Regular)
            && !shared.is_end_wanted()
            && !hears_of_descriptors;
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

    /// Gives back the pages of stacks that nobody needs. When there will be more; `None` if there is work.
    fn trim_stacks(&self) -> Option<u64> {
        loop {
            let next_ns = stack::trim();
            if next_ns > 0 {
                return Some(next_ns);
            }
            if self.sees_work() {
                return None;
            }
        }
    }

    fn sleep_until_notified(&'static self) {
        self.sleep.drowse();
        if self.sees_work() {
            return self.sleep.awake();
        }
        let Some(trim_at_ns) = self.trim_stacks() else { return self.sleep.awake() };
        self.sticky_len.set(0);
        self.count_callers();
        // SAFETY: the owner's thread.
        let reply_ns = unsafe { self.replies.with(Replies::next_deadline) };
        let nap = quiet::fall_idle(self.shared(), self);
        let deadline_ns = self.next_firing_ns().min(reply_ns).min(nap.check_at_ns()).min(trim_at_ns);
        let mut more_events = true;
        // Falling idle may have queued a server that is to end.
        if self.deque.is_empty() && self.sleep.fall_asleep() {
            more_events = self.epoll.wait((deadline_ns != u64::MAX).then_some(deadline_ns), events::tell);
        }
        quiet::wake_up(self.shared(), nap);
        self.sleep.awake();
        self.shared().monitor.wake_if_asleep();
        let now_ns = self.refresh_now(); // what passed was sleep
        if !more_events {
            self.events_looked_ns.set(now_ns);
        }
        self.poll(true);
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
