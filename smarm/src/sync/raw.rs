//! The lock without what it guards: the word, the parking, and the look for cycles of owners.
//!
//! ```text
//!   lock                                        unlock
//!   1. safe point                               1. take the name back; if nobody waits, done
//!   2. nobody owns it: ours, done               2. wake the first, or hand over to it
//!   3. the owner runs elsewhere: spin a little
//!   4. unwinding, or not allowed to wait: say so
//!   5. queue up; publish for which lock we wait
//!   6. would it close a cycle? leave
//!   7. park; look; from 6
//! ```
//!
//! Steps 5 to 7 are those of [`waiting`].

use core::ptr::NonNull;
use std::time::Duration;

use super::error::LockError;
use super::waiting::{self, Wait};
use super::word::{Claim, LockWord, Look, Waiter};
use crate::pid::Pid;
use crate::sys::clock;
use crate::task::current;
use crate::task::park;
use crate::task::preempt::checkpoint_and_note;
use crate::task::slot::{self, SlotRef};
use crate::task::wait::WaitKind;

/// How often a lock is looked at before its owner, who runs on another thread, is waited for.
const SPINS: u32 = 40;

#[derive(Debug)]
pub(super) struct RawLock {
    word: LockWord<Pid>,
}

/// Who has the lock: the right to unlock it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Owner(u64);

impl RawLock {
    pub(super) const fn new() -> Self {
        Self { word: LockWord::new() }
    }

    /// Takes the lock, for who runs here. A safe point; may park.
    #[inline(always)]
    pub(super) fn lock(&self, kind: WaitKind, timeout: Duration) -> Result<Owner, LockError> {
        let slot = current::waiter_of(checkpoint_and_note());
        let me = slot.pid().to_bits();
        if self.word.try_acquire(me) { Ok(Owner(me)) } else { self.wait(slot, kind, timeout) }
    }

    /// Takes the lock if nobody has it. Never parks.
    #[inline]
    pub(super) fn try_lock(&self) -> Option<Owner> {
        let me = current::waiter().pid().to_bits();
        self.word.try_acquire(me).then_some(Owner(me))
    }

    /// Gives it back; only its owner does. Never parks.
    #[inline]
    pub(super) fn unlock(&self, owner: Owner) {
        if !self.word.release(owner.0) {
            self.unlock_to_waiters();
        }
    }

    #[cold]
    #[inline(never)]
    fn unlock_to_waiters(&self) {
        self.word.release_to_waiters(clock::now_ns).into_iter().for_each(park::unpark);
    }

    #[cold]
    #[inline(never)]
    fn wait(&self, slot: SlotRef, kind: WaitKind, timeout: Duration) -> Result<Owner, LockError> {
        let me = slot.pid();
        let owner = me.to_bits();
        if self.spin(slot, owner) {
            return Ok(Owner(owner));
        }
        waiting::begin(slot, "a lock that is taken")?;
        if self.word.owner() == owner {
            return Err(LockError::deadlock([me].into()));
        }
        let mut node = Waiter::new(me, Claim { owner, since_ns: clock::now_ns() });
        let node = NonNull::from(&mut node);
        // SAFETY: new, and in place until a look has said that it is in no queue.
        if let Look::Acquired = unsafe { self.word.enter(owner, node) } {
            return Ok(Owner(owner));
        }
        let look = |gives_up: bool| {
            // SAFETY: entered above.
            match unsafe { self.word.look(owner, node, gives_up) } {
                Look::Acquired => waiting::Look::Granted,
                Look::Waiting => waiting::Look::Waiting,
                Look::Left(next) => {
                    next.into_iter().for_each(park::unpark);
                    waiting::Look::Left
                }
            }
        };
        let wait = Wait { slot, kind, object: None, timeout: Some(timeout) };
        wait.until_owned(self.word.word(), look).map(|()| Owner(owner))
    }

    /// Looks a few times more, if the owner is on another thread and may be done soon.
    fn spin(&self, slot: SlotRef, me: u64) -> bool {
        let home = slot.home();
        for _ in 0..SPINS {
            match Pid::from_bits(self.word.owner()) {
                None if self.word.try_acquire(me) => return true,
                Some(owner) if !home.is_null() && slot::slot_of(owner).home() == home => return false,
                _ => core::hint::spin_loop(),
            }
        }
        false
    }
}
