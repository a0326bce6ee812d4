//! What OTP's manual says of a supervisor: <https://www.erlang.org/doc/apps/stdlib/supervisor.html>, and, where it is silent (what follows a
//! start that fails, which restarts count), `supervisor.erl` of OTP 27.
//!
//! Children are numbered in start order, and all that is known are sets of numbers: no lists, no positions, nothing of the code under test
//! but the words `Restart`, `Strategy` and `AutoShutdown`.

use std::collections::{BTreeMap, BTreeSet};

use super::otp::{Settings, Spec, World};
use super::{AutoShutdown, Restart, Strategy};
use crate::exit::ExitReason;

pub(super) struct Model {
    settings: Settings,
    /// Child specifications that are kept.
    specs: BTreeMap<usize, Spec>,
    running: BTreeSet<usize>,
    /// Could not be started at a restart, to be tried again.
    restarting: BTreeSet<usize>,
    restarts_ns: Vec<u64>,
    pub(super) world: World,
    pub(super) is_over: bool,
}

impl Model {
    pub(super) fn new(settings: Settings, specs: &[Spec], world: World) -> Self {
        let specs = specs.iter().copied().enumerate().collect();
        Self {
            settings,
            specs,
            running: BTreeSet::new(),
            restarting: BTreeSet::new(),
            restarts_ns: Vec::new(),
            world,
            is_over: false,
        }
    }

    /// "The child processes are started in order from left to right according to this list."
    pub(super) fn init(&mut self) {
        for id in self.specs.keys().copied().collect::<Vec<_>>() {
            if !self.world.start(id) {
                return self.terminate();
            }
            self.running.insert(id);
        }
    }

    /// "When the supervisor is going to terminate, it first terminates its child processes in reversed start order."
    pub(super) fn terminate(&mut self) {
        for id in core::mem::take(&mut self.running).into_iter().rev() {
            self.world.stop(id);
        }
        self.is_over = true;
    }

    pub(super) fn exit(&mut self, id: usize, reason: &ExitReason, now_ns: u64) {
        assert!(self.running.remove(&id));
        let spec = self.specs[&id];
        let is_abnormal = !matches!(reason, ExitReason::Normal | ExitReason::Shutdown);
        match spec.restart {
            Restart::Permanent => self.restart(id, now_ns),
            Restart::Transient if is_abnormal => self.restart(id, now_ns),
            Restart::Transient => self.ended_for_good(spec),
            Restart::Temporary => {
                self.specs.remove(&id);
                self.ended_for_good(spec);
            }
        }
    }

    /// "when a transient significant child terminates normally or when a temporary significant child terminates normally or abnormally"
    fn ended_for_good(&mut self, spec: Spec) {
        let active = self.running.union(&self.restarting);
        let left = active.filter(|&id| self.specs[id].is_significant).count();
        let shuts_down = match self.settings.auto {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => spec.is_significant,
            AutoShutdown::AllSignificant => spec.is_significant && left == 0,
        };
        if shuts_down {
            self.terminate();
        }
    }

    /// A child that could not be restarted is tried again, if nothing has restarted it meanwhile.
    pub(super) fn try_again(&mut self, id: usize, now_ns: u64) {
        if self.restarting.remove(&id) {
            self.restart(id, now_ns);
        }
    }

    /// "if more than MaxR restarts occur within MaxT seconds, the supervisor terminates all child processes and then itself"
    fn restart(&mut self, id: usize, now_ns: u64) {
        self.restarts_ns.push(now_ns);
        let recent =
            self.restarts_ns.iter().filter(|&&then| then + self.settings.period_ns >= now_ns).count();
        if recent > self.settings.restarts as usize {
            return self.terminate();
        }
        let first = match self.settings.strategy {
            Strategy::OneForOne => {
                self.start(id);
                return;
            }
            Strategy::OneForAll => 0,
            Strategy::RestForOne => id,
        };
        for sibling in self.running.split_off(&first).into_iter().rev() {
            self.world.stop(sibling);
        }
        self.restarting.split_off(&first);
        // "A temporary child process is never restarted (even when .. a sibling's death causes the temporary process to be terminated)."
        self.specs.retain(|&id, spec| id < first || spec.restart != Restart::Temporary);
        for id in self.specs.range(first..).map(|(id, _)| *id).collect::<Vec<_>>() {
            if !self.start(id) {
                return;
            }
        }
    }

    fn start(&mut self, id: usize) -> bool {
        let runs = self.world.start(id);
        if runs { &mut self.running } else { &mut self.restarting }.insert(id);
        runs
    }

    pub(super) fn running(&self) -> Vec<usize> {
        self.running.iter().copied().collect()
    }

    pub(super) fn known(&self) -> Vec<usize> {
        self.specs.keys().copied().collect()
    }
}
