//! The workers of a runtime: the regular ones, spare ones that stand in for them, and those that an actor has for itself.
//!
//! | role | takes what may move | becomes |
//! |---|---|---|
//! | `Absent` | no; it has no thread | any other, when its thread starts |
//! | `Regular` | yes; as many as the configuration says | |
//! | `Spare` | yes; it stands in for one that is held up | `Resting` when that is over |
//! | `Resting` | no; what has started on it goes on there | `Spare` or `Own` when one is needed |
//! | `Own` | no; it runs one actor, which asked for a thread of its own | `Resting` when that actor has ended |
//!
//! All are the same: an OS thread with its queues, timers and epoll instance. What a worker that takes nothing finds in its own hands, it
//! passes on by the injector. A worker that has started stays with its runtime.
//!
//! A worker is *out* while one actor keeps it, without a safe point, for longer than the limit, or has said that it will
//! ([`block_in_place`](crate::block_in_place)). There should be as many workers that take work and are not out as the configuration says; as
//! long as something waits that could move, a spare one is called for each that is missing.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use super::shared::Shared;
use super::worker::Worker;
use crate::sys::stack;
use crate::sys::thread::OwnThread;

/// What a worker is there for; see the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Role {
    Absent,
    Regular,
    Spare,
    Resting,
    Own,
}

impl Role {
    pub(super) fn from_bits(bits: u8) -> Self {
        const ALL: [Role; 5] = [Role::Absent, Role::Regular, Role::Spare, Role::Resting, Role::Own];
        ALL[usize::from(bits)]
    }
}

/// More actors with a thread of their own than this are a mistake: they want to be ordinary ones.
const MOST_OWN_THREADS: usize = 1000;

pub(crate) struct Crew {
    /// Filled from the front, never emptied.
    seats: Box<[OnceLock<&'static Worker>]>,
    /// How many threads run, or are about to.
    manned: AtomicUsize,
    regular: usize,
    most_spares: usize,
    /// Held while roles change.
    roster: Mutex<Roster>,
    /// A thread was refused, and that was told.
    refusal_told: AtomicBool,
}

#[derive(Default)]
struct Roster {
    threads: Vec<thread::JoinHandle<()>>,
    /// Whose thread was refused.
    absent: Option<&'static Worker>,
}

impl Crew {
    pub(super) fn new(regular: usize, most_spares: usize) -> Self {
        let seats = regular + most_spares + MOST_OWN_THREADS;
        Self {
            seats: (0..seats).map(|_| OnceLock::new()).collect(),
            manned: AtomicUsize::new(0),
            regular,
            most_spares,
            roster: Mutex::default(),
            refusal_told: AtomicBool::new(false),
        }
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        // Nothing panics while it is held but an allocation failure, which leaves it usable.
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// All workers that ever started.
    pub(crate) fn workers(&self) -> impl Iterator<Item = &'static Worker> {
        self.crew.seats.iter().map_while(|seat| seat.get().copied())
    }

    /// How many workers the configuration asks for.
    pub(crate) fn regular_count(&self) -> usize {
        self.crew.regular
    }

    /// The regular workers, and at most so many more.
    pub(super) fn most_takers(&self) -> usize {
        self.crew.regular + self.crew.most_spares
    }

    /// How many workers there are, of all roles.
    pub(super) fn worker_count(&self) -> usize {
        // Ordering: Acquire; pairs with the Release in `man`: a worker that is counted has its seat.
        self.crew.manned.load(Ordering::Acquire)
    }

    pub(super) fn worker_at(&self, position: usize) -> &'static Worker {
        self.crew.seats[position].get().expect("a worker has a seat before it is named")
    }

    /// Starts the regular workers.
    pub(crate) fn start_workers(self: &Arc<Self>) -> Result<(), String> {
        let mut roster = self.crew.roster();
        for _ in 0..self.crew.regular {
            self.man(&mut roster, Role::Regular).map_err(|error| format!("no worker ({error})"))?;
        }
        Ok(())
    }

    /// Starts another worker.
    fn man(&self, roster: &mut Roster, role: Role) -> io::Result<&'static Worker> {
        if self.is_stopping() {
            return Err(io::Error::other("the runtime ends"));
        }
        let worker = roster.absent.take().map_or_else(|| self.seat(), Ok)?;
        worker.set_role(role);
        // Ordering: Release; see `worker_count`. Before it runs, so that nobody thinks that all sleep.
        self.crew.manned.fetch_add(1, Ordering::Release);
        match self.start_thread(worker) {
            Ok(thread) => {
                roster.threads.push(thread);
                Ok(worker)
            }
            Err(error) => {
                // Ordering: Relaxed. Nothing was published.
                self.crew.manned.fetch_sub(1, Ordering::Relaxed);
                worker.set_role(Role::Absent);
                roster.absent = Some(worker);
                Err(error)
            }
        }
    }

    /// A worker block, bound to the next free seat. The caller has the roster.
    fn seat(&self) -> io::Result<&'static Worker> {
        let free = self.crew.seats.iter().position(|seat| seat.get().is_none());
        let position = free.ok_or_else(|| {
            io::Error::other(format!("{MOST_OWN_THREADS} actors have a thread of their own already"))
        })?;
        let worker = Worker::acquire()?;
        worker.bind(self, position);
        self.crew.seats[position].set(worker).map_err(|_| ()).expect("only who has the roster fills seats");
        Ok(worker)
    }

    fn start_thread(&self, worker: &'static Worker) -> io::Result<thread::JoinHandle<()>> {
        let kept_alive = (self.this(), OwnThread::new());
        let body = move || {
            worker.run();
            drop(kept_alive);
        };
        thread::Builder::new().name(format!("smarm-{}", worker.position())).spawn(body)
    }

    /// Waits for the threads of all workers, and gives back what they had for actors to come. A thread's panic is a bug of ours, and goes
    /// on here.
    pub(crate) fn join_workers(&self) {
        let threads = std::mem::take(&mut self.crew.roster().threads);
        for thread in threads {
            if let Err(payload) = thread.join() {
                std::panic::resume_unwind(payload);
            }
        }
        stack::trim_at_once();
    }

    // ---- spares -------------------------------------------------------------------------------------------------------

    /// Calls spare workers if some are missing and something waits for them; lets one rest if there is one too many.
    pub(super) fn balance(&self, now_ns: u64) {
        let mut roster = self.crew.roster();
        let fit = self.workers().filter(|worker| worker.takes_work() && !worker.is_out()).count();
        if fit < self.crew.regular && self.has_movable(now_ns) {
            (fit..self.crew.regular).for_each(|_| self.call_spare(&mut roster));
        } else if fit > self.crew.regular {
            self.rest_spare();
        }
    }

    /// Whether an active spare worker is there, or a worker is out.
    pub(super) fn is_out_of_balance(&self) -> bool {
        self.workers().any(|worker| worker.role() == Role::Spare || worker.is_out())
    }

    /// Whether something waits that another worker could take.
    fn has_movable(&self, now_ns: u64) -> bool {
        self.injector.len() > 0 || self.workers().any(|worker| worker.may_give(now_ns))
    }

    fn call_spare(&self, roster: &mut Roster) {
        let active = self.workers().filter(|worker| worker.role() == Role::Spare).count();
        if active >= self.crew.most_spares {
            return;
        }
        let resting = self.workers().filter(|worker| worker.role() == Role::Resting && !worker.is_out());
        let called = match resting.max_by_key(|worker| worker.sleep.is_asleep()) {
            Some(worker) => {
                worker.set_role(Role::Spare);
                worker
            }
            None if self.hired_spares() < self.crew.most_spares => match self.man(roster, Role::Spare) {
                Ok(worker) => worker,
                Err(error) => return self.tell_refusal(&error),
            },
            None => return,
        };
        called.notify();
    }

    /// Workers beyond the regular ones that are nobody's own.
    fn hired_spares(&self) -> usize {
        self.workers().filter(|worker| matches!(worker.role(), Role::Spare | Role::Resting)).count()
    }

    fn rest_spare(&self) {
        let spares = self.workers().filter(|worker| worker.role() == Role::Spare && !worker.is_out());
        if let Some(worker) = spares.max_by_key(|worker| worker.sleep.is_asleep()) {
            worker.set_role(Role::Resting);
            worker.notify(); // it passes on what it has
        }
    }

    fn tell_refusal(&self, error: &io::Error) {
        // Ordering: Relaxed. Only who swaps it first tells.
        if !self.is_stopping() && !self.crew.refusal_told.swap(true, Ordering::Relaxed) {
            eprintln!("smarm: cannot start a spare worker in place of one that is held up: {error}");
        }
    }

    // ---- own threads --------------------------------------------------------------------------------------------------

    /// A worker for one actor alone. It is let go by [`let_own_go`](Self::let_own_go), or when its actor has ended.
    pub(super) fn take_own_worker(&self) -> io::Result<&'static Worker> {
        let mut roster = self.crew.roster();
        let free = self.workers().find(|worker| worker.role() == Role::Resting && worker.is_vacant());
        match free {
            Some(worker) => {
                worker.set_role(Role::Own);
                Ok(worker)
            }
            None => self.man(&mut roster, Role::Own),
        }
    }

    /// The actor for which the worker was taken is gone, or never came.
    pub(super) fn let_own_go(&self, worker: &Worker) {
        debug_assert_eq!(worker.role(), Role::Own, "only such a worker is let go");
        worker.set_role(Role::Resting);
    }
}
