//! What a server knows of itself while it handles a message.

use core::fmt;
use core::ptr::NonNull;
use core::time::Duration;

use super::Actor;
use super::actor_ref::ActorRef;
use super::bonds::{self, WatchKey};
use super::delivery::Timer;
use super::server::{Core, News, System, SystemRef};
use super::traits::Down;
use crate::exit::ExitReason;
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

    /// Watches an actor: when it has ended, the hook `#[on_down]` is called, before any message. If it has ended already, that comes at once, with
    /// [`ExitReason::NoProc`]. The watch ends with this server's life, or by [`demonitor`](Self::demonitor). Never parks. See
    /// [`monitor`](crate::monitor()).
    ///
    /// ```
    /// use smarm::{Ctx, Down, Pid};
    ///
    /// #[derive(Default)]
    /// pub struct Nurse { lost: Vec<Pid> }
    /// #[smarm::actor]
    /// impl Nurse {
    ///     pub fn watch(&mut self, pid: Pid, ctx: &mut Ctx<Self>) { ctx.monitor(pid); }
    ///     pub fn lost(&self) -> usize { self.lost.len() }
    ///     #[on_down]
    ///     fn down(&mut self, down: Down) { self.lost.push(down.pid) }
    /// }
    ///
    /// smarm::run(|| {
    ///     let nurse = Nurse::default().start();
    ///     let patient = smarm::spawn(|| panic!("ouch"));
    ///     nurse.watch(patient.pid());
    ///     while nurse.lost().unwrap() == 0 { smarm::yield_now() }
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If the context is detached, or was moved out of its server.
    #[track_caller]
    pub fn monitor(&self, pid: Pid) -> MonitorRef {
        let news = self.news();
        let key = match bonds::watch(pid, Box::new(news)) {
            Ok(key) => {
                bonds::note_watch(self.pid(), pid, key);
                Some(key)
            }
            Err(watcher) => {
                watcher(Down { pid, reason: ExitReason::NoProc });
                None
            }
        };
        MonitorRef { pid, key }
    }

    /// What has `#[on_down]` called, as long as this life lasts.
    #[track_caller]
    pub(crate) fn news(&self) -> impl Fn(Down) + Send + Sync + 'static {
        let actor = self.actor();
        let (life, reference) = (actor.pid(), SystemRef::new(actor.core()));
        move |down| {
            reference.push(System::News(life, News::Down(down)));
        }
    }

    /// Ends a watch that [`monitor`](Self::monitor) began. False if the actor had ended before: then `#[on_down]` was called, or will be. Never
    /// parks. Erlang's cousin is `demonitor/1`.
    ///
    /// # Panics
    ///
    /// If the context is detached, or was moved out of its server.
    #[track_caller]
    pub fn demonitor(&self, monitor: MonitorRef) -> bool {
        let MonitorRef { pid, key: Some(key) } = monitor else { return false };
        bonds::forget_watch(self.pid(), pid, key);
        bonds::unwatch(pid, key)
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

/// A watch that a server has begun; see [`Ctx::monitor`]. Dropping it changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MonitorRef {
    pid: Pid,
    /// `None`: the actor had ended.
    key: Option<WatchKey>,
}

impl<A: Actor> fmt::Debug for Ctx<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx")
            .field("pid", &self.server.map(|(_, pid)| pid))
            .field("stops", &self.stops)
            .finish()
    }
}
