//! A child's specification.

use core::panic::Location;

use super::restart::Restart;
use super::seed::{Seed, Source};
use super::shutdown::Shutdown;

/// A child of a supervisor: how it is made, and what becomes of it when it ends.
///
/// | setting | default |
/// |---|---|
/// | [`restart`](Self::restart) | [`Restart::Permanent`] |
/// | [`shutdown`](Self::shutdown) | [`Shutdown::Timeout`] of 5 s; for a supervisor, [`Shutdown::Infinity`] |
/// | [`significant`](Self::significant) | no |
///
/// Erlang's cousin is the child specification.
#[derive(Debug)]
#[must_use = "a child is started by a supervisor that has it"]
pub struct Child {
    pub(super) id: Box<str>,
    pub(super) source: Box<dyn Source>,
    pub(super) restart: Restart,
    pub(super) shutdown: Shutdown,
    pub(super) is_significant: bool,
}

impl Child {
    /// A child that is made by this closure at its start and at each restart. What the closure returns decides what the child is: see [`Seed`].
    ///
    /// The `id` is its own among the children of one supervisor, and what reports call it.
    ///
    /// ```
    /// use smarm::supervisor::{Child, Restart, Supervisor};
    ///
    /// pub struct Counter { n: u64 }
    /// #[smarm::actor]
    /// impl Counter { pub fn get(&self) -> u64 { self.n } }
    ///
    /// let counter = Child::new("counter", || Counter { n: 0 }); // a server
    /// let ticker = Child::new("ticker", || loop { smarm::sleep(std::time::Duration::from_secs(1)) }); // a thread actor
    /// let pool = Child::new("pool", || Supervisor::one_for_all()).restart(Restart::Transient); // a supervisor
    /// # let _ = (counter, ticker, pool);
    /// ```
    #[track_caller]
    pub fn new<R: Seed<K>, K>(id: impl Into<String>, make: impl FnMut() -> R + Send + 'static) -> Self {
        let source = R::source(make, Location::caller());
        let shutdown = source.default_shutdown();
        Self {
            id: id.into().into_boxed_str(),
            source,
            restart: Restart::default(),
            shutdown,
            is_significant: false,
        }
    }

    /// Whether it is restarted when it has ended by itself.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// How long it may take to stop.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Whether its end may be that of its supervisor; see [`AutoShutdown`](super::AutoShutdown).
    pub fn significant(mut self, is_significant: bool) -> Self {
        self.is_significant = is_significant;
        self
    }
}
