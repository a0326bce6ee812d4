//! A tree of supervisors whose actors panic, are killed, stopped and restarted, linked and monitored, in an order drawn from random numbers. It ends with
//! the right children alive, and without a name, a link or a monitor left.

use crate::life::Intended;
use smarm::channel::Receiver;
use smarm::supervisor::{
    Child, ChildKind, DynamicSupervisor, Restart, Shutdown, Supervisor, SupervisorHandle,
};
use smarm::{
    ExitReason, Pid, Signal, check, link, monitor, send_exit, sleep, spawn, trap_exit, unlink, yield_now,
};
use smarm_tests::{Rng, Tally, Token};
use std::panic::panic_any;
use std::time::Duration;

/// Branches of the tree, and servers and thread actors of each; `SMARM_TREE=1000` asks for so many actors.
const BRANCHES: usize = 4;
const DEFAULT_ACTORS: u64 = 40;
const TORMENTORS: usize = 4;
const TORMENTS: usize = 60;

fn leaves() -> usize {
    crate::number("SMARM_TREE").unwrap_or(DEFAULT_ACTORS) as usize / BRANCHES / 2
}

struct Leaf {
    tally: Tally,
    kept: Vec<Token>,
}

#[smarm::actor(mailbox = bounded(8), timeout = "1s")]
impl Leaf {
    pub(crate) fn keep(&mut self, token: Token) {
        self.kept.push(token);
        self.kept.truncate(4);
    }
    pub(crate) fn count(&self) -> usize {
        self.kept.len()
    }
    pub(crate) fn fail(&self) -> usize {
        panic_any(Intended(self.tally.token(0)))
    }
    pub(crate) fn meet(&self, other: Pid) -> bool {
        link(other);
        unlink(other);
        link(other);
        true
    }
    #[on_exit]
    fn bye(&mut self, _why: &ExitReason) {
        if self.kept.len() == 3 {
            yield_now();
        }
    }
}

fn leaf_id(number: usize) -> String {
    format!("leaf {number}")
}

fn branch(strategy: usize, tally: &Tally) -> Supervisor {
    let mut supervisor = match strategy % 3 {
        0 => Supervisor::one_for_one(),
        1 => Supervisor::rest_for_one(),
        _ => Supervisor::one_for_all(),
    };
    supervisor = supervisor.intensity(u32::MAX, Duration::from_secs(1));
    for number in 0..leaves() {
        let (leaf, thread) = (tally.clone(), tally.clone());
        let shutdown =
            if number % 2 == 0 { Shutdown::Brutal } else { Shutdown::Timeout(Duration::from_secs(60)) };
        supervisor = supervisor
            .child(
                Child::new(leaf_id(number), move || Leaf { tally: leaf.clone(), kept: Vec::new() })
                    .shutdown(shutdown),
            )
            .child(Child::new(format!("thread {number}"), move || {
                let _token = thread.token(1);
                loop {
                    sleep(Duration::from_millis(1));
                }
            }));
    }
    supervisor
}

/// What is done to the tree by one of many.
fn torment(mut rng: Rng, tally: Tally, top: &SupervisorHandle) {
    let exits = trap_exit();
    for _ in 0..TORMENTS {
        check!();
        let Ok(branch) = top.child::<SupervisorHandle>(format!("branch {}", rng.below(BRANCHES))) else {
            continue;
        };
        let number = rng.below(leaves());
        let thread = branch.child::<Pid>(format!("thread {number}")).ok();
        let Ok(leaf) = branch.child::<LeafHandle>(leaf_id(number)) else { continue };
        match rng.below(12) {
            0 => _ = leaf.fail(),
            1 => leaf.kill(),
            2 => {
                let watch = monitor(leaf.pid());
                leaf.kill();
                watch.recv().expect("it ends");
            }
            3 => thread.into_iter().for_each(smarm::kill),
            4 => thread.into_iter().for_each(|pid| send_exit(pid, ExitReason::Shutdown)),
            5 => {
                branch.terminate_child(leaf_id(number)).ok();
                branch.restart_child(leaf_id(number)).ok();
            }
            6 => {
                leaf.stop();
                leaf.join();
                branch.restart_child(leaf_id(number)).ok();
            }
            7 => _ = thread.map(|pid| leaf.meet(pid)),
            8 => link(leaf.pid()),
            9 => {
                leaf.actor().register(&format!("{} {number}", branch.pid())).ok();
            }
            10 if rng.one_in(4) => branch.kill(),
            _ => (0..4).for_each(|_| leaf.keep(tally.token(2))),
        }
        while exits.try_recv().is_ok() {}
    }
}

/// Temporary children that come and go, each heard of once.
fn come_and_go(signals: &Receiver<Signal>) {
    let pool =
        DynamicSupervisor::new().restart(Restart::Temporary).max_children(8).start().expect("it starts");
    let mut refused = 0;
    for number in 0..40 {
        match pool.start_child(move || {
            if number % 3 == 0 {
                yield_now()
            }
        }) {
            Ok(pid) => _ = monitor(pid).recv(),
            Err(_) => refused += 1,
        }
    }
    assert!(refused < 40);
    pool.stop();
    pool.join();
    while signals.try_recv().is_ok() {}
}

pub(crate) fn root(seed: u64, tally: Tally) -> Token {
    let mut rng = Rng::new(seed);
    let signals = smarm::signals();
    let top = (0..BRANCHES).fold(
        Supervisor::one_for_one().intensity(u32::MAX, Duration::from_secs(1)),
        |top, number| {
            let tally = tally.clone();
            top.child(Child::new(format!("branch {number}"), move || branch(number, &tally)))
        },
    );
    let top = top.start().expect("it starts");
    let tormentors: Vec<_> = (0..TORMENTORS)
        .map(|_| {
            let (rng, tally, top) = (rng.fork(), tally.clone(), top.clone());
            spawn(move || torment(rng, tally, &top))
        })
        .collect();
    come_and_go(&signals);
    for tormentor in tormentors {
        tormentor.join().expect("it traps exits");
    }
    settle(&top);
    top.stop();
    assert!(top.join().is_normal());
    assert_eq!(smarm::registered(), [""; 0], "names go with their servers");
    tally.token(3)
}

/// Waits until all children that were stopped have been started again, and all run.
fn settle(top: &SupervisorHandle) {
    for number in 0..BRANCHES {
        let id = format!("branch {number}");
        let branch = loop {
            match top.child::<SupervisorHandle>(id.clone()) {
                Ok(branch) => break branch,
                Err(_) => yield_now(),
            }
        };
        loop {
            // A branch may be about to be restarted.
            let Ok(children) = branch.which_children() else {
                yield_now();
                continue;
            };
            let resting = children.iter().filter(|child| child.pid.is_none() && !child.is_restarting);
            resting.for_each(|child| _ = branch.restart_child(child.id.to_string()));
            assert!(children.iter().all(|child| child.kind == ChildKind::Worker));
            if children.len() == 2 * leaves() && children.iter().all(|child| child.pid.is_some()) {
                break;
            }
            yield_now();
        }
    }
}
