//! The state word between a task, its wakers, a killer, claimers and an inspector, each a thread. What they tell each other beside the
//! word is relaxed, so only the word's own transitions publish anything; but for the queue entry of a task that was woken, which
//! releases and acquires as `sched::inbox` does.
//!
//! Not modelled: the switch (a number stands for the saved context), the futex of plain threads, and spurious failures of weak
//! compare-and-swaps, which loom does not make.

use loom::model;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{Claim, Park, Rest, Seen, StateWord, Unpark};
use crate::sys::atomic::{AtomicU32, Ordering};

/// What one thread tells another beside the word, and what the word has to publish.
#[derive(Default)]
struct Note(AtomicU32);

impl Note {
    fn write(&self, value: u32) {
        // Ordering: Relaxed. The state word publishes it.
        self.0.store(value, Ordering::Relaxed);
    }

    fn read(&self) -> u32 {
        // Ordering: Relaxed; as above.
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct Task {
    state: StateWord,
    /// What a waker publishes.
    mail: Note,
    /// What a second one does.
    more_mail: Note,
    /// What the task saves before it parks.
    context: Note,
    /// Whether the task was pushed after a wake.
    pushed: AtomicU32,
}

impl Default for StateWord {
    fn default() -> Self {
        Self::new()
    }
}

const FIRST: u32 = 1;
const SECOND: u32 = 2;

impl Task {
    fn queued() -> Arc<Self> {
        let task = Self::default();
        assert_eq!(task.state.occupy_queued(), FIRST);
        Arc::new(task)
    }

    fn running() -> Arc<Self> {
        let task = Self::queued();
        assert_eq!(task.state.claim(FIRST), Claim::Run);
        task
    }

    fn parked() -> Arc<Self> {
        let task = Self::running();
        assert_eq!(task.state.park(), Park::Parked);
        task
    }

    fn unpark(&self) -> Unpark {
        self.queue_after(self.state.unpark(FIRST))
    }

    fn kill(&self) -> Unpark {
        self.queue_after(self.state.kill(FIRST))
    }

    fn queue_after(&self, wake: Unpark) -> Unpark {
        if wake == Unpark::Push {
            // Ordering: AcqRel, as in the inbox.
            assert_eq!(self.pushed.swap(1, Ordering::AcqRel), 0, "a woken task has one queue entry");
        }
        wake
    }

    /// Parks, and if it did, has its worker wait for the queue entry.
    fn park(&self) -> Park {
        let park = self.state.park();
        if park == Park::Parked {
            self.wait_for_push();
        }
        park
    }

    fn wait_for_push(&self) {
        // Ordering: AcqRel, as in the inbox.
        while self.pushed.swap(0, Ordering::AcqRel) == 0 {
            thread::yield_now();
        }
    }
}

fn spawn<T: 'static>(task: &Arc<Task>, body: impl FnOnce(&Task) -> T + 'static) -> JoinHandle<T> {
    let task = Arc::clone(task);
    thread::spawn(move || body(&task))
}

/// Where the answers do not matter.
fn join_all<T, const N: usize>(threads: [JoinHandle<T>; N]) {
    threads.into_iter().for_each(|thread| drop(thread.join().unwrap()));
}

fn count<T: PartialEq>(answers: &[T], of: &T) -> usize {
    answers.iter().filter(|answer| *answer == of).count()
}

// ---- park and unpark --------------------------------------------------------------------------------------------------

#[test]
fn loom_an_unpark_before_the_park_is_not_lost() {
    model(|| {
        let task = Task::running();
        let waker = spawn(&task, Task::unpark);
        let park = task.park();
        let push = waker.join().unwrap() == Unpark::Push;
        assert_eq!(push, park == Park::Parked);
        assert!(!task.state.take_permit(), "one unpark ends one park");
    });
}

#[test]
fn loom_mail_before_an_unpark_is_seen_when_the_park_returns() {
    model(|| {
        let task = Task::running();
        let waker = spawn(&task, |task| {
            task.mail.write(1);
            task.unpark()
        });
        let _ = task.park();
        assert_eq!(task.mail.read(), 1);
        let _ = waker.join().unwrap();
    });
}

#[test]
fn loom_mail_before_an_unpark_is_seen_by_who_takes_the_permit() {
    model(|| {
        let task = Task::running();
        let waker = spawn(&task, |task| {
            task.mail.write(1);
            task.unpark()
        });
        if task.state.take_permit() {
            assert_eq!(task.mail.read(), 1);
        }
        assert_eq!(waker.join().unwrap(), Unpark::Pending);
    });
}

#[test]
fn loom_a_waiter_that_looks_before_each_park_gets_the_mail_of_two_wakers() {
    model(|| {
        let task = Task::running();
        let wakers = [
            spawn(&task, |task| {
                task.mail.write(1);
                task.unpark()
            }),
            spawn(&task, |task| {
                task.more_mail.write(1);
                task.unpark()
            }),
        ];
        while task.mail.read() == 0 || task.more_mail.read() == 0 {
            let _ = task.park();
        }
        join_all(wakers);
    });
}

#[test]
fn loom_of_two_wakers_one_pushes_a_parked_task() {
    model(|| {
        let task = Task::running();
        let wakers = [spawn(&task, Task::unpark), spawn(&task, Task::unpark)];
        let park = task.state.park();
        let answers = wakers.map(|waker| waker.join().unwrap());
        assert_eq!(count(&answers, &Unpark::Push), usize::from(park == Park::Parked));
        assert_eq!(task.state.inspect(), Seen::Running);
    });
}

/// The second waker finds the task woken already. Its wake must reach the task all the same: the task sees its mail when it goes on, or
/// its next park returns at once.
#[test]
fn loom_the_wake_of_a_task_that_is_woken_already_is_not_lost() {
    model(|| {
        let task = Task::parked();
        let first = spawn(&task, Task::unpark);
        let second = spawn(&task, |task| {
            task.mail.write(1);
            task.unpark()
        });
        task.wait_for_push();
        while task.mail.read() == 0 {
            let _ = task.park();
        }
        join_all([first, second]);
    });
}

#[test]
fn loom_a_thread_that_looks_before_each_park_gets_the_mail_of_two_wakers() {
    model(|| {
        let task = Task::default();
        assert_eq!(task.state.occupy_running(), FIRST);
        let task = Arc::new(task);
        let wakers = [
            spawn(&task, |task| {
                task.mail.write(1);
                task.unpark()
            }),
            spawn(&task, |task| {
                task.more_mail.write(1);
                task.unpark()
            }),
        ];
        while task.mail.read() == 0 || task.more_mail.read() == 0 {
            if task.state.park() == Park::Parked {
                task.wait_for_push();
                task.state.resume_thread();
            }
        }
        join_all(wakers);
    });
}

#[test]
fn loom_a_thread_that_gives_up_waiting_was_unparked_or_was_not() {
    model(|| {
        let task = Task::default();
        assert_eq!(task.state.occupy_running(), FIRST);
        let task = Arc::new(task);
        let waker = spawn(&task, |task| {
            task.mail.write(1);
            task.state.unpark(FIRST)
        });
        let parked = task.state.park() == Park::Parked;
        let gave_up = parked && task.state.unpark_self();
        if parked && !gave_up {
            task.state.resume_thread();
        }
        if !gave_up {
            assert_eq!(task.mail.read(), 1);
        }
        let expected = if parked && !gave_up { Unpark::Push } else { Unpark::Pending };
        assert_eq!(waker.join().unwrap(), expected);
        assert_eq!(
            task.state.take_permit(),
            gave_up,
            "an unpark that came too late is kept for the next park"
        );
    });
}

// ---- kill -------------------------------------------------------------------------------------------------------------

#[test]
fn loom_a_kill_ends_a_park_as_an_unpark_does() {
    model(|| {
        let task = Task::running();
        let killer = spawn(&task, Task::kill);
        let _ = task.park();
        assert!(task.state.is_killed());
        let _ = killer.join().unwrap();
    });
}

#[test]
fn loom_of_a_killer_and_a_waker_one_pushes_a_parked_task() {
    model(|| {
        let task = Task::running();
        let (killer, waker) = (spawn(&task, Task::kill), spawn(&task, Task::unpark));
        let park = task.state.park();
        let answers = [killer, waker].map(|thread| thread.join().unwrap());
        assert_eq!(count(&answers, &Unpark::Push), usize::from(park == Park::Parked));
        assert!(task.state.is_killed());
    });
}

#[test]
fn loom_a_kill_does_not_keep_a_queued_task_from_being_claimed() {
    model(|| {
        let task = Task::queued();
        let killer = spawn(&task, Task::kill);
        assert_eq!(task.state.claim(FIRST), Claim::Run);
        assert_eq!(killer.join().unwrap(), Unpark::Pending);
        assert!(task.state.is_killed());
    });
}

/// Its claim may fail twice: each mark can come right before an attempt.
#[test]
fn loom_a_kill_and_an_unpark_do_not_keep_a_queued_task_from_being_claimed() {
    model(|| {
        let task = Task::queued();
        let (killer, waker) = (spawn(&task, Task::kill), spawn(&task, Task::unpark));
        assert_eq!(task.state.claim(FIRST), Claim::Run);
        join_all([killer, waker]);
        assert!(task.state.is_killed());
        assert!(task.state.take_permit());
    });
}

#[test]
fn loom_a_kill_that_comes_as_the_task_ends_does_not_reach_the_next_one() {
    model(|| {
        let task = Task::running();
        let killer = spawn(&task, Task::kill);
        task.state.finish();
        assert_eq!(task.state.occupy_queued(), SECOND);
        assert_eq!(task.state.claim(SECOND), Claim::Run);
        assert!(!task.state.is_killed());
        assert_ne!(killer.join().unwrap(), Unpark::Push);
        assert!(!task.state.is_killed());
        assert!(!task.state.take_permit());
    });
}

#[test]
fn loom_a_task_that_goes_deaf_is_killed_no_more_but_woken() {
    model(|| {
        let task = Task::running();
        assert_eq!(task.kill(), Unpark::Pending);
        assert!(task.state.take_permit());
        let (killer, waker) = (spawn(&task, Task::kill), spawn(&task, Task::unpark));
        task.state.go_deaf();
        // By the waker, if not by a kill that came before.
        let _ = task.park();
        assert!(!task.state.is_killed() && task.state.is_deaf() && task.state.was_killed());
        join_all([killer, waker]);
        assert_eq!(task.kill(), Unpark::Pending);
        assert!(!task.state.is_killed());
    });
}

#[test]
fn loom_a_task_after_a_deaf_one_can_be_killed() {
    model(|| {
        let task = Task::running();
        let _ = task.kill();
        task.state.go_deaf();
        let killer = spawn(&task, |task| task.state.kill(SECOND));
        task.state.finish();
        assert_eq!(task.state.occupy_queued(), SECOND);
        assert_eq!(task.state.claim(SECOND), Claim::Run);
        let reached = killer.join().unwrap() != Unpark::Stale;
        assert_eq!((task.state.is_killed(), task.state.is_deaf()), (reached, false));
    });
}

// ---- claims -----------------------------------------------------------------------------------------------------------

#[test]
fn loom_a_thief_and_a_join_claim_a_task_once() {
    model(|| {
        let task = Arc::new(Task::default());
        let claim = |task: &Task| {
            let claim = task.state.claim(FIRST);
            if claim == Claim::Run {
                assert_eq!(task.mail.read(), 5, "what the spawner filled in is not visible");
                assert!(!task.state.is_movable(FIRST));
            }
            claim
        };
        let claimers = [spawn(&task, claim), spawn(&task, claim)];
        task.mail.write(5);
        assert_eq!(task.state.occupy_queued(), FIRST);
        let runs = claimers.map(|claimer| claimer.join().unwrap());
        let late = claim(&task);
        assert_eq!(count(&[runs[0], runs[1], late], &Claim::Run), 1);
    });
}

#[test]
fn loom_two_claimers_and_a_killer_make_one_claim() {
    model(|| {
        let task = Task::queued();
        let killer = spawn(&task, Task::kill);
        let thief = spawn(&task, |task| task.state.claim(FIRST));
        let claim = task.state.claim(FIRST);
        let claims = [claim, thief.join().unwrap()];
        assert_eq!(count(&claims, &Claim::Run), 1);
        assert_eq!(killer.join().unwrap(), Unpark::Pending);
        assert!(task.state.is_killed());
    });
}

#[test]
fn loom_a_claim_that_is_taken_back_can_be_made_again() {
    model(|| {
        let task = Task::running();
        task.context.write(3);
        let thief = spawn(&task, |task| {
            let claim = task.state.claim(FIRST);
            if claim == Claim::Run {
                assert_eq!(task.context.read(), 4, "what the first claimer did is not visible");
            }
            claim
        });
        let killer = spawn(&task, Task::kill);
        task.context.write(4);
        task.state.unclaim();
        let claims = [task.state.claim(FIRST), thief.join().unwrap()];
        assert_eq!(count(&claims, &Claim::Run), 1);
        assert_eq!(killer.join().unwrap(), Unpark::Pending);
        assert!(task.state.is_killed(), "the kill outlives the claim");
    });
}

#[test]
fn loom_a_claim_that_is_taken_back_leaves_a_movable_task_and_its_permit() {
    model(|| {
        let task = Task::running();
        let waker = spawn(&task, |task| {
            task.mail.write(1);
            task.unpark()
        });
        task.state.unclaim();
        assert!(task.state.is_movable(FIRST));
        assert_eq!(waker.join().unwrap(), Unpark::Pending);
        assert_eq!(task.state.claim(FIRST), Claim::Run);
        assert!(task.state.take_permit());
    });
}

#[test]
fn loom_an_unpark_before_the_first_run_is_kept_for_the_first_park() {
    model(|| {
        let task = Task::queued();
        let waker = spawn(&task, |task| {
            task.mail.write(1);
            task.unpark()
        });
        assert_eq!(task.state.claim(FIRST), Claim::Run);
        let is_notified = task.state.take_permit();
        assert!(!is_notified || task.mail.read() == 1);
        assert_eq!(waker.join().unwrap(), Unpark::Pending);
        assert_ne!(task.state.take_permit(), is_notified, "one unpark is one permit");
    });
}

// ---- generations ------------------------------------------------------------------------------------------------------

#[test]
fn loom_a_stale_wake_never_reaches_the_new_owner() {
    model(|| {
        let task = Task::running();
        let late = spawn(&task, Task::unpark);
        task.state.finish();
        assert_eq!(task.state.occupy_queued(), SECOND);
        assert_eq!(task.state.claim(SECOND), Claim::Run);
        assert_eq!(task.state.park(), Park::Parked);
        assert_ne!(late.join().unwrap(), Unpark::Push);
        assert_eq!(task.state.inspect(), Seen::Parked);
    });
}

#[test]
fn loom_a_stale_claim_never_gets_the_new_owner() {
    model(|| {
        let task = Task::queued();
        let hint = spawn(&task, |task| task.state.claim(FIRST));
        if task.state.claim(FIRST) == Claim::Run {
            task.state.finish();
            assert_eq!(task.state.occupy_queued(), SECOND);
            assert_eq!(hint.join().unwrap(), Claim::Stale);
            assert!(task.state.is_movable(SECOND));
        } else {
            assert_eq!(hint.join().unwrap(), Claim::Run);
        }
    });
}

#[test]
fn loom_the_new_owner_sees_the_last_use_of_the_fields() {
    model(|| {
        let task = Task::running();
        let next = spawn(&task, |task| {
            // As a waker that finds its task gone, and then takes the slot over.
            if task.state.inspect() == Seen::Free {
                assert_eq!(task.context.read(), 9);
            }
        });
        task.context.write(9);
        task.state.finish();
        next.join().unwrap();
    });
}

// ---- servers ----------------------------------------------------------------------------------------------------------

impl Task {
    fn idle() -> Arc<Self> {
        let task = Self::default();
        assert_eq!(task.state.occupy_idle(), FIRST);
        Arc::new(task)
    }

    /// Queues it for a worker after a wake.
    fn activate_after(&self, wake: Unpark) -> Unpark {
        if wake == Unpark::Activate {
            // Ordering: AcqRel, as in the run queues.
            assert_eq!(self.pushed.swap(1, Ordering::AcqRel), 0, "a server has one queue entry");
        }
        wake
    }

    fn mail(&self) -> Unpark {
        self.activate_after(self.state.mail(FIRST))
    }

    /// Rests, and is queued again if it may not.
    fn rest(&self) -> Rest {
        let rest = self.state.rest();
        if rest == Rest::Queued {
            let _ = self.activate_after(Unpark::Activate);
        }
        rest
    }

    /// As a worker that looks into its queue.
    fn claim_if_queued(&self) -> bool {
        // Ordering: AcqRel, as in the run queues.
        let queued = self.pushed.swap(0, Ordering::AcqRel) == 1;
        if queued {
            assert_eq!(self.state.claim(FIRST), Claim::Run);
        }
        queued
    }
}

#[test]
fn loom_mail_before_a_rest_queues_the_server_and_is_seen() {
    model(|| {
        let task = Task::running();
        task.context.write(7);
        let sender = spawn(&task, |task| {
            task.mail.write(1);
            task.mail()
        });
        let rest = task.rest();
        let activated = sender.join().unwrap() == Unpark::Activate;
        assert_eq!(activated, rest == Rest::Idle, "one of them queues it");
        assert!(task.claim_if_queued());
        assert_eq!(task.mail.read(), 1);
    });
}

/// The next activation may be on another worker: it sees what the one before did.
#[test]
fn loom_an_activation_sees_what_the_one_before_did_and_the_mail_that_woke_it() {
    model(|| {
        let task = Task::running();
        let other = spawn(&task, |task| {
            task.mail.write(1);
            let woken = task.mail();
            let claimed = task.claim_if_queued();
            if claimed {
                assert_eq!(task.context.read(), 7);
            }
            (woken, claimed)
        });
        task.context.write(7);
        let _ = task.rest();
        let claimed = task.claim_if_queued();
        if claimed {
            assert_eq!(task.mail.read(), 1);
        }
        let (_, claimed_there) = other.join().unwrap();
        let late = task.claim_if_queued();
        assert_eq!(count(&[claimed, claimed_there, late], &true), 1);
    });
}

#[test]
fn loom_of_mail_a_kill_and_an_end_one_queues_an_idle_server() {
    model(|| {
        let task = Task::idle();
        let sender = spawn(&task, Task::mail);
        let killer = spawn(&task, |task| task.activate_after(task.state.kill(FIRST)));
        let ended = task.activate_after(task.state.end_idle(FIRST));
        let answers = [sender.join().unwrap(), killer.join().unwrap(), ended];
        assert_eq!(count(&answers, &Unpark::Activate), 1, "{answers:?}");
        assert!(task.claim_if_queued());
        assert!(task.state.is_killed());
        assert_eq!(task.state.is_ending(), ended == Unpark::Activate, "only an idle one is asked to end");
    });
}

#[test]
fn loom_a_kill_of_a_server_that_wants_to_rest_queues_it() {
    model(|| {
        let task = Task::running();
        let killer = spawn(&task, |task| task.activate_after(task.state.kill(FIRST)));
        let rest = task.rest();
        let activated = killer.join().unwrap() == Unpark::Activate;
        assert_eq!(activated, rest == Rest::Idle);
        assert!(task.claim_if_queued());
        assert!(task.state.is_killed());
    });
}

#[test]
fn loom_an_unpark_is_nothing_to_a_server_between_two_activations() {
    model(|| {
        let task = Task::running();
        let waker = spawn(&task, Task::unpark);
        assert_eq!(task.rest(), Rest::Idle, "a late unpark is no mail");
        assert_ne!(waker.join().unwrap(), Unpark::Push);
        assert!(!task.claim_if_queued());
        assert_eq!(task.mail(), Unpark::Activate);
    });
}

#[test]
fn loom_a_server_that_lets_others_go_first_keeps_its_kill_and_loses_no_mail() {
    model(|| {
        let task = Task::running();
        let killer = spawn(&task, |task| task.activate_after(task.state.kill(FIRST)));
        task.state.unclaim();
        assert!(task.state.is_movable(FIRST));
        assert_eq!(killer.join().unwrap(), Unpark::Pending);
        assert_eq!(task.state.claim(FIRST), Claim::Run);
        assert!(task.state.is_killed());
    });
}

#[test]
fn loom_mail_that_comes_as_the_server_ends_does_not_reach_the_next_one() {
    model(|| {
        let task = Task::running();
        let sender = spawn(&task, |task| task.state.mail(FIRST));
        task.state.finish();
        assert_eq!(task.state.occupy_idle(), SECOND);
        assert_ne!(sender.join().unwrap(), Unpark::Activate);
        assert_eq!(task.state.inspect(), Seen::Idle);
    });
}

// ---- a shutdown -------------------------------------------------------------------------------------------------------

#[test]
fn loom_an_ask_ends_a_park_as_an_unpark_does_and_comes_once() {
    model(|| {
        let task = Task::running();
        let asker = spawn(&task, |task| task.queue_after(task.state.ask(FIRST)));
        let _ = task.park();
        assert!(task.state.is_asked() && !task.state.is_killed());
        let _ = asker.join().unwrap();
        assert_eq!(task.state.ask(FIRST), Unpark::Pending);
        assert!(!task.state.take_permit(), "it wakes once");
    });
}

#[test]
fn loom_of_who_asks_and_a_waker_one_pushes_a_parked_task() {
    model(|| {
        let task = Task::parked();
        let asker = spawn(&task, |task| task.queue_after(task.state.ask(FIRST)));
        let waker = spawn(&task, Task::unpark);
        task.wait_for_push();
        let answers = [asker, waker].map(|thread| thread.join().unwrap());
        assert_eq!(count(&answers, &Unpark::Push), 1);
        assert!(task.state.is_asked());
    });
}

#[test]
fn loom_an_ask_does_not_keep_a_queued_task_from_being_claimed() {
    model(|| {
        let task = Task::queued();
        let asker = spawn(&task, |task| task.queue_after(task.state.ask(FIRST)));
        assert_eq!(task.state.claim(FIRST), Claim::Run);
        assert_eq!(asker.join().unwrap(), Unpark::Pending);
        assert!(task.state.is_asked());
    });
}

#[test]
fn loom_a_task_that_goes_deaf_is_not_asked_any_more() {
    model(|| {
        let task = Task::running();
        let _ = task.state.ask(FIRST);
        let (asker, killer) = (spawn(&task, |task| task.state.ask(FIRST)), spawn(&task, Task::kill));
        task.state.go_deaf();
        let _ = (asker.join().unwrap(), killer.join().unwrap());
        assert!(!task.state.is_to_leave() && task.state.is_deaf());
    });
}

#[test]
fn loom_a_server_that_wants_to_rest_as_it_is_to_end_is_queued_once() {
    model(|| {
        let task = Task::running();
        let ender = spawn(&task, |task| task.activate_after(task.state.end(FIRST)));
        let sender = spawn(&task, Task::mail);
        let rest = task.rest();
        let answers = [ender, sender].map(|thread| thread.join().unwrap());
        assert_eq!(count(&answers, &Unpark::Activate), usize::from(rest == Rest::Idle), "{answers:?}");
        assert!(task.claim_if_queued());
        assert!(task.state.is_ending());
        assert!(task.state.finish(), "whoever has asked is told");
    });
}

#[test]
fn loom_an_idle_server_is_not_asked() {
    model(|| {
        let task = Task::idle();
        let asker = spawn(&task, |task| task.state.ask(FIRST));
        let sent = task.mail();
        assert_eq!((asker.join().unwrap(), sent), (Unpark::Pending, Unpark::Activate));
        assert!(task.claim_if_queued());
    });
}

// ---- inspection -------------------------------------------------------------------------------------------------------

#[test]
fn loom_a_task_woken_after_an_inspection_sees_the_inspector() {
    model(|| {
        let task = Task::parked();
        let inspector = spawn(&task, |task| {
            task.mail.write(1);
            task.state.inspect()
        });
        let waker = spawn(&task, Task::unpark);
        task.wait_for_push();
        let looked_up = task.mail.read() == 1;
        if inspector.join().unwrap() == Seen::Parked {
            assert!(looked_up, "it was seen parked, runs, and does not know of the inspector");
        }
        assert_eq!(waker.join().unwrap(), Unpark::Push);
    });
}

#[test]
fn loom_an_inspection_does_not_disturb_park_and_unpark() {
    model(|| {
        let task = Task::running();
        let inspector = spawn(&task, |task| task.state.inspect());
        let waker = spawn(&task, Task::unpark);
        let park = task.park();
        assert_eq!(waker.join().unwrap() == Unpark::Push, park == Park::Parked);
        assert_ne!(inspector.join().unwrap(), Seen::Free);
    });
}

#[test]
fn loom_an_inspector_sees_what_the_parked_task_waits_for() {
    model(|| {
        let task = Task::running();
        let inspector = spawn(&task, |task| {
            if task.state.inspect() == Seen::Parked {
                assert_eq!(task.context.read(), 7);
            }
        });
        task.context.write(7);
        assert_eq!(task.state.park(), Park::Parked);
        inspector.join().unwrap();
    });
}
