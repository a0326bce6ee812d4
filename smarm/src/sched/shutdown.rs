//! How far the shutdown of a runtime is, and who wants to know. What is done in it is told in `runtime::shutdown`.
//!
//! | stage | what happens | leaves by |
//! |---|---|---|
//! | `None` | nothing | `begin` |
//! | `Hooks` | the hooks run | `end_servers`, by the steward |
//! | `Servers` | supervisors end, then other servers | `ask`, by the steward |
//! | `Asked` | all others are asked to end | `clear`, at the end of the run |
//!
//! The steward is the actor that takes one step after the other. It does not look after the deadline: whoever waits for the end of the run does,
//! outside all workers.

use core::panic::Location;
use std::sync::{MutexGuard, PoisonError};

use crate::pid::Pid;
use crate::sys::atomic::{AtomicBool, AtomicU32, AtomicU64, Mutex, Ordering};
use crate::task::park;
use crate::task::section::Section;

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
enum Stage {
    None,
    Hooks,
    Servers,
    Asked,
}

/// What is to run at the beginning of a shutdown, and where that was said.
pub(crate) struct Hook {
    pub(crate) run: Box<dyn FnOnce() + Send>,
    pub(crate) placed_at: &'static Location<'static>,
}

#[derive(Default)]
struct Desk {
    /// In the order in which they came.
    hooks: Vec<Hook>,
    /// Who is unparked when all are asked to end.
    waiters: Vec<Pid>,
}

pub(crate) struct Shutdown {
    /// A `Stage`. Left by who holds the lock of the desk.
    stage: AtomicU32,
    /// When all are killed. Written before the stage leaves `None`, and made earlier by `hurry`.
    deadline_ns: AtomicU64,
    /// Somebody was left at the deadline.
    is_overdue: AtomicBool,
    /// A signal from outside the program may begin one.
    heeds_signals: AtomicBool,
    /// Who is unparked when a server is gone that was asked to end, as the bits of a `Pid`; 0 for nobody.
    steward: AtomicU64,
    desk: Mutex<Desk>,
}

impl Shutdown {
    pub(super) fn new() -> Self {
        Self {
            stage: AtomicU32::new(Stage::None as u32),
            deadline_ns: AtomicU64::new(u64::MAX),
            is_overdue: AtomicBool::new(false),
            heeds_signals: AtomicBool::new(false),
            steward: AtomicU64::new(0),
            desk: Mutex::new(Desk::default()),
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Nothing panics while it is held but an allocation failure, which leaves it usable.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_past(&self, stage: Stage) -> bool {
        // Ordering: Acquire; pairs with the Release in `enter`.
        self.stage.load(Ordering::Acquire) > stage as u32
    }

    fn enter(&self, stage: Stage) {
        // Ordering: Release; publishes what was done in the stage before, and the deadline.
        self.stage.store(stage as u32, Ordering::Release);
    }

    // ---- looks --------------------------------------------------------------------------------------------------------

    pub(crate) fn has_begun(&self) -> bool {
        self.is_past(Stage::None)
    }

    /// Whether servers are being ended, or have been.
    pub(crate) fn ends_servers(&self) -> bool {
        self.is_past(Stage::Hooks)
    }

    /// Whether all are asked to end.
    pub(crate) fn has_asked(&self) -> bool {
        self.is_past(Stage::Servers)
    }

    /// When all are killed, if one has begun.
    pub(crate) fn deadline_ns(&self) -> Option<u64> {
        // Ordering: Relaxed. Published by the stage; made earlier by who then unparks those that look at it.
        self.has_begun().then(|| self.deadline_ns.load(Ordering::Relaxed))
    }

    pub(crate) fn is_overdue(&self) -> bool {
        // Ordering: Relaxed. Written and read by who waits for the end.
        self.is_overdue.load(Ordering::Relaxed)
    }

    pub(crate) fn note_overdue(&self) {
        // Ordering: Relaxed. As above.
        self.is_overdue.store(true, Ordering::Relaxed);
    }

    /// A signal may begin one, so that who waits for one does not do so in vain.
    pub(crate) fn heed_signals(&self) {
        // Ordering: Relaxed. Before the run begins.
        self.heeds_signals.store(true, Ordering::Relaxed);
    }

    pub(super) fn heeds_signals(&self) -> bool {
        // Ordering: Relaxed. As above.
        self.heeds_signals.load(Ordering::Relaxed)
    }

    // ---- steps --------------------------------------------------------------------------------------------------------

    /// Begins one; what is to run first, in the order in which it came. `None` if one has begun already.
    pub(crate) fn begin(&self, deadline_ns: u64) -> Option<Vec<Hook>> {
        let _section = Section::begin();
        let mut desk = self.desk();
        if self.has_begun() {
            return None;
        }
        // Ordering: Relaxed, twice. Published by the stage.
        self.deadline_ns.store(deadline_ns, Ordering::Relaxed);
        self.is_overdue.store(false, Ordering::Relaxed);
        self.enter(Stage::Hooks);
        Some(core::mem::take(&mut desk.hooks))
    }

    /// Makes the deadline of one that has begun come at once. Who waits for the end is to be unparked then.
    pub(crate) fn hurry(&self) {
        // Ordering: Relaxed. See `deadline_ns`.
        self.deadline_ns.store(0, Ordering::Relaxed);
    }

    /// The hooks have run; this actor goes on.
    pub(crate) fn end_servers(&self, steward: Pid) {
        // Ordering: Release; pairs with the Acquire in `tell_steward`.
        self.steward.store(steward.to_bits(), Ordering::Release);
        self.enter(Stage::Servers);
    }

    /// A server is gone that was asked to end.
    pub(super) fn tell_steward(&self) {
        // Ordering: Acquire; pairs with the Release in `end_servers`. The steward has asked that server afterwards.
        if let Some(steward) = Pid::from_bits(self.steward.load(Ordering::Acquire)) {
            park::unpark(steward);
        }
    }

    /// The servers have ended: who waits for this is unparked.
    pub(crate) fn ask(&self) {
        let waiters = {
            let _section = Section::begin();
            let mut desk = self.desk();
            self.enter(Stage::Asked);
            core::mem::take(&mut desk.waiters)
        };
        waiters.into_iter().for_each(park::unpark);
    }

    /// The run has ended, and with it the shutdown. Gives the hooks, which did not run if there was none.
    pub(crate) fn clear(&self) -> Vec<Hook> {
        let _section = Section::begin();
        let mut desk = self.desk();
        // Ordering: Relaxed. It has ended.
        self.steward.store(0, Ordering::Relaxed);
        self.enter(Stage::None);
        core::mem::take(&mut desk.hooks)
    }

    // ---- who wants to know --------------------------------------------------------------------------------------------

    /// Has it run when one begins. Gives it back if one has begun already.
    pub(crate) fn add_hook(&self, hook: Hook) -> Result<(), Hook> {
        let _section = Section::begin();
        let mut desk = self.desk();
        if self.has_begun() {
            return Err(hook);
        }
        desk.hooks.push(hook);
        Ok(())
    }

    /// Registers who is to be unparked when all are asked to end; false if they are.
    pub(crate) fn await_ask(&self, waiter: Pid) -> bool {
        let _section = Section::begin();
        let mut desk = self.desk();
        if self.has_asked() {
            return false;
        }
        if !desk.waiters.contains(&waiter) {
            desk.waiters.push(waiter);
        }
        true
    }

    /// It waits no more.
    pub(crate) fn leave(&self, waiter: Pid) {
        let _section = Section::begin();
        self.desk().waiters.retain(|other| *other != waiter);
    }
}
