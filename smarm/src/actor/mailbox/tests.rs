//! The mailbox by itself, with numbers for messages, system messages and waiters; and against a list, which is obviously right.

use std::collections::VecDeque;

use super::{Left, Mailbox, Overflow, Pop, Push, Wake};

type Numbers = Mailbox<u32, char, u8, ()>;

const BOUND: usize = 3;

fn awake() -> Numbers {
    Mailbox::new(false)
}

fn push(mailbox: &Numbers, message: u32, overflow: Overflow) -> Push<u32> {
    mailbox.push(message, BOUND, overflow)
}

fn filled(overflow: Overflow) -> Numbers {
    let mailbox = awake();
    for n in 0..BOUND as u32 {
        assert_eq!(push(&mailbox, n, overflow), Push::Accepted(Wake::No));
    }
    mailbox
}

/// What is taken until there is a stop, or nothing.
fn drain(mailbox: &Numbers) -> Vec<u32> {
    core::iter::from_fn(|| match mailbox.pop(false) {
        Pop::Message(message, _) => Some(message),
        Pop::Stop | Pop::Nothing => None,
        Pop::System(system) => panic!("{system}"),
    })
    .collect()
}

// ---- sleep ------------------------------------------------------------------------------------------------------------

#[test]
fn the_first_push_wakes_a_sleeping_server_and_the_second_does_not() {
    let mailbox = Numbers::new(true);
    assert_eq!(push(&mailbox, 1, Overflow::Park), Push::Accepted(Wake::Needed));
    assert_eq!(push(&mailbox, 2, Overflow::Park), Push::Accepted(Wake::No));
    assert_eq!(mailbox.pop(true), Pop::Message(1, None));
    assert_eq!(mailbox.pop(true), Pop::Message(2, None));
    assert_eq!(mailbox.pop(true), Pop::Nothing);
    assert_eq!(mailbox.push_system('a'), Ok(Wake::Needed));
    assert_eq!(mailbox.pop(true), Pop::System('a'));
    assert_eq!(mailbox.pop(true), Pop::Nothing);
    assert_eq!(mailbox.stop(), Wake::Needed);
    assert_eq!(mailbox.pop(true), Pop::Stop);
}

#[test]
fn a_server_that_may_not_sleep_is_not_woken() {
    let mailbox = awake();
    assert_eq!(mailbox.pop(false), Pop::Nothing);
    assert_eq!(push(&mailbox, 1, Overflow::Park), Push::Accepted(Wake::No));
}

#[test]
fn a_message_over_the_bound_wakes_too() {
    let mailbox = Numbers::new(true);
    assert_eq!(mailbox.push_over(1), Push::Accepted(Wake::Needed));
    assert_eq!(mailbox.push_over(2), Push::Accepted(Wake::No));
}

// ---- room -------------------------------------------------------------------------------------------------------------

#[test]
fn the_policy_says_what_becomes_of_a_message_without_room() {
    for overflow in [Overflow::Park, Overflow::Reject, Overflow::DropNewest] {
        let mailbox = filled(overflow);
        assert_eq!(push(&mailbox, 9, overflow), Push::Full(9));
        assert_eq!(drain(&mailbox), [0, 1, 2]);
    }
    let mailbox = filled(Overflow::DropOldest);
    assert_eq!(push(&mailbox, 9, Overflow::DropOldest), Push::Displaced(0, Wake::No));
    assert_eq!(drain(&mailbox), [1, 2, 9]);
}

#[test]
fn over_the_bound_there_is_room_again_only_below_it() {
    let mailbox = filled(Overflow::Reject);
    for n in 3..6 {
        assert_eq!(mailbox.push_over(n), Push::Accepted(Wake::No));
    }
    for n in 0..4 {
        assert_eq!(push(&mailbox, 9, Overflow::Reject), Push::Full(9));
        assert_eq!(mailbox.pop(false), Pop::Message(n, None));
    }
    assert_eq!(push(&mailbox, 6, Overflow::Reject), Push::Accepted(Wake::No));
    assert_eq!(drain(&mailbox), [4, 5, 6]);
}

#[test]
fn system_messages_need_no_room_and_come_first() {
    let mailbox = filled(Overflow::Park);
    assert_eq!(mailbox.push_system('a'), Ok(Wake::No));
    assert_eq!(mailbox.push_system('b'), Ok(Wake::No));
    assert_eq!(mailbox.pop(false), Pop::System('a'));
    assert_eq!(mailbox.pop(false), Pop::System('b'));
    assert_eq!(mailbox.len(), 3);
}

// ---- stop -------------------------------------------------------------------------------------------------------------

#[test]
fn a_stop_comes_after_what_was_there() {
    let mailbox = filled(Overflow::Park);
    assert_eq!(mailbox.stop(), Wake::No);
    assert_eq!(mailbox.push_over(9), Push::Accepted(Wake::No));
    assert_eq!(mailbox.stop(), Wake::No, "the first one counts");
    assert_eq!(drain(&mailbox), [0, 1, 2]);
    assert_eq!(mailbox.pop(true), Pop::Stop);
    assert_eq!(mailbox.pop(true), Pop::Stop, "and goes on counting");
    assert_eq!(mailbox.push_system('a'), Ok(Wake::No));
    assert_eq!(mailbox.pop(true), Pop::System('a'), "but for system messages");
}

#[test]
fn a_stop_keeps_its_place_when_the_oldest_are_dropped() {
    for (dropped, expected) in [(1, &[1, 2][..]), (2, &[2]), (3, &[]), (5, &[])] {
        let mailbox = filled(Overflow::DropOldest);
        assert_eq!(mailbox.stop(), Wake::No);
        for n in 0..dropped {
            assert!(matches!(push(&mailbox, 10 + n, Overflow::DropOldest), Push::Displaced(..)));
        }
        assert_eq!(drain(&mailbox), expected, "after {dropped}");
        assert_eq!(mailbox.pop(true), Pop::Stop);
    }
}

// ---- waiters ----------------------------------------------------------------------------------------------------------

#[test]
fn waiters_are_told_one_for_each_message_in_their_order() {
    let mailbox = filled(Overflow::Park);
    assert!((1..=4).all(|waiter| mailbox.wait_for_room(waiter, BOUND, false)));
    for n in 0..3 {
        assert_eq!(mailbox.pop(false), Pop::Message(n, Some(n as u8 + 1)));
    }
    assert!(!mailbox.wait_for_room(9, BOUND, false), "there is room");
    assert!(mailbox.leave_room(4));
    assert!(!mailbox.leave_room(1), "it was told");
    assert_eq!(mailbox.next_waiter(), None);
}

#[test]
fn a_waiter_that_was_told_in_vain_is_first_again() {
    let mailbox = filled(Overflow::Park);
    assert!(mailbox.wait_for_room(1, BOUND, false) && mailbox.wait_for_room(2, BOUND, false));
    assert_eq!(mailbox.pop(false), Pop::Message(0, Some(1)));
    assert_eq!(push(&mailbox, 7, Overflow::Park), Push::Accepted(Wake::No));
    assert_eq!(push(&mailbox, 8, Overflow::Park), Push::Full(8));
    assert!(mailbox.wait_for_room(1, BOUND, true));
    assert_eq!(mailbox.next_waiter(), Some(1));
    assert_eq!(mailbox.next_waiter(), Some(2));
}

#[test]
fn waiters_outlive_an_empty_mailbox() {
    let mailbox = filled(Overflow::Park);
    assert!((1..=5).all(|waiter| mailbox.wait_for_room(waiter, BOUND, false)));
    assert_eq!(drain(&mailbox), [0, 1, 2]);
    assert_eq!(mailbox.pop(true), Pop::Nothing);
    assert_eq!(mailbox.next_waiter(), Some(4));
    assert!(mailbox.leave_room(5));
}

// ---- close ------------------------------------------------------------------------------------------------------------

#[test]
fn what_is_left_is_handed_out_and_nothing_comes_afterwards() {
    let mailbox = filled(Overflow::Park);
    assert!(mailbox.wait_for_room(1, BOUND, false));
    assert_eq!(mailbox.push_system('a'), Ok(Wake::No));
    assert_eq!(mailbox.pop(false), Pop::System('a'));
    assert_eq!(mailbox.push_system('b'), Ok(Wake::No));
    let Left { messages, system, waiters } = mailbox.close();
    assert_eq!((messages, system, waiters), ([0, 1, 2].into(), ['b'].into(), [1].into()));
    assert_eq!(push(&mailbox, 9, Overflow::DropOldest), Push::Closed(9));
    assert_eq!(mailbox.push_over(9), Push::Closed(9));
    assert_eq!(mailbox.push_system('c'), Err('c'));
    assert_eq!(mailbox.stop(), Wake::No);
    assert!(!mailbox.wait_for_room(2, BOUND, false) && !mailbox.leave_room(1));
    assert_eq!((mailbox.len(), mailbox.next_waiter()), (0, None));
    let left = mailbox.close();
    assert!(left.messages.is_empty() && left.system.is_empty() && left.waiters.is_empty());
}

#[test]
fn an_idle_mailbox_owns_nothing() {
    let mailbox = Numbers::new(true);
    for n in 0..100 {
        drop(mailbox.push_over(n));
        assert!(mailbox.push_system('a').is_ok());
    }
    while mailbox.pop(true) != Pop::Nothing {}
    let lanes = mailbox.lock();
    assert!(lanes.messages.first.is_none() && lanes.messages.others.is_none() && lanes.aside.is_none());
}

// ---- against a list ---------------------------------------------------------------------------------------------------

/// Xorshift: enough randomness for a test, and the same on every machine.
fn random(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

/// A message, or the place of the stop.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Item {
    Message(u32),
    Stop,
}

#[derive(Default)]
struct List {
    items: VecDeque<Item>,
    waiters: VecDeque<u8>,
    stopped: bool,
}

impl List {
    fn len(&self) -> usize {
        self.items.iter().filter(|item| **item != Item::Stop).count()
    }

    fn pop(&mut self) -> Option<Item> {
        match self.items.front()? {
            Item::Stop => Some(Item::Stop),
            Item::Message(_) => self.items.pop_front(),
        }
    }

    fn push(&mut self, message: u32, overflow: Overflow) -> Push<u32> {
        let full = self.len() >= BOUND;
        if full && overflow != Overflow::DropOldest {
            return Push::Full(message);
        }
        let oldest = self.items.iter().position(|item| *item != Item::Stop).filter(|_| full);
        let oldest = oldest.and_then(|position| self.items.remove(position));
        self.items.push_back(Item::Message(message));
        match oldest {
            Some(Item::Message(oldest)) => Push::Displaced(oldest, Wake::No),
            _ => Push::Accepted(Wake::No),
        }
    }
}

#[test]
fn whatever_is_done_to_both_a_mailbox_and_a_list_agree() {
    for seed in 1..200_u64 {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed);
        let overflow = [Overflow::Park, Overflow::Reject, Overflow::DropOldest, Overflow::DropNewest]
            [random(&mut state, 4) as usize];
        let (mailbox, mut list) = (awake(), List::default());
        for n in 0..200 {
            match random(&mut state, 12) {
                0..=3 => assert_eq!(push(&mailbox, n, overflow), list.push(n, overflow), "seed {seed}"),
                4 => {
                    assert_eq!(mailbox.push_over(n), Push::Accepted(Wake::No));
                    list.items.push_back(Item::Message(n));
                }
                5..=8 => {
                    let expected = match list.pop() {
                        Some(Item::Message(message)) => Pop::Message(message, list.waiters.pop_front()),
                        Some(Item::Stop) => Pop::Stop,
                        None => Pop::Nothing,
                    };
                    assert_eq!(mailbox.pop(false), expected, "seed {seed}");
                }
                9 if random(&mut state, 20) == 0 => {
                    assert_eq!(mailbox.stop(), Wake::No);
                    if !core::mem::replace(&mut list.stopped, true) {
                        list.items.push_back(Item::Stop);
                    }
                }
                10 => {
                    let waits = list.len() >= BOUND;
                    assert_eq!(mailbox.wait_for_room(n as u8, BOUND, false), waits, "seed {seed}");
                    list.waiters.extend(waits.then_some(n as u8));
                }
                _ => {
                    let leaver = list.waiters.get(1).copied().unwrap_or(255);
                    let waited = list.waiters.contains(&leaver);
                    assert_eq!(mailbox.leave_room(leaver), waited, "seed {seed}");
                    list.waiters.retain(|waiter| *waiter != leaver);
                }
            }
            assert_eq!(mailbox.len(), list.len());
        }
        let left = mailbox.close();
        let messages = list.items.into_iter().filter_map(|item| match item {
            Item::Message(message) => Some(message),
            Item::Stop => None,
        });
        assert!(left.messages.into_iter().eq(messages), "seed {seed}");
        assert_eq!(left.waiters, list.waiters, "seed {seed}");
    }
}
