//! The reply word between a caller and those who answer, each a thread. The place is a cell that loom watches: two at a time are a failure.

use loom::cell::UnsafeCell;
use loom::model;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{Answer, CallId, ReplyWord, Silence};

struct Caller {
    reply: ReplyWord,
    place: UnsafeCell<u32>,
}

// SAFETY: the place is what the models check.
unsafe impl Sync for Caller {}
// SAFETY: as above.
unsafe impl Send for Caller {}

impl Caller {
    fn new() -> Arc<Self> {
        Arc::new(Self { reply: ReplyWord::new(), place: UnsafeCell::new(0) })
    }

    fn call(&self) -> CallId {
        self.reply.open(core::ptr::null_mut())
    }

    fn answer(caller: &Arc<Self>, call: CallId, value: u32) -> JoinHandle<bool> {
        let caller = Arc::clone(caller);
        thread::spawn(move || {
            let began = caller.reply.begin(call).is_some();
            if began {
                // SAFETY: between `begin` and `finish`; loom looks whether that is enough.
                caller.place.with_mut(|place| unsafe { *place = value });
                caller.reply.finish(call);
            }
            began
        })
    }

    fn read(&self) -> u32 {
        // SAFETY: after an answer, or after `leave`.
        self.place.with(|place| unsafe { *place })
    }

    /// The place is the caller's again, for something else.
    fn reuse(&self) {
        // SAFETY: as for `read`.
        self.place.with_mut(|place| unsafe { *place = 99 });
    }

    fn wait(&self, call: CallId) -> Answer {
        loop {
            match self.reply.look(call) {
                Answer::None => thread::yield_now(),
                answer => return answer,
            }
        }
    }
}

#[test]
fn loom_a_reply_is_read_as_it_was_written() {
    model(|| {
        let caller = Caller::new();
        let call = caller.call();
        let answers = Caller::answer(&caller, call, 7);
        assert_eq!(caller.wait(call), Answer::Written);
        assert_eq!(caller.read(), 7);
        assert!(answers.join().unwrap());
    });
}

#[test]
fn loom_a_caller_that_leaves_has_the_reply_or_its_place_for_itself() {
    model(|| {
        let caller = Caller::new();
        let call = caller.call();
        let answers = Caller::answer(&caller, call, 7);
        let answer = caller.reply.leave(call);
        if answer == Answer::Written {
            assert_eq!(caller.read(), 7);
        }
        caller.reuse();
        assert_eq!(answers.join().unwrap(), answer == Answer::Written);
    });
}

#[test]
fn loom_a_late_reply_does_not_reach_the_next_call() {
    model(|| {
        let caller = Caller::new();
        let first = caller.call();
        let late = Caller::answer(&caller, first, 1);
        let left = caller.reply.leave(first);
        let second = caller.call();
        let answers = Caller::answer(&caller, second, 2);
        assert_eq!(caller.wait(second), Answer::Written);
        assert_eq!(caller.read(), 2);
        assert_eq!(late.join().unwrap(), left == Answer::Written);
        assert!(answers.join().unwrap());
    });
}

#[test]
fn loom_of_an_answer_and_an_abandonment_one_counts() {
    model(|| {
        let caller = Caller::new();
        let call = caller.call();
        let answers = Caller::answer(&caller, call, 7);
        let abandoned = caller.reply.abandon(call, Silence::Undelivered);
        let answer = caller.wait(call);
        assert_eq!(answer == Answer::Silence(Silence::Undelivered), abandoned);
        assert_ne!(answers.join().unwrap(), abandoned);
    });
}

#[test]
fn loom_an_abandonment_after_the_caller_left_changes_nothing() {
    model(|| {
        let caller = Caller::new();
        let call = caller.call();
        let abandons = {
            let caller = Arc::clone(&caller);
            thread::spawn(move || caller.reply.abandon(call, Silence::Unanswered))
        };
        let left = caller.reply.leave(call);
        assert_eq!(abandons.join().unwrap(), left == Answer::Silence(Silence::Unanswered));
        let _ = caller.call();
        assert!(caller.reply.waiting().is_some());
    });
}
