//! An actor's turn: it gets the processor, and a stack if it has none; it leaves it by parking, yielding, resting or ending.
//!
//! An actor that parks or leaves its stack for good while the LIFO slot is filled, or yields while only yielded ones wait, hands over to
//! that one directly. Who is continued then settles what its predecessor left for.

use core::ptr;

use super::{Action, POLL_INTERVAL, Worker, home_of};
use crate::fiber::{self, Context};
use crate::sched::crew::Role;
use crate::sys::chaos;
use crate::sys::stack::{self, Stack};
use crate::task::growth;
use crate::task::section::Section;
use crate::task::slot::{Slot, SlotRef, Turn};
use crate::task::state::{Park, Rest};

/// A server handles so many messages in a row while others wait.
const TURN_MESSAGES: u32 = 64;

impl Worker {
    /// Runs a claimed actor until it parks, yields or ends.
    #[inline(always)]
    pub(super) fn execute(&'static self, slot: SlotRef) {
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
        self.here.set_actor(None);
    }

    #[inline(always)]
    pub(super) fn begin_slice(&self, slot: SlotRef) {
        self.runs.add(1);
        self.here.budget.begin_turn();
        self.here.set_actor(Some(slot));
    }

    /// Does what the actor switched away for. `Notified`: it goes on at once.
    pub(super) fn settle(&self, slot: SlotRef) -> Park {
        match self.action.get() {
            Action::Park => {
                self.counters.parks.add(1);
                // Invariant: after `Parked` the actor may run, end and be gone; nothing below touches it.
                return slot.state.park();
            }
            Action::Yield => self.requeue(slot),
            Action::Rest => self.end_activation(slot, false),
            Action::Again => self.end_activation(slot, true),
            Action::Finish => self.bury(slot),
        }
        Park::Parked
    }

    /// Gives the actor its stack. False if there was none: then it stays queued.
    #[inline(always)]
    pub(super) fn prepare_start(&'static self, slot: SlotRef) -> bool {
        let (class, server) = (slot.stack_class(), slot.is_server());
        // SAFETY: the owner's thread.
        let stack = unsafe {
            self.supplies
                .with(|supplies| if server { supplies.lend_stack(class) } else { supplies.take_stack(class) })
        };
        match stack {
            Ok(stack) => {
                stack.check_rubbish();
                if server {
                    self.counters.activations.add(1);
                }
                stack.set_owner(ptr::from_ref(slot).cast_mut().cast());
                slot.stack_index.set(stack.index());
                slot.set_home(ptr::from_ref(self).cast());
                self.count_started();
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
    pub(super) fn put_back(&self, slot: SlotRef, error: &stack::StackError) {
        let _section = Section::begin();
        eprintln!("smarm: actor {} must wait for a stack: {error}", slot.pid());
        let entry = self.entry_of(slot);
        slot.state.unclaim();
        if self.has_role(Role::Own) {
            self.spread.push(entry)
        } else {
            self.shared().injector.push(entry)
        }
        std::thread::yield_now();
    }

    /// Takes the stack from an actor that has switched away from it for good.
    pub(super) fn strip(&self, slot: SlotRef) -> Stack {
        // SAFETY: the actor ran on it, and is stripped once.
        let stack = unsafe { slot.stack() };
        stack.set_owner(ptr::null_mut());
        slot.set_home(ptr::null());
        self.uncount_started();
        chaos::also(|| slot.context.set(Context::running()));
        stack
    }

    /// Workers beyond the regular ones know how many actors live on them.
    #[inline(always)]
    fn count_started(&self) {
        if !self.has_role(Role::Regular) {
            self.started.set(self.started.get() + 1);
        }
    }

    #[inline(always)]
    fn uncount_started(&self) {
        if !self.has_role(Role::Regular) {
            self.started.set(self.started.get() - 1);
        }
    }

    /// Takes back the stack of a server, which is movable again.
    pub(super) fn end_activation(&self, slot: SlotRef, again: bool) {
        let stack = self.strip(slot);
        // SAFETY: the owner's thread.
        unsafe { self.supplies.with(|supplies| supplies.take_stack_back(&stack)) };
        // Before anybody else can activate it; see `Shared::servers_at_rest`.
        self.counters.rests.add(1);
        let entry = self.entry_of(slot);
        // Invariant: after it is idle the server may run, end and be gone; nothing below touches it.
        if again {
            slot.state.unclaim();
        } else if slot.state.rest() == Rest::Idle {
            return;
        }
        if self.has_role(Role::Own) { self.spread.push(entry) } else { self.push_entry(entry) }
    }

    /// Takes back slot and stack of an actor that has ended.
    pub(super) fn bury(&self, slot: SlotRef) {
        let stack = self.strip(slot);
        let was_asked = slot.state.finish();
        // SAFETY: the owner's thread.
        unsafe { self.supplies.with(|supplies| supplies.take_back(slot, &stack)) };
        if was_asked {
            self.shared().shutdown.tell_steward();
        }
        if self.has_role(Role::Own) {
            self.shared().let_own_go(self);
        }
        // Last: when the counts say that nobody is left, nothing of the actor is in use.
        self.counters.buried.add(1);
    }

    /// Suspends the running actor.
    #[inline(always)]
    pub(super) fn suspend(&self, slot: SlotRef, action: Action) {
        debug_assert!(self.runs(slot), "an actor suspends on the worker that runs it");
        debug_assert!(self.here.is_outside_sections(), "a section does not switch");
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
    pub(in crate::sched) fn park(&'static self, slot: SlotRef) {
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
    pub(in crate::sched) fn yield_now(&self, slot: SlotRef) {
        match self.take_yielded_heir() {
            Some(heir) => {
                self.requeue(slot);
                self.hand_over(slot, heir);
            }
            None => self.suspend(slot, Action::Yield),
        }
        self.settle_predecessor();
    }

    /// Whom the parking actor may hand over to: the one in the LIFO slot, unless the worker has something else to look at first.
    #[inline(always)]
    pub(super) fn take_heir(&'static self) -> Option<SlotRef> {
        if !self.has_lifo() || !self.counts_as_plain_tick() || chaos::leaves_heir() {
            return None;
        }
        let heir = self.take_lifo()?;
        (!heir.home().is_null() || self.prepare_heir(heir)).then_some(heir)
    }

    /// Not inlined where an actor parks: the heir is a server that was called.
    #[inline(never)]
    fn prepare_heir(&'static self, heir: SlotRef) -> bool {
        self.prepare_start(heir)
    }

    #[inline(always)]
    pub(super) fn take_yielded_heir(&self) -> Option<SlotRef> {
        // SAFETY: the owner's thread; the closure only looks.
        let only_yielded = unsafe { self.woken.with(|woken| woken.is_empty()) } && self.deque.is_empty();
        if !only_yielded || self.has_lifo() || !self.counts_as_plain_tick() {
            return None;
        }
        self.take_yielded()
    }

    /// Counts a tick; false if the worker itself must look around now.
    #[inline(always)]
    pub(super) fn counts_as_plain_tick(&self) -> bool {
        let ticks = self.ticks.get() + 1;
        let plain = ticks < POLL_INTERVAL && self.next.get().is_none();
        if plain {
            self.ticks.set(ticks);
        }
        plain
    }

    /// Switches from the running actor to a claimed one.
    #[inline(always)]
    pub(super) fn hand_over(&self, slot: SlotRef, heir: SlotRef) {
        debug_assert!(self.here.is_outside_sections(), "a section does not switch");
        self.begin_slice(heir);
        // SAFETY: the heir is claimed and suspended, on this thread, which is its home. Our own context is continued by whoever claims
        // us later, on this thread.
        unsafe { fiber::switch(slot.context.as_ptr(), heir.context.as_ptr()) };
    }

    /// What every actor does when it is continued: what its predecessor, which handed over to it, switched away for. Only now are the
    /// predecessor's registers saved, and its stack is not in use.
    #[inline(always)]
    pub(super) fn settle_predecessor(&self) {
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
    pub(super) fn settle_left(&self, slot: SlotRef) {
        let park = self.settle(slot);
        debug_assert_eq!(park, Park::Parked, "who left for good does not go on");
    }

    /// Puts an actor that is `Running` behind the others.
    #[inline(never)]
    pub(super) fn requeue(&self, slot: SlotRef) {
        // SAFETY: the owner's thread.
        unsafe { self.yielded.with(|ring| growth::push_back(ring, slot)) };
    }

    /// Switches away from a stack for good. If somebody was just woken, that one runs at once, and clears up.
    pub(super) fn leave(&'static self, slot: SlotRef, turn: Turn) -> ! {
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

    /// Whether a server that has handled so many messages in a row should let others go first.
    #[inline]
    pub(in crate::sched) fn turn_is_over(&self, count: u32) -> bool {
        let budget = &self.here.budget;
        if budget.count() && budget.is_over() || chaos::ends_slice() {
            self.look_around_next();
            return true;
        }
        count >= TURN_MESSAGES && (self.has_lifo() || self.others_wait())
    }

    /// Puts the running actor, whose slice is over, behind the others.
    #[inline(always)]
    pub(in crate::sched) fn end_slice(&self, slot: SlotRef) {
        self.look_around_next();
        // SAFETY: the owner's thread; the closure only looks.
        if unsafe { self.yielded.with(|ring| ring.is_empty()) } {
            // Else it could be the ring's turn, and the actor its own successor.
            self.yielded_turn.set(false);
        }
        self.yield_now(slot);
    }

    /// Has the next look at inbox and timers come right after this turn, so that who waits there is found.
    fn look_around_next(&self) {
        self.ticks.set(POLL_INTERVAL);
    }
}

/// What runs first on an actor's stack.
unsafe extern "C" fn enter(argument: *mut ()) -> ! {
    // SAFETY: `prepare_start` passed the slot.
    let slot: SlotRef = unsafe { &*argument.cast::<Slot>() };
    let worker = home_of(slot);
    worker.settle_predecessor();
    let job = slot.job();
    // SAFETY: the job lives until `run` frees it; this is its actor's stack.
    let turn = unsafe { ((*job).kind.run)(job, slot) };
    worker.leave(slot, turn)
}
