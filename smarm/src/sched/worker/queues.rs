//! Whom a worker runs next, and where actors wait for that.

use core::ptr;
use std::collections::VecDeque;

use super::{POLL_INTERVAL, Worker};
use crate::pid::Pid;
use crate::sched::crew::Role;
use crate::sched::deque::Entry;
use crate::sys::{arch, chaos, clock};
use crate::task::current::Here;
use crate::task::growth;
use crate::task::park;
use crate::task::slot::{self, SlotRef};
use crate::task::state::Claim;

/// From this length on the deque is worked from the newest end: depth first, so that a tree of actors needs few stacks at a time.
const DEPTH_FIRST_LENGTH: usize = 256;

/// Even then one actor in so many is taken from the oldest end, so that nobody waits for ever.
const OLDEST_TURN: u32 = 32;

/// The LIFO slot runs this many times in a row while others wait.
const LIFO_RUNS: u32 = 3;

/// Woken actors run this many times in a row before those that yielded or have not started.
const WOKEN_RUNS: u32 = 8;

impl Worker {
    /// An actor, claimed: the caller must run it.
    pub(super) fn find(&'static self) -> Option<SlotRef> {
        park::wake_somebody(self.shared().id);
        let ticks = self.ticks.get() + 1;
        self.ticks.set(ticks);
        if ticks >= POLL_INTERVAL {
            self.poll(false);
        }
        self.find_local().or_else(|| {
            self.poll(true);
            self.find_local().or_else(|| if self.takes_work() { self.steal() } else { self.take_own() })
        })
    }

    pub(super) fn find_local(&'static self) -> Option<SlotRef> {
        self.take_next()
            .or_else(|| self.take_lifo())
            .or_else(|| self.take_woken())
            .or_else(|| self.take_waiting())
    }

    /// What a join asked for.
    pub(super) fn take_next(&'static self) -> Option<SlotRef> {
        let pid = self.next.take()?;
        self.forget_if_at_an_end(pid);
        self.claim_movable(pid)
    }

    /// Removes the queue entry of an actor that is about to be claimed, where that is cheap: entries left behind are skipped later.
    pub(super) fn forget_if_at_an_end(&self, pid: Pid) {
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
            self.push_local(other);
        }
    }

    #[inline]
    pub(super) fn take_lifo(&self) -> Option<SlotRef> {
        let slot = self.lifo.take()?;
        let runs = self.lifo_runs.get() + 1;
        if runs <= LIFO_RUNS && !chaos::leaves_lifo() {
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

    pub(super) fn others_wait(&self) -> bool {
        // SAFETY: the owner's thread; the closures only look.
        let sticky = unsafe {
            !self.woken.with(|woken| woken.is_empty()) || !self.yielded.with(|ring| ring.is_empty())
        };
        sticky || !self.deque.is_empty()
    }

    #[inline(always)]
    pub(super) fn has_lifo(&self) -> bool {
        let lifo = self.lifo.take();
        self.lifo.set(lifo);
        lifo.is_some()
    }

    pub(super) fn take_woken(&self) -> Option<SlotRef> {
        let runs = self.woken_runs.get().saturating_add(1);
        if runs > WOKEN_RUNS && self.someone_waits_behind() {
            self.woken_runs.set(0);
            return None;
        }
        // SAFETY: the owner's thread.
        let slot = unsafe { self.woken.with(pop_and_look_ahead) }?;
        self.woken_runs.set(runs);
        Some(slot)
    }

    pub(super) fn someone_waits_behind(&self) -> bool {
        // SAFETY: the owner's thread.
        !self.deque.is_empty() || unsafe { !self.yielded.with(|ring| ring.is_empty()) }
    }

    /// From the deque and the ring of those that yielded, in turn; then from the woken ones, if their turn was cut.
    pub(super) fn take_waiting(&'static self) -> Option<SlotRef> {
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

    pub(super) fn take_yielded(&self) -> Option<SlotRef> {
        // SAFETY: the owner's thread. A yielded actor stayed `Running`: there is nothing to claim.
        unsafe { self.yielded.with(pop_and_look_ahead) }
    }

    pub(super) fn take_unstarted(&'static self) -> Option<SlotRef> {
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
                if length >= DEPTH_FIRST_LENGTH {
                    self.look_ahead_unstarted();
                }
                return claimed;
            }
        }
    }

    /// Has the processor fetch what the next new actors will need, of a queue that is too long for the first-level cache: the job of the next
    /// one, and the slot of the one after it, which tells where its job is.
    fn look_ahead_unstarted(&self) {
        let slot_at = |place| {
            // SAFETY: this is the owner's thread.
            let entry = unsafe { self.deque.newest_but(place) }?;
            Pid::from_bits(entry.pid).map(slot::slot_of)
        };
        if let Some(next) = slot_at(0) {
            arch::prefetch(next.job().cast());
        }
        if let Some(later) = slot_at(1) {
            later.prefetch();
        }
    }

    /// Breadth first while the deque is short; depth first when it is long, but for one in some, so that nobody waits for ever.
    pub(super) fn works_from_oldest(&self, length: usize) -> bool {
        let turn = self.unstarted_turn.get().wrapping_add(1);
        self.unstarted_turn.set(turn);
        length < DEPTH_FIRST_LENGTH || turn.is_multiple_of(OLDEST_TURN)
    }

    /// What the LIFO slot held: an actor that was woken is its worker's already, a server is yet to be claimed.
    #[inline(always)]
    pub(super) fn claim_if_movable(&self, slot: SlotRef) -> Option<SlotRef> {
        if !slot.home().is_null() {
            return Some(slot);
        }
        (slot.state.claim(slot.state.generation()) == Claim::Run).then_some(slot)
    }

    /// Queues what has to leave the LIFO slot.
    pub(super) fn displace(&self, slot: SlotRef) {
        if slot.home().is_null() { self.push_new(slot) } else { self.push_woken(slot) }
    }

    pub(super) fn claim_movable(&self, pid: Pid) -> Option<SlotRef> {
        let slot = slot::slot_of(pid);
        (slot.state.claim(pid.generation()) == Claim::Run).then_some(slot)
    }

    pub(in crate::sched) fn run_next(&self, pid: Pid) {
        if self.takes_work() {
            self.next.set(Some(pid));
        }
    }

    /// A wake of one of this worker's actors.
    #[inline]
    pub(in crate::sched) fn wake(&self, here: Option<&Here>, slot: SlotRef) {
        if !here.is_some_and(|here| self.is_here(here)) {
            self.inbox.push(slot.index(), &slot.next);
            return self.notify();
        }
        self.counters.wakes.add(1);
        slot.prefetch_stack(); // it runs when the waker parks, most often at once
        if self.here.actor().is_none() || chaos::leaves_lifo() {
            self.push_woken(slot); // by a timer: in the order of their deadlines
        } else if let Some(displaced) = self.lifo.replace(Some(slot)) {
            self.displace(displaced);
        }
    }

    /// Queues a server here that has mail. The caller is this worker, or an actor that runs on it; `soon`: one that is about to park.
    pub(in crate::sched) fn activate(&self, slot: SlotRef, soon: bool) {
        self.counters.wakes.add(1);
        if !soon || !self.takes_work() {
            return self.push_new(slot);
        }
        if self.is_worth_a_hop() || chaos::moves() {
            return self.give_away(self.entry_of(slot));
        }
        if let Some(displaced) = self.lifo.replace(Some(slot)) {
            self.displace(displaced);
        }
    }

    #[inline]
    pub(super) fn push_woken(&self, slot: SlotRef) {
        // SAFETY: the owner's thread.
        unsafe {
            self.woken.with(|woken| {
                growth::push_back(woken, slot);
                if chaos::overtakes() {
                    woken.rotate_right(1);
                }
            });
        }
    }

    /// Queues a new actor here. The caller is an actor of this worker.
    pub(in crate::sched) fn push_new(&self, slot: SlotRef) {
        self.push_entry(self.entry_of(slot));
    }

    pub(super) fn entry_of(&self, slot: SlotRef) -> Entry {
        Entry { pid: slot.pid().to_bits(), pushed_ns: self.now_ns.get() }
    }

    /// Queues a new actor on this worker, from another one.
    pub(in crate::sched) fn push_spread(&self, slot: SlotRef) {
        self.spread.push(Entry { pid: slot.pid().to_bits(), pushed_ns: clock::now_ns() });
        self.notify();
    }

    /// Queues what may move where it will be found: here, if this worker takes such. (In the chaos build another one may find it first.)
    #[inline]
    pub(super) fn push_entry(&self, entry: Entry) {
        if self.takes_work() && !chaos::moves() { self.push_local(entry) } else { self.give_away(entry) }
    }

    pub(super) fn push_local(&self, entry: Entry) {
        if self.deque.is_full() {
            self.sweep();
        }
        // SAFETY: this is the owner's thread.
        unsafe { self.deque.push(entry) };
    }

    /// Drops the entries of actors that were claimed otherwise, so that they do not make the deque grow.
    #[cold]
    pub(super) fn sweep(&self) {
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

    /// The actor that has this worker for itself, if it is to be started or has mail.
    fn take_own(&'static self) -> Option<SlotRef> {
        let mut own = None;
        // One entry at a time: an older one may be of an actor that has ended.
        while own.is_none() && self.spread.len() > 0 {
            self.spread.take_share(usize::MAX, |entry| {
                own = Pid::from_bits(entry.pid).and_then(|pid| self.claim_movable(pid));
            });
        }
        own
    }

    /// Gives away what others may run, by a worker that takes nothing.
    pub(super) fn pass_on(&self) {
        let shared = self.shared();
        // SAFETY: this is the owner's thread.
        while let Some(entry) = unsafe { self.deque.pop_oldest() } {
            shared.injector.push(entry);
        }
        if self.has_role(Role::Resting) {
            self.spread.take_share(1, |entry| shared.injector.push(entry));
        }
        // Also when it has nothing: it may have been woken for something before it came to take nothing.
        if shared.injector.len() > 0 {
            shared.wake_one();
        }
    }

    pub(super) fn take_inbox(&self) {
        if self.inbox.is_empty() {
            return;
        }
        let slot_at = |index| slot::slot_at(index).expect("an inbox holds slots that exist");
        self.inbox.take(|index| &slot_at(index).next, |index| self.receive(slot_at(index)));
    }

    pub(super) fn receive(&self, slot: SlotRef) {
        self.counters.wakes.add(1);
        self.push_woken(slot);
    }

    /// How many started actors are ready here. Owner only.
    pub(super) fn sticky_queue_len(&self) -> usize {
        let lifo = self.lifo.take();
        self.lifo.set(lifo);
        // SAFETY: the owner's thread; the closures only look.
        let rings = unsafe { self.woken.with(|woken| woken.len()) + self.yielded.with(|ring| ring.len()) };
        rings + usize::from(lifo.is_some())
    }

    pub(in crate::sched) fn queue_len(&self) -> usize {
        self.deque.len() + self.spread.len() + self.sticky_len.get() as usize
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
