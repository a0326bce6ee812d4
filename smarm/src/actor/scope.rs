//! Actors that borrow.
//!
//! The scope may not end while one of its actors lives, since that actor may use the caller's frames. So it catches its body's unwind
//! (a destructor would run while the thread is panicking, where nothing may switch), kills the actors that are left, waits for
//! them with kills masked, and only then goes on unwinding.

use core::fmt;
use core::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};

use super::builder::{self, Builder};
use super::job::Prepared;
use super::join::JoinHandle;
use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::sys::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::task::current;
use crate::task::park;
use crate::task::section::Section;
use crate::task::slot::{self, SlotRef};
use crate::task::wait::{WaitKind, WaitObject};

/// What a scope and its actors share.
pub(super) struct ScopeData {
    parent: Pid,
    live: AtomicUsize,
    panicked: AtomicBool,
    /// A shutdown has ended one.
    shut_down: AtomicBool,
    wait: WaitObject,
    children: Mutex<Children>,
}

/// Those that may be alive, for a kill.
#[derive(Default)]
struct Children {
    pids: Vec<Pid>,
    /// From this length on, those that have ended are sorted out.
    prune_at: usize,
    /// All are to end: those that come later too.
    killed: bool,
}

/// Below this many, ended children are not worth sorting out.
const PRUNE_FROM: usize = 64;

impl ScopeData {
    fn new(parent: SlotRef) -> Self {
        Self {
            parent: parent.pid(),
            live: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            shut_down: AtomicBool::new(false),
            wait: WaitObject::made_by(parent.runtime()),
            children: Mutex::new(Children::default()),
        }
    }

    fn add(&self, pid: Pid) {
        let _section = Section::begin(); // the list grows under the lock
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        if children.pids.len() >= children.prune_at.max(PRUNE_FROM) {
            children.pids.retain(|pid| slot::is_alive(*pid));
            children.prune_at = children.pids.len() * 2;
        }
        children.pids.push(pid);
        if children.killed {
            park::kill(pid);
        }
    }

    fn kill_children(&self) {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.killed = true;
        children.pids.iter().copied().for_each(park::kill);
    }

    /// An actor of the scope panicked, and nobody has taken its result.
    pub(super) fn child_panicked(&self) {
        // Ordering: Relaxed. Published by the count.
        self.panicked.store(true, Ordering::Relaxed);
    }

    /// A shutdown has ended an actor of the scope.
    pub(super) fn child_shut_down(&self) {
        // Ordering: Relaxed. Published by the count.
        self.shut_down.store(true, Ordering::Relaxed);
    }

    /// An actor of the scope is done with all that it borrowed.
    pub(super) fn child_ended(&self) {
        let parent = self.parent;
        // Ordering: Release; publishes the actor's last use of what it borrowed to the Acquire of the waiting parent.
        if self.live.fetch_sub(1, Ordering::Release) == 1 {
            park::unpark(parent);
        }
    }

    fn is_over(&self) -> bool {
        // Ordering: Acquire; pairs with the Release in `child_ended`.
        self.live.load(Ordering::Acquire) == 0
    }

    /// Waits for all actors of the scope, with kills masked. A kill of the parent is passed on to them, unless the caller masks it too.
    fn wait_for_children(&self, parent: SlotRef) {
        let mut passed_on = parent.kill_masks.get() > 1;
        while !self.is_over() {
            if !passed_on && parent.state.is_killed() {
                passed_on = true;
                self.kill_children();
            }
            let kind = if parent.entered.get().is_null() { WaitKind::Scope } else { WaitKind::Elsewhere };
            park::park(parent, kind, Some(&self.wait), None);
        }
    }
}

/// Runs `f`, which may start actors that borrow from the caller's frame, and waits for all of them.
///
/// May park; on a plain thread that has [entered](crate::RuntimeHandle::enter) a runtime it blocks. As in
/// [`std::thread::scope`], actors that were not joined are joined at the end. If `f` panics, or the caller is killed, the actors
/// of the scope are killed, and the unwinding goes on when they have ended.
///
/// # Panics
///
/// With the payload of `f` if that panicked; with a sentence of its own if an actor panicked whose result nobody joined. Called
/// while its actor unwinds, it aborts the process before any actor starts: it could not wait for them.
///
/// ```
/// smarm::run(|| {
///     let words = ["to", "be", "or"];
///     let lengths: usize = smarm::scope(|s| {
///         let handles: Vec<_> = words.iter().map(|word| s.spawn(|| word.len())).collect();
///         handles.into_iter().map(|handle| handle.join().unwrap()).sum()
///     });
///     assert_eq!(lengths, 6);
/// });
/// ```
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let parent = current::waiter();
    if park::may_not_wait(parent, "`scope`") {
        eprintln!(
            "smarm: `scope` was entered by {} while it unwinds, where it could not wait for its actors",
            parent.pid()
        );
        std::process::abort();
    }
    let scope = Scope { data: Arc::new(ScopeData::new(parent)), scope: PhantomData, env: PhantomData };
    let result = panic::catch_unwind(AssertUnwindSafe(|| f(&scope)));
    if result.is_err() {
        scope.data.kill_children();
    }
    park::mask_kill(|| scope.data.wait_for_children(parent));
    match result {
        Err(payload) => panic::resume_unwind(payload),
        // Ordering: Relaxed. Published by the count, which is zero.
        Ok(_) if scope.data.panicked.load(Ordering::Relaxed) => panic!("an actor of the scope panicked"),
        Ok(value) => {
            park::deliver_kill_alone(parent);
            // Ordering: Relaxed. As above.
            if scope.data.shut_down.load(Ordering::Relaxed) {
                park::give_in(parent); // what that one was to do is not done
            }
            value
        }
    }
}

/// A scope, to start actors in; see [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    data: Arc<ScopeData>,
    /// Invariant in both, as `std::thread::Scope` is: neither can be shortened or extended by the body.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Starts an actor that may borrow what outlives the scope. Never parks.
    ///
    /// # Panics
    ///
    /// As [`spawn`](crate::spawn).
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        match self.spawn_with(Builder::new(), f) {
            Ok(handle) => handle,
            Err(error) => {
                panic!("cannot start another actor: {error} (`Scope::spawn_with` returns this as an error)")
            }
        }
    }

    /// Starts an actor with a name, another stack size, or on another worker. Never parks.
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn`].
    ///
    /// # Panics
    ///
    /// As [`Builder::spawn`].
    #[track_caller]
    pub fn spawn_with<F, T>(
        &'scope self,
        builder: Builder,
        f: F,
    ) -> std::io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let spread = builder.is_spread();
        let options = builder.options()?;
        // SAFETY: `scope` does not return before `child_ended` was called for this actor, which comes after its last use of closure and
        // result, or before the handle below is gone, which cannot outlive 'scope. Both are `Send`.
        let prepared = unsafe { Prepared::borrowing(f, options, Some(self.data.clone())) };
        let counted = Counted::new(&self.data);
        let handle = builder::launch(prepared, spread)?;
        core::mem::forget(counted); // its end will be counted by the actor
        self.data.add(handle.pid());
        Ok(ScopedJoinHandle { handle: Some(handle), data: self.data.clone(), scope: PhantomData })
    }
}

/// An actor that is counted as one of the scope while it is being made; taken back if that fails or panics.
struct Counted<'a>(&'a ScopeData);

impl<'a> Counted<'a> {
    fn new(data: &'a ScopeData) -> Self {
        // Ordering: Relaxed. Whoever waits for zero runs this now, or waits for who does.
        data.live.fetch_add(1, Ordering::Relaxed);
        Self(data)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        // Ordering: Relaxed. As above: nothing was shared.
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// The right to wait for an actor of a [`scope`]; dropped, the scope waits.
pub struct ScopedJoinHandle<'scope, T> {
    /// `None` only while it is taken apart.
    handle: Option<JoinHandle<T>>,
    data: Arc<ScopeData>,
    scope: PhantomData<&'scope mut &'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits for the actor's end and returns its result; see [`JoinHandle::join`].
    ///
    /// # Errors
    ///
    /// As [`JoinHandle::join`].
    pub fn join(self) -> Result<T, ExitReason> {
        self.into_handle().join()
    }

    /// The handle inside. The scope is not told of a panic any more.
    pub(super) fn into_handle(mut self) -> JoinHandle<T> {
        self.handle.take().expect("a handle is whole until it is joined or dropped")
    }

    /// The name of the actor.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.handle().pid()
    }

    /// Whether the actor has ended. Never parks.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.handle().is_finished()
    }

    /// Asks the actor to end; see [`kill`](crate::kill()). Never parks. The scope goes on.
    pub fn kill(&self) {
        self.handle().kill();
    }

    pub(super) fn handle(&self) -> &JoinHandle<T> {
        self.handle.as_ref().expect("a handle is whole until it is joined or dropped")
    }
}

impl<T> Drop for ScopedJoinHandle<'_, T> {
    fn drop(&mut self) {
        if self.handle.take().is_some_and(JoinHandle::detach) {
            self.data.child_panicked();
        }
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").field("pid", &self.pid()).finish_non_exhaustive()
    }
}
