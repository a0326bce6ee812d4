//! The types of `smarm::channel`: what they are to the compiler, and what their errors say.

use smarm::channel::{
    Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError,
    bounded, oneshot,
};
use smarm::{channel, spawn};
use smarm_tests::{actors, plain};
use std::cell::Cell;
use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

/// Nothing but movable.
struct Opaque;

/// Movable, but not to be looked at from two threads.
type NotSync = Cell<u8>;

fn send_error<T>(value: T) -> SendError<T> {
    let (tx, rx) = channel();
    drop(rx);
    tx.send(value).expect_err("disconnected")
}

fn recv_error() -> RecvError {
    let (tx, rx) = channel::<u8>();
    drop(tx);
    rx.recv().expect_err("disconnected")
}

#[test]
fn ends_may_go_where_they_are_promised_to() {
    fn sender<T: Send + Sync + Clone + Debug>() {}
    fn receiver<T: Send + Debug>() {}
    sender::<Sender<u8>>();
    sender::<Sender<NotSync>>();
    sender::<Sender<Opaque>>();
    receiver::<Receiver<u8>>();
    receiver::<Receiver<NotSync>>();
    receiver::<Receiver<Opaque>>();
}

#[test]
fn ends_of_a_oneshot_may_be_sent() {
    fn sent<T: Send>(_: T) {}
    plain(|| {
        let (tx, rx) = oneshot::<NotSync>();
        sent(tx);
        sent(rx);
    });
}

#[test]
fn errors_are_what_errors_should_be() {
    fn has<T: Clone + PartialEq + Eq + Debug + Error + Send + Sync + 'static>() {}
    has::<SendError<u8>>();
    has::<TrySendError<u8>>();
    has::<SendTimeoutError<u8>>();
    has::<RecvError>();
    has::<TryRecvError>();
    has::<RecvTimeoutError>();
}

#[test]
fn errors_are_errors_for_values_that_cannot_be_shown() {
    fn has<T: Debug + Error + 'static>() {}
    has::<SendError<Opaque>>();
    has::<TrySendError<Opaque>>();
    has::<SendTimeoutError<Opaque>>();
}

#[test]
fn errors_cross_a_question_mark() {
    fn fails() -> Result<(), Box<dyn Error + Send + Sync>> {
        let (tx, rx) = channel();
        drop(rx);
        tx.send(5)?;
        Ok(())
    }
    plain(|| {
        let error = fails().expect_err("disconnected");
        assert_eq!(error.downcast_ref::<SendError<i32>>().expect("the error itself").0, 5);
    });
}

#[test]
fn errors_speak_in_lower_case_and_without_a_full_stop() {
    plain(|| {
        let (tx, rx) = bounded(1);
        tx.send(1).expect("room");
        let full = tx.try_send(1).expect_err("full").to_string();
        let late = tx.send_timeout(1, Duration::ZERO).expect_err("full").to_string();
        drop(rx);
        let closed = tx.try_send(1).expect_err("closed").to_string();
        for message in [
            send_error(1).to_string(),
            full,
            late,
            closed,
            recv_error().to_string(),
            TryRecvError::Empty.to_string(),
            TryRecvError::Disconnected.to_string(),
            RecvTimeoutError::Timeout.to_string(),
            RecvTimeoutError::Disconnected.to_string(),
        ] {
            let first = message.chars().next().expect("a message");
            assert!(first.is_lowercase() && !message.ends_with('.'), "{message:?}");
        }
        assert_ne!(TryRecvError::Empty.to_string(), TryRecvError::Disconnected.to_string());
        assert_ne!(RecvTimeoutError::Timeout.to_string(), RecvTimeoutError::Disconnected.to_string());
    });
}

#[test]
fn errors_compare_by_value() {
    plain(|| {
        assert_eq!(send_error(1), send_error(1));
        assert_ne!(send_error(1), send_error(2));
        assert_eq!(recv_error(), recv_error());
        assert_eq!(TrySendError::Full(1), TrySendError::Full(1));
        assert_ne!(TrySendError::Full(1), TrySendError::Disconnected(1));
        assert_ne!(SendTimeoutError::Timeout(1), SendTimeoutError::Disconnected(1));
        assert_eq!(send_error("x").clone(), send_error("x"));
    });
}

#[test]
fn debug_does_not_need_a_value_that_can_be_shown() {
    plain(|| {
        for text in [
            format!("{:?}", send_error(Opaque)),
            format!("{:?}", TrySendError::Full(Opaque)),
            format!("{:?}", SendTimeoutError::Timeout(Opaque)),
            format!("{:?}", channel::<Opaque>()),
            format!("{:?}", bounded::<Opaque>(1)),
        ] {
            assert!(!text.is_empty());
        }
    });
}

#[test]
fn into_inner_gives_the_value_back() {
    plain(|| {
        assert_eq!(TrySendError::Full(1).into_inner(), 1);
        assert_eq!(TrySendError::Disconnected(2).into_inner(), 2);
        assert_eq!(SendTimeoutError::Timeout(3).into_inner(), 3);
        assert_eq!(SendTimeoutError::Disconnected(4).into_inner(), 4);
    });
}

#[test]
fn a_disconnection_is_no_unwinding() {
    actors(|| {
        assert!(!recv_error().is_unwinding());
        assert!(!send_error(1).is_unwinding());
    });
}

#[test]
fn a_clone_of_a_sender_is_a_sender_of_its_own() {
    actors(|| {
        let (tx, rx) = channel();
        let clones = vec![tx; 10];
        for (n, tx) in clones.into_iter().enumerate() {
            spawn(move || tx.send(n).expect("the root receives"));
        }
        let mut all: Vec<_> = rx.iter().collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..10));
    });
}

#[test]
fn a_sender_may_be_shared_instead_of_cloned() {
    actors(|| {
        let (tx, rx) = channel();
        smarm::scope(|s| {
            for n in 0..10 {
                let tx = &tx;
                s.spawn(move || tx.send(n).expect("the root receives"));
            }
        });
        assert_eq!(rx.try_iter().sum::<u32>(), 45);
    });
}

#[test]
fn the_name_channel_is_a_function_and_a_module() {
    plain(|| {
        let (tx, rx): (channel::Sender<u8>, channel::Receiver<u8>) = channel();
        drop((tx, rx));
    });
}
