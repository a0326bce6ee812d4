//! A supervisor put together from the functions under test, beside one put together from OTP's manual: whatever ends, whatever cannot be
//! started, both must stop and start the same children in the same order, and give up at the same time.

use core::time::Duration;

use super::model::Model;
use super::*;

/// What a supervisor is told.
#[derive(Clone, Copy)]
pub(super) struct Settings {
    pub(super) strategy: Strategy,
    pub(super) restarts: u32,
    pub(super) period_ns: u64,
    pub(super) auto: AutoShutdown,
}

#[derive(Clone, Copy)]
pub(super) struct Spec {
    pub(super) restart: Restart,
    pub(super) is_significant: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Deed {
    Started(usize),
    Failed(usize),
    Stopped(usize),
}

/// What a supervisor has done. Whether a start fails depends on how many starts of that child there were: the same for both.
#[derive(Clone)]
pub(super) struct World {
    seed: u64,
    /// One start in so many fails; 0: none.
    fails_one_in: u64,
    starts: Vec<u64>,
    pub(super) deeds: Vec<Deed>,
}

impl World {
    pub(super) fn start(&mut self, id: usize) -> bool {
        self.starts[id] += 1;
        let mut random = Random::new(self.seed ^ self.starts[id] << 8 ^ (id as u64) << 32);
        let fails = self.fails_one_in > 0 && random.below(self.fails_one_in) == 0;
        self.deeds.push(if fails { Deed::Failed(id) } else { Deed::Started(id) });
        !fails
    }

    pub(super) fn stop(&mut self, id: usize) {
        self.deeds.push(Deed::Stopped(id));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    Rests,
    /// Could not be started.
    Waits,
}

#[derive(Clone, Copy)]
struct Child {
    id: usize,
    spec: Spec,
    state: State,
}

struct Supervisor {
    settings: Settings,
    children: Vec<Child>,
    history: History<usize>,
    world: World,
    is_over: bool,
}

impl Supervisor {
    fn new(settings: Settings, specs: &[Spec], world: World) -> Self {
        let child = |(id, &spec)| Child { id, spec, state: State::Rests };
        let intensity = Intensity::new(settings.restarts, Duration::from_nanos(settings.period_ns));
        Self {
            settings,
            children: specs.iter().enumerate().map(child).collect(),
            history: History::new(intensity),
            world,
            is_over: false,
        }
    }

    fn start_all(&mut self) {
        for at in 0..self.children.len() {
            if !self.start(at) {
                return self.end();
            }
        }
    }

    fn end(&mut self) {
        stop_order(&self.views()).into_iter().for_each(|at| self.stop(at));
        self.is_over = true;
    }

    fn start(&mut self, at: usize) -> bool {
        let works = self.world.start(self.children[at].id);
        self.children[at].state = if works { State::Runs } else { State::Waits };
        works
    }

    fn stop(&mut self, at: usize) {
        self.world.stop(self.children[at].id);
        self.children[at].state = State::Rests;
    }

    fn views(&self) -> Vec<View> {
        let view = |child: &Child| View { restart: child.spec.restart, runs: child.state == State::Runs };
        self.children.iter().map(view).collect()
    }

    fn parts(&self) -> Vec<Part> {
        let part = |child: &Child| Part {
            is_significant: child.spec.is_significant,
            is_active: child.state != State::Rests,
        };
        self.children.iter().map(part).collect()
    }

    fn place(&self, id: usize) -> Option<usize> {
        self.children.iter().position(|child| child.id == id)
    }

    fn ended(&mut self, id: usize, reason: &ExitReason, now_ns: u64) {
        let at = self.place(id).expect("a child that runs is known");
        self.children[at].state = State::Rests;
        let restart = self.children[at].spec.restart;
        if restart.restarts_after(reason) {
            return self.restart(at, reason, now_ns);
        }
        let is_due = self.settings.auto.is_due(&self.parts(), at);
        if restart.is_forgotten() {
            self.children.remove(at);
        }
        if is_due {
            self.end();
        }
    }

    fn try_again(&mut self, id: usize, now_ns: u64) {
        if let Some(at) = self.place(id).filter(|&at| self.children[at].state == State::Waits) {
            self.restart(at, &ExitReason::NoProc, now_ns);
        }
    }

    fn restart(&mut self, at: usize, reason: &ExitReason, now_ns: u64) {
        let id = self.children[at].id;
        if self.history.note(now_ns, id, reason.clone()) == Verdict::GiveUp {
            return self.end();
        }
        let Plan { stop, drop, start } = plan(self.settings.strategy, &self.views(), at);
        stop.into_iter().for_each(|at| self.stop(at));
        let ids: Vec<usize> = start.iter().map(|&at| self.children[at].id).collect();
        start.into_iter().for_each(|at| self.children[at].state = State::Rests);
        for at in drop.into_iter().rev() {
            self.children.remove(at);
        }
        for id in ids {
            let at = self.place(id).expect("who is started is known");
            if !self.start(at) {
                return;
            }
        }
    }
}

/// What must have happened at least once over all seeds, or the test shows little.
#[derive(Default, Debug)]
struct Coverage {
    gave_up: u32,
    ended_by_itself: u32,
    failed_at_first: u32,
    tried_again: u32,
    dropped: u32,
    survived: u32,
}

fn settings(random: &mut Random) -> Settings {
    Settings {
        strategy: random.one_of(&[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]),
        restarts: random.one_of(&[0, 1, 3, 10, 1000]),
        period_ns: 1 + random.below(100),
        auto: random.one_of(&[
            AutoShutdown::Never,
            AutoShutdown::AnySignificant,
            AutoShutdown::AllSignificant,
        ]),
    }
}

fn spec(random: &mut Random, auto: AutoShutdown) -> Spec {
    let restart = random.one_of(&[Permanent, Transient, Temporary]);
    let may_be_significant = auto.objection(restart).is_none();
    Spec { restart, is_significant: may_be_significant && random.below(2) == 0 }
}

/// Both supervisors through the same life.
fn live(seed: u64, coverage: &mut Coverage) {
    let mut random = Random::new(seed);
    let settings = settings(&mut random);
    let specs: Vec<Spec> = (0..random.below(8)).map(|_| spec(&mut random, settings.auto)).collect();
    let fails_one_in = random.one_of(&[0, 3, 10]);
    let world = World { seed, fails_one_in, starts: vec![0; specs.len()], deeds: Vec::new() };
    let mut model = Model::new(settings, &specs, world.clone());
    let mut supervisor = Supervisor::new(settings, &specs, world);
    model.init();
    supervisor.start_all();
    coverage.failed_at_first += u32::from(model.is_over);
    let mut now_ns = 0;
    for _ in 0..60 {
        agree(&model, &supervisor);
        if model.is_over {
            return;
        }
        now_ns += random.below(40);
        let id = random.below(1 + specs.len() as u64) as usize;
        let restarts = model.world.deeds.len();
        if model.running().contains(&id) {
            let reason = random.one_of(&[
                || ExitReason::Normal,
                || ExitReason::Shutdown,
                || ExitReason::Killed,
                failed,
            ])();
            let known = model.known().len();
            model.exit(id, &reason, now_ns);
            supervisor.ended(id, &reason, now_ns);
            let gave_up = model.is_over && specs[id].restart.restarts_after(&reason);
            coverage.gave_up += u32::from(gave_up);
            coverage.ended_by_itself += u32::from(model.is_over && !gave_up);
            coverage.dropped += u32::from(model.known().len() + 1 < known);
        } else {
            model.try_again(id, now_ns);
            supervisor.try_again(id, now_ns);
            coverage.tried_again += u32::from(model.world.deeds.len() > restarts);
        }
    }
    model.terminate();
    supervisor.end();
    agree(&model, &supervisor);
    coverage.survived += 1;
}

fn agree(model: &Model, supervisor: &Supervisor) {
    assert_eq!(supervisor.world.deeds, model.world.deeds);
    assert_eq!(supervisor.is_over, model.is_over);
    let known: Vec<usize> = supervisor.children.iter().map(|child| child.id).collect();
    assert_eq!(known, model.known());
    let runs = |child: &&Child| child.state == State::Runs;
    let running: Vec<usize> = supervisor.children.iter().filter(runs).map(|child| child.id).collect();
    assert_eq!(running, model.running());
}

#[test]
fn random_lives_agree_with_otp() {
    let mut coverage = Coverage::default();
    for seed in 0..5000 {
        live(seed, &mut coverage);
    }
    let Coverage { gave_up, ended_by_itself, failed_at_first, tried_again, dropped, survived } = coverage;
    for times in [gave_up, ended_by_itself, failed_at_first, tried_again, dropped, survived] {
        assert!(times > 50, "{coverage:?}");
    }
}
