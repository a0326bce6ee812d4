//! The operations whose instructions are counted. Each is done `count` times by a program of its own, on one worker.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use smarm::runtime::{self, Config};
use smarm::{channel, park_current, spawn, unpark, yield_now};

/// Far enough away that no timer fires.
const LATER: Duration = Duration::from_secs(3600);
/// So long a slice that none ends: when one does depends on the clock, and what is counted must not.
const ENDLESS_CYCLES: u64 = u64::MAX >> 8;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Two actors unpark each other and park: an unpark, a park and a switch.
    Switch,
    /// Two actors yield in turn.
    Yield,
    /// An actor is spawned, runs, ends and is joined.
    Spawn,
    /// A message is sent and received by the same actor: nobody waits.
    Channel,
    /// Two actors send each other a message in turn: a send, a receive, a park and a switch.
    Hop,
    /// A server is called and answers.
    Call,
    /// A server is told something, and handles it.
    Cast,
    /// A server is started, called and stopped, and its end is waited for.
    Server,
    /// A message that is to be sent later is armed and cancelled.
    Timer,
    /// A box is allocated and freed by an actor, with `smarm::Alloc`.
    Allocation,
    /// A `check!` in an actor.
    Check,
}

impl Operation {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 11] = [
        Self::Switch,
        Self::Yield,
        Self::Spawn,
        Self::Channel,
        Self::Hop,
        Self::Call,
        Self::Cast,
        Self::Server,
        Self::Timer,
        Self::Allocation,
        Self::Check,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Yield => "yield",
            Self::Spawn => "spawn",
            Self::Channel => "channel",
            Self::Hop => "hop",
            Self::Call => "call",
            Self::Cast => "cast",
            Self::Server => "server",
            Self::Timer => "timer",
            Self::Allocation => "allocation",
            Self::Check => "check",
        }
    }

    /// What is counted, in a few words.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Switch => "unpark another actor, park, switch to it",
            Self::Yield => "yield to another actor",
            Self::Spawn => "spawn, run, end and join an actor",
            Self::Channel => "send and receive, nobody waits",
            Self::Hop => "send to an actor that waits, wait for its message",
            Self::Call => "call a server, get the answer",
            Self::Cast => "tell a server something, have it handled",
            Self::Server => "start, call, stop and join a server",
            Self::Timer => "arm and cancel a message to be sent later",
            Self::Allocation => "allocate and free a box, with smarm::Alloc",
            Self::Check => "a check!",
        }
    }

    /// Does it so often.
    pub(crate) fn repeat(self, count: u64) {
        runtime::init(Config::exact(1).timeslice_cycles(ENDLESS_CYCLES)).run(move || match self {
            Self::Switch => switch(count),
            Self::Yield => yields(count),
            Self::Spawn => (0..count).for_each(|_| spawn(|| ()).join().expect("it does nothing")),
            Self::Channel => sends(count),
            Self::Hop => hops(count),
            Self::Call => calls(count),
            Self::Cast => casts(count),
            Self::Server => servers(count),
            Self::Timer => timers(count),
            Self::Allocation => (0..count).for_each(|number| drop(std::hint::black_box(Box::new(number)))),
            Self::Check => (0..count).for_each(|_| smarm::check!()),
        });
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Operation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|operation| operation.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("no operation is called {name:?}; there are {known}")
        })
    }
}

/// A wake that comes before its park is kept, and more than one counts as one: so each is answered before the next.
fn switch(count: u64) {
    let root = smarm::current();
    let other = spawn(move || {
        for _ in 0..count / 2 {
            park_current();
            unpark(root);
        }
    });
    yield_now();
    for _ in 0..count / 2 {
        unpark(other.pid());
        park_current();
    }
    other.join().expect("it parks and unparks only");
}

fn yields(count: u64) {
    let turn = move || (0..count / 2).for_each(|_| yield_now());
    let pair = [spawn(turn), spawn(turn)];
    pair.into_iter().for_each(|actor| actor.join().expect("it yields only"));
}

fn sends(count: u64) {
    let (sender, receiver) = channel();
    for number in 0..count {
        sender.send(number).expect("we hold the receiver");
        assert_eq!(receiver.recv().expect("we hold the sender"), number);
    }
}

fn hops(count: u64) {
    let (ping, pings) = channel();
    let (pong, pongs) = channel();
    let echo = spawn(move || {
        while let Ok(number) = pings.recv() {
            pong.send(number).expect("the root waits for it");
        }
    });
    for number in 0..count / 2 {
        ping.send(number).expect("the echo waits for it");
        assert_eq!(pongs.recv().expect("the echo answers"), number);
    }
    drop(ping);
    echo.join().expect("it sends and receives only");
}

struct Counter {
    sum: u64,
}

#[smarm::actor]
impl Counter {
    pub(crate) fn get(&self) -> u64 {
        self.sum
    }

    pub(crate) fn add(&mut self, number: u64) {
        self.sum += number;
    }
}

fn calls(count: u64) {
    let counter = Counter { sum: 7 }.start();
    for _ in 0..count {
        assert_eq!(counter.get().expect("the server answers"), 7);
    }
}

fn casts(count: u64) {
    let counter = Counter { sum: 0 }.start();
    for _ in 0..count {
        counter.add(1);
    }
    assert_eq!(counter.get().expect("the server answers"), count);
}

fn servers(count: u64) {
    for _ in 0..count {
        let counter = Counter { sum: 7 }.start();
        assert_eq!(counter.get().expect("the server answers"), 7);
        counter.stop();
        counter.join();
    }
}

fn timers(count: u64) {
    let counter = Counter { sum: 0 }.start();
    for number in 0..count {
        let timer = counter.send_after(LATER, CounterMsg::Add { number });
        assert!(timer.cancel(), "it is not due yet");
    }
}
