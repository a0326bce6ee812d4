//! What an actor hears of those that it has started.

use std::any::Any;

use super::bonds;
use super::traits::Down;
use crate::channel::{self, Receiver, Sender};
use crate::exit::{ExitReason, PanicInfo};
use crate::pid::Pid;
use crate::task::current;
use crate::task::slot::SlotRef;

/// What became of an actor; see [`signals`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Signal {
    /// It has ended without a panic: it returned, called [`exit`](crate::exit()), was killed.
    Exit(Pid),
    /// It has panicked. The payload is the real one; who joins the actor gets only its message then, unless it was taken before.
    Panic(Pid, Box<dyn Any + Send>),
}

/// Where the signals of the children of an actor go.
#[derive(Clone)]
pub(super) struct Signals(Sender<Signal>);

impl Signals {
    fn tell(&self, down: Down) {
        let payload = match &down.reason {
            ExitReason::Panicked(info) => Some(payload_of(info)),
            _ => None,
        };
        let signal = match payload {
            Some(payload) => Signal::Panic(down.pid, payload),
            None => Signal::Exit(down.pid),
        };
        // The parent may have dropped its receiver.
        drop(self.0.send(signal));
    }
}

/// The payload, or its message if somebody else has taken it.
fn payload_of(info: &PanicInfo) -> Box<dyn Any + Send> {
    info.take_payload().unwrap_or_else(|| Box::new(info.message().to_owned()))
}

/// Has the actor that runs here hear of the end of each actor that it starts from now on, thread actors and servers.
///
/// One message for each, in the order of the ends. A second call replaces the first: actors that were started between the two are heard of by
/// the first receiver. For more than that there are [`monitor`](crate::monitor()) and [`link`](crate::link()). Never parks.
///
/// # Panics
///
/// On a plain thread.
///
/// ```
/// use smarm::Signal;
///
/// smarm::run(|| {
///     let signals = smarm::signals();
///     let child = smarm::spawn(|| std::panic::panic_any(404_u32));
///     match signals.recv().unwrap() {
///         Signal::Panic(pid, payload) => {
///             assert_eq!(pid, child.pid());
///             assert_eq!(payload.downcast_ref::<u32>(), Some(&404));
///         }
///         other => unreachable!("{other:?}"),
///     }
/// });
/// ```
#[must_use]
#[track_caller]
pub fn signals() -> Receiver<Signal> {
    let slot = current::actor().unwrap_or_else(|| {
        panic!("`smarm::signals` was called on a thread that is no actor: only actors hear of those that they start")
    });
    let (sender, receiver) = channel::unbounded();
    drop(bonds::set_signals(slot, Signals(sender)));
    receiver
}

/// Has the parent hear of the end of an actor that it is about to start.
pub(super) fn announce(parent: SlotRef, child: Pid) {
    if let Some(signals) = bonds::signals_of(parent) {
        let watcher = Box::new(move |down| signals.tell(down));
        // It has not started, so it is there.
        bonds::watch(child, watcher).ok();
    }
}
