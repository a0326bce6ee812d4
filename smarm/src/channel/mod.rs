//! Channels: typed queues between actors, and between actors and plain threads.
//!
//! | made by | what | `send` | `recv` |
//! |---|---|---|---|
//! | [`channel()`](crate::channel()) | any number of senders, one receiver, unbounded | never waits | waits while empty |
//! | [`bounded(n)`](bounded) | the same with room for `n` messages | waits while full | waits while empty |
//! | `bounded(0)` | a rendezvous | waits until the receiver has taken the message | waits for a sender |
//! | [`oneshot()`](oneshot()) | one message | never waits | waits for it |
//!
//! Messages must be `Send`, and arrive in the order in which one sender sent them. Both ends of each channel work in actors of any
//! runtime and on plain OS threads; a wait parks the actor, or blocks the plain thread. When the receiver is gone,
//! sending fails and gives the message back; when all senders are gone, receiving fails after the last message.
//!
//! A receiver may take a message out of turn: [`recv_match`](Receiver::recv_match) takes the first one that is wanted, and leaves the others.
//! [`select!`](crate::select) waits for several channels, and for other things.
//!
//! Waits are safe points: an actor that was killed unwinds out of them. A wait that is satisfied returns its value first; no
//! message is lost to a kill. While an actor *unwinds*, nothing switches: a `send` or `recv` in a destructor that would have to
//! wait returns an error whose `is_unwinding()` is true.
//!
//! ```
//! smarm::run(|| {
//!     let (sender, receiver) = smarm::channel::<u32>();
//!     let adder = smarm::spawn(move || receiver.iter().sum::<u32>());
//!     for n in 1..=3 {
//!         sender.send(n).unwrap();
//!     }
//!     drop(sender); // ends the iteration
//!     assert_eq!(adder.join().unwrap(), 6);
//! });
//! ```

#[cfg(not(loom))]
mod arms;
#[cfg(not(loom))]
mod bounded;
#[cfg(not(loom))]
mod ends;
#[cfg(not(loom))]
mod error;
mod exchange;
mod hand;
#[cfg(not(loom))]
pub mod oneshot;
#[cfg(not(loom))]
mod stash;
#[cfg(not(loom))]
mod unbounded;

#[cfg(not(loom))]
pub use ends::{IntoIter, Iter, Receiver, Sender, TryIter, bounded, unbounded};
#[cfg(not(loom))]
pub use error::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
#[cfg(not(loom))]
pub use oneshot::oneshot;

/// What `select!` names.
#[cfg(not(loom))]
#[doc(hidden)]
pub use arms::{OneshotArm, OneshotWon, RecvArm, SendArm};
