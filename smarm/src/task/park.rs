//! Park and unpark, the same for actors and plain threads. A future parks by leaving a waker, see `poller`; its unpark is this one.
//!
//! One permit: an unpark that comes before the park makes the next park return at once. So a wait is always a loop:
//!
//! ```text
//!   waiter                                        source
//!   1. look: satisfied? then done                 1. satisfy the condition
//!   2. register with the source                   2. find the registered waiter, take it out
//!   3. look again: satisfied? deregister, done    3. unpark it
//!   4. park; then from 1
//! ```
//!
//! A park may return early. It never unwinds: a kill is delivered by [`deliver_kill`], which the wait calls after it has
//! deregistered. So no wait needs a destructor on its frame.
//!
//! # Kills and shutdowns
//!
//! A kill is delivered at every safe point. A shutdown *asks*: that is delivered where the actor would have to wait, and where it yields. Not in
//! a join, nor in the wait of a scope: who is waited for was asked too, and if that one ends by the shutdown, so does who waits
//! ([`give_in`]). Not to who was told of the shutdown (`Slot::is_told`). What the actor unwinds with says which of the two it was.

use core::fmt::Write as _;
use core::ptr;
use core::sync::atomic::Ordering;
use core::time::Duration;

use super::Schedule;
use super::choice::WaitSet;
use super::current::{self, Here};
use super::poller;
use super::reply::{Answer, CallId};
use super::slot::{self, Hold, SlotRef};
use super::state::{Park, StateWord, Unpark};
use super::wait::{WaitKind, WaitObject};
use crate::Host;
use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::sys::{chaos, clock, futex, stderr};

/// Why a park returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wake {
    /// Somebody unparked it, or nothing happened.
    Unparked,
    /// The deadline has passed. Somebody may have unparked it too: look at the condition first.
    TimedOut,
}

/// Parks whoever runs here, which is `slot`.
///
/// Inlined down to the switch, into each kind of wait: after a switch the processor's return stack is that of another actor, so each frame
/// between the switch and the user's code would mispredict its return.
#[inline(always)]
pub(crate) fn park(
    slot: SlotRef,
    kind: WaitKind,
    object: Option<&WaitObject>,
    deadline_ns: Option<u64>,
) -> Wake {
    park_in(slot, kind, object.map_or(ptr::null(), ptr::from_ref).cast(), deadline_ns)
}

/// The same for a wait with several sources.
pub(crate) fn park_for_any(slot: SlotRef, set: &WaitSet<'_>, deadline_ns: Option<u64>) -> Wake {
    park_in(slot, WaitKind::Select, ptr::from_ref(set).cast(), deadline_ns)
}

/// Parks with this in the slot; see `Slot::waits_for`.
#[inline(always)]
fn park_in(slot: SlotRef, kind: WaitKind, waits_for: *const (), deadline_ns: Option<u64>) -> Wake {
    if slot.state.take_permit() || chaos::wakes_early() || slot.state.is_asked() && ends_wait(slot, kind) {
        return Wake::Unparked;
    }
    if is_plain(slot) {
        return park_thread(slot, deadline_ns);
    }
    debug_assert!(slot.hold.get() == Hold::None, "a wait asks `may_not_wait` first");
    slot.wait_kind.set(kind);
    slot.waits_for.set(waits_for);
    let wake = park_actor(slot, deadline_ns);
    Host::await_inspection();
    wake
}

/// How long a call waits for its reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    deadline_ns: Option<u64>,
    /// The worker sees to it; else each park needs a timer.
    is_noted: bool,
    call: CallId,
}

impl Patience {
    /// From now on, for the call that is open.
    #[inline]
    pub(crate) fn new(slot: SlotRef, call: CallId, timeout: Option<Duration>) -> Self {
        let Some(timeout) = timeout else { return Self { deadline_ns: None, is_noted: true, call } };
        let timeout_ns = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        let waiting = slot.reply.waiting().filter(|_| !is_plain(slot));
        let noted = waiting.and_then(|waiting| Host::note_call(slot, waiting, timeout_ns));
        let deadline_ns = noted.unwrap_or_else(|| clock::deadline_after(timeout));
        Self { deadline_ns: Some(deadline_ns), is_noted: noted.is_some(), call }
    }

    pub(crate) fn deadline_ns(self) -> Option<u64> {
        self.deadline_ns
    }

    /// Parks; `TimedOut` if the patience is at its end.
    #[inline(always)]
    pub(crate) fn park(self, slot: SlotRef, object: &WaitObject) -> Wake {
        let timer_ns = if self.is_noted { None } else { self.deadline_ns };
        let wake = park(slot, WaitKind::Call, Some(object), timer_ns);
        let silent = self.is_noted && slot.reply.look(self.call) == Answer::None;
        if silent && self.is_over() { Wake::TimedOut } else { wake }
    }

    #[cold]
    fn is_over(self) -> bool {
        self.deadline_ns.is_some_and(|deadline| clock::now_ns() >= deadline)
    }
}

#[inline(always)]
fn park_actor(slot: SlotRef, deadline_ns: Option<u64>) -> Wake {
    let Some(deadline) = deadline_ns else {
        Host::park(slot);
        return Wake::Unparked;
    };
    park_until(slot, deadline)
}

#[inline(never)]
fn park_until(slot: SlotRef, deadline: u64) -> Wake {
    let timer = Host::arm(slot, deadline);
    Host::park(slot);
    if Host::disarm(slot, timer) { Wake::Unparked } else { Wake::TimedOut }
}

#[cold]
fn park_thread(slot: SlotRef, deadline_ns: Option<u64>) -> Wake {
    if slot.state.park() == Park::Notified {
        return Wake::Unparked;
    }
    let (word, parked) = slot.state.futex();
    loop {
        // Ordering: Relaxed. `resume_thread` acquires.
        if word.load(Ordering::Relaxed) != parked {
            slot.state.resume_thread();
            return Wake::Unparked;
        }
        futex::wait(word, parked, deadline_ns);
        if deadline_ns.is_some_and(|deadline| clock::now_ns() >= deadline) && slot.state.unpark_self() {
            return Wake::TimedOut;
        }
    }
}

/// Whether a wait must not happen because the actor that runs here unwinds. (A plain thread that unwinds may block.) Each wait asks, with
/// nothing registered yet, once it has found that it would have to wait.
///
/// # Panics
///
/// Inside `no_preempt` and `forbid_yield`; the sentence names the `call`.
#[inline]
pub(crate) fn may_not_wait(slot: SlotRef, call: &str) -> bool {
    is_unwinding(slot) || (slot.hold.get() != Hold::None && refuse(slot, call))
}

/// The same question for a wait that looks once more before it gives up.
#[inline]
pub(crate) fn must_not_park(slot: SlotRef) -> bool {
    is_unwinding(slot) || slot.hold.get() != Hold::None
}

#[inline]
fn is_unwinding(slot: SlotRef) -> bool {
    std::thread::panicking() && !is_plain(slot)
}

/// The actor would switch where it has asked not to.
#[cold]
#[inline(never)]
pub(crate) fn refuse(slot: SlotRef, call: &str) -> ! {
    match slot.hold.get() {
        Hold::NoPreempt => panic!(
            "{call} would have to wait inside `smarm::no_preempt`, where its actor may not be switched out: take the wait out of there"
        ),
        _ => panic!("{call} would let other actors run inside `smarm::forbid_yield`"),
    }
}

#[inline]
fn is_plain(slot: SlotRef) -> bool {
    slot.runtime() == 0
}

/// Wakes an actor or a waiting thread, or leaves it a permit. From any thread; never parks. A stale `Pid` wakes nobody.
#[inline]
pub(crate) fn unpark(pid: Pid) {
    unpark_at(slot::slot_of(pid), pid);
}

/// The same, for who knows the slot of the `Pid`.
#[inline]
pub(crate) fn unpark_at(slot: SlotRef, pid: Pid) {
    unpark_from(current::here(), slot, pid);
}

/// The same, for who knows the note of its thread, too.
#[inline]
pub(crate) fn unpark_from(here: Option<&'static Here>, slot: SlotRef, pid: Pid) {
    wake(here, slot, pid, |state| state.unpark(pid.generation()));
}

/// In the chaos build: now and then wakes, for no reason, a plain thread or an actor of this runtime. Not of another one, which may be
/// about to find out that nothing happens in it. Not a future: its waker is the user's code, and a worker's own stack is no place for that.
#[inline(always)]
pub(crate) fn wake_somebody(runtime: u32) {
    chaos::also(|| {
        if !chaos::wakes_somebody() {
            return;
        }
        let mut candidates =
            slot::all().filter(|slot| is_plain(slot) && !slot.is_polled() || slot.runtime() == runtime);
        if let Some(slot) = candidates.nth(chaos::small_number_below(MOST_CHOSEN)) {
            unpark(slot.pid());
        }
    });
}

/// Among so many is chosen who is woken for no reason.
const MOST_CHOSEN: usize = 1024;

/// Asks an actor to end. From any thread; never parks. A stale `Pid` asks nobody.
pub(crate) fn kill(pid: Pid) {
    wake(current::here(), slot::slot_of(pid), pid, |state| state.kill(pid.generation()));
}

// Inlined always: else it is left to chance in which crates' parts it is a call, of a dozen instructions each.
#[inline(always)]
fn wake(here: Option<&'static Here>, slot: SlotRef, pid: Pid, transition: impl FnOnce(&StateWord) -> Unpark) {
    // Read first: a plain thread may see its wake before we come to the futex, go on, and give its slot to an actor.
    let plain = is_plain(slot);
    match transition(&slot.state) {
        Unpark::Push if plain => wake_outside(slot, pid),
        Unpark::Push => Host::wake(here, slot),
        Unpark::Activate => Host::activate(slot, false),
        Unpark::Pending | Unpark::Stale => {}
    }
}

/// Wakes a plain thread, or has a future polled. The slot may be another's by now: then it is a wake for no reason, or nobody's.
#[cold]
fn wake_outside(slot: SlotRef, pid: Pid) {
    if slot.is_polled() { poller::wake(pid) } else { futex::wake_one(slot.state.futex().0.as_ptr()) }
}

/// Tells an idle server that there is mail; `soon`: the caller is about to park, and the server may run in its place.
#[inline]
pub(crate) fn activate(slot: SlotRef, pid: Pid, soon: bool) {
    if slot.state.mail(pid.generation()) == Unpark::Activate {
        Host::activate(slot, soon);
    }
}

/// Asks a server to end if it is idle. False if it is not.
pub(crate) fn end_idle(pid: Pid) -> bool {
    let slot = slot::slot_of(pid);
    let asked = slot.state.end_idle(pid.generation()) == Unpark::Activate;
    if asked {
        Host::activate(slot, false);
    }
    asked
}

/// Asks an actor to end where it would wait, for a shutdown; not an idle server.
pub(crate) fn ask(pid: Pid) {
    wake(current::here(), slot::slot_of(pid), pid, |state| state.ask(pid.generation()));
}

/// Asks a server to end after what it has in hand and in its mailbox now.
pub(crate) fn end_server(pid: Pid) {
    let slot = slot::slot_of(pid);
    if slot.state.end(pid.generation()) == Unpark::Activate {
        Host::activate(slot, false);
    }
}

/// What an actor unwinds with that was killed, or that a shutdown ends. Nobody outside this crate can name it.
pub(crate) struct KillSignal {
    pub(crate) reason: ExitReason,
}

/// How often a kill is thrown at an actor that swallows it, by a `catch_unwind` of the user's, before it is left alone.
const MOST_THROWS: u8 = 16;

/// In a wait: unwinds the current actor if it was killed, or asked to end by a shutdown, and may be: not inside `mask_kill` or `no_preempt`,
/// not while it unwinds already, and not if it has swallowed that too often.
#[inline]
pub(crate) fn deliver_kill(slot: SlotRef) {
    if kill_is_due(slot) {
        throw_kill(slot);
    }
}

/// Whether [`deliver_kill`] would unwind now. For a wait that has to clean up before: it calls [`throw_kill`] then.
#[inline]
pub(crate) fn kill_is_due(slot: SlotRef) -> bool {
    slot.state.is_to_leave() && may_be_killed(slot)
}

/// The same at a safe point that is no wait, and in the waits that a shutdown does not end: delivers a kill only.
#[inline]
pub(crate) fn deliver_kill_alone(slot: SlotRef) {
    if slot.state.is_killed() && may_be_killed(slot) {
        throw_kill(slot);
    }
}

/// Unwinds the current actor, which was killed, or which a shutdown ends.
#[cold]
#[inline(never)]
pub(crate) fn throw_kill(slot: SlotRef) -> ! {
    let reason = if slot.state.was_killed() { ExitReason::Killed } else { ExitReason::Shutdown };
    slot.kills_thrown.set(slot.kills_thrown.get().saturating_add(1));
    std::panic::resume_unwind(Box::new(KillSignal { reason }));
}

/// What this actor waited for will not come any more. If that is because its runtime ends, the actor ends too, instead of being told
/// of an error that is none of the program's. Servers have their own turn in that, and plain threads none.
#[cold]
#[inline(never)]
pub(crate) fn give_in(slot: SlotRef) {
    if gives_in(slot) {
        throw_kill(slot);
    }
}

/// Whether [`give_in`] would unwind. For a wait that has to clean up before: it calls [`throw_kill`] then.
#[cold]
#[inline(never)]
pub(crate) fn gives_in(slot: SlotRef) -> bool {
    !is_plain(slot) && !slot.is_server() && Host::is_ending(slot) && may_be_killed(slot)
}

/// Whether a shutdown, which has asked the current actor to end, ends this kind of wait.
#[cold]
#[inline(never)]
fn ends_wait(slot: SlotRef, kind: WaitKind) -> bool {
    !matches!(kind, WaitKind::Join | WaitKind::Scope) && may_be_killed(slot)
}

/// Whether the current actor, which was killed or asked to end, may be unwound here.
#[cold]
#[inline(never)]
fn may_be_killed(slot: SlotRef) -> bool {
    let puts_off = slot.kill_masks.get() > 0
        || slot.hold.get() == Hold::NoPreempt
        || slot.is_told() && !slot.state.is_killed()
        || slot.state.is_deaf()
        || std::thread::panicking();
    !puts_off && !has_swallowed_enough(slot)
}

/// Whether the current actor, which was killed, is left alone from now on; then it is reported.
fn has_swallowed_enough(slot: SlotRef) -> bool {
    if slot.kills_thrown.get() < MOST_THROWS {
        return false;
    }
    slot.state.go_deaf();
    let mut line = String::from("smarm: ");
    // Writing to a String cannot fail.
    slot.describe_with_place(&mut line).ok();
    let told = "swallows its kill: it has caught it";
    writeln!(line, ", {told} {MOST_THROWS} times, and is left to finish").ok();
    stderr::write(line.as_bytes());
    true
}

/// Runs `f` with kills put off: `f` may wait, and is not unwound. Nests.
pub(crate) fn mask_kill<T>(f: impl FnOnce() -> T) -> T {
    struct Unmask(SlotRef);
    impl Drop for Unmask {
        fn drop(&mut self) {
            self.0.kill_masks.set(self.0.kill_masks.get() - 1);
        }
    }
    let Some(slot) = current::actor() else { return f() };
    slot.kill_masks.set(slot.kill_masks.get() + 1);
    let _unmask = Unmask(slot);
    f()
}
