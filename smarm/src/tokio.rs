//! Futures that need tokio, on an actor's own stack: [`block_on`]. With the feature `tokio`.
//!
//! For crates that stand on tokio's sockets, timers or `spawn`. What blocks, or runs on any executor, needs none of this: see
//! [`net`](crate::net) and [`block_on`](crate::block_on()).
//!
//! ```
//! use std::time::Duration;
//!
//! let sum = smarm::run(|| {
//!     smarm::tokio::block_on(async {
//!         let two = tokio::spawn(async { 2 });
//!         tokio::time::sleep(Duration::from_millis(1)).await;
//!         two.await.unwrap() + 3
//!     })
//! });
//! assert_eq!(sum, 5);
//! ```
//!
//! # The runtime
//!
//! There is one tokio runtime in the process, started by the first use, with one worker thread (`smarm-tokio`) for its reactor, its timers and what is
//! spawned; with all drivers that tokio was built with. It is never shut down: when the process ends, its tasks end without having been polled
//! to the end. **A run of smarm does not wait for tasks**: keep their `JoinHandle`s, and await them. Its pool for `tokio::task::spawn_blocking`
//! works as everywhere; [`block_on_io`](crate::block_on_io) needs no tokio.
//!
//! # What happens where
//!
//! The future is polled by its caller, on its own stack, so it need be neither `Send` nor `'static`. Each poll, and the drop of the future, runs
//! with tokio's runtime entered, and inside [`no_preempt`](crate::no_preempt): tokio keeps in a thread-local that it is entered, and another
//! actor of the same thread must not see that. So **what waits by smarm inside the future panics**, with a sentence that names the call: `recv` of a
//! channel, a call of a server, [`sleep`](crate::sleep). Await something instead, or do it outside of the future; what does not wait (a cast
//! with room, `try_recv`, `spawn`) works. Between two polls the actor is parked, with nothing entered.
//!
//! A readiness costs two threads: tokio's hears of it, and wakes the actor's. For many sockets with little to do on each,
//! [`net`](crate::net) is faster.

use core::future::{Future, IntoFuture, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use ::tokio::runtime::{Builder, Handle, Runtime};

use crate::task::preempt;

/// Runs a future that needs tokio to its end, on the caller's own stack: polls it with tokio's runtime entered, and parks between two polls until
/// its waker is called.
///
/// May park; a safe point before each poll. On a plain thread it blocks between two polls. It is [`block_on`](crate::block_on()) in everything
/// else.
///
/// What needs the runtime has to be made inside the future: `block_on(async { tokio::time::sleep(d).await })`, not
/// `block_on(tokio::time::sleep(d))`, whose argument comes first.
///
/// # Kills
///
/// A kill comes between two polls. The future is dropped by the unwinding, on the actor's stack, with the runtime entered. Tasks that it has
/// spawned go on, as in tokio; a `JoinSet`, or a guard that aborts, ends them with it.
///
/// # Panics
///
/// As the future does, with its payload, on the actor's own stack: the actor ends as by any panic, and the runtime is not concerned. A panic of a task
/// is the `JoinError` of its handle. Also
///
/// - where the future waits by smarm, and where [`block_on`](crate::block_on()) panics;
/// - inside a task of tokio, which would keep tokio's thread from running: await the future there;
/// - if the runtime cannot be started: see [`handle`].
///
/// ```
/// let line = smarm::run(|| {
///     smarm::tokio::block_on(async {
///         use tokio::net::{TcpListener, TcpStream};
///
///         let listener = TcpListener::bind("127.0.0.1:0").await?;
///         let stream = TcpStream::connect(listener.local_addr()?).await?;
///         stream.writable().await?;
///         stream.try_write(b"hello")?;
///         let (other, _) = listener.accept().await?;
///         other.readable().await?;
///         let mut line = [0; 5];
///         other.try_read(&mut line)?;
///         std::io::Result::Ok(line)
///     })
/// });
/// assert_eq!(&line.unwrap(), b"hello");
/// ```
#[track_caller]
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    assert!(
        ::tokio::task::try_id().is_none(),
        "`smarm::tokio::block_on` would block a thread of tokio inside a task: await the future there"
    );
    let handle = match runtime() {
        Ok(runtime) => runtime.handle(),
        Err(error) => {
            panic!("cannot start tokio's runtime: {error} (`smarm::tokio::handle` returns this as an error)")
        }
    };
    let future = pin!(Some(entered(handle, || future.into_future())));
    let mut entered = Entered { handle, future };
    crate::future::block_on(poll_fn(move |context| entered.poll(context)))
}

/// The runtime behind [`block_on`], to spawn tasks from outside of futures, or to enter it.
///
/// Never parks. From any thread. Do not keep it entered over a wait of smarm: another actor of the same thread would find it entered, and tokio
/// panics where guards are dropped in another order than that of their making.
///
/// # Errors
///
/// If the system refuses the descriptors or the thread for it. A later call tries again.
///
/// ```
/// smarm::run(|| {
///     let task = smarm::tokio::handle()?.spawn(async { 7 });
///     assert_eq!(smarm::tokio::block_on(task).unwrap(), 7);
///     std::io::Result::Ok(())
/// })
/// .unwrap();
/// ```
pub fn handle() -> io::Result<Handle> {
    Ok(runtime()?.handle().clone())
}

/// The one of this process.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());

    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    // It allocates a lot, and holds a lock: no other actor of this thread may come here meanwhile.
    preempt::no_preempt(|| {
        let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = RUNTIME.get() {
            return Ok(runtime);
        }
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("smarm-tokio").enable_all().build()?;
        Ok(RUNTIME.get_or_init(|| runtime))
    })
}

/// Does something of a future's with the runtime entered, and without a switch.
fn entered<T>(handle: &Handle, f: impl FnOnce() -> T) -> T {
    preempt::no_preempt(|| {
        let _entered = handle.enter();
        f()
    })
}

/// A future that is polled, and dropped, with the runtime entered.
struct Entered<'a, F> {
    handle: &'a Handle,
    future: Pin<&'a mut Option<F>>,
}

impl<F: Future> Entered<'_, F> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.future.as_mut().as_pin_mut().expect("it is dropped with this");
        entered(self.handle, || future.poll(context))
    }
}

impl<F> Drop for Entered<'_, F> {
    fn drop(&mut self) {
        entered(self.handle, || self.future.set(None));
    }
}
