//! The composition root: configuration, start, end.

mod config;
pub(crate) mod entry;
mod handle;
mod report;
mod shutdown;
mod signals;

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

pub use self::config::{Config, Deadlock};
pub use self::handle::{RuntimeHandle, handle};
pub use self::report::DeadlockReport;
pub use self::shutdown::{is_shutting_down, on_shutdown, shutdown, wait_for_shutdown};
pub use crate::sched::stall::{Stall, ThreadActivity};
pub use crate::sched::stats::{ExitCounts, RuntimeStats};

#[doc(hidden)]
pub use self::report::dump;
use self::report::panic_or_resume;
use self::shutdown::Watch;
use crate::actor::{self, JoinHandle, Prepared};
use crate::exit::ExitReason;
use crate::sched::shared::{Settings, Shared};
use crate::sys::stack::{self, StackClass};
use crate::sys::thread::OwnThread;
use crate::sys::{clock, fault};
use crate::task::current;
use crate::task::park;
use crate::task::slot::SlotRef;
use crate::task::wait::WaitKind;

/// How often the drop of a runtime looks whether its last actors have ended.
const DROP_LOOKS_EVERY: Duration = Duration::from_millis(1);

/// Runs `f` as the root actor of a new runtime with one worker, and returns its value when no actor is left.
///
/// The same as `runtime::init(Config::exact(1)).run(f)`. Blocks the calling thread; inside an actor it parks that actor.
///
/// # Panics
///
/// As [`Runtime::run`], and as [`init`].
///
/// ```
/// assert_eq!(smarm::run(|| 6 * 7), 42);
/// ```
#[track_caller]
pub fn run<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    init(Config::exact(1)).run(f)
}

/// Starts a runtime: its workers are OS threads of their own, and sleep until there is something to run.
///
/// Several runtimes may live in one process, also one inside an actor of another. Never parks.
///
/// # Panics
///
/// If the system refuses threads, descriptors or address space, or if an environment variable that smarm reads has a bad value.
///
/// ```
/// let runtime = smarm::runtime::init(smarm::runtime::Config::exact(2));
/// assert_eq!(runtime.run(|| 1), 1);
/// assert_eq!(runtime.run(|| 2), 2);
/// ```
#[must_use]
#[track_caller]
pub fn init(config: Config) -> Runtime {
    match start(&config.with_environment()) {
        Ok(runtime) => runtime,
        Err(error) => panic!("cannot start a smarm runtime: {error}"),
    }
}

fn start(config: &Config) -> Result<Runtime, String> {
    clock::set_up();
    stack::set_up()?;
    fault::install(report::describe_owner);
    actor::install_panic_hook();
    let shared = Arc::new_cyclic(|this| Shared::new(settings(config), this.clone()));
    let mut runtime =
        Runtime { shared, monitor: None, running: AtomicBool::new(false), gave_up: AtomicBool::new(false) };
    runtime.shared.start_workers()?;
    runtime.start_monitor().map_err(|error| format!("no thread for the monitor ({error})"))?;
    Ok(runtime)
}

fn settings(config: &Config) -> Settings {
    let cpus = config::available_cpus();
    let class = |bytes| StackClass::for_bytes(bytes).expect("`Config` has checked its sizes");
    Settings {
        stack_class: class(config.stack_bytes),
        root_stack_class: class(config.root_stack_bytes),
        alloc_interval: config.alloc_interval,
        timeslice_cycles: config.timeslice_cycles,
        preempt_in_alloc: config.preempt_in_alloc,
        deadlock_fails: config.deadlock == Deadlock::Fail,
        shutdown_timeout: config.shutdown_timeout,
        may_watch: cpus > 1 && config.workers <= cpus,
        workers: config.workers,
        spares: config.spares,
        blocking_threads: config.blocking_threads,
        stall: config.stall.clone(),
    }
}

/// Workers, and the actors that run on them; made by [`init`].
///
/// Dropping it ends it: actors that are still there (spawned by a [`RuntimeHandle`] outside any `run`) are killed, unless a
/// [shutdown](RuntimeHandle::shutdown) has begun, which then has its time; and its threads are joined. Actors that do not come to a safe point within the shutdown timeout are named on standard error, and their threads
/// are left to themselves; so are those of [blocking code](crate::block_on_io()) that does not return.
pub struct Runtime {
    shared: Arc<Shared>,
    monitor: Option<thread::JoinHandle<()>>,
    running: AtomicBool,
    /// Whether the latest shutdown gave up on actors that hung, and named them.
    gave_up: AtomicBool,
}

impl Runtime {
    fn start_monitor(&mut self) -> std::io::Result<()> {
        let shared = self.shared.clone();
        let own_thread = OwnThread::new();
        let body = move || {
            shared.monitor.run(&shared);
            drop(own_thread);
        };
        self.monitor = Some(thread::Builder::new().name("smarm-monitor".into()).spawn(body)?);
        Ok(())
    }

    /// Runs `f` as the root actor, on a stack of 8 MiB, and returns its value when the root has returned and no actor is left, nor any
    /// [blocking code](crate::block_on_io()) of one.
    ///
    /// Blocks the calling thread; inside an actor it parks that actor. Can be called again and again.
    ///
    /// # Panics
    ///
    /// With the root's payload if the root panicked (the other actors are [shut down](crate::shutdown()) first); with a sentence if the root
    /// was killed, or ended by a shutdown, or if the run ended in a deadlock (see [`Deadlock::Fail`]); or if another `run` of this
    /// runtime has not returned.
    #[track_caller]
    pub fn run<F, T>(&self, f: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.try_run(f) {
            Ok(value) => value,
            Err(reason) => {
                park::deliver_kill(current::waiter()); // the caller was killed, and passed that on
                panic_or_resume(&reason)
            }
        }
    }

    /// The same as [`run`](Self::run), but tells why there is no value instead of panicking.
    ///
    /// # Errors
    ///
    /// Why the root ended without a value: [`ExitReason::Panicked`] with its payload, [`ExitReason::Shutdown`] if a
    /// [shutdown](crate::shutdown()) ended it, [`ExitReason::Killed`] if it was killed, by the deadline of a shutdown too, or
    /// [`ExitReason::Error`] with a [`DeadlockReport`].
    ///
    /// # Panics
    ///
    /// If another `run` of this runtime has not returned, or if there is no stack for the root.
    #[track_caller]
    pub fn try_run<F, T>(&self, f: F) -> Result<T, ExitReason>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // Ordering: AcqRel. One run after the other.
        let running = self.running.swap(true, Ordering::AcqRel);
        assert!(
            !running,
            "this runtime already runs a root: wait for that `run` to return, or use `spawn` or another runtime"
        );
        let _running = Running(&self.running);
        let caller = current::waiter();
        if park::may_not_wait(caller, "`run`") {
            eprintln!(
                "smarm: `run` was called by actor {} while it unwinds, where it cannot wait",
                caller.pid()
            );
            std::process::abort();
        }
        self.shared.begin_run(caller.pid().to_bits());
        // Ordering: Relaxed. Set by this thread, or by one that ran before.
        self.gave_up.store(false, Ordering::Relaxed);
        // Shut down before the run has begun, there is no root any more.
        let root = if self.shared.shutdown.has_begun() { None } else { Some(self.spawn_root(f)) };
        park::mask_kill(|| self.await_end(caller, root))
    }

    #[track_caller]
    fn spawn_root<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let prepared =
            Prepared::new(f, handle::options(Some("root"), Some(self.shared.settings.root_stack_class)));
        match handle::launch(&self.shared, prepared) {
            Ok(root) => root,
            Err(error) => panic!("cannot start the root actor: {error}"),
        }
    }

    fn await_end<T>(&self, caller: SlotRef, root: Option<JoinHandle<T>>) -> Result<T, ExitReason> {
        // Kills are masked here; an actor that runs a runtime passes its own end on, unless it masks that itself.
        let passes_on = caller.runtime() != 0 && caller.kill_masks.get() <= 1;
        let watch = Watch::new(&self.shared, passes_on.then_some(caller));
        let result = root.map_or(Err(ExitReason::Shutdown), |root| root.join_while(|| watch.look()));
        self.shared.expect_end(caller.pid().to_bits());
        // One that ends itself with `Normal` has returned without a value.
        if result.as_ref().is_err_and(|reason| !reason.is_normal()) {
            watch.end();
        }
        self.shared.wake_one(); // all may sleep already, and only idle servers be left
        let wait = |until_ns| _ = park::park(caller, WaitKind::Elsewhere, None, until_ns);
        let is_over = watch.await_end(wait);
        self.shared.forget_end();
        if is_over {
            shutdown::clear(&self.shared);
        } else {
            // Ordering: Relaxed. As in `try_run`.
            self.gave_up.store(true, Ordering::Relaxed);
        }
        match report::take_failure(&self.shared) {
            Some(failure) => Err(failure),
            None => result,
        }
    }

    /// What the runtime does and did. Never parks.
    #[must_use]
    pub fn stats(&self) -> RuntimeStats {
        self.shared.stats()
    }

    /// A handle by which plain threads spawn actors here. Never parks.
    #[must_use]
    pub fn handle(&self) -> RuntimeHandle {
        RuntimeHandle::new(self.shared.clone())
    }
}

/// A `run` in progress.
struct Running<'a>(&'a AtomicBool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Ordering: Release; pairs with the Acquire in `try_run`.
        self.0.store(false, Ordering::Release);
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let inside = current::runtime() == self.shared.id;
        self.shared.stop();
        // Those on whom a shutdown has given up just now are not waited for again.
        let gave_up = *self.gave_up.get_mut();
        if self.shared.is_busy() && !inside && !gave_up {
            let watch = Watch::new(&self.shared, None);
            if !self.shared.shutdown.has_begun() {
                watch.kill();
            }
            // A destructor never switches: an actor that drops a runtime blocks its thread. Whoever is left then has been named.
            watch.await_end(|_| thread::sleep(DROP_LOOKS_EVERY));
        }
        self.shared.monitor.stop();
        self.shared.dismiss_pool();
        self.shared.dismiss();
        // A thread cannot wait for itself, nor for an actor that never ends: then threads and worker blocks are left to themselves.
        if self.shared.live() > 0 || inside {
            return;
        }
        self.shared.join_workers();
        self.shared.join_pool();
        if let Some(Err(payload)) = self.monitor.take().map(thread::JoinHandle::join) {
            // A bug of ours, as a worker's panic would be.
            panic::resume_unwind(payload);
        }
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
