//! A server: state and mailbox, run in activations.
//!
//! ```text
//!   Block<A>: Core<Msg> { job | references | mailbox | ... } | state | plans
//!                 ▲                                             ▲
//!          handles, replies                              the activation alone
//! ```
//!
//! A worker that claims a queued server lends it a stack and calls [`activate`], which handles messages until there are none, the slice is
//! over, or 64 are done while others wait. Between two activations there is no stack, and the server may go on on any worker.
//!
//! # Death, in this order
//!
//! 1. `on_exit` (not after a by-value message), kills masked
//! 2. the state is dropped
//! 3. the mailbox closes; of what is left, calls are told so, casts become dead letters
//! 4. it loses its names, and its places in groups
//! 5. links, then monitors are told
//! 6. joiners are told
//!
//! Each step is shielded: a panic in it is reported, and changes nothing; the first reason wins.
//!
//! # Lives
//!
//! A server that a supervisor keeps ([`Kept`]) has one block, and a life, a `Pid` and a state, after the other. At the end of each, the mailbox stays open
//! and messages wait (instead of 3 and 5), and the supervisor is told as the very last: then nobody uses what is the activation's, and the
//! supervisor may start the next life, or do 3 and 5.
//!
//! # Who may touch what
//!
//! The mailbox and the end are for all, by their locks. State and plans belong to the activation: it is the only one, because only who
//! claims the slot runs it. After the mailbox said that the server sleeps, the activation ends. A sender may wake the server at once, but
//! nobody can claim it before the worker, which does not know of the block, has published that it is idle. The block lives until
//! the last reference goes; the server itself holds one until its end.

use core::any::type_name;
use core::cell::{Cell, UnsafeCell};
use core::panic::Location;
use core::ptr::NonNull;
use std::io;
use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use super::actor_ref::ActorRef;
use super::bonds::{self, Keeper};
use super::context::Ctx;
use super::exit;
use super::interval::Interval;
use super::links::{Exit, Trap};
use super::mailbox::{Left, Mailbox, Overflow, Pop, Wake};
use super::options::ServerOptions;
use super::places::Places;
use super::plans::Plans;
use super::signals;
use super::traits::{Actor, Down};
use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::sys::atomic::{AtomicU32, Ordering};
use crate::task::park;
use crate::task::reply::Silence;
use crate::task::slot::{Burial, Job, JobKind, JobPid, JobThread, Rank, SlotRef, Turn, slot_of};
use crate::task::wait::{self, WaitObject};
use crate::task::{self, current};

/// What comes before all messages.
pub(super) enum System<M> {
    /// End, for this reason.
    Stop(ExitReason),
    /// Arm a timer on the worker of the server.
    Arm(Box<dyn FnOnce(SlotRef) + Send>),
    /// Arm the first tick of an interval.
    Begin(Arc<Interval<M>>),
    /// A tick of an interval has come.
    Beat(Arc<Interval<M>>),
    /// The last handle was dropped. The server may have made another since.
    Unreachable,
    /// What concerns only the life of this name: a server that was started again has another one.
    News(Pid, News),
}

/// See [`System::News`].
pub(super) enum News {
    /// A period of this number is over.
    Tick(u32),
    /// Look whether the server has been idle for long enough.
    IdleCheck,
    /// End, for this reason: its supervisor wants that.
    Stop(ExitReason),
    /// Somebody that is monitored has ended.
    Down(Down),
    /// Somebody that is linked has ended.
    Exit(Exit),
}

impl<M> System<M> {
    /// Nobody will handle it.
    fn bury(self) {
        if let Self::Begin(interval) | Self::Beat(interval) = self {
            interval.end();
        }
    }
}

/// What handles know of a server.
#[repr(C)]
pub(super) struct Core<M> {
    /// First, so that the slot's job is the block.
    job: Job,
    /// What keeps the block: the server itself, all handles together, pending firings.
    references: AtomicU32,
    handles: AtomicU32,
    pub(super) mailbox: Mailbox<M, System<M>, Pid, End>,
    /// Room in the mailbox; the largest number is no bound.
    bound: u32,
    pub(super) overflow: Overflow,
    pub(super) stop_on_drop: bool,
    pub(super) wait: WaitObject,
    /// In the block: the fault handler, which may not allocate, asks for it.
    name: &'static str,
    kind: &'static ServerKind,
}

/// What the servers of one type have in common.
struct ServerKind {
    /// Frees the block, which it is given.
    free: unsafe fn(NonNull<()>),
    /// What their handles are called.
    handle_type: fn() -> &'static str,
}

#[repr(C)]
struct Block<A: Actor> {
    core: Core<A::Msg>,
    /// The activation's alone.
    own: UnsafeCell<Own<A>>,
}

struct Own<A: Actor> {
    state: State<A>,
    plans: Option<Box<Plans<A::Msg>>>,
}

/// Makes the state, inside the server.
pub(crate) type Builder<A> = Box<dyn FnOnce() -> Result<A, ExitReason> + Send>;

enum State<A> {
    /// To be built by the first activation.
    Unbuilt(Box<Builder<A>>),
    /// Built, and to be started by the first activation.
    Unstarted(A),
    Started(A),
    /// The state has left, or was never there.
    Gone,
}

/// How a server gets its state.
pub(super) enum Birth<A> {
    Built(A),
    /// By the builder, at once.
    Builder(Builder<A>),
    /// By the builder, when [`activate_reserved`] is called.
    Reserved(Builder<A>),
}

/// What a server is to others from its start.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Terms {
    /// Linked with the actor that runs here.
    pub(crate) link: bool,
    /// It ends others when it ends.
    pub(crate) is_supervisor: bool,
}

/// Starts a server.
///
/// # Safety
///
/// State and messages are `Send + 'static`, whatever their types say.
#[track_caller]
pub(super) unsafe fn start<A: Actor>(birth: Birth<A>, terms: Terms) -> io::Result<ActorRef<A::Msg>> {
    let options = A::__options();
    let Terms { link, is_supervisor } = terms;
    // A reserved one is awake for its senders: nobody but `activate_reserved` wakes it.
    let (state, runs, asleep) = match birth {
        Birth::Built(state) if options.runs_at_once() => (State::Unstarted(state), true, false),
        Birth::Built(state) => (State::Started(state), false, true),
        Birth::Builder(builder) => (State::Unbuilt(Box::new(builder)), true, false),
        Birth::Reserved(builder) => (State::Unbuilt(Box::new(builder)), false, false),
    };
    let unborn = Unborn::<A>::new(state, asleep, &options, Location::caller());
    let parent = current::waiter();
    let has_bonds = options.on_linked_exit || link || parent.ties.is_parent();
    // With bonds it may run only when they are made.
    let rank = Rank { is_supervisor: options.rank.is_supervisor || is_supervisor, ..options.rank };
    task::start_server(unborn.0.as_ptr().cast(), rank, runs && !has_bonds)?;
    let core: NonNull<Core<A::Msg>> = unborn.0.cast();
    core::mem::forget(unborn);
    // SAFETY: the one handle that was counted.
    let actor = unsafe { ActorRef::from_raw(core, options.timeout) };
    if has_bonds {
        actor.core().bind(parent, link, options.on_linked_exit);
        if runs {
            activate_reserved(&actor);
        }
    }
    Ok(actor)
}

fn job_thread(options: &ServerOptions) -> JobThread {
    if options.own_thread { JobThread::Own } else { JobThread::Any }
}

/// A block that nobody has seen: there may be no slot, or no runtime.
struct Unborn<A: Actor>(NonNull<Block<A>>);

impl<A: Actor> Unborn<A> {
    /// For a server that runs, and one handle.
    fn new(
        state: State<A>,
        asleep: bool,
        options: &ServerOptions,
        spawned_at: &'static Location<'static>,
    ) -> Self {
        let block = Box::new(Block {
            core: Core {
                job: Job {
                    kind: const { &JobKind { run: run::<A>, name: name::<A> } },
                    pid: JobPid::default(),
                    spawned_at,
                    stack_class: options.stack_class(),
                    thread: Cell::new(job_thread(options)),
                    preempt_in_alloc: false,
                },
                references: AtomicU32::new(2), // the server's own, and that of its handles
                handles: AtomicU32::new(1),
                mailbox: Mailbox::new(asleep),
                bound: u32::try_from(options.bound).unwrap_or(u32::MAX),
                overflow: options.overflow,
                stop_on_drop: options.stop_on_drop,
                wait: WaitObject::made_by(current::runtime()),
                name: options.name,
                kind: const { &ServerKind { free: free::<A>, handle_type: type_name::<A::Handle> } },
            },
            own: UnsafeCell::new(Own { state, plans: None }),
        });
        Self(NonNull::from(Box::leak(block)))
    }
}

impl<A: Actor> Drop for Unborn<A> {
    fn drop(&mut self) {
        // SAFETY: made from a box, and nobody has seen it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Has a server run that was started at rest, and what it has to run first. Once.
pub(super) fn activate_reserved<M>(actor: &ActorRef<M>) {
    park::activate(slot_of(actor.pid()), actor.pid(), false);
}

/// Why a server has ended, and who wants to know.
#[derive(Debug, Default)]
pub(super) struct End {
    /// Why its latest life has ended. Known before the mailbox closes, so that callers get it.
    reason: Option<ExitReason>,
    /// It was the last one.
    is_final: bool,
    /// The last step was taken: joiners may go on.
    is_over: bool,
    joiners: Vec<Pid>,
    pub(super) places: Places,
}

impl<M> Core<M> {
    /// Room in the mailbox.
    #[inline]
    pub(super) fn bound(&self) -> usize {
        if self.bound == u32::MAX { usize::MAX } else { self.bound as usize }
    }

    pub(super) fn pid(&self) -> Pid {
        self.job.pid.get().expect("a server has a name from its start")
    }

    pub(super) fn name(&self) -> &str {
        self.name
    }

    pub(super) fn handle_type(&self) -> &'static str {
        (self.kind.handle_type)()
    }

    pub(super) fn add_handle(&self) {
        // Ordering: Relaxed. The new one is made from one that keeps the count above zero, or by the server itself.
        match self.handles.fetch_add(1, Ordering::Relaxed) {
            0 => self.add_reference(),
            MOST_HANDLES.. => std::process::abort(), // two thousand million were forgotten: as `Arc` does
            _ => {}
        }
    }

    /// A handle goes. If it was the last one, a server that wants that is asked to stop when it has no mail.
    ///
    /// # Safety
    ///
    /// The handle is the caller's, and `this` is not used by it afterwards.
    pub(super) unsafe fn drop_handle(this: NonNull<Self>) {
        // SAFETY: the handle keeps the block alive.
        let core = unsafe { this.as_ref() };
        // Ordering: AcqRel. The last one orders the use of all of them before what follows.
        if core.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            if core.stop_on_drop {
                core.push_system(System::Unreachable);
            }
            // SAFETY: the reference of the handles.
            unsafe { Self::drop_reference(this) };
        }
    }

    pub(super) fn add_reference(&self) {
        // Ordering: Relaxed. The new one is made from one that keeps the count above zero.
        self.references.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives a reference back.
    ///
    /// # Safety
    ///
    /// The reference is the caller's, and `this` is not used by it afterwards.
    pub(super) unsafe fn drop_reference(this: NonNull<Self>) {
        // SAFETY: the reference keeps the block alive.
        let core = unsafe { this.as_ref() };
        // Ordering: Release; publishes this one's last use of the block to who frees it.
        if core.references.fetch_sub(1, Ordering::Release) == 1 {
            core::sync::atomic::fence(Ordering::Acquire);
            // SAFETY: that was the last one.
            unsafe { (core.kind.free)(this.cast()) };
        }
    }

    /// Wakes the server if a push found it asleep; `soon`: the caller is about to park.
    #[inline]
    pub(super) fn wake(&self, wake: Wake, soon: bool) {
        if wake == Wake::Needed {
            park::activate(slot_of(self.pid()), self.pid(), soon);
        }
    }

    /// False if the server has ended; it needs none then.
    pub(super) fn push_system(&self, message: System<M>) -> bool {
        let pushed = self.mailbox.push_system(message);
        pushed.map(|wake| self.wake(wake, false)).is_ok()
    }

    // ---- the end ------------------------------------------------------------------------------------------------------

    /// Whether it is to end when it has no mail: its last handle is gone, or its runtime ends.
    #[inline]
    fn is_to_end(&self, slot: SlotRef) -> bool {
        slot.state.is_ending() || self.is_unreachable()
    }

    /// Of a server that has handled all that was sent before it was asked to stop.
    fn reason_to_stop(&self, slot: SlotRef) -> ExitReason {
        if slot.state.is_ending() { ExitReason::Shutdown } else { ExitReason::Normal }
    }

    fn reason_to_end(&self) -> ExitReason {
        if self.is_unreachable() { ExitReason::Normal } else { ExitReason::Shutdown }
    }

    /// Whether it wants to stop because nobody has a handle. For the server itself, which alone can make another one then.
    #[inline]
    fn is_unreachable(&self) -> bool {
        // Ordering: Relaxed. Who drops the last handle pushes a system message afterwards: it is found, or wakes the server.
        self.stop_on_drop && self.handles.load(Ordering::Relaxed) == 0
    }

    /// Why the server has ended, or is about to: it handles no message any more.
    pub(super) fn exit_reason(&self) -> Option<ExitReason> {
        self.mailbox.end(|end| end.filter(|end| end.is_final).and_then(|end| end.reason.clone()))
    }

    /// Why its latest life has ended; it may have another one.
    pub(super) fn latest_reason(&self) -> Option<ExitReason> {
        self.mailbox.end(|end| end.and_then(|end| end.reason.clone()))
    }

    /// Why the server has ended, if all steps of its end were taken.
    pub(super) fn final_reason(&self) -> Option<ExitReason> {
        self.mailbox.end(|end| end.filter(|end| end.is_over).and_then(|end| end.reason.clone()))
    }

    /// Registers who wants to be unparked at the end; false if that has come.
    pub(super) fn await_end(&self, joiner: Pid) -> bool {
        self.mailbox.end_mut(|end| {
            if !end.is_over && !end.joiners.contains(&joiner) {
                end.joiners.push(joiner);
            }
            !end.is_over
        })
    }

    pub(super) fn leave_end(&self, joiner: Pid) {
        self.mailbox.end_mut(|end| end.joiners.retain(|other| *other != joiner));
    }

    fn note_end(&self, reason: ExitReason, is_final: bool) {
        let before = self.mailbox.end_mut(|end| {
            end.is_final = is_final;
            end.reason.replace(reason)
        });
        exit::shielded(|| drop(before));
    }

    /// Nobody will handle what is in the mailbox, nor what comes; and nobody finds the server any more.
    fn close(&self) {
        bury_letters(self.mailbox.close());
        self.leave_all_places();
    }

    /// What is in the mailbox waits for the next life. Whether the server was asked to stop.
    fn pause(&self) -> bool {
        let (system, mut asked) = self.mailbox.pause();
        for message in system {
            match message {
                System::Arm(_) | System::Begin(_) => _ = self.push_system(message),
                System::Stop(_) => asked = true,
                System::Beat(_) | System::Unreachable | System::News(..) => exit::shielded(|| message.bury()),
            }
        }
        asked
    }

    /// Makes the bonds that a new server has from its start.
    #[cold]
    fn bind(&self, parent: SlotRef, link: bool, traps: bool)
    where
        M: 'static,
    {
        if traps {
            self.trap_exits();
        }
        if parent.ties.is_parent() {
            signals::announce(parent, self.pid());
        }
        if link {
            bonds::link(parent.pid(), self.pid());
        }
    }

    /// Has exit signals come as messages.
    fn trap_exits(&self)
    where
        M: 'static,
    {
        let (life, reference) = (self.pid(), SystemRef::new(self));
        let push = move |exit| reference.push(System::News(life, News::Exit(exit)));
        drop(bonds::set_trap(life, Trap::Server(Box::new(push))));
    }

    fn tell_joiners(&self) {
        let joiners = self.mailbox.end_mut(|end| {
            end.is_over = true;
            core::mem::take(&mut end.joiners)
        });
        joiners.into_iter().for_each(park::unpark);
    }
}

/// A reference to a server for its system messages; keeps the block.
pub(super) struct SystemRef<M>(NonNull<Core<M>>);

// SAFETY: it uses the core's mailbox and count of references only, which are for all threads.
unsafe impl<M> Send for SystemRef<M> {}
// SAFETY: as above.
unsafe impl<M> Sync for SystemRef<M> {}

impl<M> SystemRef<M> {
    pub(super) fn new(core: &Core<M>) -> Self {
        core.add_reference();
        Self(NonNull::from(core))
    }

    /// False if the server has ended for good.
    pub(super) fn push(&self, message: System<M>) -> bool {
        // SAFETY: the reference keeps the block alive.
        unsafe { self.0.as_ref() }.push_system(message)
    }
}

impl<M> Drop for SystemRef<M> {
    fn drop(&mut self) {
        // SAFETY: the reference is ours.
        unsafe { Core::drop_reference(self.0) };
    }
}

/// A server that a supervisor keeps: one block, one handle, and one life after the other. It is closed for good by [`bury`](Self::bury).
pub(crate) struct Kept<A: Actor> {
    actor: ActorRef<A::Msg>,
    options: ServerOptions,
}

impl<A: Actor> Kept<A> {
    /// A server without a life.
    pub(crate) fn new(spawned_at: &'static Location<'static>) -> Self {
        let options = A::__options();
        let unborn = Unborn::<A>::new(State::Gone, false, &options, spawned_at);
        let core: NonNull<Core<A::Msg>> = unborn.0.cast();
        core::mem::forget(unborn);
        // SAFETY: the one handle that was counted; the server's own reference is given back below, as by each life at its end.
        let actor = unsafe { ActorRef::from_raw(core, options.timeout) };
        // SAFETY: as above.
        unsafe { Core::drop_reference(core) };
        Self { actor, options }
    }

    pub(crate) fn handle(&self) -> A::Handle {
        A::__handle(self.actor.clone())
    }

    /// Begins a life, whose state is built inside it.
    ///
    /// # Safety
    ///
    /// There was none before, or the keeper of the last one was told of its end. State and messages are `Send + 'static`, whatever
    /// their types say.
    pub(crate) unsafe fn start(&self, builder: Builder<A>, keeper: Arc<dyn Keeper>) -> io::Result<Pid> {
        let core = self.actor.core();
        let block = NonNull::from(core).cast::<Block<A>>();
        // SAFETY: the core is the head of such a block; what is the activation's is nobody's between two lives.
        let own = unsafe { &mut *(*block.as_ptr()).own.get() };
        own.state = State::Unbuilt(Box::new(builder));
        core.job.thread.set(job_thread(&self.options));
        core.add_reference(); // its own
        let job = block.as_ptr().cast();
        let rank = Rank { is_supervised: true, ..self.options.rank };
        let pid = task::start_server(job, rank, false).inspect_err(|_| {
            own.state = State::Gone;
            // SAFETY: added above.
            unsafe { Core::drop_reference(NonNull::from(core)) };
        })?;
        bonds::keep(pid, keeper);
        if self.options.on_linked_exit {
            core.trap_exits();
        }
        park::activate(slot_of(pid), pid, false);
        Ok(pid)
    }

    /// Asks the life of this name to end, after the message in hand.
    pub(crate) fn ask_to_stop(&self, life: Pid, reason: ExitReason) {
        self.actor.core().push_system(System::News(life, News::Stop(reason)));
    }

    /// There will be no other life: callers are told, casts become dead letters, joiners go on. Between two lives. Once; parks only in
    /// destructors of messages.
    pub(crate) fn bury(&self, reason: ExitReason) {
        let core = self.actor.core();
        park::mask_kill(|| {
            core.note_end(reason, true);
            core.close();
            core.tell_joiners();
        });
    }
}

unsafe fn free<A: Actor>(block: NonNull<()>) {
    // SAFETY: the core is the head of a block made by `start`, and the caller is the last one.
    drop(unsafe { Box::from_raw(block.cast::<Block<A>>().as_ptr()) });
}

/// # Safety
///
/// `job` is the head of a server's block.
unsafe fn name<A: Actor>(job: *const Job) -> Option<&'static str> {
    // SAFETY: the caller's promise; the core is the head of the block.
    Some(unsafe { &*job.cast::<Core<A::Msg>>() }.name)
}

/// Far from an overflow, and beyond what fits any memory.
const MOST_HANDLES: u32 = u32::MAX / 2;

// ---- the activation ---------------------------------------------------------------------------------------------------

/// How an activation goes on.
enum Next {
    Rest(Turn),
    Exit(Last),
}

/// Why a life ends.
struct Last {
    reason: ExitReason,
    /// Somebody has asked the server to stop.
    on_request: bool,
}

impl From<ExitReason> for Last {
    fn from(reason: ExitReason) -> Self {
        Self { reason, on_request: false }
    }
}

impl Last {
    fn on_request(reason: ExitReason) -> Self {
        Self { reason, on_request: true }
    }
}

/// What the worker calls.
///
/// # Safety
///
/// `job` is the head of a `Block<A>` whose slot the caller has claimed.
unsafe fn run<A: Actor>(job: *mut Job, slot: SlotRef) -> Turn {
    let block = job.cast::<Block<A>>();
    // SAFETY: the server's own reference keeps the block alive until `die`.
    let core = unsafe { &(*block).core };
    // SAFETY: the activation's alone; see the module's words.
    let own = unsafe { &mut *(*block).own.get() };
    let ended = panic::catch_unwind(AssertUnwindSafe(|| activate(core, own, slot)));
    let last = match ended {
        Ok(Next::Rest(turn)) => return turn,
        Ok(Next::Exit(last)) => last,
        Err(payload) => Last::from(exit::reason_of(slot, payload)),
    };
    let obituary = die(core, own, slot, last);
    task::forget_job(slot);
    // SAFETY: the server's own reference.
    unsafe { Core::drop_reference(NonNull::from(core)) };
    obituary.tell_keeper();
    Turn::Ended
}

fn activate<A: Actor>(core: &Core<A::Msg>, own: &mut Own<A>, slot: SlotRef) -> Next {
    if slot.state.was_killed() {
        return Next::Exit(bonds::verdict(slot).into());
    }
    // SAFETY: the core is alive while the activation runs, and the context goes with it.
    let mut ctx = unsafe { Ctx::new(core) };
    if !matches!(own.state, State::Started(_))
        && let Err(reason) = be_born(core, own, slot, &mut ctx)
    {
        return Next::Exit(reason.into());
    }
    let mut handled = 0;
    loop {
        let is_to_end = core.is_to_end(slot);
        if is_to_end && slot.state.is_ending() {
            if slot.rank().is_supervisor {
                return Next::Exit(ExitReason::Shutdown.into());
            }
            // What was sent before is handled. It is not asleep, so there is nobody to wake.
            _ = core.mailbox.stop();
        }
        let next = match core.mailbox.pop(!is_to_end) {
            Pop::Message(message, waiter) => {
                if let Some(waiter) = waiter {
                    wait::settle(waiter, core.pid());
                    park::unpark(waiter);
                }
                let next = own.handle(message, &mut ctx);
                slot.send_last_words(Silence::Unanswered); // of a panic that the handler caught
                next
            }
            Pop::System(message) => own.handle_system(message, core, &mut ctx),
            Pop::Stop => ControlFlow::Break(Last::on_request(core.reason_to_stop(slot))),
            Pop::Nothing if is_to_end => ControlFlow::Break(core.reason_to_end().into()),
            Pop::Nothing => return Next::Rest(Turn::Idle),
        };
        if let ControlFlow::Break(last) = next {
            return Next::Exit(last);
        }
        if ctx.is_stopping() {
            return Next::Exit(ExitReason::Normal.into());
        }
        // Also if the handler has swallowed it: here is nobody who could.
        if slot.state.was_killed() {
            return Next::Exit(bonds::verdict(slot).into());
        }
        handled += 1;
        if task::turn_is_over(slot, handled) {
            return Next::Rest(Turn::Again);
        }
    }
}

/// Builds and starts what is not yet.
fn be_born<A: Actor>(
    core: &Core<A::Msg>,
    own: &mut Own<A>,
    slot: SlotRef,
    ctx: &mut Ctx<A>,
) -> Result<(), ExitReason> {
    let state = match core::mem::replace(&mut own.state, State::Gone) {
        State::Unbuilt(builder) => builder()?,
        State::Unstarted(state) | State::Started(state) => state,
        State::Gone => unreachable!("a state leaves only when its server ends"),
    };
    own.state = State::Started(state);
    let options = A::__options();
    own.plans = Plans::make(core, &options);
    if let State::Started(state) = &mut own.state {
        state.__on_start(ctx);
    }
    if ctx.is_stopping() {
        Err(ExitReason::Normal)
    } else if slot.state.was_killed() {
        Err(bonds::verdict(slot))
    } else {
        Ok(())
    }
}

impl<A: Actor> Own<A> {
    #[inline]
    fn handle(&mut self, message: A::Msg, ctx: &mut Ctx<A>) -> ControlFlow<Last> {
        if let Some(plans) = &mut self.plans {
            plans.note_message();
        }
        let State::Started(state) = &mut self.state else { unreachable!("a server that handles is started") };
        let ControlFlow::Break(last) = state.__dispatch(message, ctx) else {
            return ControlFlow::Continue(());
        };
        let State::Started(state) = core::mem::replace(&mut self.state, State::Gone) else {
            unreachable!("looked at above")
        };
        state.__last(last, ctx);
        ControlFlow::Break(ExitReason::Normal.into())
    }

    fn handle_system(
        &mut self,
        message: System<A::Msg>,
        core: &Core<A::Msg>,
        ctx: &mut Ctx<A>,
    ) -> ControlFlow<Last> {
        match message {
            System::Stop(reason) => return ControlFlow::Break(Last::on_request(reason)),
            System::Unreachable => {}
            System::Arm(arm) => arm(current::waiter()),
            System::Begin(interval) => self.plans.get_or_insert_with(|| Plans::none(core)).begin(interval),
            System::Beat(interval) => return self.beat(&interval, ctx),
            System::News(of, news) if of == core.pid() => return self.hear(news, ctx),
            System::News(..) => {} // an earlier life wanted to know
        }
        ControlFlow::Continue(())
    }

    fn hear(&mut self, news: News, ctx: &mut Ctx<A>) -> ControlFlow<Last> {
        let (State::Started(state), plans) = (&mut self.state, &mut self.plans) else {
            unreachable!("a server that handles is started")
        };
        match news {
            News::Stop(reason) => return ControlFlow::Break(reason.into()),
            News::Down(down) => state.__on_down(down, ctx),
            News::Exit(exit) => state.__on_linked_exit(exit, ctx),
            News::Tick(index) => {
                state.__every(index as usize, ctx);
                plans.iter_mut().for_each(|plans| plans.repeat(index));
            }
            News::IdleCheck => {
                if plans.as_mut().is_some_and(|plans| plans.check_idle()) {
                    state.__idle(ctx);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

impl<A: Actor> Own<A> {
    /// A tick of an interval has come.
    fn beat(&mut self, interval: &Arc<Interval<A::Msg>>, ctx: &mut Ctx<A>) -> ControlFlow<Last> {
        if let Some(message) = interval.tick() {
            self.handle(message, ctx)?;
            self.plans.iter().for_each(|plans| plans.arm_tick(interval));
        }
        ControlFlow::Continue(())
    }
}

/// The exit steps, on the server's own stack.
fn die<A: Actor>(core: &Core<A::Msg>, own: &mut Own<A>, slot: SlotRef, last: Last) -> exit::Obituary {
    let Last { reason, mut on_request } = last;
    let is_final = !bonds::is_kept(slot);
    park::mask_kill(|| {
        own.plans = None;
        let state = core::mem::replace(&mut own.state, State::Gone);
        if let State::Started(mut state) = state {
            exit::shielded(|| {
                // SAFETY: as in `activate`.
                let mut ctx = unsafe { Ctx::new(core) };
                state.__on_exit(&reason, &mut ctx);
            });
            drop_state(slot, state);
        } else {
            drop_state(slot, state);
        }
        core.note_end(reason.clone(), is_final);
        slot.send_last_words(Silence::Ended);
        if is_final {
            core.close();
        } else {
            on_request |= core.pause();
        }
        task::count_exit(slot, exit::outcome_of_reason(&reason));
        let obituary = exit::tell_bonds(slot, || reason, on_request);
        if is_final {
            core.tell_joiners();
        }
        obituary
    })
}

/// Rights to a reply that the state had are told of when the reason is known.
fn drop_state<T>(slot: SlotRef, state: T) {
    slot.burial.set(Burial::State);
    exit::shielded(|| drop(state));
    slot.burial.set(Burial::None);
}

/// What was queued when the mailbox closed: the callers are told, by the drop of their rights to a reply; casts are dead letters.
fn bury_letters<M>(left: Left<M, System<M>, Pid>) {
    left.waiters.into_iter().for_each(park::unpark);
    for message in left.system {
        exit::shielded(|| message.bury());
    }
    for message in left.messages {
        super::dead_letters::bury(message);
    }
}
