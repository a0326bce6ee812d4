//! Making thread actors.

use core::panic::Location;
use std::io;
use std::sync::Arc;

use super::bonds::{self, Keeper};
use super::job::{Options, Prepared};
use super::join::JoinHandle;
use super::monitor::{Monitor, monitor};
use super::signals;
use crate::pid::Pid;
use crate::sys::stack::{LARGEST_STACK_BYTES, StackClass};
use crate::task::slot::JobThread;
use crate::task::{self, alloc, current};

/// Starts an actor that runs `f` on a stack of its own.
///
/// The actor is queued on this worker and may be taken by another one until it begins; from its first instruction on it stays on one OS
/// thread. It has no stack until it begins. Never parks, and is no safe point. Dropping the handle detaches the actor.
///
/// Erlang's cousin is `spawn/1`; this one returns a handle to wait for a typed result.
///
/// # Panics
///
/// If called on a plain thread that has not [entered](crate::RuntimeHandle::enter) a runtime, or if stacks or memory are
/// exhausted ([`Builder::spawn`] returns that as an error).
///
/// ```
/// let sum = smarm::run(|| {
///     let child = smarm::spawn(|| 20 + 22);
///     child.join().unwrap()
/// });
/// assert_eq!(sum, 42);
/// ```
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match Builder::new().spawn(f) {
        Ok(handle) => handle,
        Err(error) => refuse(&error, "`Builder::spawn`"),
    }
}

/// Starts an actor as [`spawn`] does, linked with the caller from its first instruction on: if one of them fails, the other one ends
/// too; see [`link`](crate::link()). Never parks. Erlang's cousin is `spawn_link/1`.
///
/// # Panics
///
/// On a plain thread, or if stacks or memory are exhausted.
///
/// ```
/// smarm::run(|| {
///     let parent = smarm::spawn(|| {
///         smarm::spawn_linked(|| smarm::exit(smarm::ExitReason::Shutdown));
///         smarm::sleep(std::time::Duration::MAX);
///     });
///     assert!(matches!(parent.join(), Err(smarm::ExitReason::Shutdown)));
/// });
/// ```
#[track_caller]
pub fn spawn_linked<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match Builder::new().spawn_linked(f) {
        Ok(handle) => handle,
        Err(error) => refuse(&error, "`Builder::spawn_linked`"),
    }
}

/// Starts an actor as [`spawn`] does, monitored from its first instruction on; see [`monitor`](crate::monitor()). Never parks. Erlang's
/// cousin is `spawn_monitor/1`.
///
/// # Panics
///
/// As [`spawn`].
///
/// ```
/// smarm::run(|| {
///     let (worker, monitor) = smarm::spawn_monitored(|| 7);
///     assert!(monitor.recv().unwrap().reason.is_normal());
///     assert_eq!(worker.join().unwrap(), 7);
/// });
/// ```
#[track_caller]
pub fn spawn_monitored<F, T>(f: F) -> (JoinHandle<T>, Monitor)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match Builder::new().spawn_monitored(f) {
        Ok(both) => both,
        Err(error) => refuse(&error, "`Builder::spawn_monitored`"),
    }
}

#[cold]
#[track_caller]
fn refuse(error: &io::Error, fallible: &str) -> ! {
    panic!("cannot start another actor: {error} ({fallible} returns this as an error)")
}

/// Makes an actor with a name, another stack size, or on another worker.
///
/// ```
/// smarm::run(|| {
///     let deep = smarm::Builder::new().name("deep").stack_size(1 << 20).spawn(|| "done").unwrap();
///     assert_eq!(deep.join().unwrap(), "done");
/// });
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `spawn`"]
pub struct Builder {
    name: Option<Box<str>>,
    stack_bytes: Option<usize>,
    spread: bool,
    own_thread: bool,
    preempt_in_alloc: bool,
}

impl Builder {
    /// An actor as [`spawn`] makes it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the actor, for panic lines and reports. Names need not be unique. Default: none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Sets the size of the actor's stack, in bytes of address space; memory is committed as it is used.
    ///
    /// Rounded up to a power of two from 128 KiB to 8 MiB; the lowest 64 KiB of it are the guard. Default: that of the runtime, 256 KiB.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_bytes = Some(bytes);
        self
    }

    /// Starts the actor on another worker than the caller's, in turn, and wakes that worker. Default: the caller's, which others relieve if
    /// it has no time.
    ///
    /// It costs a wake of a thread (tens of microseconds), and messages between the two cross threads from then on: worth it for an
    /// actor that computes for long. With one worker it changes nothing.
    pub fn spread(mut self) -> Self {
        self.spread = true;
        self
    }

    /// Starts the actor on an OS thread of its own: nobody else runs there, and it may block that thread or compute for as long as it
    /// likes. Default: on a worker's, with others.
    ///
    /// For what has no other way out: a library that blocks, a computation without [`check!`](crate::check). All else works as for any actor;
    /// its messages cross threads, so each costs tens of microseconds where it must be woken. What it spawns goes to the workers.
    /// A thread is made when it is needed and no earlier one is free; a runtime has 1000 at most. Go's cousin is `runtime.LockOSThread`,
    /// Erlang's are the dirty schedulers.
    ///
    /// ```
    /// smarm::run(|| {
    ///     let blocker = smarm::Builder::new().own_thread().spawn(|| {
    ///         std::thread::sleep(std::time::Duration::from_millis(1)); // keeps nobody waiting
    ///         "done"
    ///     });
    ///     assert_eq!(blocker.unwrap().join().unwrap(), "done");
    /// });
    /// ```
    pub fn own_thread(mut self) -> Self {
        self.own_thread = true;
        self
    }

    /// Lets the actor be switched out by its own allocations, where [`smarm::Alloc`](crate::Alloc) is the global allocator. Default: an
    /// allocation only ends its slice, and its next safe point switches.
    ///
    /// For an actor that computes and allocates for long, without a safe point of its own. When its slice is over, the allocation is made first;
    /// then the actor goes behind the others, and comes back in its turn. This happens on its own stack only, not inside
    /// [`no_preempt`](crate::no_preempt) and [`forbid_yield`](crate::forbid_yield), not while it unwinds or a panic hook runs, and not inside
    /// smarm itself. It never changes its thread, and no kill is delivered there: a killed actor without safe points runs on.
    ///
    /// An allocation that the compiler removes does not switch: a loop that must let others run needs [`check!`](crate::check) all the same.
    /// Reports say of an actor that was switched out so, `switched out in an allocation`. In Erlang a process is switched out at any call; there
    /// nothing is shared.
    ///
    /// [`Config::preempt_in_alloc`](crate::runtime::Config::preempt_in_alloc) does so for all actors of a runtime.
    ///
    #[doc = include_str!("../preempt_in_alloc.md")]
    pub unsafe fn preempt_in_alloc(mut self) -> Self {
        alloc::ask_for_switches();
        self.preempt_in_alloc = true;
        self
    }

    /// Starts the actor; see [`spawn`].
    ///
    /// # Errors
    ///
    /// If the stack size is 0 or above 8 MiB, if stacks, memory or, for an [`own_thread`](Self::own_thread), threads are exhausted, or if
    /// the runtime that this thread has entered has ended.
    /// The closure is dropped then.
    ///
    /// # Panics
    ///
    /// If called on a plain thread that has not [entered](crate::RuntimeHandle::enter) a runtime.
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let spread = self.spread;
        launch(Prepared::new(f, self.options()?), spread)
    }

    /// Starts the actor, linked with the caller from its first instruction on; see [`link`](crate::link()).
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// On a plain thread.
    #[track_caller]
    pub fn spawn_linked<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let me = current::pid()
            .expect("`spawn_linked` was called on a thread that is no actor: only actors have links");
        let spread = self.spread;
        launch_bound(Prepared::new(f, self.options()?), spread, |child| _ = bonds::link(me, child))
    }

    /// Starts the actor, monitored from its first instruction on; see [`monitor`](crate::monitor()).
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_monitored<F, T>(self, f: F) -> io::Result<(JoinHandle<T>, Monitor)>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let spread = self.spread;
        let mut watching = None;
        let bind = |child| watching = Some(monitor(child));
        let handle = launch_bound(Prepared::new(f, self.options()?), spread, bind)?;
        Ok((handle, watching.expect("it was bound before it could run")))
    }

    pub(super) fn is_spread(&self) -> bool {
        self.spread
    }

    #[track_caller]
    pub(super) fn options(self) -> io::Result<Options> {
        let stack_class = self.stack_bytes.map(stack_class).transpose()?;
        let thread = if self.own_thread { JobThread::Own } else { JobThread::Any };
        let (name, preempt_in_alloc) = (self.name, self.preempt_in_alloc);
        Ok(Options { name, stack_class, thread, spawned_at: Location::caller(), preempt_in_alloc })
    }
}

fn stack_class(bytes: usize) -> io::Result<StackClass> {
    let class = StackClass::for_bytes(bytes).filter(|_| bytes > 0);
    class.ok_or_else(|| {
        let most = LARGEST_STACK_BYTES >> 20;
        let text = format!("a stack of {bytes} bytes is not possible: ask for 1 byte to {most} MiB");
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })
}

/// Hands a prepared actor to the host.
#[track_caller]
pub(super) fn launch<F: FnOnce() -> T, T>(
    prepared: Prepared<F, T>,
    spread: bool,
) -> io::Result<JoinHandle<T>> {
    let parent = current::waiter();
    if parent.ties.is_parent() {
        return launch_bound(prepared, spread, |_| ());
    }
    let pid = task::spawn(parent, prepared.job(), spread, |_| ())?;
    Ok(prepared.launched(pid))
}

/// Starts an actor whose keeper is told of its end, and decides what becomes of it.
pub(crate) fn spawn_kept(
    builder: Builder,
    spawned_at: &'static Location<'static>,
    f: impl FnOnce() + Send + 'static,
    keeper: Arc<dyn Keeper>,
) -> io::Result<Pid> {
    let spread = builder.spread;
    let options = Options { spawned_at, ..builder.options()? };
    let handle = launch_bound(Prepared::new(f, options), spread, |pid| bonds::keep(pid, keeper))?;
    Ok(handle.pid())
}

/// The same as [`launch`] for an actor with bonds, which are made by `bind` before it can run.
#[track_caller]
pub(super) fn launch_bound<F: FnOnce() -> T, T>(
    prepared: Prepared<F, T>,
    spread: bool,
    bind: impl FnOnce(Pid),
) -> io::Result<JoinHandle<T>> {
    let parent = current::waiter();
    let pid = task::spawn(parent, prepared.job(), spread, |pid| {
        if parent.ties.is_parent() {
            signals::announce(parent, pid);
        }
        bind(pid);
    })?;
    Ok(prepared.launched(pid))
}
