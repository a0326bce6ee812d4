//! Links: who ends with whom, and what trapping changes. Erlang's `link/1`, `unlink/1`, `exit/2`, `trap_exit`.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{RecvTimeoutError, Sender, oneshot};
use smarm::{
    Exit, ExitReason, channel, current, exit, kill, link, mask_kill, monitor, send_exit, sleep, spawn,
    spawn_linked, trap_exit, unlink, yield_now,
};
use smarm_tests::{Rng, Tally, actors, on, panic_message, plain, runtime};
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn broken() -> ExitReason {
    ExitReason::Error(Arc::new(std::fmt::Error))
}

fn text(reason: &ExitReason) -> String {
    reason.to_string()
}

/// What an actor ends with that is linked to one which ends by `f`.
fn fate(f: impl FnOnce() + Send + 'static) -> Result<(), ExitReason> {
    let survivor = spawn(move || {
        let (go, gone) = oneshot();
        let other = spawn(move || {
            gone.recv().ok();
            f();
        });
        link(other.pid());
        // Before it ends: links are told first, then monitors. One of an actor that is ending says so at once.
        let end = monitor(other.pid());
        go.send(()).unwrap();
        end.recv().unwrap();
        yield_now();
    });
    survivor.join()
}

#[test]
fn an_actor_ends_with_the_one_it_is_linked_to_and_for_the_same_reason() {
    actors(|| {
        assert_eq!(fate(|| panic!("one")).unwrap_err().panic().unwrap().message(), "one");
        assert_eq!(text(&fate(|| exit(broken())).unwrap_err()), text(&broken()));
        assert!(matches!(fate(|| exit(ExitReason::Shutdown)), Err(ExitReason::Shutdown)));
        assert!(matches!(fate(|| kill(current())), Ok(()) | Err(ExitReason::Killed)));
        assert!(matches!(
            fate(|| {
                kill(current());
                yield_now();
            }),
            Err(ExitReason::Killed)
        ));
    });
}

#[test]
fn a_normal_end_does_nothing_to_a_linked_actor() {
    actors(|| {
        assert!(fate(|| ()).is_ok());
        assert!(fate(|| exit(ExitReason::Normal)).is_ok());
    });
}

#[test]
fn a_link_goes_both_ways() {
    actors(|| {
        let (tell, told) = channel();
        let parent = spawn(move || {
            tell.send(spawn_linked(|| sleep(HOUR)).pid()).unwrap();
            panic!("the parent");
        });
        let child = monitor(told.recv().unwrap());
        let reason = child.recv().unwrap().reason;
        // It may have ended before it was monitored.
        assert!(matches!(&reason, ExitReason::NoProc) || reason.panic().unwrap().message() == "the parent");
        assert!(parent.join().is_err());
    });
}

#[test]
fn what_is_unlinked_in_time_goes_on() {
    actors(|| {
        let (go, gone) = oneshot();
        let other = spawn(move || {
            gone.recv().ok();
            panic!("alone");
        });
        link(other.pid());
        link(other.pid()); // there is one link at most
        unlink(other.pid());
        go.send(()).unwrap();
        assert!(other.join().is_err());
        yield_now();
    });
}

#[test]
fn a_link_with_an_actor_that_has_ended_is_a_signal_at_once() {
    actors(|| {
        let gone = spawn(|| ());
        let pid = gone.pid();
        gone.join().unwrap();
        let late = spawn(move || {
            link(pid);
            yield_now();
            unreachable!("the signal ends it at its next safe point");
        });
        assert!(matches!(late.join(), Err(ExitReason::NoProc)));
        let exits = trap_exit();
        link(pid);
        let Exit { pid: from, reason, .. } = exits.try_recv().unwrap();
        assert_eq!(from, pid);
        assert!(matches!(reason, ExitReason::NoProc));
    });
}

#[test]
fn linking_with_oneself_changes_nothing() {
    actors(|| {
        let alone = spawn(|| {
            link(current());
            panic!("once");
        });
        assert_eq!(alone.join().unwrap_err().panic().unwrap().message(), "once");
    });
}

#[test]
fn trapped_signals_are_messages_in_the_order_of_the_ends() {
    actors(|| {
        let exits = trap_exit();
        let mut expected = Vec::new();
        for number in 0..3 {
            let child = spawn_linked(move || assert!(number == 1, "number {number}"));
            expected.push((child.pid(), number));
            drop(child.join());
        }
        for (pid, number) in expected {
            let exit = exits.recv().unwrap();
            assert_eq!(exit.pid, pid);
            assert_eq!(exit.reason.is_normal(), number == 1);
        }
        assert_eq!(exits.recv_timeout(Duration::ZERO).unwrap_err(), RecvTimeoutError::Timeout);
    });
}

#[test]
fn a_kill_is_not_trapped_and_others_see_it_as_killed() {
    actors(|| {
        let exits = trap_exit();
        let (ready, wait) = oneshot();
        let child = spawn_linked(move || {
            let _exits = trap_exit();
            ready.send(()).unwrap();
            sleep(HOUR);
        });
        wait.recv().unwrap();
        kill(child.pid());
        assert!(matches!(exits.recv().unwrap().reason, ExitReason::Killed));
        assert!(matches!(child.join(), Err(ExitReason::Killed)));
    });
}

#[test]
fn the_exit_signal_of_somebody_else_can_be_trapped_or_ends_the_actor() {
    actors(|| {
        let idler = spawn(|| sleep(HOUR));
        send_exit(idler.pid(), ExitReason::Normal); // nothing
        yield_now();
        assert!(!idler.is_finished());
        send_exit(idler.pid(), broken());
        send_exit(idler.pid(), ExitReason::Shutdown); // it ends already
        assert_eq!(text(&idler.join().unwrap_err()), text(&broken()));

        let (ready, wait) = oneshot();
        let trapper = spawn(move || {
            let exits = trap_exit();
            ready.send(()).unwrap();
            let first = exits.recv().unwrap();
            let second = exits.recv().unwrap();
            (first.pid, first.reason.is_normal(), second.reason.to_string())
        });
        wait.recv().unwrap();
        send_exit(trapper.pid(), ExitReason::Normal);
        send_exit(trapper.pid(), ExitReason::Killed); // only `kill` cannot be trapped
        assert_eq!(trapper.join().unwrap(), (current(), true, "killed".into()));
    });
}

#[test]
fn an_actor_that_has_not_started_is_ended_by_a_signal_too() {
    on(1, || {
        let tally = Tally::new();
        let token = tally.token(1);
        let child = spawn(move || drop(token));
        send_exit(child.pid(), ExitReason::Shutdown);
        assert!(matches!(child.join(), Err(ExitReason::Shutdown)));
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn a_trap_that_is_dropped_traps_no_longer() {
    actors(|| {
        let trapper = spawn(|| {
            let exits = trap_exit();
            let replaced = trap_exit();
            assert!(exits.recv().is_err(), "it was replaced");
            drop(replaced);
            spawn_linked(|| panic!("seen")).join().unwrap_err();
            sleep(HOUR);
        });
        assert_eq!(trapper.join().unwrap_err().panic().unwrap().message(), "seen");
    });
}

#[test]
fn a_masked_actor_gets_the_signal_when_the_mask_ends() {
    actors(|| {
        let masked = spawn(|| {
            let done = mask_kill(|| {
                spawn_linked(|| panic!("inside")).join().unwrap_err();
                sleep(Duration::from_millis(1));
                "done"
            });
            assert_eq!(done, "done");
            yield_now();
            unreachable!("the signal waits at the end of the mask");
        });
        assert_eq!(masked.join().unwrap_err().panic().unwrap().message(), "inside");
    });
}

#[test]
fn an_exit_unwinds_and_is_no_panic() {
    actors(|| {
        let tally = Tally::new();
        let token = tally.token(7);
        let actor = spawn(move || -> u32 {
            let _token = token;
            exit(broken())
        });
        let reason = actor.join().unwrap_err();
        assert!(reason.panic().is_none());
        assert_eq!(text(&reason), text(&broken()));
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn what_needs_an_actor_says_so_on_a_plain_thread() {
    plain(|| {
        let pid = runtime(1).run(current);
        for (call, message) in [
            (Box::new(move || link(pid)) as Box<dyn FnOnce() + std::panic::UnwindSafe>, "smarm::link"),
            (Box::new(move || unlink(pid)), "smarm::unlink"),
            (Box::new(|| drop(trap_exit())), "smarm::trap_exit"),
            (Box::new(|| exit(ExitReason::Normal)), "smarm::exit"),
            (Box::new(|| drop(spawn_linked(|| ()))), "spawn_linked"),
            (Box::new(|| drop(smarm::signals())), "smarm::signals"),
        ] {
            let said = panic_message(call);
            assert!(said.contains(message) && said.contains("no actor"), "{said}");
        }
        send_exit(pid, ExitReason::Shutdown); // nobody
        kill(pid);
    });
}

// ---- servers ----------------------------------------------------------------------------------------------------------

struct Listener {
    tell: Sender<(smarm::Pid, String)>,
}

#[smarm::actor]
impl Listener {
    pub fn meet(&self, pid: smarm::Pid) -> bool {
        link(pid);
        true
    }
    #[on_linked_exit]
    fn left(&mut self, exit: Exit) {
        self.tell.send((exit.pid, exit.reason.to_string())).unwrap();
    }
}

struct Plain;

#[smarm::actor]
impl Plain {
    pub fn meet(&self, pid: smarm::Pid) -> bool {
        link(pid);
        true
    }
    pub fn fail(&self) {
        panic!("by order");
    }
    pub fn leave(&self) -> u32 {
        exit(ExitReason::Shutdown)
    }
}

#[test]
fn a_server_with_the_hook_hears_of_linked_exits_and_goes_on() {
    actors(|| {
        let (tell, told) = channel();
        let listener = Listener { tell }.start();
        let (go, gone) = oneshot::<()>();
        let friend = spawn(move || _ = gone.recv());
        assert!(listener.meet(friend.pid()).unwrap());
        drop(go);
        assert_eq!(told.recv().unwrap(), (friend.pid(), "normal".into()));
        let enemy = Plain.start();
        assert!(listener.meet(enemy.pid()).unwrap());
        enemy.fail();
        let (pid, reason) = told.recv().unwrap();
        assert_eq!(pid, enemy.pid());
        assert!(reason.contains("by order"), "{reason}");
        assert!(listener.meet(enemy.pid()).unwrap());
        assert_eq!(told.recv().unwrap(), (enemy.pid(), "no such actor".into()));
    });
}

#[test]
fn a_server_without_the_hook_ends_also_when_it_is_idle() {
    actors(|| {
        let plain = Plain.start();
        let (go, gone) = oneshot::<()>();
        let friend = spawn(move || {
            _ = gone.recv();
            panic!("far away");
        });
        assert!(plain.meet(friend.pid()).unwrap());
        drop(go);
        assert_eq!(plain.join().panic().unwrap().message(), "far away");
    });
}

#[test]
fn the_caller_of_a_message_that_ends_its_server_gets_the_reason() {
    actors(|| {
        let plain = Plain.start();
        match plain.leave() {
            Err(smarm::CallError::Down { reason: ExitReason::Shutdown, delivered: true, .. }) => {}
            other => panic!("{other:?}"),
        }
        assert!(matches!(plain.join(), ExitReason::Shutdown));
    });
}

#[test]
fn a_server_that_is_started_linked_takes_its_starter_along() {
    actors(|| {
        let starter = spawn(|| {
            smarm::start_linked(Plain).fail();
            sleep(HOUR);
        });
        assert_eq!(starter.join().unwrap_err().panic().unwrap().message(), "by order");
    });
}

#[test]
fn chains_of_links_end_together_whatever_the_order() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let mut rng = Rng::new(workers as u64);
            for _ in 0..20 {
                let count = 2 + rng.below(30);
                let (tell, told) = channel();
                let actors: Vec<_> = (0..count)
                    .map(|_| {
                        let (go, gone) = oneshot::<Option<smarm::Pid>>();
                        let tell = tell.clone();
                        let body = move || {
                            if let Ok(Some(next)) = gone.recv() {
                                link(next);
                            }
                            tell.send(()).unwrap();
                            sleep(HOUR);
                        };
                        (spawn(body), go)
                    })
                    .collect();
                let pids: Vec<_> = actors.iter().map(|(actor, _)| actor.pid()).collect();
                let (actors, goes): (Vec<_>, Vec<_>) = actors.into_iter().unzip();
                for (index, go) in goes.into_iter().enumerate() {
                    go.send(pids.get(index + 1).copied()).unwrap();
                }
                (0..count).for_each(|_| told.recv().unwrap());
                send_exit(pids[rng.below(count)], broken());
                for actor in actors {
                    assert_eq!(text(&actor.join().unwrap_err()), text(&broken()));
                }
            }
        });
    }
}

#[test]
fn after_unlink_has_returned_no_signal_comes() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let exits = trap_exit();
            for round in 0..500 {
                let other = smarm::Builder::new().spread().spawn(move || {
                    (0..round % 7).for_each(|_| yield_now());
                    exit(broken());
                });
                let other = other.unwrap();
                link(other.pid());
                (0..round % 5).for_each(|_| yield_now());
                unlink(other.pid());
                while exits.try_recv().is_ok() {}
                other.join().unwrap_err();
                assert!(exits.try_recv().is_err(), "round {round}");
            }
        });
    }
}
