//! The whole deque, its growth included: one owner, one or two thieves, every order of their steps with few preemptions, and every
//! value that a relaxed or acquiring load may return. Not modelled: what the entries lead to (the claim in the state word), spurious
//! failures of weak operations, and anything stronger than AcqRel, which the deque does not use.
//!
//! The models are stricter than the deque's users need: an entry that is taken twice, or never, fails them.

use loom::model;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{Deque, Entry, Steal};
use crate::sys::atomic::{AtomicU32, Ordering};

/// The entry of actor `pid`; its time is made from it, so that a torn one shows.
fn entry(pid: u64) -> Entry {
    Entry { pid, pushed_ns: pid * 100 }
}

fn pid_of(entry: Entry) -> u64 {
    assert_eq!(entry.pushed_ns, entry.pid * 100, "half of one entry and half of another");
    entry.pid
}

fn deque_of(pids: impl IntoIterator<Item = u64>) -> Arc<Deque> {
    let deque = Arc::new(Deque::new());
    pids.into_iter().for_each(|pid| push(&deque, pid));
    deque
}

/// By the owner, which in every model is the thread that begins it.
fn push(deque: &Deque, pid: u64) {
    // SAFETY: only the model's first thread calls this.
    unsafe { deque.push(entry(pid)) };
}

/// By the owner.
fn pop_newest(deque: &Deque) -> Option<u64> {
    // SAFETY: only the model's first thread calls this.
    unsafe { deque.pop_newest() }.map(pid_of)
}

/// By the owner.
fn pop_oldest(deque: &Deque) -> Option<u64> {
    // SAFETY: only the model's first thread calls this.
    unsafe { deque.pop_oldest() }.map(pid_of)
}

fn steal(deque: &Deque) -> Option<u64> {
    match deque.steal(|_| true) {
        Steal::Taken(entry) => Some(pid_of(entry)),
        Steal::Nothing | Steal::Retry => None,
    }
}

/// A thread that tries so many times.
fn thief(deque: &Arc<Deque>, attempts: usize) -> JoinHandle<Vec<u64>> {
    let deque = Arc::clone(deque);
    thread::spawn(move || (0..attempts).filter_map(|_| steal(&deque)).collect())
}

/// What the owner and the thieves took and what is left is `1..=count`, each once.
fn assert_each_once(deque: &Deque, owned: Vec<u64>, thieves: Vec<JoinHandle<Vec<u64>>>, count: u64) {
    let mut all = owned;
    all.extend(thieves.into_iter().flat_map(|thief| thief.join().unwrap()));
    all.extend(core::iter::from_fn(|| pop_newest(deque)));
    all.sort_unstable();
    assert_eq!(all, (1..=count).collect::<Vec<_>>(), "an entry was lost or taken twice");
    assert!(deque.is_empty());
}

#[test]
fn loom_the_last_entry_goes_to_the_owner_or_to_a_thief() {
    model(|| {
        let deque = deque_of([1]);
        let thieves = vec![thief(&deque, 1)];
        let owned = pop_newest(&deque).into_iter().collect();
        assert_each_once(&deque, owned, thieves, 1);
    });
}

#[test]
fn loom_two_thieves_and_the_owner_take_two_entries_once_each() {
    model(|| {
        let deque = deque_of([1, 2]);
        let thieves = vec![thief(&deque, 1), thief(&deque, 1)];
        let owned = [pop_newest(&deque), pop_newest(&deque)].into_iter().flatten().collect();
        assert_each_once(&deque, owned, thieves, 2);
    });
}

#[test]
fn loom_a_thief_that_steals_on_meets_the_owner_once() {
    model(|| {
        let deque = deque_of([1, 2]);
        let thieves = vec![thief(&deque, 2)];
        let owned = [pop_newest(&deque), pop_newest(&deque)].into_iter().flatten().collect();
        assert_each_once(&deque, owned, thieves, 2);
    });
}

/// The owner's push comes between the thief's look and the owner's pops: they must be ordered all the same.
#[test]
fn loom_a_push_does_not_hide_a_thief_from_the_pops_after_it() {
    model(|| {
        let deque = deque_of([1, 2]);
        let thieves = vec![thief(&deque, 2)];
        push(&deque, 3);
        let owned = [pop_newest(&deque), pop_newest(&deque)].into_iter().flatten().collect();
        assert_each_once(&deque, owned, thieves, 3);
    });
}

#[test]
fn loom_a_push_after_a_pop_is_found() {
    model(|| {
        let deque = deque_of([1]);
        let thieves = vec![thief(&deque, 2)];
        let mut owned: Vec<u64> = pop_newest(&deque).into_iter().collect();
        push(&deque, 2);
        owned.extend(pop_newest(&deque));
        assert_each_once(&deque, owned, thieves, 2);
    });
}

#[test]
fn loom_the_owner_takes_the_oldest_against_two_thieves() {
    model(|| {
        let deque = deque_of([1, 2]);
        let thieves = vec![thief(&deque, 1), thief(&deque, 1)];
        let owned = [pop_oldest(&deque), pop_oldest(&deque)].into_iter().flatten().collect();
        assert_each_once(&deque, owned, thieves, 2);
    });
}

#[test]
fn loom_both_ends_popped_by_the_owner_leave_one_taker_each() {
    model(|| {
        let deque = deque_of([1, 2]);
        let thieves = vec![thief(&deque, 2)];
        let owned = [pop_oldest(&deque), pop_newest(&deque)].into_iter().flatten().collect();
        assert_each_once(&deque, owned, thieves, 2);
    });
}

#[test]
fn loom_growth_loses_nothing_while_a_thief_steals() {
    model(|| {
        let deque = deque_of([1, 2]);
        let thieves = vec![thief(&deque, 2)];
        push(&deque, 3);
        push(&deque, 4);
        let owned = pop_newest(&deque).into_iter().collect();
        assert_each_once(&deque, owned, thieves, 4);
    });
}

#[test]
fn loom_a_cell_is_written_again_only_after_its_thief_has_read_it() {
    model(|| {
        let deque = deque_of([1, 2]);
        let thieves = vec![thief(&deque, 1)];
        let owned = pop_oldest(&deque).into_iter().collect();
        push(&deque, 3);
        assert_each_once(&deque, owned, thieves, 3);
    });
}

#[test]
fn loom_a_thief_sees_what_was_written_before_the_push() {
    model(|| {
        let deque = deque_of([]);
        let job = Arc::new(AtomicU32::new(0));
        let stolen = thread::spawn({
            let (deque, job) = (Arc::clone(&deque), Arc::clone(&job));
            // Ordering: Relaxed. The deque alone publishes it.
            move || steal(&deque).map(|_| job.load(Ordering::Relaxed))
        });
        // Ordering: Relaxed; as above.
        job.store(7, Ordering::Relaxed);
        push(&deque, 1);
        assert!(matches!(stolen.join().unwrap(), None | Some(7)));
    });
}

#[test]
fn loom_a_pop_does_not_hide_the_older_entries_from_a_thief() {
    model(|| {
        let deque = deque_of([]);
        let thieves = vec![thief(&deque, 1)];
        push(&deque, 1);
        push(&deque, 2);
        let owned = pop_newest(&deque).into_iter().collect();
        assert_each_once(&deque, owned, thieves, 2);
    });
}

#[test]
fn loom_a_thief_asks_for_the_time_of_the_oldest_entry() {
    model(|| {
        let deque = deque_of([1, 2]);
        let old = thread::spawn({
            let deque = Arc::clone(&deque);
            move || [deque.steal(|pushed_ns| pushed_ns < 200), deque.steal(|pushed_ns| pushed_ns < 200)]
        });
        push(&deque, 3);
        assert_eq!(old.join().unwrap(), [Steal::Taken(entry(1)), Steal::Nothing]);
        assert_eq!(deque.len(), 2);
    });
}
