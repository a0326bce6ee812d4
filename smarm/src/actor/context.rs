//! What a server knows of itself while it handles a message.

use core::fmt;
use core::ptr::NonNull;
use core::time::Duration;

use super::Actor;
use super::actor_ref::ActorRef;
use super::delivery::Timer;
use super::server::Core;
use crate::pid::Pid;
use crate::task::current;

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
    /// The server, and its name. A context can be moved out of its server, and outlive it, so it is used only where the server itself runs:
    /// see [`actor`](Self::actor).
    server: Option<(NonNull<Core<A::Msg>>, Pid)>,
    stops: bool,
}

impl<A: Actor> Ctx<A> {
    /// # Safety
    ///
    /// The server is alive as long as the context.
    pub(super) unsafe fn new(core: &Core<A::Msg>) -> Self {
        Self { server: Some((NonNull::from(core), core.pid())), stops: false }
    }

    /// A context without a server, for tests of a message's method. [`stop`](Self::stop) is remembered.
    #[must_use]
    pub fn detached() -> Self {
        Self { server: None, stops: false }
    }

    #[track_caller]
    fn actor(&self) -> ActorRef<A::Msg> {
        let (core, pid) =
            self.server.expect("a detached context has no server: start one to test what needs a handle");
        assert_eq!(
            current::pid(),
            Some(pid),
            "a context was used outside its server: keep `ctx.handle()` instead of the context"
        );
        // SAFETY: the server runs here, so it lives; no other actor ever has its name.
        unsafe { core.as_ref() }.add_handle();
        // SAFETY: counted in the line above.
        unsafe { ActorRef::from_raw(core, A::__options().timeout) }
    }

    /// A handle to this server. Casts by it are queued; calls by it are [`CallError::Deadlock`](crate::CallError::Deadlock).
    ///
    /// # Panics
    ///
    /// If the context is detached, or was moved out of its server.
    #[must_use]
    #[track_caller]
    pub fn handle(&self) -> A::Handle {
        A::__handle(self.actor())
    }

    /// The name of this server.
    ///
    /// # Panics
    ///
    /// If the context is detached, or was moved out of its server.
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
    /// If the context is detached, or was moved out of its server.
    #[track_caller]
    pub fn send_after(&self, delay: Duration, message: A::Msg) -> Timer {
        self.actor().send_after(delay, message)
    }

    /// Has this server handle a message again and again; see [`ActorRef::send_interval`]. Where the period is known when the program is
    /// written, `#[every]` is shorter.
    ///
    /// # Panics
    ///
    /// If the period is zero; if the context is detached, or was moved out of its server.
    #[track_caller]
    pub fn send_interval(&self, period: Duration, make: impl FnMut() -> A::Msg + Send + 'static) -> Timer {
        self.actor().send_interval(period, make)
    }
}

impl<A: Actor> fmt::Debug for Ctx<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx")
            .field("pid", &self.server.map(|(_, pid)| pid))
            .field("stops", &self.stops)
            .finish()
    }
}
