//! Selects and plain operations on rendezvous and bounded channels: the real exchange under a lock, the real winner word, and the real wait
//! with several sources. Each party is a thread.
//!
//! Not modelled: unbounded channels, joins and descriptors, which never commit on a waiter's behalf; times, and which of several arms is tried
//! first.

use core::cell::Cell;
use core::ptr::NonNull;

use loom::model;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::{Exchange, Node, Offer, Party};
use crate::task::select::{Register, Source, wait_once};
use crate::task::winner::{Source as Number, WaitId, WinnerWord};

/// A thread's slot: its winner word, and a permit.
struct Slot {
    winner: WinnerWord,
    permit: Mutex<bool>,
    told: Condvar,
}

impl Slot {
    fn new() -> Arc<Self> {
        let (permit, told) = (Mutex::new(false), Condvar::new());
        Arc::new(Self { winner: WinnerWord::new(), permit, told })
    }

    fn park(&self) {
        let mut permit = self.permit.lock().unwrap();
        while !*permit {
            permit = self.told.wait(permit).unwrap();
        }
        *permit = false;
    }

    fn unpark(&self) {
        *self.permit.lock().unwrap() = true;
        self.told.notify_one();
    }
}

/// As `Waiter`: the slots outlive all that names them.
#[derive(Clone, Copy)]
struct Waiter {
    slot: *const Slot,
    wait: WaitId,
    source: Number,
}

// SAFETY: each model keeps its slots until all its threads have ended.
unsafe impl Send for Waiter {}

impl Waiter {
    fn slot(&self) -> &Slot {
        // SAFETY: see above.
        unsafe { &*self.slot }
    }
}

impl Party for Waiter {
    fn win(&self) -> bool {
        self.slot().winner.win(self.wait, self.source)
    }

    fn is_with(&self, other: &Self) -> bool {
        self.slot == other.slot && self.wait == other.wait
    }
}

type Channel = Arc<Mutex<Exchange<u32, Waiter>>>;

fn channel(room: usize) -> Channel {
    Arc::new(Mutex::new(Exchange::new(room)))
}

fn unpark(waiter: Option<Waiter>) {
    waiter.inspect(|waiter| waiter.slot().unpark());
}

/// As `SendArm` and `RecvArm` of a bounded channel.
enum Arm<'a> {
    Send(&'a Channel, *mut Node<u32, Waiter>, Cell<bool>),
    Receive(&'a Channel, Cell<Option<u32>>),
}

impl<'a> Arm<'a> {
    fn send(channel: &'a Channel, message: u32) -> Self {
        let node = Box::new(Node { waiter: None, message: Some(message) });
        Self::Send(channel, Box::into_raw(node), Cell::new(false))
    }

    fn receive(channel: &'a Channel) -> Self {
        Self::Receive(channel, Cell::new(None))
    }

    /// As `Alternative::attempt`.
    fn attempt(&self) -> bool {
        match self {
            Self::Send(channel, node, sent) => {
                // SAFETY: not registered, so the node is ours.
                let message = unsafe { (**node).message.take() }.expect("not sent yet");
                let offer = channel.lock().unwrap().offer(message);
                match offer {
                    Offer::Accepted(receiver) => {
                        unpark(receiver);
                        sent.set(true);
                    }
                    Offer::Full(message) | Offer::Disconnected(message) => {
                        // SAFETY: as above.
                        unsafe { (**node).message = Some(message) };
                    }
                }
                sent.get()
            }
            Self::Receive(channel, received) => {
                let taken = channel.lock().unwrap().take();
                let Some((message, sender)) = taken else { return false };
                unpark(sender);
                received.set(Some(message));
                true
            }
        }
    }

    /// As `Alternative::committed`.
    fn committed(&self) {
        match self {
            Self::Send(_, node, sent) => {
                // SAFETY: not registered any more.
                assert!(unsafe { (**node).message.is_none() }, "it was taken");
                sent.set(true);
            }
            Self::Receive(..) => assert!(self.attempt(), "a message was promised and not delivered"),
        }
    }

    /// What has come of it: what was sent or received.
    fn outcome(&self) -> (Option<u32>, Option<u32>) {
        match self {
            Self::Send(_, node, sent) => {
                // SAFETY: not registered any more.
                let left = unsafe { (**node).message };
                assert_eq!(left.is_none(), sent.get(), "a message is sent, or still there");
                (sent.get().then_some(1), None)
            }
            Self::Receive(_, received) => (None, received.get()),
        }
    }
}

impl Drop for Arm<'_> {
    fn drop(&mut self) {
        if let Self::Send(_, node, _) = self {
            // SAFETY: made from a box; nothing is registered any more.
            drop(unsafe { Box::from_raw(*node) });
        }
    }
}

impl Source<Waiter> for Arm<'_> {
    fn register(&self, waiter: Waiter) -> Register {
        match self {
            Self::Send(channel, node, _) => {
                let mut channel = channel.lock().unwrap();
                if channel.can_send(&waiter) {
                    return Register::Ready;
                }
                // SAFETY: not registered yet, so the node is ours.
                unsafe { (**node).waiter = Some(waiter) };
                let place = NonNull::new(*node).expect("a box has an address");
                // SAFETY: it stays in its box until it is deregistered.
                unsafe { channel.wait_for_room(place) };
            }
            Self::Receive(channel, _) => {
                let mut channel = channel.lock().unwrap();
                if channel.can_receive(&waiter) {
                    return Register::Ready;
                }
                channel.set_receiver(Some(waiter));
            }
        }
        Register::Waits
    }

    fn deregister(&self, _waiter: Waiter) {
        match self {
            Self::Send(channel, node, _) => {
                channel.lock().unwrap().take_out(NonNull::new(*node).expect("a box has an address"));
            }
            Self::Receive(channel, _) => drop(channel.lock().unwrap().set_receiver(None)),
        }
    }
}

/// As `Choice::wait_once`.
fn wait(slot: &Slot, arms: &[Arm<'_>], park: impl FnOnce()) -> Option<usize> {
    let sources =
        arms.iter().enumerate().map(|(number, arm)| (Number(number as u32), arm as &dyn Source<Waiter>));
    let waiter = |wait, source| Waiter { slot, wait, source };
    let won = wait_once(&slot.winner, sources, waiter, park)?.0 as usize;
    arms[won].committed();
    Some(won)
}

fn attempt(arms: &[Arm<'_>]) -> Option<usize> {
    arms.iter().position(Arm::attempt)
}

/// As `select`: which arm is done.
fn select(slot: &Slot, arms: &[Arm<'_>]) -> usize {
    let mut done = attempt(arms);
    while done.is_none() {
        done = wait(slot, arms, || slot.park()).or_else(|| attempt(arms));
    }
    let done = done.expect("looked at above");
    for (number, arm) in arms.iter().enumerate() {
        assert_eq!(arm.outcome() != (None, None), number == done, "one arm is done, and no other");
    }
    done
}

/// The same with a time that is over at once: whether an arm was done nevertheless.
fn select_briefly(slot: &Slot, arms: &[Arm<'_>]) -> Option<usize> {
    attempt(arms).or_else(|| wait(slot, arms, || ())).or_else(|| attempt(arms))
}

#[test]
fn loom_two_selects_meet_in_one_of_two_rendezvous() {
    model(|| {
        let (slots, channels) = ([Slot::new(), Slot::new()], [channel(0), channel(0)]);
        let other = thread::spawn({
            let (slot, [a, b]) = (slots[1].clone(), channels.clone());
            move || select(&slot, &[Arm::receive(&a), Arm::send(&b, 2)])
        });
        let [a, b] = &channels;
        let done = select(&slots[0], &[Arm::send(a, 1), Arm::receive(b)]);
        assert_eq!(other.join().unwrap(), done, "both in the same one");
    });
}

#[test]
fn loom_a_select_takes_one_of_two_messages_and_leaves_the_other_with_its_sender() {
    model(|| {
        let (slots, channels) = ([Slot::new(), Slot::new()], [channel(0), channel(0)]);
        let sender = thread::spawn({
            let (slot, [a, b]) = (slots[1].clone(), channels.clone());
            move || {
                let arms = [Arm::send(&a, 1), Arm::send(&b, 2)];
                select(&slot, &arms)
            }
        });
        let [a, b] = &channels;
        let done = select(&slots[0], &[Arm::receive(a), Arm::receive(b)]);
        assert_eq!(sender.join().unwrap(), done);
        assert!(
            channels.iter().all(|channel| channel.lock().unwrap().take().is_none()),
            "nothing is left over"
        );
    });
}

#[test]
fn loom_who_leaves_in_time_has_sent_or_has_its_message() {
    model(|| {
        let (slots, a) = ([Slot::new(), Slot::new()], channel(0));
        let sender = thread::spawn({
            let (slot, a) = (slots[1].clone(), a.clone());
            move || select_briefly(&slot, &[Arm::send(&a, 1)]).is_some()
        });
        let arms = [Arm::receive(&a)];
        let received = select_briefly(&slots[0], &arms).is_some();
        let sent = sender.join().unwrap();
        assert_eq!(sent, received || a.lock().unwrap().take().is_some());
    });
}

#[test]
fn loom_two_senders_that_select_lose_no_turn() {
    model(|| {
        let (slots, a) = ([Slot::new(), Slot::new(), Slot::new()], channel(1));
        let patient = thread::spawn({
            let (slot, a) = (slots[1].clone(), a.clone());
            move || select(&slot, &[Arm::send(&a, 1)])
        });
        let hasty = select_briefly(&slots[2], &[Arm::send(&a, 2)]).is_some();
        // As many as were sent: if the one that left had kept the turn of the other, this would hang.
        for _ in 0..=usize::from(hasty) {
            select(&slots[0], &[Arm::receive(&a)]);
        }
        patient.join().unwrap();
        assert!(a.lock().unwrap().take().is_none());
    });
}

#[test]
fn loom_the_last_sender_that_leaves_wakes_a_select() {
    model(|| {
        let (slot, channels) = (Slot::new(), [channel(0), channel(1)]);
        let leaves = thread::spawn({
            let a = channels[0].clone();
            move || {
                let receiver = a.lock().unwrap().remove_sender();
                unpark(receiver);
            }
        });
        let [a, b] = &channels;
        let arms = [Arm::receive(a), Arm::receive(b)];
        while a.lock().unwrap().has_senders() {
            assert_eq!(wait(&slot, &arms, || slot.park()), None);
        }
        leaves.join().unwrap();
    });
}

#[test]
fn loom_nobody_meets_himself() {
    model(|| {
        let (slots, a) = ([Slot::new(), Slot::new()], channel(0));
        let other = thread::spawn({
            let (slot, a) = (slots[1].clone(), a.clone());
            move || select(&slot, &[Arm::receive(&a)])
        });
        // The other one receives, so of these two arms it is the first that is done.
        assert_eq!(select(&slots[0], &[Arm::send(&a, 1), Arm::receive(&a)]), 0);
        other.join().unwrap();
    });
}
