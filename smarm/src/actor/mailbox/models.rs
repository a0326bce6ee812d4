//! The mailbox between senders and its server, alone and with the state word that says who runs the server. A server that sleeps while it
//! has mail shows as a thread that waits for ever, which loom reports.
//!
//! The server's block is a cell that loom watches: an activation writes to it from its claim until the mailbox says that the server
//! sleeps, and the one that ends takes it away. Two at a time, or one after the end, are a failure.
//!
//! Not modelled: the queues between a wake and the claim (one entry of relaxed atomics stands for them, released and acquired as the
//! real ones), and stacks.

use loom::cell::UnsafeCell;
use loom::model;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread::{self, JoinHandle};

use super::{Mailbox, Overflow, Pop, Push, Wake};
use crate::sys::atomic::{AtomicU32, Ordering};
use crate::task::state::{Claim, Rest, StateWord, Unpark};

const GENERATION: u32 = 1;
const ROOMY: usize = 8;

type Numbers = Mailbox<u32, char, usize, ()>;

struct Server {
    mailbox: Numbers,
    state: StateWord,
    /// Entries in the run queue.
    queued: AtomicU32,
    block: UnsafeCell<Block>,
}

#[derive(Default)]
struct Block {
    handled: Vec<u32>,
    system: Vec<char>,
    ended: bool,
}

// SAFETY: the block is what the models check.
unsafe impl Sync for Server {}
// SAFETY: as above.
unsafe impl Send for Server {}

/// What an activation ended with.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Turn {
    Idle,
    Ended,
}

impl Server {
    fn idle() -> Arc<Self> {
        let server = Self {
            mailbox: Mailbox::new(true),
            state: StateWord::new(),
            queued: AtomicU32::new(0),
            block: UnsafeCell::new(Block::default()),
        };
        assert_eq!(server.state.occupy_idle(), GENERATION);
        Arc::new(server)
    }

    /// One that is in the middle of an activation, claimed by the caller.
    fn running() -> Arc<Self> {
        let server = Self::idle();
        server.cast(0);
        assert_eq!(server.state.claim(GENERATION), Claim::Run);
        // Ordering: AcqRel, as in `work`.
        assert_eq!(server.queued.swap(0, Ordering::AcqRel), 1);
        server
    }

    // ---- as `Core::wake`, `park::activate`, `park::kill`, `park::end_idle` ----

    fn queue(&self, unpark: Unpark) -> bool {
        let queue = unpark == Unpark::Activate;
        if queue {
            self.push_entry();
        }
        queue
    }

    fn push_entry(&self) {
        // Ordering: AcqRel, as in the run queues.
        assert_eq!(self.queued.swap(1, Ordering::AcqRel), 0, "a server has one entry at most");
    }

    fn wake(&self, wake: Wake) {
        if wake == Wake::Needed {
            self.queue(self.state.mail(GENERATION));
        }
    }

    fn cast(&self, message: u32) -> bool {
        match self.mailbox.push(message, ROOMY, Overflow::Park) {
            Push::Accepted(wake) => {
                self.wake(wake);
                true
            }
            Push::Closed(_) => false,
            Push::Full(_) | Push::Displaced(..) => unreachable!("there is room"),
        }
    }

    fn system(&self, message: char) {
        if let Ok(wake) = self.mailbox.push_system(message) {
            self.wake(wake);
        }
    }

    fn stop(&self) {
        self.wake(self.mailbox.stop());
    }

    fn kill(&self) {
        self.queue(self.state.kill(GENERATION));
    }

    fn end_idle(&self) -> bool {
        self.queue(self.state.end_idle(GENERATION))
    }

    // ---- as `Worker::execute`, `server::run`, `Worker::end_activation` ----

    /// Runs the server if it is queued, and settles. `None`: it is not.
    fn work(&self) -> Option<Turn> {
        // Ordering: AcqRel, as in the run queues.
        if self.queued.swap(0, Ordering::AcqRel) == 0 {
            return None;
        }
        assert_eq!(self.state.claim(GENERATION), Claim::Run, "the only entry of a queued server");
        Some(self.run())
    }

    fn run(&self) -> Turn {
        let turn = self.activate();
        match turn {
            // Invariant: after it is idle the server may run and end; nothing below touches it but the entry.
            Turn::Idle => {
                if self.state.rest() == Rest::Queued {
                    self.push_entry();
                }
            }
            Turn::Ended => _ = self.state.finish(),
        }
        turn
    }

    fn activate(&self) -> Turn {
        loop {
            if self.state.is_killed() {
                return self.die();
            }
            let ends = self.state.is_ending();
            match self.mailbox.pop(!ends) {
                Pop::Message(message, _) => self.block(|block| block.handled.push(message)),
                Pop::System(message) => self.block(|block| block.system.push(message)),
                Pop::Stop => return self.die(),
                Pop::Nothing if ends => return self.die(),
                Pop::Nothing => return Turn::Idle,
            }
        }
    }

    fn die(&self) -> Turn {
        self.block(|block| block.ended = true);
        let left = self.mailbox.close();
        self.block(|block| block.handled.extend(left.messages.into_iter().map(|message| message + 100)));
        Turn::Ended
    }

    /// By the activation alone, which is what loom checks.
    fn block<R>(&self, f: impl FnOnce(&mut Block) -> R) -> R {
        // SAFETY: loom looks whether it is.
        self.block.with_mut(|block| f(unsafe { &mut *block }))
    }

    /// Works until `enough`, and yields while there is nothing to do.
    fn work_until(&self, mut enough: impl FnMut(Option<Turn>) -> bool) {
        loop {
            let turn = self.work();
            if enough(turn) {
                return;
            }
            if turn.is_none() {
                thread::yield_now();
            }
        }
    }
}

fn spawn<T: 'static>(server: &Arc<Server>, body: impl FnOnce(&Server) -> T + 'static) -> JoinHandle<T> {
    let server = Arc::clone(server);
    thread::spawn(move || body(&server))
}

// ---- sleep ------------------------------------------------------------------------------------------------------------

#[test]
fn loom_of_two_who_push_to_a_sleeping_server_one_wakes_it() {
    model(|| {
        let mailbox = Arc::new(Numbers::new(true));
        let pushers = [1, 2].map(|message| {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || mailbox.push(message, ROOMY, Overflow::Park))
        });
        let wakes = pushers.map(|pusher| pusher.join().unwrap());
        assert_eq!(wakes.iter().filter(|push| **push == Push::Accepted(Wake::Needed)).count(), 1);
        assert_eq!(mailbox.len(), 2);
    });
}

#[test]
fn loom_mail_to_a_server_that_falls_asleep_is_seen_or_wakes_it() {
    model(|| {
        let server = Server::running();
        let sender = spawn(&server, |server| server.cast(1));
        // The activation in hand, then as a worker; it is done with the last message, or waits for ever.
        server.run();
        server.work_until(|_| server.block(|block| block.handled == [0, 1]));
        assert!(sender.join().unwrap());
    });
}

#[test]
fn loom_mail_of_two_senders_is_handled_by_two_workers_one_at_a_time() {
    model(|| {
        let server = Server::idle();
        let sender = spawn(&server, |server| {
            server.cast(1);
            // As an actor whose worker looks around next.
            server.work();
        });
        server.cast(2);
        server.work();
        sender.join().unwrap();
        while server.work().is_some() {}
        let mut handled = server.block(|block| block.handled.clone());
        handled.sort_unstable();
        assert_eq!(handled, [1, 2]);
        // Ordering: Relaxed. All threads were joined.
        assert_eq!(server.queued.load(Ordering::Relaxed), 0);
    });
}

/// While one worker settles an activation that found nothing, another has the server already: only the state word is touched.
#[test]
fn loom_a_server_that_is_woken_while_it_is_laid_down_runs_elsewhere_and_ends() {
    model(|| {
        let server = Server::running();
        let other = spawn(&server, |server| {
            server.stop();
            server.work()
        });
        let first = server.run();
        let second = other.join().unwrap();
        let third = if first == Turn::Idle { server.work() } else { None };
        let ends = [Some(first), second, third].iter().filter(|turn| **turn == Some(Turn::Ended)).count();
        assert_eq!(ends, 1, "{first:?} {second:?} {third:?}");
        assert!(server.block(|block| block.ended && block.handled == [0]));
    });
}

#[test]
fn loom_a_system_message_wakes_as_mail_does() {
    model(|| {
        let server = Server::running();
        let sender = spawn(&server, |server| server.system('a'));
        server.run();
        sender.join().unwrap();
        server.work();
        assert_eq!(server.block(|block| block.system.clone()), ['a']);
        assert_eq!(server.state.mail(GENERATION), Unpark::Activate, "it is idle again");
    });
}

// ---- kill, end --------------------------------------------------------------------------------------------------------

#[test]
fn loom_a_kill_of_a_server_that_falls_asleep_ends_it() {
    model(|| {
        let server = Server::running();
        let killer = spawn(&server, Server::kill);
        let first = server.run();
        killer.join().unwrap();
        let second = server.work();
        assert!((first == Turn::Ended) != (second == Some(Turn::Ended)), "{first:?} {second:?}");
        assert!(server.block(|block| block.ended));
    });
}

#[test]
fn loom_a_kill_and_mail_at_once_make_one_entry_and_lose_nothing() {
    model(|| {
        let server = Server::idle();
        let killer = spawn(&server, Server::kill);
        let sent = server.cast(1);
        killer.join().unwrap();
        assert_eq!(server.work(), Some(Turn::Ended));
        assert_eq!(server.work(), None);
        let handled = server.block(|block| block.handled.clone());
        assert!(
            sent && handled == [101],
            "it was killed before it could handle the message, which is buried: {handled:?}"
        );
    });
}

#[test]
fn loom_mail_to_a_server_that_is_asked_to_end_is_handled_or_handed_back() {
    model(|| {
        let server = Server::idle();
        let sender = spawn(&server, |server| server.cast(1));
        let asked = server.end_idle();
        let mut turns = Vec::new();
        turns.extend(server.work());
        let sent = sender.join().unwrap();
        turns.extend(server.work());
        turns.extend(server.work());
        assert_eq!(turns.contains(&Turn::Ended), asked);
        let handled = server.block(|block| block.handled.clone());
        match sent {
            true => assert!(handled == [1] || asked && handled == [101], "{handled:?}"),
            false => assert!(asked && handled.is_empty()),
        }
    });
}

#[test]
fn loom_a_message_is_accepted_before_the_close_or_handed_back() {
    model(|| {
        let server = Server::idle();
        let sender = spawn(&server, |server| u32::from(server.cast(1)) + u32::from(server.cast(2)));
        server.stop();
        server.work_until(|turn| turn == Some(Turn::Ended));
        let sent = sender.join().unwrap() as usize;
        assert_eq!(server.block(|block| block.handled.len()), sent);
        assert_eq!(server.work(), None, "nobody wakes one who has ended");
    });
}

// ---- room -------------------------------------------------------------------------------------------------------------

/// A park and its permit.
struct Bell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Bell {
    fn new() -> Self {
        Self { rung: Mutex::new(false), rings: Condvar::new() }
    }

    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.rings.notify_one();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !core::mem::replace(&mut *rung, false) {
            rung = self.rings.wait(rung).unwrap();
        }
    }
}

/// A mailbox with room for one message, and its senders, by number; the server's bell is the first.
struct Tight {
    mailbox: Numbers,
    bells: [Bell; 3],
}

impl Tight {
    fn full() -> Arc<Self> {
        let mailbox = Numbers::new(false);
        assert_eq!(mailbox.push(0, 1, Overflow::Park), Push::Accepted(Wake::No));
        Arc::new(Self { mailbox, bells: core::array::from_fn(|_| Bell::new()) })
    }

    /// Sends one message, and waits for room, or does not; as `send_when_room`.
    fn send(&self, me: usize, is_patient: bool) -> bool {
        let mut was_told = false;
        loop {
            match self.mailbox.push(me as u32, 1, Overflow::Park) {
                Push::Accepted(_) => {
                    self.bells[0].ring();
                    return true;
                }
                Push::Closed(_) => return false,
                Push::Full(_) | Push::Displaced(..) => {}
            }
            if !self.mailbox.wait_for_room(me, 1, was_told) {
                continue;
            }
            if !is_patient {
                if !self.mailbox.leave_room(me)
                    && let Some(next) = self.mailbox.next_waiter()
                {
                    self.bells[next].ring();
                }
                return false;
            }
            self.bells[me].wait();
            while self.mailbox.waits_for_room(me) {
                self.bells[me].wait();
            }
            was_told = true;
        }
    }

    /// Takes so many messages, and tells who waits for their room.
    fn take(&self, count: usize) -> Vec<u32> {
        let mut taken = Vec::new();
        while taken.len() < count {
            match self.mailbox.pop(false) {
                Pop::Message(message, waiter) => {
                    taken.push(message);
                    waiter.into_iter().for_each(|waiter| self.bells[waiter].ring());
                }
                _ => self.bells[0].wait(),
            }
        }
        taken
    }
}

fn sender(tight: &Arc<Tight>, me: usize, is_patient: bool) -> JoinHandle<bool> {
    let tight = Arc::clone(tight);
    thread::spawn(move || tight.send(me, is_patient))
}

#[test]
fn loom_all_who_wait_for_room_get_it() {
    model(|| {
        let tight = Tight::full();
        let senders = [sender(&tight, 1, true), sender(&tight, 2, true)];
        let mut taken = tight.take(3);
        assert!(senders.into_iter().all(|sender| sender.join().unwrap()));
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 2]);
    });
}

#[test]
fn loom_who_gives_up_waiting_for_room_passes_it_on() {
    model(|| {
        let tight = Tight::full();
        let (hasty, patient) = (sender(&tight, 1, false), sender(&tight, 2, true));
        let mut taken = tight.take(2);
        let sent = hasty.join().unwrap();
        taken.extend(tight.take(usize::from(sent)));
        assert!(patient.join().unwrap());
        assert!(taken.contains(&2) && taken.contains(&1) == sent);
    });
}

#[test]
fn loom_who_waits_for_room_is_told_of_the_close() {
    model(|| {
        let tight = Tight::full();
        let sender = sender(&tight, 1, true);
        let left = tight.mailbox.close();
        left.waiters.into_iter().for_each(|waiter| tight.bells[waiter].ring());
        assert!(!sender.join().unwrap());
        assert_eq!(left.messages, [0]);
    });
}
