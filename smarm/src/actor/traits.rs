//! What `#[smarm::actor]` implements.

use core::ops::ControlFlow;

use super::links::Exit;
use super::options::ServerOptions;
use super::{ActorRef, Ctx};
use crate::exit::ExitReason;
use crate::pid::Pid;

/// A type whose methods are messages. Implemented by [`#[smarm::actor]`](macro@crate::actor) only.
///
/// # Safety
///
/// State, arguments and replies are `Send + 'static`. The macro asserts each of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no actor",
    label = "has no messages",
    note = "write `#[smarm::actor]` above its `impl`: its public methods are its messages then"
)]
pub unsafe trait Actor: Sized + 'static {
    /// The generated enum of messages.
    type Msg: 'static;
    /// The generated handle.
    type Handle: Handle<Msg = Self::Msg>;

    #[doc(hidden)]
    fn __options() -> ServerOptions;

    #[doc(hidden)]
    fn __handle(actor: ActorRef<Self::Msg>) -> Self::Handle {
        Self::Handle::__new(actor)
    }

    /// Handles a message. `Break`: it takes the state by value, and is for `__last`.
    #[doc(hidden)]
    fn __dispatch(&mut self, message: Self::Msg, ctx: &mut Ctx<Self>) -> ControlFlow<Self::Msg>;

    #[doc(hidden)]
    fn __last(self, message: Self::Msg, ctx: &mut Ctx<Self>) {
        drop((message, ctx));
    }

    #[doc(hidden)]
    fn __on_start(&mut self, ctx: &mut Ctx<Self>) {
        let _ = ctx;
    }

    #[doc(hidden)]
    fn __on_exit(&mut self, reason: &ExitReason, ctx: &mut Ctx<Self>) {
        let _ = (reason, ctx);
    }

    #[doc(hidden)]
    fn __on_down(&mut self, down: Down, ctx: &mut Ctx<Self>) {
        let _ = (down, ctx);
    }

    #[doc(hidden)]
    fn __on_linked_exit(&mut self, exit: Exit, ctx: &mut Ctx<Self>) {
        let _ = (exit, ctx);
    }

    #[doc(hidden)]
    fn __every(&mut self, index: usize, ctx: &mut Ctx<Self>) {
        let _ = (index, ctx);
    }

    #[doc(hidden)]
    fn __idle(&mut self, ctx: &mut Ctx<Self>) {
        let _ = ctx;
    }
}

/// A generated handle: a reference to a running server whose methods are its messages.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handle of an actor",
    label = "is not a generated handle",
    note = "name the handle that `#[smarm::actor]` generates: `CounterHandle` for a `Counter`"
)]
pub trait Handle: Clone + Send + Sync + 'static {
    /// The generated enum of messages.
    type Msg: 'static;

    #[doc(hidden)]
    fn __new(actor: ActorRef<Self::Msg>) -> Self;

    /// The reference inside, which has the verbs that are not messages: [`join`](ActorRef::join), [`info`](ActorRef::info) and others.
    fn actor(&self) -> &ActorRef<Self::Msg>;
}

/// An actor that was monitored has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Down {
    /// Who.
    pub pid: Pid,
    /// Why.
    pub reason: ExitReason,
}

/// What may be part of a message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a message: it is not `Send + 'static`",
    label = "crosses threads",
    note = "use `Arc` instead of `Rc`, an owned value instead of a reference"
)]
pub trait Message: Send + 'static {}

impl<T: Send + 'static> Message for T {}

/// What may be the state of a server.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an actor: it is not `Send + 'static`",
    label = "an actor moves between threads",
    note = "use `Arc` instead of `Rc`, an owned value instead of a reference"
)]
pub trait State: Send + 'static {}

impl<T: Send + 'static> State for T {}

/// Called by the generated `start` for each type in a message.
pub fn every_argument_and_reply_must_be_send<T: Message>() {}

/// Called by the generated `start`.
pub fn the_state_of_an_actor_must_be_send<T: State>() {}
