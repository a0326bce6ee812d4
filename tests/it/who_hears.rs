//! Who hears what when X dies of Y: the rows of the table in docs/ACTORS.md.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, Sender, oneshot};
use smarm::supervisor::{Child, Restart, Supervisor};
use smarm::{
    CallError, ExitReason, Pid, channel, current, exit, kill, link, monitor, send_exit, sleep, spawn,
    trap_exit, yield_now,
};
use smarm_tests::actors;
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// How X dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Death {
    Return,
    Stop,
    Panic,
    Error,
    Shutdown,
    Kill,
    Signal,
    Last,
}

/// A reason in one word.
fn word(reason: &ExitReason) -> &'static str {
    match reason {
        ExitReason::Normal => "normal",
        ExitReason::Shutdown => "shutdown",
        ExitReason::Killed => "killed",
        ExitReason::Panicked(_) => "panicked",
        ExitReason::Error(_) => "error",
        ExitReason::NoProc => "noproc",
        other => panic!("{other}"),
    }
}

fn broken() -> ExitReason {
    ExitReason::Error(Arc::new(std::fmt::Error))
}

fn die(death: Death) {
    match death {
        Death::Return => {}
        Death::Panic => panic!("by order"),
        Death::Error => exit(broken()),
        Death::Shutdown => exit(ExitReason::Shutdown),
        Death::Kill => {
            kill(current());
            yield_now();
        }
        Death::Signal => {
            send_exit(current(), broken());
            yield_now();
        }
        Death::Stop | Death::Last => unreachable!("a server alone dies so"),
    }
}

/// What each of the others has heard.
#[derive(PartialEq, Eq, Debug)]
struct Heard {
    joiner: &'static str,
    /// `None`: it goes on.
    linked: Option<&'static str>,
    trapping: &'static str,
    monitor: &'static str,
}

struct Witnesses {
    linked: smarm::JoinHandle<()>,
    trapping: smarm::JoinHandle<&'static str>,
    monitor: smarm::Monitor,
    done: oneshot::Sender<()>,
}

fn witnesses(x: Pid) -> Witnesses {
    let (ready, wait) = channel();
    let (done, end) = oneshot::<()>();
    let linked = spawn({
        let ready = ready.clone();
        move || {
            link(x);
            ready.send(()).unwrap();
            end.recv().ok();
            yield_now(); // a wait that is satisfied delivers no kill
        }
    });
    let trapping = spawn(move || {
        let exits = trap_exit();
        link(x);
        ready.send(()).unwrap();
        word(&exits.recv().unwrap().reason)
    });
    wait.recv().unwrap();
    wait.recv().unwrap();
    Witnesses { linked, trapping, monitor: monitor(x), done }
}

impl Witnesses {
    fn heard(self, joiner: &ExitReason) -> Heard {
        let monitor = word(&self.monitor.recv().unwrap().reason);
        let trapping = self.trapping.join().unwrap();
        drop(self.done);
        let linked = self.linked.join().err().map(|reason| word(&reason));
        Heard { joiner: word(joiner), linked, trapping, monitor }
    }
}

fn thread_actor(death: Death) -> Heard {
    let (go, gone) = oneshot::<()>();
    let x = spawn(move || {
        gone.recv().ok();
        die(death);
    });
    let witnesses = witnesses(x.pid());
    drop(go);
    let joined = x.join().err().unwrap_or(ExitReason::Normal);
    witnesses.heard(&joined)
}

struct X;

#[smarm::actor(timeout = none)]
impl X {
    pub fn die(&self, death: u8) -> u32 {
        die(DEATHS[death as usize]);
        0
    }
    pub fn ready(&self) -> bool {
        true
    }
    pub fn last(self) -> u32 {
        7
    }
}

const DEATHS: [Death; 6] =
    [Death::Return, Death::Panic, Death::Error, Death::Shutdown, Death::Kill, Death::Signal];

fn index(death: Death) -> u8 {
    DEATHS.iter().position(|other| *other == death).unwrap() as u8
}

/// And what the caller of the message in hand has heard.
fn server(death: Death) -> (Heard, Option<&'static str>) {
    let x = X.start();
    let witnesses = witnesses(x.pid());
    let caller = match death {
        Death::Stop => {
            x.stop();
            None
        }
        Death::Last => {
            assert_eq!(x.last().unwrap(), 7);
            None
        }
        death => match x.die(index(death)) {
            Err(CallError::Down { reason, delivered: true, .. }) => Some(word(&reason)),
            other => panic!("{other:?}"),
        },
    };
    (witnesses.heard(&x.join()), caller)
}

fn all(reason: &'static str) -> Heard {
    Heard { joiner: reason, linked: Some(reason), trapping: reason, monitor: reason }
}

/// Whether a supervisor starts it again.
fn restarts(restart: Restart, death: Death) -> bool {
    let (tell, told): (Sender<Pid>, Receiver<Pid>) = channel();
    let mut lives = 0;
    let body = move || {
        tell.send(current()).unwrap();
        lives += 1;
        if lives > 1 {
            sleep(HOUR);
        }
        die(death);
    };
    let supervisor = Supervisor::one_for_one().child(Child::new("x", body).restart(restart)).start().unwrap();
    let first = told.recv().unwrap();
    _ = monitor(first).recv();
    // A call is handled after the news of a child's end.
    let again = loop {
        let children = supervisor.which_children().unwrap();
        match children.first().map(|child| child.pid) {
            Some(Some(pid)) if pid == first => yield_now(),
            Some(Some(_)) => break true,
            Some(None) | None => break false,
        }
    };
    supervisor.stop();
    supervisor.join();
    again
}

fn restarted(death: Death) -> [bool; 3] {
    [Restart::Permanent, Restart::Transient, Restart::Temporary].map(|restart| restarts(restart, death))
}

fn everywhere(death: Death, reason: &'static str, supervisor: [bool; 3]) {
    actors(move || {
        assert_eq!(thread_actor(death), all(reason));
        assert_eq!(server(death), (all(reason), Some(reason)));
        assert_eq!(restarted(death), supervisor);
    });
}

const NORMAL: Heard = Heard { joiner: "normal", linked: None, trapping: "normal", monitor: "normal" };

#[test]
fn when_x_returns() {
    actors(|| {
        assert_eq!(thread_actor(Death::Return), NORMAL);
        assert_eq!(restarted(Death::Return), [true, false, false]);
    });
}

#[test]
fn when_x_is_stopped() {
    actors(|| {
        assert_eq!(server(Death::Stop), (NORMAL, None));
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            let supervisor =
                Supervisor::one_for_one().child(Child::new("x", || X).restart(restart)).start().unwrap();
            let x = supervisor.child::<XHandle>("x").unwrap();
            x.stop();
            assert!(x.join().is_normal(), "it is not restarted");
            supervisor.stop();
        }
    });
}

#[test]
fn when_x_handles_its_last_message() {
    actors(|| {
        assert_eq!(server(Death::Last), (NORMAL, None));
        let supervisor = Supervisor::one_for_one().child(Child::new("x", || X)).start().unwrap();
        let x = supervisor.child::<XHandle>("x").unwrap();
        assert_eq!(x.last().unwrap(), 7);
        assert!(x.ready().unwrap(), "a permanent child is restarted");
    });
}

#[test]
fn when_x_panics() {
    everywhere(Death::Panic, "panicked", [true, true, false]);
}

#[test]
fn when_x_exits_with_an_error() {
    everywhere(Death::Error, "error", [true, true, false]);
}

#[test]
fn when_x_exits_with_shutdown() {
    everywhere(Death::Shutdown, "shutdown", [true, false, false]);
}

#[test]
fn when_x_is_killed() {
    everywhere(Death::Kill, "killed", [true, true, false]);
}

#[test]
fn when_x_gets_an_exit_signal() {
    everywhere(Death::Signal, "error", [true, true, false]);
}

#[test]
fn when_x_has_died_before() {
    actors(|| {
        let x = X.start();
        let pid = x.pid();
        x.kill();
        assert_eq!(word(&x.join()), "killed");
        assert_eq!(word(&x.join()), "killed", "who joins hears as often as he asks");
        assert_eq!(word(&monitor(pid).recv().unwrap().reason), "noproc");
        let late = spawn(move || {
            link(pid);
            yield_now();
        });
        assert_eq!(word(&late.join().unwrap_err()), "noproc");
        match x.ready() {
            Err(CallError::Down { reason, delivered: false, .. }) => assert_eq!(word(&reason), "killed"),
            other => panic!("{other:?}"),
        }
    });
}
