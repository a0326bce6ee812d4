//! What a server does by itself: `#[every]`, `#[idle]`, and intervals.
//!
//! A period is armed anew when its tick was handled, so at most one tick of each waits: a server that is late does not catch up.

use core::ptr::NonNull;
use core::time::Duration;
use std::sync::Arc;

use super::interval::Interval;
use super::options::ServerOptions;
use super::server::{Core, News, System};
use super::{delivery, exit};
use crate::pid::Pid;
use crate::sys::clock;
use crate::task::{self, Armed, Fire, Runtime, current};

pub(super) struct Plans<M> {
    /// Pushes a system message to the server whose plans these are.
    push: Box<dyn Fn(System<M>) -> Box<dyn Fire>>,
    /// Whose they are, as long as it has this name.
    life: Pid,
    periods: Vec<Period>,
    idle: Option<Idle>,
    /// Those that are over go when another one begins.
    intervals: Vec<Arc<Interval<M>>>,
}

struct Period {
    length: Duration,
    next_ns: u64,
    armed: Armed,
}

struct Idle {
    after: Duration,
    last_message_ns: u64,
    armed: Armed,
}

impl<M: 'static> Plans<M> {
    /// Arms what the options say, on the worker where the server is activated now; `None` if they say nothing.
    pub(super) fn make(core: &Core<M>, options: &ServerOptions) -> Option<Box<Self>> {
        if options.every.is_empty() && options.idle.is_none() {
            return None;
        }
        let mut plans = Self::none(core);
        for (index, length) in options.every.iter().enumerate() {
            let next_ns = clock::deadline_after(*length);
            let armed = plans.arm(next_ns, News::Tick(index as u32));
            plans.periods.push(Period { length: *length, next_ns, armed });
        }
        plans.idle = options.idle.map(|after| {
            let armed = plans.arm(clock::deadline_after(after), News::IdleCheck);
            Idle { after, last_message_ns: clock::now_ns(), armed }
        });
        Some(plans)
    }

    /// No plans yet, of the server that runs here.
    pub(super) fn none(core: &Core<M>) -> Box<Self> {
        let (core, life) = (NonNull::from(core), core.pid());
        // SAFETY: called by the server, which lives while its plans do.
        let push = Box::new(move |message| unsafe { Push::boxed(core, message) });
        Box::new(Self { push, life, periods: Vec::new(), idle: None, intervals: Vec::new() })
    }

    /// An interval begins.
    pub(super) fn begin(&mut self, interval: Arc<Interval<M>>) {
        self.intervals.retain(|interval| !interval.is_over());
        self.arm_tick(&interval);
        self.intervals.push(interval);
    }

    /// Arms the next tick of an interval.
    pub(super) fn arm_tick(&self, interval: &Arc<Interval<M>>) {
        let slot = current::actor().expect("a server's plans are made by itself");
        interval.arm(slot, || (self.push)(System::Beat(interval.clone())));
    }

    fn arm(&self, deadline_ns: u64, news: News) -> Armed {
        let slot = current::actor().expect("a server's plans are made by itself");
        task::arm_firing(slot, deadline_ns, (self.push)(System::News(self.life, news)))
    }

    /// A message is about to be handled.
    pub(super) fn note_message(&mut self) {
        if let Some(idle) = &mut self.idle {
            idle.last_message_ns = clock::now_ns();
        }
    }

    /// The tick of a period was handled.
    pub(super) fn repeat(&mut self, index: u32) {
        let period = &self.periods[index as usize];
        let next_ns = period.next_ns.saturating_add(period.length.as_nanos() as u64).max(clock::now_ns());
        let armed = self.arm(next_ns, News::Tick(index));
        let period = &mut self.periods[index as usize];
        (period.next_ns, period.armed) = (next_ns, armed);
    }

    /// Whether the server has been idle for long enough; and looks again later.
    pub(super) fn check_idle(&mut self) -> bool {
        let now_ns = clock::now_ns();
        let Some(idle) = &mut self.idle else { return false };
        let after_ns = idle.after.as_nanos() as u64;
        let due = now_ns.saturating_sub(idle.last_message_ns) >= after_ns;
        if due {
            idle.last_message_ns = now_ns; // the next time of idleness begins
        }
        let next_ns = idle.last_message_ns.saturating_add(after_ns);
        let armed = self.arm(next_ns, News::IdleCheck);
        self.idle.iter_mut().for_each(|idle| idle.armed = armed);
        due
    }
}

impl<M> Drop for Plans<M> {
    fn drop(&mut self) {
        // First: the user's code may be in them, and panic.
        self.intervals.drain(..).for_each(|interval| exit::shielded(|| _ = interval.end()));
        let periods = self.periods.iter().map(|period| period.armed);
        periods
            .chain(self.idle.iter().map(|idle| idle.armed))
            .for_each(|armed| drop(task::disarm_firing(armed)));
    }
}

/// A system message on its way to a server.
struct Push<M> {
    core: NonNull<Core<M>>,
    message: Option<System<M>>,
}

// SAFETY: it uses the core's mailbox and count of references only, which are for all threads.
unsafe impl<M> Send for Push<M> {}

impl<M: 'static> Push<M> {
    /// # Safety
    ///
    /// The server is alive.
    unsafe fn boxed(core: NonNull<Core<M>>, message: System<M>) -> Box<dyn Fire> {
        // SAFETY: the caller's promise.
        unsafe { core.as_ref() }.add_reference();
        Box::new(Self { core, message: Some(message) })
    }
}

impl<M: 'static> Fire for Push<M> {
    fn fire(mut self: Box<Self>, runtime: Runtime) {
        // SAFETY: the reference keeps the block alive.
        let core = unsafe { self.core.as_ref() };
        if let Some(message) = self.message.take() {
            core.push_system(message);
        }
        if core.exit_reason().is_some() {
            // This may be the last reference, and the reason the last owner of a panic's payload.
            delivery::run_aside(runtime, move || drop(self));
        }
    }

    fn holds_up_the_end(&self) -> bool {
        false
    }
}

impl<M> Drop for Push<M> {
    fn drop(&mut self) {
        // SAFETY: the reference is ours.
        unsafe { Core::drop_reference(self.core) };
    }
}
