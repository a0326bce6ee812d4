//! What a server knows of itself.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use std::cell::RefCell;

use smarm::{CallError, Ctx};
use smarm_tests::{actors, on, panic_message};

struct Keeper {
    kept: RefCell<Vec<usize>>,
}

thread_local! {
    static STOLEN: RefCell<Option<Ctx<Keeper>>> = const { RefCell::new(None) };
}

#[smarm::actor]
impl Keeper {
    pub fn steal(&mut self, ctx: &mut Ctx<Self>) -> u32 {
        let mine = std::mem::replace(ctx, Ctx::detached());
        STOLEN.with_borrow_mut(|place| *place = Some(mine));
        1
    }

    pub fn count(&self) -> usize {
        self.kept.borrow().len()
    }

    pub fn remind(&mut self, ctx: &mut Ctx<Self>) {
        self.kept.borrow_mut().push(1);
        if self.kept.borrow().len() < 3 {
            ctx.handle().remind();
        }
    }

    pub fn call_oneself(&self, ctx: &mut Ctx<Self>) -> bool {
        matches!(ctx.handle().count(), Err(CallError::Deadlock { .. }))
    }
}

fn keeper() -> KeeperHandle {
    Keeper { kept: RefCell::default() }.start()
}

#[test]
fn a_context_that_has_outlived_its_server_says_so() {
    on(1, || {
        let keeper = keeper();
        keeper.steal().expect("it answers");
        keeper.stop();
        keeper.join();
        drop(keeper);
        let stolen = STOLEN.take().expect("it was put there");
        let message = panic_message(|| stolen.handle());
        assert!(message.contains("keep `ctx.handle()` instead of the context"), "{message}");
    });
}

#[test]
fn a_context_is_of_no_use_to_another_actor() {
    on(1, || {
        let keeper = keeper();
        keeper.steal().expect("it answers");
        let stolen = STOLEN.take().expect("it was put there");
        let message = panic_message(|| stolen.pid());
        assert!(message.contains("outside its server"), "{message}");
    });
}

#[test]
fn a_server_may_send_to_itself_and_not_call_itself() {
    actors(|| {
        let keeper = keeper();
        keeper.remind();
        while keeper.count().expect("it answers") < 3 {
            smarm::yield_now();
        }
        assert!(keeper.call_oneself().expect("it answers"));
    });
}
