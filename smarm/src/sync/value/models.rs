//! The value of a cell with the cell's lock: initialisers and readers that are threads.

use loom::model;
use loom::sync::Arc;
use loom::thread::{self, Thread};

use super::Value;
use crate::sync::word::LockWord;

struct Cell {
    lock: LockWord<Thread>,
    value: Value<u32>,
}

// SAFETY: the protocol is what the models check.
unsafe impl Sync for Cell {}
// SAFETY: as above.
unsafe impl Send for Cell {}

impl Cell {
    fn new() -> Arc<Self> {
        Arc::new(Self { lock: LockWord::new(), value: Value::new() })
    }

    /// As `OnceCell::get_or_init`, but it does not wait: nothing if somebody else initialises. Who `fails` does so with the lock held.
    fn try_init(&self, me: u64, fails: bool) -> Option<u32> {
        if let Some(value) = self.value.get() {
            return Some(*value);
        }
        if !self.lock.try_acquire(me) {
            return None;
        }
        if self.value.get().is_none() && !fails {
            // SAFETY: the lock is held, and there was no value.
            unsafe { self.value.set(me as u32) };
        }
        let value = self.value.get().copied();
        assert!(self.lock.release(me));
        value
    }
}

fn race(fails: bool) {
    model(move || {
        let cell = Cell::new();
        let other = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || cell.try_init(1, fails))
        };
        let reader = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || cell.value.get().copied())
        };
        let values = [cell.try_init(2, false), other.join().unwrap(), reader.join().unwrap()];
        let last = cell.try_init(3, false).expect("nobody initialises any more");
        assert!(values.into_iter().flatten().all(|value| value == last), "{values:?} and {last}");
    });
}

#[test]
fn loom_all_who_see_a_value_see_the_same() {
    race(false);
}

#[test]
fn loom_after_one_that_fails_the_next_one_initialises() {
    race(true);
}
