//! A future that waits for the reply to a call, and those who answer it, each a thread: with the reply word and the state word of its slot, as
//! `actor::call_future` and `task::park` use them. The place of the reply is a cell that loom watches.

use core::task::Waker;
use std::task::Wake;

use loom::cell::UnsafeCell;
use loom::model;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::Wakers;
use crate::pid::Pid;
use crate::sys::atomic::{AtomicU32, Ordering};
use crate::task::reply::{Answer, CallId, ReplyWord, Silence};
use crate::task::state::{StateWord, Unpark};

/// A slot, and the table of wakers.
struct Slot {
    wakers: Wakers,
    state: StateWord,
    reply: ReplyWord,
    place: UnsafeCell<u32>,
}

// SAFETY: the place is what the models check.
unsafe impl Sync for Slot {}
// SAFETY: as above.
unsafe impl Send for Slot {}

/// Counts how often it is called.
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: std::sync::Arc<Self>) {
        // Ordering: Relaxed. Whoever is polled then must not depend on it to see what was done before.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn new() -> (std::sync::Arc<Self>, Waker) {
        let count = std::sync::Arc::new(Self(AtomicU32::new(0)));
        (count.clone(), Waker::from(count))
    }

    fn get(&self) -> u32 {
        // Ordering: Relaxed; as above.
        self.0.load(Ordering::Relaxed)
    }
}

const PLACE: u32 = 1;

impl Slot {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            wakers: Wakers::new(),
            state: StateWord::new(),
            reply: ReplyWord::new(),
            place: UnsafeCell::new(0),
        })
    }

    /// A future takes the slot.
    fn begin(&self) -> (Pid, CallId) {
        let generation = self.state.occupy_running();
        (Pid::new(PLACE, generation), self.reply.open(core::ptr::null_mut()))
    }

    fn poll(&self, pid: Pid, call: CallId, waker: &Waker) -> Answer {
        self.wakers.expect(&self.state, pid, waker);
        self.reply.look(call)
    }

    /// The future goes: the reply, if it came.
    fn end(&self, pid: Pid, call: CallId) -> Option<u32> {
        let answer = self.reply.leave(call);
        let reply = (answer == Answer::Written).then(|| self.read());
        self.reuse();
        self.state.finish();
        drop(self.wakers.take(pid));
        reply
    }

    fn read(&self) -> u32 {
        // SAFETY: after an answer, or after `leave`; loom looks whether that is enough.
        self.place.with(|place| unsafe { *place })
    }

    /// The place is freed.
    fn reuse(&self) {
        // SAFETY: as for `read`.
        self.place.with_mut(|place| unsafe { *place = 99 });
    }

    fn unpark(&self, pid: Pid) {
        if self.state.unpark(pid.generation()) == Unpark::Push {
            self.wakers.take(pid).into_iter().for_each(Waker::wake);
        }
    }

    fn answer(slot: &Arc<Self>, pid: Pid, call: CallId, value: u32) -> JoinHandle<bool> {
        let slot = Arc::clone(slot);
        thread::spawn(move || {
            let began = slot.reply.begin(call).is_some();
            if began {
                // SAFETY: between `begin` and `finish`; loom looks whether that is enough.
                slot.place.with_mut(|place| unsafe { *place = value });
                slot.reply.finish(call);
                slot.unpark(pid);
            }
            began
        })
    }

    /// Somebody wakes it for no reason, or because its time is over.
    fn disturb(slot: &Arc<Self>, pid: Pid) -> JoinHandle<()> {
        let slot = Arc::clone(slot);
        thread::spawn(move || slot.unpark(pid))
    }
}

#[test]
fn loom_a_future_that_is_pending_is_woken_by_the_reply() {
    model(|| {
        let slot = Slot::new();
        let (pid, call) = slot.begin();
        let (count, waker) = Count::new();
        let answers = Slot::answer(&slot, pid, call, 7);
        let first = slot.poll(pid, call, &waker);
        assert!(answers.join().unwrap());
        if first == Answer::None {
            assert!(count.get() >= 1, "pending, answered, and never woken");
            assert_eq!(slot.poll(pid, call, &waker), Answer::Written);
        }
        assert_eq!(slot.end(pid, call), Some(7));
    });
}

#[test]
fn loom_the_latest_waker_is_called_whoever_else_wakes_it() {
    model(|| {
        let slot = Slot::new();
        let (pid, call) = slot.begin();
        let (_, early) = Count::new();
        let (count, late) = Count::new();
        assert_eq!(slot.poll(pid, call, &early), Answer::None);
        let answers = Slot::answer(&slot, pid, call, 7);
        let disturbs = Slot::disturb(&slot, pid);
        let second = slot.poll(pid, call, &late);
        assert!(answers.join().unwrap());
        disturbs.join().unwrap();
        if second == Answer::None {
            assert!(count.get() >= 1, "pending, answered, and the latest waker was not called");
            assert_eq!(slot.poll(pid, call, &late), Answer::Written);
        }
        assert_eq!(slot.end(pid, call), Some(7));
    });
}

#[test]
fn loom_a_future_that_goes_has_the_reply_or_its_place_for_itself() {
    model(|| {
        let slot = Slot::new();
        let (pid, call) = slot.begin();
        let (_, waker) = Count::new();
        let answers = Slot::answer(&slot, pid, call, 7);
        let first = slot.poll(pid, call, &waker);
        let reply = slot.end(pid, call);
        assert_eq!(reply.is_some(), answers.join().unwrap());
        assert!(first == Answer::None || reply == Some(7));
    });
}

#[test]
fn loom_who_is_late_does_not_take_the_waker_of_the_next_future_of_the_slot() {
    model(|| {
        let slot = Slot::new();
        let (pid, call) = slot.begin();
        let (_, waker) = Count::new();
        assert_eq!(slot.poll(pid, call, &waker), Answer::None);
        let answers = Slot::answer(&slot, pid, call, 1);
        let left = slot.end(pid, call);
        let (next, second) = slot.begin();
        let (count, waker) = Count::new();
        assert_eq!(slot.poll(next, second, &waker), Answer::None);
        assert_eq!(answers.join().unwrap(), left.is_some());
        assert_eq!(count.get(), 0);
        assert!(slot.reply.abandon(second, Silence::Unanswered));
        slot.unpark(next);
        assert_eq!(count.get(), 1);
        assert_eq!(slot.end(next, second), None);
    });
}
