//! Monitors and signals: hearing of an end without ending oneself.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{RecvTimeoutError, Sender, TryRecvError, oneshot};
use smarm::{
    Ctx, Down, ExitReason, MonitorRef, Pid, Signal, channel, kill, monitor, signals, sleep, spawn,
    spawn_monitored, yield_now,
};
use smarm_tests::{actors, on, plain, runtime};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn each_monitor_hears_once_who_has_ended_and_why() {
    actors(|| {
        let (go, gone) = oneshot::<()>();
        let worker = spawn(move || {
            _ = gone.recv();
            panic!("broken");
        });
        let monitors = [monitor(worker.pid()), monitor(worker.pid())];
        assert_eq!(monitors[0].try_recv().unwrap_err(), TryRecvError::Empty);
        assert_eq!(monitors[0].recv_timeout(Duration::ZERO).unwrap_err(), RecvTimeoutError::Timeout);
        drop(go);
        for monitor in monitors {
            let down = monitor.recv().unwrap();
            assert_eq!(down.pid, worker.pid());
            assert_eq!(down.reason.panic().unwrap().message(), "broken");
            assert!(monitor.recv().is_err(), "there is one piece of news");
        }
    });
}

#[test]
fn all_reasons_reach_a_monitor() {
    actors(|| {
        let (normal, heard) = spawn_monitored(|| 7);
        assert!(heard.recv().unwrap().reason.is_normal());
        assert_eq!(normal.join().unwrap(), 7);
        let (killed, heard) = spawn_monitored(|| sleep(HOUR));
        kill(killed.pid());
        assert!(matches!(heard.recv().unwrap().reason, ExitReason::Killed));
        let (_, heard) = spawn_monitored(|| smarm::exit(ExitReason::Shutdown));
        assert!(matches!(heard.recv().unwrap().reason, ExitReason::Shutdown));
    });
}

#[test]
fn a_monitor_on_an_actor_that_has_ended_fires_at_once() {
    actors(|| {
        let gone = spawn(|| ());
        let pid = gone.pid();
        gone.join().unwrap();
        let down = monitor(pid).try_recv().unwrap();
        assert_eq!(down.pid, pid);
        assert!(matches!(down.reason, ExitReason::NoProc));
    });
}

#[test]
fn a_plain_thread_monitors_too() {
    plain(|| {
        let runtime = runtime(1);
        let handle = runtime.handle();
        let (go, gone) = oneshot::<()>();
        let actor = handle.spawn(move || _ = gone.recv());
        let monitor = monitor(actor.pid());
        drop(go);
        assert!(monitor.recv().unwrap().reason.is_normal());
    });
}

#[test]
fn a_monitor_hears_before_a_joiner_goes_on() {
    on(2, || {
        for _ in 0..1000 {
            let (worker, monitor) = spawn_monitored(|| ());
            worker.join().unwrap();
            assert!(monitor.try_recv().unwrap().reason.is_normal());
        }
    });
}

struct Nurse {
    tell: Sender<(Pid, String)>,
    watches: Vec<MonitorRef>,
}

#[smarm::actor]
impl Nurse {
    pub fn watch(&mut self, pid: Pid, ctx: &mut Ctx<Self>) -> usize {
        self.watches.push(ctx.monitor(pid));
        self.watches.len()
    }
    pub fn forget(&mut self, ctx: &mut Ctx<Self>) -> Vec<bool> {
        self.watches.drain(..).map(|watch| ctx.demonitor(watch)).collect()
    }
    #[on_down]
    fn down(&mut self, down: Down) {
        self.tell.send((down.pid, down.reason.to_string())).unwrap();
    }
}

#[test]
fn a_server_hears_by_its_hook_and_its_watch_can_be_taken_back() {
    actors(|| {
        let (tell, told) = channel();
        let nurse = Nurse { tell, watches: Vec::new() }.start();
        let patients: Vec<_> = (0..3).map(|_| spawn(|| sleep(HOUR))).collect();
        for patient in &patients {
            nurse.watch(patient.pid()).unwrap();
        }
        kill(patients[1].pid());
        assert_eq!(told.recv().unwrap(), (patients[1].pid(), "killed".into()));
        assert_eq!(nurse.forget().unwrap(), [true, false, true]);
        for patient in patients {
            kill(patient.pid());
            assert!(patient.join().is_err());
        }
        let gone = spawn(|| ());
        let pid = gone.pid();
        gone.join().unwrap();
        nurse.watch(pid).unwrap();
        assert_eq!(told.recv().unwrap(), (pid, "no such actor".into()));
        assert!(told.try_recv().is_err());
    });
}

#[test]
fn signals_tell_of_those_that_are_started_afterwards() {
    actors(|| {
        let before = spawn(yield_now);
        let signals = signals();
        let quiet = spawn(|| ());
        before.join().unwrap();
        assert!(matches!(signals.recv().unwrap(), Signal::Exit(pid) if pid == quiet.pid()));
        let loud = spawn(|| std::panic::panic_any(42_u32));
        match signals.recv().unwrap() {
            Signal::Panic(pid, payload) => {
                assert_eq!(pid, loud.pid());
                assert_eq!(*payload.downcast::<u32>().unwrap(), 42);
            }
            other => panic!("{other:?}"),
        }
        let (tell, _told) = channel();
        let server = Nurse { tell, watches: Vec::new() }.start();
        server.stop();
        assert!(matches!(signals.recv().unwrap(), Signal::Exit(pid) if pid == server.pid()));
        assert!(signals.try_recv().is_err());
    });
}

#[test]
fn nobody_is_missed_by_signals_monitors_and_links_in_a_storm() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let signals = signals();
            let exits = smarm::trap_exit();
            let mut monitors = Vec::new();
            for number in 0..500 {
                let child = smarm::spawn_linked(move || assert!(number % 3 != 0, "{number}"));
                monitors.push(child.pid());
                if number % 7 == 0 {
                    kill(child.pid());
                }
            }
            let mut heard: Vec<_> = (0..500).map(|_| exits.recv().unwrap().pid).collect();
            heard.sort_unstable();
            monitors.sort_unstable();
            assert_eq!(heard, monitors);
            let mut told: Vec<_> = (0..500)
                .map(|_| match signals.recv().unwrap() {
                    Signal::Exit(pid) | Signal::Panic(pid, _) => pid,
                    other => panic!("{other:?}"),
                })
                .collect();
            told.sort_unstable();
            assert_eq!(told, monitors);
            assert!(exits.try_recv().is_err() && signals.try_recv().is_err());
        });
    }
}

#[test]
fn a_select_waits_for_monitors_and_exits_beside_other_things() {
    actors(|| {
        let exits = smarm::trap_exit();
        let (sender, receiver) = channel::<u32>();
        let (go, gone) = oneshot::<()>();
        let worker = smarm::spawn_linked(move || {
            _ = gone.recv();
            panic!("seen twice");
        });
        let monitor = monitor(worker.pid());
        let early = smarm::select! {
            down = monitor.recv() => Some(down.unwrap().pid),
            exit = exits.recv() => Some(exit.unwrap().pid),
            number = receiver.recv() => panic!("{number:?}"),
            default => None,
        };
        assert_eq!(early, None);
        drop(go);
        let (mut downs, mut ends) = (0, 0);
        for _ in 0..2 {
            smarm::select! {
                down = monitor.recv() if downs == 0 => {
                    assert_eq!(down.unwrap().reason.panic().unwrap().message(), "seen twice");
                    downs += 1;
                }
                exit = exits.recv() => {
                    assert_eq!(exit.unwrap().pid, worker.pid());
                    ends += 1;
                }
                number = receiver.recv() => panic!("{number:?}"),
            }
        }
        assert_eq!((downs, ends), (1, 1));
        drop(sender);
    });
}
