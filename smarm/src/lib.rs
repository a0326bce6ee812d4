//! Erlang's actors for Rust: green threads with their own stacks, scheduled M:N over OS threads, communicating by messages that must be
//! `Send`, written as plain blocking code.
//!
//! ```
//! use smarm::{channel, run, spawn};
//!
//! let total = run(|| {
//!     let (sender, receiver) = channel::<u64>();
//!     let adder = spawn(move || receiver.iter().sum::<u64>());
//!     for n in 1..=3 {
//!         sender.send(n).unwrap();
//!     }
//!     drop(sender);
//!     adder.join().unwrap()
//! });
//! assert_eq!(total, 6);
//! ```
//!
//! # What to know
//!
//! - [`run`] runs a closure as the *root actor*, and returns when no actor is left. [`main`](macro@main) does that with a whole
//!   program, [`test`](macro@test) with a test; [`runtime::init`] makes a runtime with more workers.
//! - [`#[smarm::actor]`](macro@actor) makes the public methods of a type its messages: `counter.add(2)` sends, `counter.get()?` sends and waits
//!   for the reply. Between two messages such a *server* has no stack: a million idle ones fit into half a gigabyte.
//! - [`spawn`] starts a *thread actor*: a closure with a stack of its own (256 KiB of address space, one page of memory to begin with).
//!   [`scope`] starts actors that borrow.
//! - A wait ([`recv`](channel::Receiver::recv), [`join`](JoinHandle::join), [`sleep`]) parks the actor, not the thread. **Every switch is
//!   visible in the source**: a call that may park, [`yield_now`], [`check!`]; never in a destructor, an allocation, a `send` on an
//!   unbounded channel.
//! - **No actor starves the others of its worker**, as long as it comes to a safe point now and then. Allocations ([`Alloc`], which
//!   [`main`](macro@main) makes the program's allocator) and safe points count down a *budget*; when the actor has had its
//!   [slice](runtime::Config::timeslice_cycles), the next safe point lets the others run. [`no_preempt`] puts that off.
//! - **An actor that has started never changes its OS thread.** `Rc`, `MutexGuard`, a thread-local generator may live on its stack.
//! - Blocking code goes to a pool of threads: [`block_on_io`], and [`fs`] for files. [`block_on`] runs a future.
//! - A panic ends its actor only: it is told in one line, and reaches who joins. The root's panic is the caller's.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `futures-io`: [`net::TcpStream`] and [`net::UnixStream`] are `AsyncRead` and `AsyncWrite`; see [`net`](net#futures).
//! - `tokio`: `smarm::tokio::block_on` runs futures of crates that need tokio.
//!
//! # Limits
//!
//! - Linux on x86-64, Rust 1.95, `panic = "unwind"`.
//! - A wait inside a lazy `thread_local!` initialiser, or inside a scoped thread-local section, lets another actor of the same thread
//!   see it half done: no runtime with stacks avoids that. Initialisers that are `const` are safe.
//! - A `std::sync` lock held over a wait can block its worker, and all that runs there: [`Mutex`] parks instead, [`no_preempt`] keeps the
//!   switch out, [`forbid_yield`] finds it.
//! - A kill takes effect at a safe point only; code that comes to none cannot be killed.
//! - Code that comes to no safe point for long keeps the started actors of its worker waiting. What can move, servers and actors that have
//!   not started, goes to another worker after 10 ms, and a line on standard error names the actor
//!   ([`stall_after`](runtime::Config::stall_after)). [`block_in_place`] announces it, [`Builder::own_thread`] avoids it.
//!
//! # How it fits together
//!
//! ```text
//!                       runtime
//!          supervisor(later)  │
//!   sched    actor  ──────────┤
//!   driver   channel, sync,   │        each row uses only rows below it;
//!            time             │
//!          task               │        left and right never name each other
//!          fiber              │
//!      sys, pid, exit ────────┘
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(loom, allow(dead_code, reason = "the models need the protocols, not all that reads them"))]

// What `#[smarm::actor]` makes of the servers in here names this crate.
#[cfg(not(loom))]
extern crate self as smarm;

#[cfg(not(panic = "unwind"))]
compile_error!(
    "smarm needs `panic = \"unwind\"`: a panic must end one actor, not the program. Remove `panic = \"abort\"` from the profile"
);

mod sys;
mod task;

mod actor;
#[cfg(not(loom))]
mod blocking;
pub mod channel;
#[cfg(not(loom))]
mod driver;
#[cfg(not(loom))]
mod exit;
#[cfg(not(loom))]
mod fiber;
#[cfg(not(loom))]
pub mod fs;
#[cfg(not(loom))]
mod future;
#[cfg(not(loom))]
pub mod io;
#[cfg(not(loom))]
pub mod net;
#[cfg(not(loom))]
mod pid;
#[cfg(not(loom))]
pub mod runtime;
mod sched;
#[cfg(not(loom))]
pub mod supervisor;
pub mod sync;
#[cfg(not(loom))]
pub mod time;
#[cfg(all(not(loom), feature = "tokio"))]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub mod tokio;

#[cfg(not(loom))]
mod api {
    pub use crate::actor::{
        Actor, ActorInfo, ActorRef, ActorState, Build, Builder, CallError, Ctx, Down, Exit, Exits, Group,
        GroupEvent, Handle, JoinHandle, LookupError, Monitor, MonitorRef, Name, Recipient, RegisterError,
        ReplyTo, Reserved, Scope, ScopedJoinHandle, Signal, StartError, Timer, dead_letters, exit,
        failed_casts, link, monitor, registered, reserve, scope, send_exit, signals, spawn, spawn_linked,
        spawn_monitored, start, start_linked, start_with, trap_exit, unlink, whereis,
    };
    pub use crate::blocking::block_on_io;
    pub use crate::channel::unbounded as channel;
    pub use crate::exit::{ExitReason, PanicInfo};
    pub use crate::future::block_on;
    pub use crate::pid::Pid;
    pub use crate::runtime::{
        RuntimeHandle, handle, is_shutting_down, on_shutdown, run, shutdown, wait_for_shutdown,
    };
    pub use crate::sync::{LockError, LockTimeout, Mutex, MutexGuard};
    pub use crate::task::alloc::Alloc;
    pub use crate::task::api::{
        block_in_place, current, forbid_yield, kill, mask_kill, no_preempt, park_current, try_current,
        unpark, yield_now,
    };
    pub use crate::time::{sleep, sleep_until};
    pub use smarm_macros::{actor, main, preemptible, test};
}
#[cfg(not(loom))]
pub use api::*;

/// What schedules tasks: the one place where the two sides of the hourglass are bound to each other.
#[cfg(not(loom))]
pub(crate) use sched::Host;

/// A safe point by hand: lets others run if this actor's slice is over, and delivers a kill.
///
/// For loops that compute for long and make no other smarm call. Costs about a nanosecond, and less beside real work; does nothing on a
/// plain thread and while unwinding. Inside [`no_preempt`] it only counts.
///
/// ```
/// smarm::run(|| {
///     let mut sum = 0_u64;
///     for n in 0..1000 {
///         smarm::check!();
///         sum += n;
///     }
///     assert_eq!(sum, 499_500);
/// });
/// ```
#[macro_export]
macro_rules! check {
    () => {
        $crate::__private::checkpoint()
    };
}

/// For the macros. Not part of the interface.
#[cfg(not(loom))]
#[doc(hidden)]
pub mod __private {
    pub use crate::actor::{
        Overflow, ResultLike, ServerOptions, Together, cast_result, every_argument_and_reply_must_be_send,
        flat, race, racer, received, start, the_state_of_an_actor_must_be_send,
    };
    pub use crate::runtime::entry::{run_main, run_main_without_signals, run_test};
    pub use crate::task::preempt::{checkpoint, checkpoint_no_kill};
}
