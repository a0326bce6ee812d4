//! What a child is made of: what its closure returns decides.

use core::any::type_name;
use core::fmt;
use core::panic::Location;
use std::any::Any;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::handle::{DynamicSupervisorHandle, SupervisorHandle};
use super::options::{DynamicSupervisor, Supervisor};
use super::shutdown::Shutdown;
use super::tether::Tether;
use super::tree::{Tree, TreeHandle};
use crate::actor::{self, Actor, Builder, Kept, Tell, Told};
use crate::exit::ExitReason;
use crate::pid::Pid;

/// Where a child was specified, for reports.
type Place = &'static Location<'static>;

/// What the closure of a child may return.
///
/// A server, a [`Supervisor`], a [`DynamicSupervisor`], or a `Result` of one of them: then the closure makes it, inside the child. Or `()`, or a
/// `Result<(), E>`: then the closure is itself the body of a thread actor, and an `Err` becomes its [`ExitReason::Error`]. Implemented by
/// smarm only; `K` is inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be supervised",
    label = "is no server, no supervisor, no `()`, and no `Result` of one of them",
    note = "let the closure return a type with `#[smarm::actor]` above its `impl`; or `()`, if the closure is the actor's body"
)]
pub trait Seed<K>: Sized + 'static {
    /// What a start gives: the handle of a server or of a supervisor, the [`Pid`] of a thread actor.
    type Started: Send + 'static;

    #[doc(hidden)]
    fn source(make: impl FnMut() -> Self + Send + 'static, place: Place) -> Box<dyn Source>;
}

/// Whether a child is a supervisor itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ChildKind {
    /// A server or a thread actor.
    Worker,
    /// A supervisor.
    Supervisor,
}

/// How one child is started, again and again. For its supervisor alone.
#[doc(hidden)]
pub trait Source: Send {
    /// Begins a life: its name, and where it tells that it has begun, if it does. The last one has ended.
    fn begin(&mut self, id: &str, tether: &Arc<Tether>) -> io::Result<(Pid, Option<Told>)>;

    /// Asks the life of this name to end with [`ExitReason::Shutdown`].
    fn ask_to_stop(&self, pid: Pid);

    /// The child is not restarted: what is queued is not handled, and joiners hear of the end. Its last life has ended.
    fn bury(&mut self, reason: ExitReason);

    /// The handle of a server or a supervisor, unless it was buried; none of a thread actor.
    fn handle(&self) -> Option<Found>;

    fn kind(&self) -> ChildKind;

    fn default_shutdown(&self) -> Shutdown {
        match self.kind() {
            ChildKind::Worker => Shutdown::default(),
            ChildKind::Supervisor => Shutdown::Infinity,
        }
    }
}

/// What a child is known by: a handle, or a `Pid`.
#[doc(hidden)]
pub struct Found {
    pub(super) what: Box<dyn Any + Send>,
    pub(super) type_name: &'static str,
}

impl Found {
    pub(super) fn new<T: Any + Send>(what: T) -> Self {
        Self { what: Box::new(what), type_name: type_name::<T>() }
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name)
    }
}

impl fmt::Debug for dyn Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.kind(), f)
    }
}

/// A child's closure. One life after the other uses it, so nobody ever waits for the lock.
type Make<F> = Arc<Mutex<F>>;

/// Calls the closure. A panic of an earlier life in it is that life's end, and no reason to refuse the next.
fn with<F, R>(make: &Make<F>, call: impl FnOnce(&mut F) -> R) -> R {
    call(&mut make.lock().unwrap_or_else(PoisonError::into_inner))
}

// ---- servers and supervisors ------------------------------------------------------------------------------------------

struct ServerSource<A: Actor, F> {
    make: Make<F>,
    place: Place,
    build: fn(&mut F, Tell) -> Result<A, ExitReason>,
    found: fn(A::Handle) -> Found,
    kind: ChildKind,
    /// `None` before the first life, and after one that was buried: the next one has new handles.
    kept: Option<Kept<A>>,
    last: Option<Arc<Tether>>,
}

impl<A: Actor, F: Send + 'static> ServerSource<A, F> {
    fn of(
        make: F,
        place: Place,
        build: fn(&mut F, Tell) -> Result<A, ExitReason>,
        found: fn(A::Handle) -> Found,
        kind: ChildKind,
    ) -> Box<dyn Source>
    where
        A: Actor,
    {
        Box::new(Self { make: Arc::new(Mutex::new(make)), place, build, found, kind, kept: None, last: None })
    }

    fn is_between_lives(&self) -> bool {
        self.last.as_ref().is_none_or(|tether| tether.is_over())
    }
}

impl<A: Actor, F: Send + 'static> Source for ServerSource<A, F> {
    fn begin(&mut self, _id: &str, tether: &Arc<Tether>) -> io::Result<(Pid, Option<Told>)> {
        assert!(self.is_between_lives(), "a child is started when its last life has ended");
        let (make, build) = (self.make.clone(), self.build);
        let (tell, told) = actor::tell();
        let builder = Box::new(move || with(&make, |make| build(make, tell)));
        let kept = self.kept.get_or_insert_with(|| Kept::new(self.place));
        // SAFETY: no life is in progress, see above. Only `#[smarm::actor]` implements `Actor`, and its expansion asserts the rest.
        let pid = unsafe { kept.start(builder, tether.clone()) }?;
        self.last = Some(tether.clone());
        Ok((pid, Some(told)))
    }

    fn ask_to_stop(&self, pid: Pid) {
        if let Some(kept) = &self.kept {
            kept.ask_to_stop(pid, ExitReason::Shutdown);
        }
    }

    fn bury(&mut self, reason: ExitReason) {
        assert!(self.is_between_lives(), "a child is buried when its last life has ended");
        if let Some(kept) = self.kept.take() {
            kept.bury(reason);
        }
    }

    fn handle(&self) -> Option<Found> {
        self.kept.as_ref().map(|kept| (self.found)(kept.handle()))
    }

    fn kind(&self) -> ChildKind {
        self.kind
    }
}

/// The builder of a server: tells its supervisor what came of it.
fn built<A>(state: Result<A, ExitReason>, tell: Tell) -> Result<A, ExitReason> {
    tell.tell(&state);
    state
}

fn error(error: impl Into<Box<dyn Error + Send + Sync>>) -> ExitReason {
    ExitReason::Error(Arc::from(error.into()))
}

/// Marks closures that return a server.
#[derive(Debug)]
pub enum OfServer {}

/// Marks closures that return a `Result` of a server.
#[derive(Debug)]
pub enum OfFallibleServer {}

impl<A: Actor> Seed<OfServer> for A {
    type Started = A::Handle;

    fn source(make: impl FnMut() -> Self + Send + 'static, place: Place) -> Box<dyn Source> {
        ServerSource::<A, _>::of(
            make,
            place,
            |make, tell| built(Ok(make()), tell),
            Found::new,
            ChildKind::Worker,
        )
    }
}

impl<A: Actor, E: Into<Box<dyn Error + Send + Sync>> + 'static> Seed<OfFallibleServer> for Result<A, E> {
    type Started = A::Handle;

    fn source(make: impl FnMut() -> Self + Send + 'static, place: Place) -> Box<dyn Source> {
        ServerSource::<A, _>::of(
            make,
            place,
            |make, tell| built(make().map_err(error), tell),
            Found::new,
            ChildKind::Worker,
        )
    }
}

/// Marks closures that return a supervisor.
#[derive(Debug)]
pub enum OfSupervisor {}

/// Marks closures that return a `Result` of a supervisor.
#[derive(Debug)]
pub enum OfFallibleSupervisor {}

/// A kind of supervisors.
#[doc(hidden)]
pub trait Plant: Sized + 'static {
    /// Its handle.
    type Handle: Send + 'static;
    /// Its state.
    fn plant(self, tell: Tell) -> Tree;
    /// Its handle, of that of its state.
    fn wrap(tree: TreeHandle) -> Self::Handle;
}

impl Plant for Supervisor {
    type Handle = SupervisorHandle;
    fn plant(self, tell: Tell) -> Tree {
        self.into_tree(tell)
    }
    fn wrap(tree: TreeHandle) -> SupervisorHandle {
        SupervisorHandle::new(tree)
    }
}

impl Plant for DynamicSupervisor {
    type Handle = DynamicSupervisorHandle;
    fn plant(self, tell: Tell) -> Tree {
        self.into_tree(tell)
    }
    fn wrap(tree: TreeHandle) -> DynamicSupervisorHandle {
        DynamicSupervisorHandle::new(tree)
    }
}

fn supervisor_source<P: Plant>(
    make: impl FnMut() -> Result<P, ExitReason> + Send + 'static,
    place: Place,
) -> Box<dyn Source> {
    ServerSource::<Tree, _>::of(
        make,
        place,
        |make, tell| match make() {
            Ok(supervisor) => Ok(supervisor.plant(tell)), // which tells when its children have begun
            Err(reason) => built(Err(reason), tell),
        },
        |tree| Found::new(P::wrap(tree)),
        ChildKind::Supervisor,
    )
}

macro_rules! seeds_of_supervisors {
    ($($supervisor:ty),*) => {$(
        impl Seed<OfSupervisor> for $supervisor {
            type Started = <$supervisor as Plant>::Handle;

            fn source(mut make: impl FnMut() -> Self + Send + 'static, place: Place) -> Box<dyn Source> {
                supervisor_source(move || Ok(make()), place)
            }
        }

        impl<E: Into<Box<dyn Error + Send + Sync>> + 'static> Seed<OfFallibleSupervisor> for Result<$supervisor, E> {
            type Started = <$supervisor as Plant>::Handle;

            fn source(mut make: impl FnMut() -> Self + Send + 'static, place: Place) -> Box<dyn Source> {
                supervisor_source(move || make().map_err(error), place)
            }
        }
    )*};
}

seeds_of_supervisors!(Supervisor, DynamicSupervisor);

// ---- thread actors ----------------------------------------------------------------------------------------------------

struct ThreadSource<F> {
    make: Make<F>,
    place: Place,
}

impl<F: FnMut() + Send + 'static> Source for ThreadSource<F> {
    fn begin(&mut self, id: &str, tether: &Arc<Tether>) -> io::Result<(Pid, Option<Told>)> {
        let make = self.make.clone();
        let body = move || with(&make, |make| make());
        let pid = actor::spawn_kept(Builder::new().name(id), self.place, body, tether.clone())?;
        Ok((pid, None))
    }

    fn ask_to_stop(&self, pid: Pid) {
        actor::send_exit(pid, ExitReason::Shutdown);
    }

    fn bury(&mut self, _reason: ExitReason) {}

    fn handle(&self) -> Option<Found> {
        None
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Worker
    }
}

/// Marks closures that are the body of a thread actor.
#[derive(Debug)]
pub enum OfThread {}

/// Marks closures that are the body of a thread actor, and may fail.
#[derive(Debug)]
pub enum OfFallibleThread {}

impl Seed<OfThread> for () {
    type Started = Pid;

    fn source(make: impl FnMut() -> Self + Send + 'static, place: Place) -> Box<dyn Source> {
        Box::new(ThreadSource { make: Arc::new(Mutex::new(make)), place })
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>> + 'static> Seed<OfFallibleThread> for Result<(), E> {
    type Started = Pid;

    fn source(mut make: impl FnMut() -> Self + Send + 'static, place: Place) -> Box<dyn Source> {
        <() as Seed<OfThread>>::source(
            move || {
                if let Err(failure) = make() {
                    actor::exit(error(failure));
                }
            },
            place,
        )
    }
}

/// What a closure without an end returns.
type Never = <fn() -> ! as Returns>::Output;

/// A way to write `!` as a type.
#[doc(hidden)]
pub trait Returns {
    /// The type.
    type Output;
}

impl<R> Returns for fn() -> R {
    type Output = R;
}

/// Marks closures that are the body of a thread actor, and do not return.
#[derive(Debug)]
pub enum OfEndlessThread {}

impl Seed<OfEndlessThread> for Never {
    type Started = Pid;

    fn source(mut make: impl FnMut() -> Self + Send + 'static, place: Place) -> Box<dyn Source> {
        <() as Seed<OfThread>>::source(
            move || {
                make();
            },
            place,
        )
    }
}
