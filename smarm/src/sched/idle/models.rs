//! The sleep protocol with what it protects: an inbox, an injector behind its lock, the end of a run. The eventfd is a flag with a
//! condition variable; a worker that sleeps for ever is a deadlock, which loom reports. That flag also orders what it signals, so
//! one model has a relaxed one instead. Not modelled: epoll, and what a worker does with its work.

use loom::model;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread::{self, JoinHandle};

use super::{Notify, SleepWord};
use crate::sched::inbox::Inbox;
use crate::sys::atomic::{AtomicU32, Ordering};

/// What one thread tells another beside the sleep word, and what the word has to publish.
#[derive(Default)]
struct Note(AtomicU32);

impl Note {
    fn write(&self, value: u32) {
        // Ordering: Relaxed. The sleep word publishes it.
        self.0.store(value, Ordering::Relaxed);
    }

    fn read(&self) -> u32 {
        // Ordering: Relaxed; as above.
        self.0.load(Ordering::Relaxed)
    }
}

struct Sleeper {
    word: SleepWord,
    eventfd: Mutex<bool>,
    signalled: Condvar,
}

impl Sleeper {
    fn new() -> Self {
        Self { word: SleepWord::new(), eventfd: Mutex::new(false), signalled: Condvar::new() }
    }

    fn notify(&self) {
        if self.word.notify() == Notify::Signal {
            self.signal();
        }
    }

    /// False if it is awake.
    fn notify_sleeper(&self) -> bool {
        match self.word.notify_sleeper() {
            Some(Notify::Signal) => self.signal(),
            Some(Notify::Done) => {}
            None => return false,
        }
        true
    }

    fn signal(&self) {
        *self.eventfd.lock().unwrap() = true;
        self.signalled.notify_one();
    }

    fn wait_for_signal(&self) {
        let mut is_signalled = self.eventfd.lock().unwrap();
        while !*is_signalled {
            is_signalled = self.signalled.wait(is_signalled).unwrap();
        }
        *is_signalled = false;
    }

    /// The worker's loop, as in `worker`: until `work` has found what it wants.
    fn run(&self, sees_work: impl Fn() -> bool, mut work: impl FnMut() -> bool) {
        self.run_with(sees_work, &mut work, || self.wait_for_signal());
    }

    fn run_with(&self, sees_work: impl Fn() -> bool, mut work: impl FnMut() -> bool, wait: impl Fn()) {
        while !work() {
            self.word.drowse();
            if !sees_work() && self.word.fall_asleep() {
                wait();
            }
            self.word.awake();
        }
    }
}

// ---- one worker -----------------------------------------------------------------------------------------------------

#[test]
fn loom_a_push_to_a_worker_that_falls_asleep_is_found() {
    model(|| {
        let worker = Arc::new((Sleeper::new(), Note::default()));
        let pusher = thread::spawn({
            let worker = Arc::clone(&worker);
            move || {
                let (sleeper, pushed) = &*worker;
                pushed.write(1);
                sleeper.notify();
            }
        });
        let (sleeper, pushed) = &*worker;
        sleeper.run(|| pushed.read() == 1, || pushed.read() == 1);
        pusher.join().unwrap();
    });
}

#[test]
fn loom_two_pushes_to_a_worker_that_falls_asleep_are_found() {
    model(|| {
        let worker = Arc::new((Sleeper::new(), [Note::default(), Note::default()]));
        let pushers = [0, 1].map(|number| {
            let worker = Arc::clone(&worker);
            thread::spawn(move || {
                let (sleeper, pushed) = &*worker;
                pushed[number].write(1);
                sleeper.notify();
            })
        });
        let (sleeper, pushed) = &*worker;
        let mut taken = [false; 2];
        let is_new = |number: usize, taken: &[bool; 2]| pushed[number].read() == 1 && !taken[number];
        while taken != [true; 2] {
            let before = taken;
            sleeper.run(
                || is_new(0, &before) || is_new(1, &before),
                || {
                    taken = [0, 1].map(|number| before[number] || is_new(number, &before));
                    taken != before
                },
            );
        }
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    });
}

/// Here the eventfd orders nothing, and a worker that sleeps wakes by its deadline.
#[test]
fn loom_a_worker_that_was_notified_sees_the_push_when_it_looks() {
    model(|| {
        let worker = Arc::new((SleepWord::new(), Note::default(), Note::default()));
        let pusher = thread::spawn({
            let worker = Arc::clone(&worker);
            move || {
                let (word, pushed, eventfd) = &*worker;
                pushed.write(1);
                let notify = word.notify();
                eventfd.write(u32::from(notify == Notify::Signal));
                notify
            }
        });
        let (word, pushed, eventfd) = &*worker;
        word.drowse();
        let seen = pushed.read() == 1;
        let sleeps = word.fall_asleep();
        let is_signalled = eventfd.read() == 1;
        word.awake();
        let seen_then = pushed.read() == 1;
        assert!(seen || sleeps || seen_then, "it was kept awake, and saw nothing");
        assert!(!is_signalled || seen_then, "it was signalled, and saw nothing");
        let notify = pusher.join().unwrap();
        assert!(notify == Notify::Done || sleeps, "a signal to a worker that was awake");
    });
}

/// As above, for what stands in another worker's deque: no lock publishes that.
#[test]
fn loom_a_sleeper_that_was_picked_sees_what_its_waker_wrote() {
    model(|| {
        let worker = Arc::new((SleepWord::new(), Note::default(), Note::default()));
        let sharer = thread::spawn({
            let worker = Arc::clone(&worker);
            move || {
                let (word, offered, eventfd) = &*worker;
                offered.write(1);
                let notify = word.notify_sleeper();
                eventfd.write(u32::from(notify == Some(Notify::Signal)));
                notify
            }
        });
        let (word, offered, eventfd) = &*worker;
        word.drowse();
        let sleeps = word.fall_asleep();
        let is_signalled = eventfd.read() == 1;
        word.awake();
        let seen = offered.read() == 1;
        assert!(sleeps || seen, "it was kept awake, and saw nothing");
        assert!(!is_signalled || seen, "it was signalled, and saw nothing");
        let notify = sharer.join().unwrap();
        assert!(sleeps || notify == Some(Notify::Done), "only who picked it keeps it awake");
    });
}

#[test]
fn loom_what_is_pushed_to_the_inbox_of_a_sleeping_worker_is_taken() {
    struct Worker {
        sleeper: Sleeper,
        inbox: Inbox,
        links: [AtomicU32; 3],
    }
    model(|| {
        let links = core::array::from_fn(|_| AtomicU32::new(0));
        let worker = Arc::new(Worker { sleeper: Sleeper::new(), inbox: Inbox::new(), links });
        let pushers = [1, 2].map(|index| {
            let worker = Arc::clone(&worker);
            thread::spawn(move || {
                worker.inbox.push(index, &worker.links[index as usize]);
                worker.sleeper.notify();
            })
        });
        let mut taken = Vec::new();
        worker.sleeper.run(
            || !worker.inbox.is_empty(),
            || {
                if !worker.inbox.is_empty() {
                    worker.inbox.take(|index| &worker.links[index as usize], |index| taken.push(index));
                }
                taken.len() == 2
            },
        );
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    });
}

// ---- some worker of two -----------------------------------------------------------------------------------------------

/// As much of a runtime as the wake of some sleeper needs.
struct Runtime {
    sleepers: Vec<Sleeper>,
    injector: Mutex<u32>,
    stopping: Note,
}

impl Runtime {
    fn new(workers: usize) -> Arc<Self> {
        let sleepers = (0..workers).map(|_| Sleeper::new()).collect();
        Arc::new(Self { sleepers, injector: Mutex::new(0), stopping: Note::default() })
    }

    /// As a plain thread spawns.
    fn inject(&self) {
        *self.injector.lock().unwrap() += 1;
        // The first sleeper is enough.
        let _ = self.sleepers.iter().any(Sleeper::notify_sleeper);
    }

    fn take_injected(&self) -> bool {
        let mut injected = self.injector.lock().unwrap();
        let is_there = *injected > 0;
        *injected -= u32::from(is_there);
        is_there
    }

    fn stop(&self) {
        self.stopping.write(1);
        self.sleepers.iter().for_each(Sleeper::notify);
    }

    /// Runs a worker until what was injected has been taken, by this one or by the other. How much it took.
    fn run_worker(&self, position: usize) -> u32 {
        let mut taken = 0;
        let sees_work = || self.stopping.read() == 1 || *self.injector.lock().unwrap() > 0;
        self.sleepers[position].run(sees_work, || {
            if self.take_injected() {
                taken += 1;
                self.stop();
            }
            self.stopping.read() == 1
        });
        taken
    }
}

fn injecting_thread(runtime: &Arc<Runtime>) -> JoinHandle<()> {
    let runtime = Arc::clone(runtime);
    thread::spawn(move || runtime.inject())
}

#[test]
fn loom_what_is_injected_while_one_worker_falls_asleep_is_taken() {
    model(|| {
        let runtime = Runtime::new(1);
        let injecting = injecting_thread(&runtime);
        assert_eq!(runtime.run_worker(0), 1);
        injecting.join().unwrap();
    });
}

#[test]
fn loom_what_is_injected_while_two_workers_fall_asleep_is_taken_by_one() {
    model(|| {
        let runtime = Runtime::new(2);
        let injecting = injecting_thread(&runtime);
        let other = thread::spawn({
            let runtime = Arc::clone(&runtime);
            move || runtime.run_worker(1)
        });
        let taken = runtime.run_worker(0);
        assert_eq!(taken + other.join().unwrap(), 1);
        injecting.join().unwrap();
    });
}

/// Between the two attempts of `notify_sleeper` the worker may wake by its deadline and fall asleep anew.
#[test]
fn loom_a_worker_that_wakes_by_its_deadline_misses_nothing() {
    model(|| {
        let runtime = Runtime::new(1);
        let injecting = injecting_thread(&runtime);
        let sleeper = &runtime.sleepers[0];
        let deadline_passed = core::cell::Cell::new(false);
        let wait = || {
            if deadline_passed.replace(true) {
                sleeper.wait_for_signal();
            }
        };
        sleeper.run_with(|| *runtime.injector.lock().unwrap() > 0, || runtime.take_injected(), wait);
        injecting.join().unwrap();
    });
}
