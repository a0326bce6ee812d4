//! How a supervisor is made.

use core::time::Duration;

use super::auto::AutoShutdown;
use super::backoff::Backoff;
use super::child::Child;
use super::handle::{DynamicSupervisorHandle, SupervisorHandle};
use super::intensity::Intensity;
use super::restart::Restart;
use super::shutdown::Shutdown;
use super::strategy::Strategy;
use super::tree::{Children, Tree};
use crate::actor::{self, StartError, Tell, Terms};

/// What supervisors of both kinds have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Common {
    pub(super) strategy: Strategy,
    pub(super) intensity: Intensity,
    pub(super) backoff: Option<Backoff>,
    pub(super) auto_shutdown: AutoShutdown,
}

/// On which terms a supervisor is started that is nobody's child.
fn terms(link: bool) -> Terms {
    Terms { link, is_supervisor: true }
}

/// A supervisor to be: a server that starts its children in order, restarts those that fail, and stops them in the reverse order.
///
/// It has no stack while nothing happens, and works where a child has ended. It can itself be a child.
///
/// | setting | default |
/// |---|---|
/// | [`intensity`](Self::intensity) | 3 restarts within 5 s; one more, and it stops its children and ends with [`GaveUp`](super::GaveUp) |
/// | [`backoff`](Self::backoff) | none: a child is restarted at once |
/// | [`auto_shutdown`](Self::auto_shutdown) | [`AutoShutdown::Never`] |
///
/// Handles of its servers stay valid over restarts. What is queued then waits for the next life, in order; the message that was in hand
/// is not delivered again, and its caller gets [`CallError::Down`](crate::CallError::Down). A child that is asked to stop by
/// its handle stays stopped. Erlang's cousin is the behaviour `supervisor`.
///
/// ```
/// use smarm::supervisor::{Child, Supervisor};
///
/// pub struct Divider;
/// #[smarm::actor]
/// impl Divider {
///     pub fn divide(&self, a: u32, by: u32) -> u32 { a / by }
/// }
///
/// smarm::run(|| {
///     let supervisor = Supervisor::one_for_one().child(Child::new("divider", || Divider)).start().unwrap();
///     let divider = supervisor.child::<DividerHandle>("divider").unwrap();
///     assert!(divider.divide(1, 0).unwrap_err().is_down());
///     assert_eq!(divider.divide(6, 2).unwrap(), 3); // the same handle
/// });
/// ```
#[derive(Debug)]
#[must_use = "a supervisor does nothing until `start`"]
pub struct Supervisor {
    common: Common,
    children: Vec<Child>,
}

impl Supervisor {
    /// A child that ends is restarted, and no other.
    pub fn one_for_one() -> Self {
        Self::with(Strategy::OneForOne)
    }

    /// If a child ends, the others are stopped, and all are started again.
    pub fn one_for_all() -> Self {
        Self::with(Strategy::OneForAll)
    }

    /// If a child ends, those that were started after it are stopped, and it and they are started again.
    pub fn rest_for_one() -> Self {
        Self::with(Strategy::RestForOne)
    }

    fn with(strategy: Strategy) -> Self {
        Self { common: Common { strategy, ..Common::default() }, children: Vec::new() }
    }

    /// How many restarts within a period it makes before it gives up.
    ///
    /// # Panics
    ///
    /// If the period is zero.
    #[track_caller]
    pub fn intensity(mut self, restarts: u32, period: Duration) -> Self {
        self.common.intensity = Intensity::new(restarts, period);
        self
    }

    /// How long it waits before a restart.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.common.backoff = Some(backoff);
        self
    }

    /// Whether it ends when significant children have ended.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.common.auto_shutdown = auto_shutdown;
        self
    }

    /// Adds a child; they are started in the order in which they were added.
    pub fn child(mut self, child: Child) -> Self {
        self.children.push(child);
        self
    }

    /// Starts the supervisor and its children, one after the other, and waits until they have begun. May park.
    ///
    /// It is nobody's child, and not linked: its end is told in a line on standard error, if it gives up, and to who joins it.
    ///
    /// # Errors
    ///
    /// If a child could not be started: the others are stopped again, in the reverse order. If two children have one id, or a child that is
    /// significant cannot be so.
    ///
    /// # Panics
    ///
    /// On a plain thread that has not [entered](crate::RuntimeHandle::enter) a runtime, or if memory is exhausted.
    #[track_caller]
    pub fn start(self) -> Result<SupervisorHandle, StartError> {
        actor::start_telling(terms(false), |tell| Ok(self.into_tree(tell))).map(SupervisorHandle::new)
    }

    /// The same, linked with the actor that runs here; see [`link`](crate::link()).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// On a plain thread, or if memory is exhausted.
    #[track_caller]
    pub fn start_linked(self) -> Result<SupervisorHandle, StartError> {
        actor::start_telling(terms(true), |tell| Ok(self.into_tree(tell))).map(SupervisorHandle::new)
    }

    pub(super) fn into_tree(self, tell: Tell) -> Tree {
        Tree::new(self.common, Children::Listed(self.children), tell)
    }
}

/// A supervisor to be whose children are started while it runs, all in the same way and in any number.
///
/// When it stops, its children stop all at once, not one after the other. Erlang's cousin is a supervisor of the strategy
/// `simple_one_for_one`, Elixir's `DynamicSupervisor`.
///
/// | setting | default |
/// |---|---|
/// | [`max_children`](Self::max_children) | no limit |
/// | [`restart`](Self::restart), [`shutdown`](Self::shutdown) | as of [`Child`] |
/// | [`intensity`](Self::intensity), [`backoff`](Self::backoff) | as of [`Supervisor`] |
///
/// ```
/// use smarm::supervisor::DynamicSupervisor;
///
/// pub struct Session { user: String }
/// #[smarm::actor]
/// impl Session { pub fn user(&self) -> String { self.user.clone() } }
///
/// smarm::run(|| {
///     let pool = DynamicSupervisor::new().max_children(2).start().unwrap();
///     let ann = pool.start_child(|| Session { user: "ann".into() }).unwrap();
///     let bob = pool.start_child(|| Session { user: "bob".into() }).unwrap();
///     assert!(pool.start_child(|| Session { user: "eve".into() }).is_err());
///     assert_eq!((ann.user().unwrap(), bob.user().unwrap()), ("ann".into(), "bob".into()));
/// });
/// ```
#[derive(Debug, Default)]
#[must_use = "a supervisor does nothing until `start`"]
pub struct DynamicSupervisor {
    common: Common,
    pub(super) most: Option<usize>,
    restart: Restart,
    shutdown: Option<Shutdown>,
}

impl DynamicSupervisor {
    /// A supervisor without children.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many children it has at most.
    pub fn max_children(mut self, most: usize) -> Self {
        self.most = Some(most);
        self
    }

    /// Whether children are restarted when they have ended by themselves.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// How long children may take to stop.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = Some(shutdown);
        self
    }

    /// How many restarts within a period it makes before it gives up.
    ///
    /// # Panics
    ///
    /// If the period is zero.
    #[track_caller]
    pub fn intensity(mut self, restarts: u32, period: Duration) -> Self {
        self.common.intensity = Intensity::new(restarts, period);
        self
    }

    /// How long it waits before a restart.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.common.backoff = Some(backoff);
        self
    }

    /// Starts the supervisor. May park.
    ///
    /// # Errors
    ///
    /// If it was killed before it had begun.
    ///
    /// # Panics
    ///
    /// As [`Supervisor::start`].
    #[track_caller]
    pub fn start(self) -> Result<DynamicSupervisorHandle, StartError> {
        actor::start_telling(terms(false), |tell| Ok(self.into_tree(tell))).map(DynamicSupervisorHandle::new)
    }

    /// The same, linked with the actor that runs here; see [`link`](crate::link()).
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// On a plain thread, or if memory is exhausted.
    #[track_caller]
    pub fn start_linked(self) -> Result<DynamicSupervisorHandle, StartError> {
        actor::start_telling(terms(true), |tell| Ok(self.into_tree(tell))).map(DynamicSupervisorHandle::new)
    }

    pub(super) fn into_tree(self, tell: Tell) -> Tree {
        let Self { common, most, restart, shutdown } = self;
        Tree::new(common, Children::Dynamic { most, restart, shutdown }, tell)
    }
}
