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
//! - A panic ends its actor only: it is told in one line, and reaches who joins. The root's panic is the caller's. [`link`] and [`monitor`]
//!   tell others; a [`supervisor`] restarts what has failed, behind handles that stay valid.
//! - A program ends in order: at `SIGTERM` and Ctrl-C under [`main`](macro@main), by [`shutdown()`], and when its root panics, supervisors and servers
//!   end, then all others, the latest first, within a [time](runtime::Config::shutdown_timeout). [`on_shutdown`] runs before that.
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
//!            supervisor       │
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
#[cfg_attr(loom, allow(unreachable_pub, reason = "what makes it public is not there"))]
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
        Actor, ActorInfo, ActorRef, ActorState, Build, Builder, CallError, CallFuture, Calls, Ctx, Down,
        Exit, Exits, FlatCallFuture, Group, GroupEvent, Handle, JoinHandle, LookupError, Monitor, MonitorRef,
        Name, Recipient, RegisterError, ReplyTo, Reserved, Scope, ScopedJoinHandle, Signal, StartError,
        Timer, dead_letters, exit, failed_casts, link, monitor, registered, reserve, scope, send_exit,
        signals, spawn, spawn_linked, spawn_monitored, start, start_linked, start_with, trap_exit, unlink,
        whereis,
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

/// Waits for the first of several things, and does it: a message, a connection, an actor's end, a time.
///
/// ```
/// use smarm::{channel, select, spawn};
/// use std::time::Duration;
///
/// smarm::run(|| {
///     let (orders, inbox) = channel::<u32>();
///     let (questions, asked) = channel::<smarm::channel::oneshot::Sender<u32>>();
///     let clerk = spawn(move || {
///         let mut sum = 0;
///         loop {
///             select! {
///                 order = inbox.recv() => match order {
///                     Ok(order) => sum += order,
///                     Err(_) => break sum, // all who order have gone
///                 },
///                 question = asked.recv() => drop(question.unwrap().send(sum)),
///                 after(Duration::from_secs(60)) => panic!("nothing to do"),
///             }
///         }
///     });
///     orders.send(40).unwrap();
///     orders.send(2).unwrap();
///     let (answer, answered) = channel::oneshot();
///     questions.send(answer).unwrap();
///     assert!(answered.recv().unwrap() <= 42);
///     drop(orders);
///     assert_eq!(clerk.join().unwrap(), 42);
/// });
/// ```
///
/// # Arms
///
/// An arm is `pattern = operation => body`, with commas between arms as in a `match`. Of all arms whose operation can be done now, one is
/// done; if none can, the actor parks until one can. Then its pattern is bound to what the operation would have returned by itself, and its
/// body is evaluated. The whole is an expression; `break`, `continue`, `return` and `?` in bodies do what they do around it.
///
/// | operation | of | the pattern is bound to |
/// |---|---|---|
/// | `rx.recv()` | a [channel](mod@channel), of any kind | `Result<T, RecvError>` |
/// | `tx.send(value)` | a channel: bounded, rendezvous, or unbounded, to which it is always possible | `Result<(), SendError<T>>` |
/// | `handle.join()` | a [`JoinHandle`], a [`ScopedJoinHandle`] | `Result<T, ExitReason>` |
/// | | a server's handle, an [`ActorRef`] | [`ExitReason`] |
/// | `listener.accept()` | [`net`] | `io::Result<(..Stream, SocketAddr)>` |
/// | `socket.wait_readable()`, `socket.wait_writable()` | all sockets of [`net`] | `io::Result<()>` |
/// | `io::wait_readable(&fd)`, `io::wait_writable(&fd)` | [any descriptor](io) | `io::Result<()>` |
/// | `after(duration)`, `at(instant)` | no pattern: they stand alone | |
/// | `default` | alone, and last to be chosen: nothing else can be done now | |
///
/// - **Losing arms have done nothing.** No message is taken or sent, no connection accepted, and nothing waits any longer: no registration, no
///   place in a line, no timer. It is the same if the actor is killed meanwhile.
/// - **By chance**: of several arms that are ready any may be chosen, so that none starves. With `biased;` before the arms it is the first one.
/// - A **guard**, `pattern = operation if condition => body`, takes part in nothing while it is false, and what stands in its arm is
///   not evaluated then.
/// - What is in the parentheses, and receivers that are not just a variable or its field, is evaluated once, before the wait, in the order of the arms.
///   So the value of a `send` that loses is dropped: clone it, or make the channel's turn an arm's body.
/// - `handle.join()` and the `recv` of a [oneshot](channel::oneshot()) use up what they are called on, but only where the arm has won. In the
///   other arms it is still there, and the compiler knows.
/// - A channel whose other side has gone is always ready, with an error: leave the loop, or keep the arm from it with a guard.
///
/// With `default` it never waits, and is no safe point. Without, it may park, on any thread, and is a safe point. On a plain
/// thread it looks at sockets and descriptors once in a millisecond. While its actor unwinds and no arm is ready, the first arm has
/// its error that `is_unwinding()`.
///
/// # Panics
///
/// If all guards are false and there is no `default`; inside [`no_preempt`](crate::no_preempt) and
/// [`forbid_yield`](crate::forbid_yield), if it would have to wait.
///
/// # Cousins
///
/// Go's `select` and crossbeam's are the nearest. Tokio's polls futures and drops the losing ones, with what they had half done; here an
/// arm is an operation that is done or not, so nothing can be lost. Erlang's `receive .. after` is [`recv_timeout`](channel::Receiver::recv_timeout) or
/// an `after` here.
///
/// ```
/// use smarm::{select, spawn};
/// use std::time::Duration;
///
/// // A deadline for somebody else's work; the handle stays usable if the time is over first.
/// smarm::run(|| {
///     let work = spawn(|| 6 * 7);
///     let result = select! {
///         result = work.join() => result.unwrap(),
///         after(Duration::from_secs(60)) => {
///             work.kill();
///             return;
///         }
///     };
///     assert_eq!(result, 42);
/// });
/// ```
#[cfg(not(loom))]
#[macro_export]
macro_rules! select {
    ($($words:tt)*) => {
        $crate::__private::select::expand! { $crate; $($words)* }
    };
}

/// For the macros. Not part of the interface.
#[cfg(not(loom))]
#[doc(hidden)]
pub mod __private {
    pub use crate::actor::{
        Overflow, ResultLike, ServerOptions, Together, bonds, cast_result,
        every_argument_and_reply_must_be_send, flat, race, racer, received, start,
        the_state_of_an_actor_must_be_send,
    };
    pub use crate::runtime::dump;
    pub use crate::runtime::entry::{run_main, run_main_without_signals, run_test};
    pub use crate::task::preempt::{checkpoint, checkpoint_no_kill};

    /// For `select!`.
    pub mod select {
        pub use crate::actor::JoinServer;
        pub use crate::io::{readable_in_select, writable_in_select};
        pub use crate::task::choice::{Arm, Choosable, Order, select, select_now};
        pub use crate::time::{after, at};
        pub use smarm_macros::select as expand;
    }
}
