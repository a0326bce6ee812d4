//! What a server knows of itself while it handles a message.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::time::Duration;

use super::Actor;
use super::actor_ref::ActorRef;
use super::delivery::Timer;
use super::server::Core;
use crate::pid::Pid;

/// What a server knows of itself: a parameter `ctx: &mut Ctx<Self>` of a message, of a hook, is this, and not part of the message.
///
/// ```
/// use smarm::Ctx;
/// pub struct Countdown { left: u32 }
///
/// #[smarm::actor]
/// impl Countdown {
///     pub fn step(&mut self, ctx: &mut Ctx<Self>) {
///         self.left -= 1;
///         if self.left == 0 { ctx.stop() } else { ctx.handle().step() }
///     }
/// }
///
/// let mut ctx = Ctx::detached(); // without a runtime
/// Countdown { left: 1 }.step(&mut ctx);
/// assert!(ctx.is_stopping());
///
/// smarm::run(|| {
///     let countdown = Countdown { left: 3 }.start();
///     countdown.step();
///     assert!(countdown.join().is_normal());
/// });
/// ```
pub struct Ctx<A: Actor> {
    /// A reference that does not count: the activation that made the context keeps the server alive.
    actor: Option<ManuallyDrop<ActorRef<A::Msg>>>,
    stops: bool,
}

impl<A: Actor> Ctx<A> {
    /// # Safety
    ///
    /// The server is alive as long as the context.
    pub(super) unsafe fn new(core: &Core<A::Msg>) -> Self {
        // SAFETY: it is never dropped, so it gives back no handle that was not counted; the caller's promise covers its use.
        let actor = unsafe { ActorRef::from_raw(NonNull::from(core), A::__options().timeout_of_calls()) };
        Self { actor: Some(ManuallyDrop::new(actor)), stops: false }
    }

    /// A context without a server, for tests of a message's method. [`stop`](Self::stop) is remembered.
    #[must_use]
    pub fn detached() -> Self {
        Self { actor: None, stops: false }
    }

    #[track_caller]
    fn actor(&self) -> &ActorRef<A::Msg> {
        self.actor.as_deref().expect("a detached context has no server: start one to test what needs a handle")
    }

    /// A handle to this server. Casts by it are queued; calls by it are [`CallError::Deadlock`](crate::CallError::Deadlock).
    ///
    /// # Panics
    ///
    /// If the context is detached.
    #[must_use]
    #[track_caller]
    pub fn handle(&self) -> A::Handle {
        A::__handle(self.actor().clone())
    }

    /// The name of this server.
    ///
    /// # Panics
    ///
    /// If the context is detached.
    #[must_use]
    #[track_caller]
    pub fn pid(&self) -> Pid {
        self.actor().pid()
    }

    /// Has the server end with [`ExitReason::Normal`](crate::ExitReason::Normal) after this message, and not handle what is queued.
    pub fn stop(&mut self) {
        self.stops = true;
    }

    /// Whether [`stop`](Self::stop) was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stops
    }

    /// Sends this server a message after a delay; see [`ActorRef::send_after`].
    ///
    /// # Panics
    ///
    /// If the context is detached.
    #[track_caller]
    pub fn send_after(&self, delay: Duration, message: A::Msg) -> Timer {
        self.actor().send_after(delay, message)
    }
}

impl<A: Actor> fmt::Debug for Ctx<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx").field("actor", &self.actor).field("stops", &self.stops).finish()
    }
}
