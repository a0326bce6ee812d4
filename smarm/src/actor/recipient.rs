//! A reference by one type of messages.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use super::actor_ref::ActorRef;
use super::delivery::Timer;
use super::places::{Identity, Place};
use crate::pid::Pid;

/// A reference to any server that understands messages of type `T`, whatever else it understands; made by
/// [`ActorRef::recipient`] and [`ActorRef::recipient_with`]. Cheap to clone.
///
/// ```
/// use smarm::{Handle as _, Recipient};
///
/// pub struct Log { lines: Vec<String> }
/// #[smarm::actor]
/// impl Log {
///     pub fn write(&mut self, line: String) { self.lines.push(line) }
///     pub fn len(&self) -> usize { self.lines.len() }
/// }
///
/// smarm::run(|| {
///     let log = Log { lines: Vec::new() }.start();
///     let listener: Recipient<String> = log.actor().recipient_with(|line| LogMsg::Write { line });
///     listener.cast("something happened".into());
///     assert_eq!(log.len().unwrap(), 1);
/// });
/// ```
pub struct Recipient<T> {
    target: Arc<dyn Target<T>>,
}

trait Target<T>: Send + Sync {
    fn cast(&self, message: T);
    fn deliver(&self, message: T) -> bool;
    fn try_send(&self, message: T) -> bool;
    fn send_after(&self, delay: Duration, message: T) -> Timer;
    fn pid(&self) -> Pid;
    fn identity(&self) -> Identity;
    fn enlist(&self, place: Place) -> bool;
    fn delist(&self, place: &Place);
}

struct Through<M, F> {
    actor: ActorRef<M>,
    message: F,
}

impl<T> Recipient<T> {
    pub(super) fn new<M: 'static>(
        actor: ActorRef<M>,
        message: impl Fn(T) -> M + Send + Sync + 'static,
    ) -> Self
    where
        T: 'static,
    {
        Self { target: Arc::new(Through { actor, message }) }
    }

    /// Sends the message; see [`ActorRef::cast`]. May park.
    pub fn cast(&self, message: T) {
        self.target.cast(message);
    }

    /// Sends the message after a delay; see [`ActorRef::send_after`].
    pub fn send_after(&self, delay: Duration, message: T) -> Timer {
        self.target.send_after(delay, message)
    }

    /// The name of the server.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.target.pid()
    }

    // ---- for groups ---------------------------------------------------------------------------------------------------

    /// As [`cast`](Self::cast); whether the server has got it.
    pub(super) fn deliver(&self, message: T) -> bool {
        self.target.deliver(message)
    }

    /// Sends the message if there is room; whether there was.
    pub(super) fn try_send(&self, message: T) -> bool {
        self.target.try_send(message)
    }

    pub(super) fn identity(&self) -> Identity {
        self.target.identity()
    }

    pub(super) fn enlist(&self, place: Place) -> bool {
        self.target.enlist(place)
    }

    pub(super) fn delist(&self, place: &Place) {
        self.target.delist(place);
    }
}

impl<T, M: 'static, F: Fn(T) -> M + Send + Sync> Target<T> for Through<M, F> {
    fn cast(&self, message: T) {
        self.actor.cast((self.message)(message));
    }

    fn send_after(&self, delay: Duration, message: T) -> Timer {
        self.actor.send_after(delay, (self.message)(message))
    }

    fn deliver(&self, message: T) -> bool {
        self.actor.deliver((self.message)(message))
    }

    fn try_send(&self, message: T) -> bool {
        self.actor.try_send((self.message)(message)).is_ok()
    }

    fn pid(&self) -> Pid {
        self.actor.pid()
    }

    fn identity(&self) -> Identity {
        self.actor.core().identity()
    }

    fn enlist(&self, place: Place) -> bool {
        self.actor.core().enlist(place)
    }

    fn delist(&self, place: &Place) {
        self.actor.core().delist(place);
    }
}

impl<T> Clone for Recipient<T> {
    fn clone(&self) -> Self {
        Self { target: self.target.clone() }
    }
}

impl<T> fmt::Debug for Recipient<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient").field("pid", &self.pid()).finish()
    }
}
