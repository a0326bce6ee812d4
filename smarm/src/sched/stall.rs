//! What is told of an actor that keeps its worker.

use core::panic::Location;
use core::time::Duration;
use std::fmt;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use super::quiet;
use super::shared::Shared;
use super::worker::Worker;
use crate::pid::Pid;
use crate::sys::clock;
#[cfg(test)]
use crate::sys::thread;

/// Lines on standard error are at least so far apart.
const TOLD_EVERY_NS: u64 = 1_000_000_000;

/// An actor has kept its worker for longer than [`Config::stall_after`](crate::runtime::Config::stall_after), without a safe point.
///
/// What could move has gone to another worker by now, or does so at once. What has started on this worker waits.
/// Displayed, it is one sentence that has it all.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stall {
    /// Who.
    pub pid: Pid,
    /// Its name, if it has one. `None` also if it has ended meanwhile, or if the system has no `membarrier` call.
    pub name: Option<String>,
    /// Where it was spawned; `None` as for the name.
    pub spawned_at: Option<&'static Location<'static>>,
    /// The number of the worker that it keeps.
    pub worker: usize,
    /// For how long it has done so; known to a millisecond.
    pub duration: Duration,
    /// What the worker's thread does.
    pub activity: ThreadActivity,
}

/// What a thread does, as the system sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ThreadActivity {
    /// It computes, or waits for a processor.
    Running,
    /// It waits in this system call.
    Blocked {
        /// Its name if it is a common one, else its number.
        syscall: String,
    },
    /// The system does not say.
    Unknown,
}

impl ThreadActivity {
    /// Whether it waits in the system for something else than a processor.
    pub(super) fn is_blocked(&self) -> bool {
        matches!(self, Self::Blocked { .. })
    }
}

impl fmt::Display for ThreadActivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("its thread is running"),
            Self::Blocked { syscall } if syscall == "futex" => {
                f.write_str("its thread is blocked in futex (a lock of `std`, held over a safe point?)")
            }
            Self::Blocked { syscall } => write!(f, "its thread is blocked in {syscall}"),
            Self::Unknown => f.write_str("the system does not say what its thread does"),
        }
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("actor ")?;
        if let Some(name) = &self.name {
            write!(f, "'{name}' ")?;
        }
        write!(f, "{}", self.pid)?;
        if let Some(place) = self.spawned_at {
            write!(f, ", spawned at {place},")?;
        }
        let millis = self.duration.as_millis();
        write!(f, " has kept worker {} for {millis} ms without a safe point: {}", self.worker, self.activity)
    }
}

/// What a runtime does about stalls.
#[derive(Clone)]
pub(crate) struct StallSettings {
    pub(crate) after_ns: u64,
    pub(crate) hook: Option<StallHook>,
}

pub(crate) type StallHook = Arc<dyn Fn(&Stall) + Send + Sync>;

impl fmt::Debug for StallSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after_ns, hook } = self;
        f.debug_struct("StallSettings")
            .field("after_ns", after_ns)
            .field("has_hook", &hook.is_some())
            .finish()
    }
}

/// Tells of stalls: all to the hook, or some on standard error.
#[derive(Debug, Default)]
pub(super) struct Teller {
    /// When a line was last written; 0 for never.
    last_ns: u64,
    untold: u64,
}

impl Teller {
    /// Tells of a worker that is held up, if that matters to anybody.
    pub(super) fn tell(
        &mut self,
        shared: &Shared,
        worker: &Worker,
        pid: Pid,
        held_ns: u64,
        activity: ThreadActivity,
    ) {
        // The only actor there is keeps nobody waiting.
        if shared.live() <= 1 {
            return;
        }
        let hook = shared.settings.stall.hook.as_ref();
        if hook.is_none() && !self.may_write() {
            return;
        }
        let stall = describe(worker, pid, held_ns, activity);
        match hook {
            // Its panic was told of by the panic hook, and is no reason to stop looking.
            Some(hook) => drop(panic::catch_unwind(AssertUnwindSafe(|| hook(&stall)))),
            None => self.write(&stall),
        }
    }

    fn may_write(&mut self) -> bool {
        let may = self.last_ns == 0 || clock::now_ns() >= self.last_ns + TOLD_EVERY_NS;
        if !may {
            self.untold += 1;
        }
        may
    }

    fn write(&mut self, stall: &Stall) {
        self.last_ns = clock::now_ns();
        match std::mem::take(&mut self.untold) {
            0 => eprintln!("smarm: {stall}"),
            untold => eprintln!("smarm: {stall} ({untold} more such stalls were not told of)"),
        }
    }
}

fn describe(worker: &Worker, pid: Pid, held_ns: u64, activity: ThreadActivity) -> Stall {
    let (name, spawned_at) = quiet::describe_running(pid);
    Stall {
        pid,
        name,
        spawned_at,
        worker: worker.position(),
        duration: Duration::from_nanos(held_ns),
        activity,
    }
}

/// What a thread of this process does.
pub(super) fn activity_of(thread_id: i32) -> ThreadActivity {
    let told = fs::read_to_string(format!("/proc/self/task/{thread_id}/syscall"));
    told.map_or(ThreadActivity::Unknown, |text| parse_activity(&text))
}

/// Reads the system's words: `running`, or the number of a system call, or -1 if it is blocked elsewhere (a page fault).
fn parse_activity(text: &str) -> ThreadActivity {
    let first = text.split_whitespace().next().unwrap_or_default();
    match (first, first.parse::<libc::c_long>()) {
        ("running", _) => ThreadActivity::Running,
        (_, Ok(number)) if number >= 0 => ThreadActivity::Blocked { syscall: syscall_name(number) },
        (_, Ok(_)) => ThreadActivity::Blocked { syscall: "a page fault".to_owned() },
        _ => ThreadActivity::Unknown,
    }
}

/// The calls in which a thread is likely to block.
const SYSCALLS: [(libc::c_long, &str); 24] = [
    (libc::SYS_futex, "futex"),
    (libc::SYS_read, "read"),
    (libc::SYS_pread64, "pread"),
    (libc::SYS_readv, "readv"),
    (libc::SYS_write, "write"),
    (libc::SYS_pwrite64, "pwrite"),
    (libc::SYS_writev, "writev"),
    (libc::SYS_openat, "openat"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_flock, "flock"),
    (libc::SYS_fcntl, "fcntl"),
    (libc::SYS_ppoll, "ppoll"),
    (libc::SYS_pselect6, "pselect"),
    (libc::SYS_epoll_pwait, "epoll_pwait"),
    (libc::SYS_nanosleep, "nanosleep"),
    (libc::SYS_clock_nanosleep, "clock_nanosleep"),
    (libc::SYS_recvfrom, "recvfrom"),
    (libc::SYS_recvmsg, "recvmsg"),
    (libc::SYS_sendto, "sendto"),
    (libc::SYS_connect, "connect"),
    (libc::SYS_accept4, "accept4"),
    (libc::SYS_wait4, "wait4"),
    (libc::SYS_waitid, "waitid"),
];

fn syscall_name(number: libc::c_long) -> String {
    let known = SYSCALLS.iter().find(|(call, _)| *call == number);
    known.map_or_else(|| format!("system call {number}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(syscall: &str) -> ThreadActivity {
        ThreadActivity::Blocked { syscall: syscall.to_owned() }
    }

    #[test]
    fn the_words_of_the_system_are_understood() {
        assert_eq!(parse_activity("running\n"), ThreadActivity::Running);
        let sleeping = format!("{} 0x7f 0x80 0x0 0x0 0x0 0x0 0x7ffc 0x7f12\n", libc::SYS_clock_nanosleep);
        assert_eq!(parse_activity(&sleeping), blocked("clock_nanosleep"));
        assert_eq!(parse_activity("9999 0x0"), blocked("system call 9999"));
        assert_eq!(parse_activity("-1 0x7ffc 0x7f12\n"), blocked("a page fault"));
        assert_eq!(parse_activity(""), ThreadActivity::Unknown);
    }

    #[test]
    fn a_thread_that_asks_of_itself_runs_or_reads() {
        let activity = activity_of(thread::id());
        assert!(
            [ThreadActivity::Running, ThreadActivity::Unknown, blocked("read")].contains(&activity),
            "{activity:?}"
        );
    }

    #[test]
    fn a_stall_is_told_in_one_sentence() {
        let stall = Stall {
            pid: Pid::new(7, 2),
            name: Some("hog".to_owned()),
            spawned_at: None,
            worker: 1,
            duration: Duration::from_micros(12_345),
            activity: blocked("futex"),
        };
        let text = stall.to_string();
        assert!(
            text.starts_with("actor 'hog' <7.2> has kept worker 1 for 12 ms without a safe point"),
            "{text}"
        );
        assert!(text.contains("blocked in futex (a lock of `std`"), "{text}");
    }
}
