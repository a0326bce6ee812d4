//! A runtime seen from outside.

use core::panic::Location;
use core::ptr;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::shutdown;
use crate::actor::{JoinHandle, Options, Prepared};
use crate::sched::shared::Shared;
use crate::sched::{self, worker};
use crate::sys::stack::StackClass;
use crate::task::current;
use crate::task::slot::{JobThread, SlotRef};

/// A reference to a runtime, for plain threads and for actors of other runtimes; cheap to clone.
///
/// Actors spawned by it run like any other; a `run` in progress waits for them. While a handle exists, somebody outside may
/// still do something, so no wait counts as a certain deadlock.
pub struct RuntimeHandle {
    shared: Arc<Shared>,
}

impl RuntimeHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        // Ordering: Relaxed. Read when nothing has happened for a second.
        shared.handles.fetch_add(1, Ordering::Relaxed);
        Self { shared }
    }

    /// Starts an actor; see [`spawn`](crate::spawn). From any thread. Never parks.
    ///
    /// # Panics
    ///
    /// If the runtime has ended, or if stacks or memory are exhausted.
    #[track_caller]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match launch(&self.shared, Prepared::new(f, options(None, None))) {
            Ok(handle) => handle,
            Err(error) => panic!("cannot start another actor: {error}"),
        }
    }

    /// Begins the orderly end of the runtime; see [`shutdown`](crate::shutdown()). From any thread, so also from one that waits for signals;
    /// not from a signal handler. Never parks.
    ///
    /// If no run is in progress, the next one ends with [`ExitReason::Shutdown`](crate::ExitReason::Shutdown) before its root has begun.
    ///
    /// ```
    /// let runtime = smarm::runtime::init(smarm::runtime::Config::exact(1));
    /// let handle = runtime.handle();
    /// std::thread::spawn(move || handle.shutdown());
    /// let ended = runtime.try_run(smarm::wait_for_shutdown);
    /// assert!(matches!(ended, Ok(()) | Err(smarm::ExitReason::Shutdown)));
    /// ```
    #[track_caller]
    pub fn shutdown(&self) {
        shutdown::begin(&self.shared);
    }

    /// Whether a shutdown of the runtime has begun; see [`is_shutting_down`](crate::is_shutting_down). Never parks.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shared.shutdown.has_begun()
    }

    /// Runs `f` with this runtime in force: `spawn`, `Builder` and `scope` work inside on a plain thread. Calls nest. Never
    /// parks by itself.
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Leave(SlotRef, *const ());
        impl Drop for Leave {
            fn drop(&mut self) {
                self.0.entered.set(self.1);
            }
        }
        let slot = current::waiter();
        let outer = slot.entered.replace(Arc::as_ptr(&self.shared).cast());
        let _leave = Leave(slot, outer);
        f()
    }
}

impl Clone for RuntimeHandle {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone())
    }
}

impl Drop for RuntimeHandle {
    fn drop(&mut self) {
        // Ordering: Release; pairs with the Acquire of who looks for a deadlock.
        self.shared.handles.fetch_sub(1, Ordering::Release);
    }
}

impl fmt::Debug for RuntimeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeHandle").field("stats", &self.shared.stats()).finish_non_exhaustive()
    }
}

/// A handle to the runtime of the current actor, or to the one that this thread has entered. Never parks.
///
/// # Panics
///
/// On a plain thread that has not entered a runtime.
///
/// ```
/// let runtime = smarm::runtime::init(smarm::runtime::Config::exact(1));
/// let handle = runtime.run(smarm::handle);
/// assert_eq!(handle.spawn(|| 1).join().unwrap(), 1); // from a plain thread
/// ```
#[must_use]
#[track_caller]
pub fn handle() -> RuntimeHandle {
    with_shared("smarm::handle", |shared| RuntimeHandle::new(shared.this()))
}

/// Calls `f` with the runtime of the current actor, or with the one that this thread has entered. `call` is what the user has called.
#[track_caller]
pub(super) fn with_shared<R>(call: &str, f: impl FnOnce(&Shared) -> R) -> R {
    let slot = current::waiter();
    // SAFETY: `enter` keeps the runtime alive while it is entered.
    let entered = unsafe { slot.entered.get().cast::<Shared>().as_ref() };
    match entered.or_else(|| current::actor().map(worker::shared_of)) {
        Some(shared) => f(shared),
        None => panic!(
            "`{call}` was called on a thread that is no actor: call it inside `smarm::run`, or use `Runtime::handle`"
        ),
    }
}

#[track_caller]
pub(super) fn options(name: Option<&'static str>, stack_class: Option<StackClass>) -> Options {
    Options {
        name: name.map(Into::into),
        stack_class,
        thread: JobThread::Any,
        spawned_at: Location::caller(),
        preempt_in_alloc: false,
    }
}

pub(super) fn launch<F, T>(shared: &Shared, prepared: Prepared<F, T>) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T,
{
    debug_assert!(!ptr::eq(prepared.job(), ptr::null()));
    let pid = sched::spawn_outside(shared, prepared.job(), |_| ())?;
    Ok(prepared.launched(pid))
}
