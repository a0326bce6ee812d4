//! When the time of calls that are awaited is over: a thread for all of them.
//!
//! Whoever polls may be a thread of any executor, which has no timers of smarm's; those of the server's worker would have to be set by the
//! server, which is busy just when it matters. So there is one thread in the process. It is started by the first such call that has to wait, sleeps
//! until a time that was set, and ends when there has been none for a while. Setting a time that is later than the thread's next look, which is
//! the rule, is an entry in a table.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::pid::Pid;
use crate::sys::clock;
use crate::sys::thread::OwnThread;
use crate::task::park;
use crate::task::section::Section;

/// How long the thread waits for another call before it ends.
const LINGER: Duration = Duration::from_secs(1);

/// The thread's next look, while it is awake: it looks before it sleeps.
const AT_ONCE: u64 = 0;

struct Alarms {
    pending: BTreeSet<(u64, Pid)>,
    /// When the thread looks next; `None`: there is none.
    next_look_ns: Option<u64>,
}

static ALARMS: Mutex<Alarms> = Mutex::new(Alarms { pending: BTreeSet::new(), next_look_ns: None });
static NEWS: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, Alarms> {
    // Nothing panics while it is held but an allocation failure, which leaves it usable.
    ALARMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has somebody unparked at the deadline, unless this is dropped before.
#[derive(Debug)]
pub(super) struct Alarm {
    key: (u64, Pid),
}

impl Alarm {
    /// # Panics
    ///
    /// If the thread cannot be started.
    pub(super) fn set(deadline_ns: u64, pid: Pid) -> Self {
        let alarm = Self { key: (deadline_ns, pid) };
        let _section = Section::begin(); // allocates under the lock
        let mut alarms = lock();
        match alarms.next_look_ns {
            Some(next_look_ns) if next_look_ns <= deadline_ns => {}
            Some(_) => NEWS.notify_one(),
            None => {
                start();
                alarms.next_look_ns = Some(AT_ONCE);
            }
        }
        alarms.pending.insert(alarm.key);
        alarm
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let _section = Section::begin();
        lock().pending.remove(&self.key);
    }
}

fn start() {
    let own_thread = OwnThread::new();
    let run = move || {
        ring();
        drop(own_thread);
    };
    let started = thread::Builder::new().name("smarm-alarm".into()).spawn(run);
    drop(started.expect("a thread for the timeouts of calls that are awaited can be started"));
}

/// What the thread does.
fn ring() {
    let mut alarms = lock();
    let mut lingers = false;
    loop {
        let now_ns = clock::now_ns();
        let next_look_ns = match alarms.pending.first() {
            Some((deadline_ns, _)) if *deadline_ns <= now_ns => {
                let (_, pid) = alarms.pending.pop_first().expect("looked at above");
                drop(alarms);
                park::unpark(pid); // calls a waker
                alarms = lock();
                continue;
            }
            Some((deadline_ns, _)) => *deadline_ns,
            None if lingers => break,
            None => clock::deadline_after(LINGER),
        };
        lingers = alarms.pending.is_empty();
        alarms.next_look_ns = Some(next_look_ns);
        let pause = Duration::from_nanos(next_look_ns - now_ns);
        alarms = NEWS.wait_timeout(alarms, pause).unwrap_or_else(PoisonError::into_inner).0;
        alarms.next_look_ns = Some(AT_ONCE);
    }
    alarms.next_look_ns = None;
}
