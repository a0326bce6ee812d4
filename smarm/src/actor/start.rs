//! Starting servers.

use core::fmt;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use super::server::{self, Birth, Builder, Terms};
use super::{Actor, ActorRef, Handle};
use crate::channel::{self, RecvError};
use crate::exit::ExitReason;
use crate::task::current;

/// Starts a server; the same as the generated method `start`, for code that is generic over actors. Never parks.
///
/// # Panics
///
/// If called on a plain thread that has not [entered](crate::RuntimeHandle::enter) a runtime, or if memory is exhausted.
///
/// ```
/// use smarm::Actor;
///
/// fn pool<A: Actor>(size: usize, make: impl Fn() -> A) -> Vec<A::Handle> {
///     (0..size).map(|_| smarm::start(make())).collect()
/// }
/// # pub struct Adder;
/// # #[smarm::actor] impl Adder { pub fn add(&self, a: u64, b: u64) -> u64 { a + b } }
/// smarm::run(|| {
///     let adders = pool(2, || Adder);
///     assert_eq!(adders[1].add(20, 22).unwrap(), 42);
/// });
/// ```
#[track_caller]
pub fn start<A: Actor>(actor: A) -> A::Handle {
    A::__handle(launch(Birth::Built(actor)))
}

/// Starts a server as [`start`] does, linked with the caller from its start: if one of them fails, the other one ends too; see
/// [`link`](crate::link()). Never parks. Erlang's cousin is `gen_server:start_link`.
///
/// # Panics
///
/// As [`start`], and on a plain thread.
///
/// ```
/// # pub struct Adder;
/// # #[smarm::actor] impl Adder { pub fn add(&self, a: u64, b: u64) -> u64 { a + b } }
/// smarm::run(|| {
///     let parent = smarm::spawn(|| {
///         let adder = smarm::start_linked(Adder);
///         adder.add(u64::MAX, 1).ok(); // overflows, and panics
///         smarm::sleep(std::time::Duration::MAX);
///     });
///     assert!(parent.join().unwrap_err().panic().is_some());
/// });
/// ```
#[track_caller]
pub fn start_linked<A: Actor>(actor: A) -> A::Handle {
    assert!(
        current::actor().is_some(),
        "`smarm::start_linked` was called on a thread that is no actor: only actors have links"
    );
    A::__handle(launch_on(Birth::Built(actor), Terms { link: true, ..Terms::default() }))
}

#[track_caller]
fn launch<A: Actor>(birth: Birth<A>) -> ActorRef<A::Msg> {
    launch_on(birth, Terms::default())
}

#[track_caller]
fn launch_on<A: Actor>(birth: Birth<A>, terms: Terms) -> ActorRef<A::Msg> {
    // SAFETY: only `#[smarm::actor]` implements `Actor`, and its expansion asserts that all parts are `Send + 'static`.
    match unsafe { server::start::<A>(birth, terms) } {
        Ok(actor) => actor,
        Err(error) => panic!("cannot start another server: {error}"),
    }
}

/// Starts a server whose state is built inside it, by a closure that returns it, or a `Result` of it; waits until it is built.
///
/// For state that must not move, or that may fail: a failure is this function's error, not a panic somewhere else. May park.
///
/// # Errors
///
/// What the closure failed with, or its panic.
///
/// # Panics
///
/// As [`start`].
///
/// ```
/// pub struct Table { rows: Vec<u32> }
/// #[smarm::actor]
/// impl Table {
///     pub fn read(text: &str) -> Result<Self, std::num::ParseIntError> {
///         Ok(Self { rows: text.split(',').map(str::parse).collect::<Result<_, _>>()? })
///     }
///     pub fn sum(&self) -> u32 { self.rows.iter().sum() }
/// }
///
/// smarm::run(|| {
///     let table = smarm::start_with(|| Table::read("1,2,3")).unwrap();
///     assert_eq!(table.sum().unwrap(), 6);
///     assert!(smarm::start_with(|| Table::read("1,two")).is_err());
/// });
/// ```
#[track_caller]
pub fn start_with<A, R, K>(build: impl FnOnce() -> R + Send + 'static) -> Result<A::Handle, StartError>
where
    A: Actor,
    R: Build<A, K>,
{
    start_telling(Terms::default(), |tell| {
        let built = build().build();
        tell.tell(&built);
        built
    })
}

/// The word of a server to its starter: that it has begun, or why not.
#[derive(Debug)]
pub struct Tell(channel::oneshot::Sender<Result<(), ExitReason>>);

/// Where it is waited for.
#[derive(Debug)]
pub struct Told(channel::oneshot::Receiver<Result<(), ExitReason>>);

pub(crate) fn tell() -> (Tell, Told) {
    let (tell, told) = channel::oneshot();
    (Tell(tell), Told(told))
}

impl Tell {
    pub(crate) fn tell<T>(self, begun: &Result<T, ExitReason>) {
        // The starter may be gone; the server lives all the same.
        self.0.send(begun.as_ref().map(drop).map_err(Clone::clone)).ok();
    }
}

impl Told {
    /// Waits for the word. Without one the server has panicked, or was killed: then `how` tells how it ended.
    pub(crate) fn wait(self, how: impl FnOnce() -> ExitReason) -> Result<(), ExitReason> {
        let without = |error: RecvError| if error.is_unwinding() { ExitReason::Unwinding } else { how() };
        self.0.recv().unwrap_or_else(|error| Err(without(error)))
    }
}

/// Starts a server whose state is built inside it, and waits until it has told that it has begun.
#[track_caller]
pub(crate) fn start_telling<A: Actor>(
    terms: Terms,
    build: impl FnOnce(Tell) -> Result<A, ExitReason> + Send + 'static,
) -> Result<A::Handle, StartError> {
    let (tell, told) = tell();
    let actor = launch_on(Birth::Builder(Box::new(move || build(tell))), terms);
    told.wait(|| actor.join()).map_err(|reason| StartError { reason })?;
    Ok(A::__handle(actor))
}

/// What a closure for [`start_with`] may return: an actor, or a `Result` of one.
pub trait Build<A, K> {
    #[doc(hidden)]
    fn build(self) -> Result<A, ExitReason>;
}

/// Marks closures that return an actor.
#[derive(Debug)]
pub enum Plain {}

/// Marks closures that return a `Result` of an actor.
#[derive(Debug)]
pub enum Fallible {}

impl<A: Actor> Build<A, Plain> for A {
    fn build(self) -> Result<A, ExitReason> {
        Ok(self)
    }
}

impl<A: Actor, E: Into<Box<dyn Error + Send + Sync>>> Build<A, Fallible> for Result<A, E> {
    fn build(self) -> Result<A, ExitReason> {
        self.map_err(|error| ExitReason::Error(Arc::from(error.into())))
    }
}

/// Why a server was not started by [`start_with`].
#[derive(Clone, Debug)]
pub struct StartError {
    reason: ExitReason,
}

impl StartError {
    /// Why the server ended before it had begun: [`ExitReason::Error`], [`ExitReason::Panicked`], [`ExitReason::Killed`].
    #[must_use]
    pub fn reason(&self) -> &ExitReason {
        &self.reason
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the actor could not be started: {}", self.reason)
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.reason.source()
    }
}

/// Makes a handle before its server is started: for two servers that need each other's. Never parks.
///
/// Messages are queued until [`Reserved::start`]. Dropped instead, the reservation ends the server: its callers get
/// [`CallError::Down`](crate::CallError::Down) with [`ExitReason::NoProc`].
///
/// # Panics
///
/// As [`start`].
///
/// ```
/// pub struct Ping { pong: PongHandle }
/// pub struct Pong { ping: PingHandle }
/// #[smarm::actor] impl Ping { pub fn name(&self) -> &'static str { "ping" } }
/// #[smarm::actor] impl Pong { pub fn other(&self) -> String { self.ping.name().unwrap().into() } }
///
/// smarm::run(|| {
///     let (ping, reserved) = smarm::reserve::<Ping>();
///     let pong = Pong { ping }.start();
///     let ping = reserved.start(Ping { pong: pong.clone() });
///     assert_eq!(pong.other().unwrap(), "ping");
/// });
/// ```
#[must_use]
#[track_caller]
pub fn reserve<A: Actor>() -> (A::Handle, Reserved<A>) {
    let cradle = Arc::new(Cradle(Mutex::new(None)));
    let taken = cradle.clone();
    let builder: Builder<A> = Box::new(move || taken.take().ok_or(ExitReason::NoProc));
    let handle = A::__handle(launch(Birth::Reserved(builder)));
    (handle.clone(), Reserved { handle, cradle })
}

/// A server to be; see [`reserve`].
pub struct Reserved<A: Actor> {
    handle: A::Handle,
    cradle: Arc<Cradle<A>>,
}

struct Cradle<A>(Mutex<Option<A>>);

// SAFETY: states of servers are `Send`, which the expansion of `#[smarm::actor]` asserts; and it is behind a lock.
unsafe impl<A: Actor> Send for Cradle<A> {}
// SAFETY: as above.
unsafe impl<A: Actor> Sync for Cradle<A> {}

impl<A> Cradle<A> {
    fn take(&self) -> Option<A> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<A: Actor> Reserved<A> {
    /// Starts the server. Never parks. If it was killed meanwhile the state is dropped.
    pub fn start(self, actor: A) -> A::Handle {
        *self.cradle.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(actor);
        self.handle.clone()
    }
}

impl<A: Actor> Drop for Reserved<A> {
    fn drop(&mut self) {
        // With a state or without: the builder takes what is there.
        server::activate_reserved(self.handle.actor());
    }
}

impl<A: Actor> fmt::Debug for Reserved<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserved").field("actor", self.handle.actor()).finish()
    }
}
