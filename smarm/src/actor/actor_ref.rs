//! A reference to a server, by the type of its messages.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::num::NonZeroU64;
use core::ptr::NonNull;
use core::time::Duration;

use super::dead_letters;
use super::delivery::{self, Timer};
use super::interval::Interval;
use super::links;
use super::mailbox::{Overflow, Push};
use super::monitor::{Monitor, monitor};
use super::recipient::Recipient;
use super::server::{Core, System};
use crate::channel::TrySendError;
use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::task::current;
use crate::task::park::{self, Patience, Wake};
use crate::task::preempt::checkpoint;
use crate::task::slot::{SlotRef, slot_of};
use crate::task::state::Seen;
use crate::task::wait::{self, WaitKind};

/// A reference to a running server; what is inside each generated handle, and what [`Handle::actor`](crate::Handle::actor) gives.
///
/// Cheap to clone; equal if it is the same server. Keeps nothing alive but a few hundred bytes: dropping the last reference stops nothing,
/// unless the server wants that (`stop_on_drop`).
pub struct ActorRef<M> {
    core: NonNull<Core<M>>,
    /// In nanoseconds.
    timeout: Option<NonZeroU64>,
}

// SAFETY: only `#[smarm::actor]` starts servers, and its expansion asserts that each part of a message is `Send`.
unsafe impl<M> Send for ActorRef<M> {}
// SAFETY: as above; by reference it gives access to what is atomic or locked.
unsafe impl<M> Sync for ActorRef<M> {}

/// At least one, at most five centuries.
fn nanoseconds(timeout: Duration) -> NonZeroU64 {
    u64::try_from(timeout.as_nanos())
        .map_or(NonZeroU64::MAX, |nanos| NonZeroU64::new(nanos).unwrap_or(NonZeroU64::MIN))
}

/// Why a message was not accepted.
pub(super) enum Refused<M> {
    Full(M),
    Closed(M),
    TimedOut(M),
}

impl<M> Refused<M> {
    pub(super) fn into_message(self) -> M {
        match self {
            Self::Full(message) | Self::Closed(message) | Self::TimedOut(message) => message,
        }
    }
}

impl<M> ActorRef<M> {
    /// # Safety
    ///
    /// The caller has counted a handle, which becomes this one's.
    pub(super) unsafe fn from_raw(core: NonNull<Core<M>>, timeout: Option<Duration>) -> Self {
        Self { core, timeout: timeout.map(nanoseconds) }
    }

    #[inline]
    pub(super) fn core(&self) -> &Core<M> {
        // SAFETY: the handle keeps the block alive.
        unsafe { self.core.as_ref() }
    }

    pub(super) fn call_timeout(&self) -> Option<Duration> {
        self.timeout.map(|nanoseconds| Duration::from_nanos(nanoseconds.get()))
    }

    /// The name of the server. Never parks.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.core().pid()
    }

    /// The same reference with another timeout for calls; `None`: they wait for ever. Never parks.
    #[must_use]
    pub fn with_timeout(&self, timeout: Option<Duration>) -> Self {
        let mut other = self.clone();
        other.timeout = timeout.map(nanoseconds);
        other
    }

    // ---- messages -----------------------------------------------------------------------------------------------------

    /// Sends a message without a reply. Parks while the mailbox is full, without limit, on any thread; a safe point.
    ///
    /// It does not wait, and goes over the bound, if the server is the caller itself or waits for the caller, and while the caller unwinds.
    /// To a server that has ended it is a [dead letter](crate::dead_letters), as is one that the mailbox's overflow policy refuses.
    pub fn cast(&self, message: M) {
        checkpoint();
        match self.send(message, None) {
            Ok(displaced) => displaced.into_iter().for_each(dead_letters::bury),
            Err(refused) => dead_letters::bury(refused.into_message()),
        }
    }

    /// The same for a group; whether the server has got it. If it has ended it is no member any more, and the message no letter of its.
    pub(super) fn deliver(&self, message: M) -> bool {
        checkpoint();
        match self.send(message, None) {
            Ok(displaced) => {
                displaced.into_iter().for_each(dead_letters::bury);
                return true;
            }
            Err(Refused::Closed(message)) => drop(message),
            Err(refused) => dead_letters::bury(refused.into_message()),
        }
        false
    }

    /// Sends a message if there is room. Never parks, and is no safe point.
    ///
    /// # Errors
    ///
    /// The message, if there is no room or the server has ended.
    pub fn try_send(&self, message: M) -> Result<(), TrySendError<M>> {
        self.used();
        match self.core().mailbox.push(message, self.core().bound(), self.core().overflow) {
            Push::Accepted(wake) => self.core().wake(wake, false),
            Push::Displaced(oldest, wake) => {
                self.core().wake(wake, false);
                dead_letters::bury(oldest);
            }
            Push::Full(message) => return Err(TrySendError::Full(message)),
            Push::Closed(message) => return Err(TrySendError::Disconnected(message)),
        }
        Ok(())
    }

    /// Sends a message after a delay. Never parks. The message goes over the bound of the mailbox; if the server has ended by then it is a
    /// dead letter. The run does not end before it was sent.
    ///
    /// Dropping the [`Timer`] changes nothing; [`Timer::cancel`] takes the message back.
    pub fn send_after(&self, delay: Duration, message: M) -> Timer
    where
        M: 'static,
    {
        delivery::send_after(self.clone(), delay, message)
    }

    /// Has the server handle a message again and again, the first one when a `period` has passed. `make` makes each, on the server's stack, when
    /// its time has come. Never parks.
    ///
    /// The message does not go through the mailbox: it comes before those that wait there, like a tick of `#[every]`, so a full
    /// mailbox is nothing to it. The next one is due a period after this one was, but not before this one was handled: at most
    /// one waits, and a server that is late does not catch up.
    ///
    /// It goes on until [`Timer::cancel`], which costs the same however many there are, or until the server ends; dropping the [`Timer`]
    /// changes nothing. It keeps neither the run going nor the server: one with `stop_on_drop` ends when its last handle goes. If the server has ended
    /// there will be no message, and the timer is over at once. Erlang's cousin is `timer:send_interval`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// pub struct Clock { ticks: u32 }
    /// #[smarm::actor]
    /// impl Clock {
    ///     pub fn tick(&mut self, by: u32) { self.ticks += by }
    ///     pub fn ticks(&self) -> u32 { self.ticks }
    /// }
    ///
    /// smarm::run(|| {
    ///     let clock = Clock { ticks: 0 }.start();
    ///     let timer = clock.actor().send_interval(Duration::from_millis(1), || ClockMsg::Tick { by: 1 });
    ///     while clock.ticks().unwrap() < 3 {
    ///         smarm::sleep(Duration::from_millis(1));
    ///     }
    ///     assert!(timer.cancel());
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If the period is zero. If `make` panics, that is the server's panic.
    #[track_caller]
    pub fn send_interval(&self, period: Duration, make: impl FnMut() -> M + Send + 'static) -> Timer
    where
        M: 'static,
    {
        assert!(!period.is_zero(), "`send_interval(0)` has no meaning: write how long a period is");
        self.used();
        let interval = Interval::new(period, Box::new(make));
        if !self.core().push_system(System::Begin(interval.clone())) {
            interval.end();
        }
        Timer::new(interval)
    }

    /// A reference that takes one type of messages, whatever else the server understands.
    #[must_use]
    pub fn recipient<T>(&self) -> Recipient<T>
    where
        M: From<T> + 'static,
        T: 'static,
    {
        Recipient::new(self.clone(), M::from)
    }

    /// The same, for messages that are made by a function.
    #[must_use]
    pub fn recipient_with<T: 'static>(&self, message: impl Fn(T) -> M + Send + Sync + 'static) -> Recipient<T>
    where
        M: 'static,
    {
        Recipient::new(self.clone(), message)
    }

    /// Sends over the bound; `Err` if the server has ended.
    pub(super) fn send_over(&self, message: M) -> Result<(), M> {
        self.used();
        match self.core().mailbox.push_over(message) {
            Push::Accepted(wake) => {
                self.core().wake(wake, false);
                Ok(())
            }
            Push::Closed(message) | Push::Full(message) | Push::Displaced(message, _) => Err(message),
        }
    }

    #[inline]
    fn used(&self) {
        self.core().wait.used_by(current::runtime());
    }

    /// Sends, and waits for room where the policy says so. With a deadline it is a call: it has published whom it waits for, and parks
    /// next. The message that had to make room, if one had to, is to be buried.
    #[inline]
    pub(super) fn send(&self, message: M, call: Option<Patience>) -> Result<Option<M>, Refused<M>> {
        self.used();
        let core = self.core();
        match core.mailbox.push(message, core.bound(), core.overflow) {
            Push::Accepted(wake) => core.wake(wake, call.is_some()),
            Push::Displaced(oldest, wake) => {
                core.wake(wake, call.is_some());
                return Ok(Some(oldest));
            }
            Push::Full(message) if core.overflow == Overflow::Park => {
                return self.send_when_room(message, call).map(|()| None);
            }
            Push::Full(message) => return Err(Refused::Full(message)),
            Push::Closed(message) => return Err(Refused::Closed(message)),
        }
        Ok(None)
    }

    #[cold]
    fn send_when_room(&self, mut message: M, call: Option<Patience>) -> Result<(), Refused<M>> {
        let slot = current::waiter();
        if call.is_none() && park::may_not_wait(slot, "a cast to a full mailbox") {
            return self.send_over(message).map_err(Refused::Closed);
        }
        let (core, me) = (self.core(), slot.pid());
        let deadline_ns = call.and_then(Patience::deadline_ns);
        // A call has published whom it waits for, and has looked for a cycle.
        let edge = call.is_none().then(|| wait::Edge::to(slot, self.pid()));
        let mut was_told = false;
        loop {
            message = match core.mailbox.push(message, core.bound(), core.overflow) {
                Push::Accepted(wake) => {
                    core.wake(wake, call.is_some());
                    return Ok(());
                }
                Push::Closed(message) => return Err(Refused::Closed(message)),
                Push::Full(message) | Push::Displaced(message, _) => message,
            };
            if !core.mailbox.wait_for_room(me, core.bound(), was_told) {
                continue;
            }
            // Before each park: who told of room has taken the edge away, and somebody may have begun to wait since.
            if let Some(edge) = &edge {
                edge.renew();
                if wait::cycle(slot, self.pid()).is_some() {
                    self.leave_room(me);
                    return self.send_over(message).map_err(Refused::Closed);
                }
            }
            let timed_out = self.await_room(slot, deadline_ns) == Wake::TimedOut;
            if timed_out || park::kill_is_due(slot) {
                self.leave_room(me);
                if timed_out {
                    return Err(Refused::TimedOut(message));
                }
                drop(message);
                park::throw_kill(slot);
            }
            was_told = true;
        }
    }

    /// Parks, registered, until there is news. Whoever is woken for no reason keeps its place among those who wait.
    #[inline(always)]
    fn await_room(&self, slot: SlotRef, deadline_ns: Option<u64>) -> Wake {
        let (core, me) = (self.core(), slot.pid());
        loop {
            let wake = park::park(slot, WaitKind::Room, Some(&core.wait), deadline_ns);
            if wake == Wake::TimedOut || park::kill_is_due(slot) || !core.mailbox.waits_for_room(me) {
                return wake;
            }
        }
    }

    /// Does not wait for room any longer, and passes on what it was told.
    fn leave_room(&self, me: Pid) {
        let mailbox = &self.core().mailbox;
        if !mailbox.leave_room(me)
            && let Some(next) = mailbox.next_waiter()
        {
            wait::settle(next, self.pid());
            park::unpark(next);
        }
    }

    // ---- life ---------------------------------------------------------------------------------------------------------

    /// Asks the server to stop: it handles what was sent before, by this sender and by others, then ends with
    /// [`ExitReason::Normal`]. Returns at once; [`join`](Self::join) waits. Erlang's cousin is `gen_server:stop`.
    pub fn stop(&self) {
        self.used();
        self.core().wake(self.core().mailbox.stop(), false);
    }

    /// Asks the server to stop after the message in hand. What is queued then is not handled: callers get
    /// [`CallError::Down`](crate::CallError::Down), casts are dead letters. Returns at once.
    pub fn stop_now(&self) {
        self.used();
        self.core().push_system(System::Stop(ExitReason::Normal));
    }

    /// Asks the server to end at its next safe point, also in the middle of a message; see [`kill`](crate::kill()).
    pub fn kill(&self) {
        park::kill(self.pid());
    }

    /// Watches the server; see [`monitor`](crate::monitor()). If it is restarted, its next life has a `Pid` and monitors of its own.
    #[must_use = "a monitor that is dropped watches nobody"]
    pub fn monitor(&self) -> Monitor {
        self.used();
        monitor(self.pid())
    }

    /// Links the server with the actor that runs here; see [`link`](crate::link()).
    ///
    /// # Panics
    ///
    /// On a plain thread.
    #[track_caller]
    pub fn link(&self) {
        links::link(self.pid());
    }

    /// Takes such a link away; see [`unlink`](crate::unlink()).
    ///
    /// # Panics
    ///
    /// On a plain thread.
    #[track_caller]
    pub fn unlink(&self) {
        links::unlink(self.pid());
    }

    /// Waits for the server's end, and tells why it ended. Does not ask it to: see [`stop`](Self::stop). May park, on any thread.
    ///
    /// [`ExitReason::Unwinding`] if the server has not ended and the caller is unwinding.
    pub fn join(&self) -> ExitReason {
        checkpoint();
        let slot = current::waiter();
        let me = slot.pid();
        loop {
            if let Some(reason) = self.core().final_reason() {
                return reason;
            }
            if park::may_not_wait(slot, "`join`") {
                return ExitReason::Unwinding;
            }
            park::deliver_kill(slot);
            if self.core().await_end(me) {
                let edge = wait::Edge::to(slot, self.pid());
                park::park(slot, WaitKind::Elsewhere, None, None);
                drop(edge);
                self.core().leave_end(me);
            }
        }
    }

    /// What can be said of the server from outside. Never parks; out of date at once.
    #[must_use]
    pub fn info(&self) -> ActorInfo {
        ActorInfo {
            pid: self.pid(),
            name: self.core().name().to_owned(),
            registered: self.core().names(),
            state: self.state(),
            mailbox_len: self.core().mailbox.len(),
        }
    }

    fn state(&self) -> ActorState {
        let slot = slot_of(self.pid());
        let seen = slot.state.inspect();
        if self.core().final_reason().is_some() || !slot.state.is_of(self.pid().generation()) {
            return ActorState::Ended;
        }
        match seen {
            Seen::Idle => ActorState::Idle,
            Seen::Queued => ActorState::Queued,
            Seen::Running => ActorState::Running,
            Seen::Parked => ActorState::Parked,
            Seen::Free => ActorState::Ended,
        }
    }
}

/// What [`ActorRef::info`] tells.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ActorInfo {
    /// The name by which it is known to the runtime.
    pub pid: Pid,
    /// What its type calls it.
    pub name: String,
    /// Under which names [`whereis`](crate::whereis) finds it.
    pub registered: Vec<String>,
    /// What it does.
    pub state: ActorState,
    /// How many messages wait.
    pub mailbox_len: usize,
}

/// What a server does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ActorState {
    /// It waits for messages, without a stack.
    Idle,
    /// It waits for a worker.
    Queued,
    /// It handles a message.
    Running,
    /// A handler waits for something.
    Parked,
    /// It has ended.
    Ended,
}

impl<M> Clone for ActorRef<M> {
    fn clone(&self) -> Self {
        self.core().add_handle();
        Self { core: self.core, timeout: self.timeout }
    }
}

impl<M> Drop for ActorRef<M> {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, and goes.
        unsafe { Core::drop_handle(self.core) };
    }
}

impl<M> PartialEq for ActorRef<M> {
    fn eq(&self, other: &Self) -> bool {
        self.core == other.core
    }
}

impl<M> Eq for ActorRef<M> {}

impl<M> Hash for ActorRef<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.core.hash(state);
    }
}

impl<M> fmt::Debug for ActorRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.core().name(), self.pid())
    }
}
