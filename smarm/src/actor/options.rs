//! How a server is made: what `#[smarm::actor(..)]` says.

use core::time::Duration;

use super::mailbox::Overflow;
use crate::sys::stack::{LARGEST_STACK_BYTES, StackClass};
use crate::task::slot::Rank;

const DEFAULT_BOUND: usize = 1024;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The options of a server type; written by `#[smarm::actor]`.
#[derive(Clone, Debug)]
#[must_use]
pub struct ServerOptions {
    pub(super) name: &'static str,
    pub(super) bound: usize,
    pub(super) overflow: Overflow,
    pub(super) timeout: Option<Duration>,
    pub(super) stack_bytes: Option<usize>,
    pub(super) stop_on_drop: bool,
    pub(super) own_thread: bool,
    pub(super) rank: Rank,
    pub(super) on_start: bool,
    pub(super) on_linked_exit: bool,
    pub(super) every: Vec<Duration>,
    pub(super) idle: Option<Duration>,
}

impl ServerOptions {
    /// The defaults: a mailbox for 1024 messages that has senders wait, 5 s for a call, the runtime's stack size.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            bound: DEFAULT_BOUND,
            overflow: Overflow::Park,
            timeout: Some(DEFAULT_TIMEOUT),
            stack_bytes: None,
            stop_on_drop: false,
            own_thread: false,
            rank: Rank { is_supervisor: false, is_supervised: false },
            on_start: false,
            on_linked_exit: false,
            every: Vec::new(),
            idle: None,
        }
    }

    /// Room for so many messages.
    ///
    /// # Panics
    ///
    /// If the bound is 0.
    pub fn bounded(mut self, messages: usize) -> Self {
        assert!(messages > 0, "a mailbox needs room for a message: write `mailbox = bounded(1)` or more");
        self.bound = messages;
        self
    }

    /// No bound: memory is the only limit.
    pub fn unbounded(mut self) -> Self {
        self.bound = usize::MAX;
        self
    }

    /// What happens to a message for which there is no room.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// How long calls wait; `None`: for ever.
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// The size of the stack that a worker lends, in bytes.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_bytes = Some(bytes);
        self
    }

    /// The server runs on an OS thread of its own.
    pub fn own_thread(mut self) -> Self {
        self.own_thread = true;
        self
    }

    /// The server ends others when it ends: in the end of its runtime it comes before servers that do not.
    pub fn supervisor(mut self) -> Self {
        self.rank.is_supervisor = true;
        self
    }

    /// A supervisor ends the server: the end of its runtime leaves it alone.
    pub fn supervised(mut self) -> Self {
        self.rank.is_supervised = true;
        self
    }

    /// The server stops when its last handle is gone and it has no mail.
    pub fn stop_on_drop(mut self) -> Self {
        self.stop_on_drop = true;
        self
    }

    /// There is an `#[on_start]`: the server runs as soon as it is started.
    pub fn on_start(mut self) -> Self {
        self.on_start = true;
        self
    }

    /// There is an `#[on_linked_exit]`: exit signals come as messages.
    pub fn on_linked_exit(mut self) -> Self {
        self.on_linked_exit = true;
        self
    }

    /// Another period, for the next `#[every]`.
    pub fn every(mut self, period: Duration) -> Self {
        self.every.push(period);
        self
    }

    /// After what time without messages `#[idle]` is called.
    pub fn idle(mut self, after: Duration) -> Self {
        self.idle = Some(after);
        self
    }

    /// The class of the stack, if it is not the runtime's.
    ///
    /// # Panics
    ///
    /// If there is no such stack.
    #[track_caller]
    pub(super) fn stack_class(&self) -> Option<StackClass> {
        let bytes = self.stack_bytes?;
        let class = StackClass::for_bytes(bytes).filter(|_| bytes > 0);
        Some(class.unwrap_or_else(|| {
            let most = LARGEST_STACK_BYTES >> 20;
            panic!(
                "a stack of {bytes} bytes is not possible for `{}`: ask for 1 byte to {most} MiB",
                self.name
            )
        }))
    }

    /// Whether there is something to do before the first message.
    pub(super) fn runs_at_once(&self) -> bool {
        self.on_start || !self.every.is_empty() || self.idle.is_some()
    }
}
