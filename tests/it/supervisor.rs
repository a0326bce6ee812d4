//! Supervisors: what is restarted, what is stopped, in which order, and what handles see of it.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, Sender, oneshot};
use smarm::supervisor::{
    AutoShutdown, Backoff, Child, ChildError, ChildKind, DynamicSupervisor, GaveUp, NotStarted, Restart,
    Shutdown, Supervisor, SupervisorHandle,
};
use smarm::{CallError, ExitReason, LookupError, Pid, channel, current, kill, monitor, sleep, yield_now};
use smarm_tests::{actors, on, runtime};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// What happened, in order.
type Log = Sender<String>;

/// A server that tells of its lives.
struct Worker {
    name: &'static str,
    log: Log,
    sum: u32,
}

#[smarm::actor(timeout = none)]
impl Worker {
    fn new(name: &'static str, log: &Log) -> Self {
        log.send(format!("{name} starts")).unwrap();
        Self { name, log: log.clone(), sum: 0 }
    }
    pub fn add(&mut self, by: u32) {
        self.sum += by;
        self.log.send(format!("{} {}", self.name, self.sum)).unwrap();
    }
    pub fn sum(&self) -> u32 {
        self.sum
    }
    pub fn fail(&self) {
        panic!("{} fails", self.name);
    }
    pub fn fail_call(&self) -> u32 {
        panic!("{} fails in a call", self.name);
    }
    pub fn leave(&mut self, ctx: &mut smarm::Ctx<Self>) {
        ctx.stop();
    }
    pub fn hold(&self, begun: oneshot::Sender<()>, gate: oneshot::Receiver<()>) {
        begun.send(()).ok();
        gate.recv().ok();
    }
    #[on_exit]
    fn bye(&mut self, why: &ExitReason) {
        let why = if why.panic().is_some() { "panic".into() } else { why.to_string() };
        self.log.send(format!("{} ends: {why}", self.name)).ok();
    }
}

fn worker(name: &'static str, log: &Log) -> Child {
    let log = log.clone();
    Child::new(name, move || Worker::new(name, &log))
}

fn expect(log: &Receiver<String>, lines: &[&str]) {
    for line in lines {
        assert_eq!(log.recv().unwrap(), *line);
    }
}

fn handle(supervisor: &SupervisorHandle, id: &str) -> WorkerHandle {
    supervisor.child(id).unwrap()
}

#[test]
fn a_handle_stays_valid_over_restarts_and_the_queue_stays_in_order() {
    actors(|| {
        let (tell, log) = channel();
        let supervisor = Supervisor::one_for_one().child(worker("a", &tell)).start().unwrap();
        let a = handle(&supervisor, "a");
        let first = a.pid();
        let (begun, wait) = oneshot();
        let (open, gate) = oneshot();
        a.hold(begun, gate);
        wait.recv().unwrap();
        a.add(1);
        a.fail();
        a.add(2);
        a.add(3);
        open.send(()).unwrap();
        expect(&log, &["a starts", "a 1", "a ends: panic", "a starts", "a 2", "a 5"]);
        assert_eq!(a.sum().unwrap(), 5);
        assert_ne!(a.pid(), first);
        assert_eq!(handle(&supervisor, "a"), a);
        supervisor.stop();
        assert!(supervisor.join().is_normal());
        assert!(matches!(a.join(), ExitReason::Shutdown));
        expect(&log, &["a ends: shutdown"]);
    });
}

#[test]
fn the_caller_of_the_message_that_failed_hears_and_it_is_not_delivered_again() {
    actors(|| {
        let (tell, log) = channel();
        let supervisor = Supervisor::one_for_one().child(worker("a", &tell)).start().unwrap();
        let a = handle(&supervisor, "a");
        match a.fail_call() {
            Err(CallError::Down { reason, delivered: true, .. }) => {
                assert_eq!(reason.panic().unwrap().message(), "a fails in a call");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(a.sum().unwrap(), 0);
        expect(&log, &["a starts", "a ends: panic", "a starts"]);
        assert!(log.try_recv().is_err());
    });
}

#[test]
fn a_killed_child_is_restarted_and_a_stopped_one_is_not() {
    actors(|| {
        let (tell, log) = channel();
        let supervisor = Supervisor::one_for_one().child(worker("a", &tell)).start().unwrap();
        let a = handle(&supervisor, "a");
        a.kill();
        expect(&log, &["a starts", "a ends: killed", "a starts"]);
        a.add(1);
        a.stop();
        a.add(2); // nobody
        assert!(a.join().is_normal());
        expect(&log, &["a 1", "a ends: normal"]);
        assert!(log.try_recv().is_err());
        assert_eq!(supervisor.child::<WorkerHandle>("a").unwrap_err(), LookupError::NotFound);
        assert_eq!(supervisor.count_children().unwrap().active, 0);
        let pid = supervisor.restart_child("a").unwrap();
        let again = handle(&supervisor, "a");
        assert_eq!(again.pid(), pid);
        assert_ne!(again, a, "a child that had ended for good has new handles");
        assert!(a.sum().unwrap_err().is_down());
    });
}

#[test]
fn one_that_ends_by_itself_is_restarted_if_it_is_permanent_only() {
    actors(|| {
        let (tell, log) = channel();
        let supervisor = Supervisor::one_for_one()
            .child(worker("permanent", &tell))
            .child(worker("transient", &tell).restart(Restart::Transient))
            .child(worker("temporary", &tell).restart(Restart::Temporary))
            .start()
            .unwrap();
        expect(&log, &["permanent starts", "transient starts", "temporary starts"]);
        handle(&supervisor, "permanent").leave();
        expect(&log, &["permanent ends: normal", "permanent starts"]);
        let transient = handle(&supervisor, "transient");
        transient.fail();
        expect(&log, &["transient ends: panic", "transient starts"]);
        transient.leave();
        assert!(transient.join().is_normal());
        expect(&log, &["transient ends: normal"]);
        let temporary = handle(&supervisor, "temporary");
        temporary.fail();
        assert!(temporary.join().panic().is_some());
        expect(&log, &["temporary ends: panic"]);
        let left: Vec<_> = supervisor.which_children().unwrap().into_iter().map(|child| child.id).collect();
        assert_eq!(left, ["permanent".into(), "transient".into()]);
    });
}

fn three(supervisor: Supervisor, tell: &Log) -> SupervisorHandle {
    let children = ["a", "b", "c"].map(|name| worker(name, tell));
    children.into_iter().fold(supervisor, Supervisor::child).start().unwrap()
}

#[test]
fn one_for_all_stops_the_others_in_reverse_and_starts_all_in_order() {
    actors(|| {
        let (tell, log) = channel();
        let supervisor = three(Supervisor::one_for_all(), &tell);
        let a = handle(&supervisor, "a");
        handle(&supervisor, "b").fail();
        expect(&log, &["a starts", "b starts", "c starts"]);
        expect(&log, &["b ends: panic", "c ends: shutdown", "a ends: shutdown"]);
        expect(&log, &["a starts", "b starts", "c starts"]);
        assert_eq!(a.sum().unwrap(), 0, "the handle of a sibling is valid too");
        supervisor.stop();
        expect(&log, &["c ends: shutdown", "b ends: shutdown", "a ends: shutdown"]);
    });
}

#[test]
fn rest_for_one_stops_and_starts_those_that_came_later() {
    actors(|| {
        let (tell, log) = channel();
        let supervisor = three(Supervisor::rest_for_one(), &tell);
        handle(&supervisor, "b").kill();
        expect(&log, &["a starts", "b starts", "c starts"]);
        expect(&log, &["b ends: killed", "c ends: shutdown", "b starts", "c starts"]);
        assert_eq!(handle(&supervisor, "a").sum().unwrap(), 0);
        assert!(log.try_recv().is_err());
    });
}

#[test]
fn too_many_restarts_end_the_supervisor_and_it_says_why() {
    actors(|| {
        let (tell, log) = channel();
        let supervisor = Supervisor::one_for_one()
            .intensity(2, HOUR)
            .child(worker("a", &tell))
            .child(worker("b", &tell))
            .start()
            .unwrap();
        let (a, b) = (handle(&supervisor, "a"), handle(&supervisor, "b"));
        (0..3).for_each(|_| a.fail());
        let reason = supervisor.join();
        let ExitReason::Error(error) = &reason else { panic!("{reason}") };
        let gave_up = error.downcast_ref::<GaveUp>().unwrap();
        assert_eq!(gave_up.child, "a");
        assert_eq!(gave_up.history.matches("panicked: a fails").count(), 3, "{gave_up}");
        assert!(gave_up.history.contains("more than 2 restarts"), "{gave_up}");
        assert!(matches!(b.join(), ExitReason::Shutdown));
        a.join();
        assert!(a.sum().unwrap_err().is_down());
        expect(&log, &["a starts", "b starts", "a ends: panic", "a starts", "a ends: panic", "a starts"]);
        expect(&log, &["a ends: panic", "b ends: shutdown"]);
    });
}

#[test]
fn a_child_that_cannot_start_is_the_error_and_those_before_it_are_stopped_in_reverse() {
    actors(|| {
        let (tell, log) = channel();
        let refuse = || -> Result<Worker, std::num::ParseIntError> { Err("x".parse::<u8>().unwrap_err()) };
        let error = Supervisor::one_for_one()
            .child(worker("a", &tell))
            .child(worker("b", &tell))
            .child(Child::new("broken", refuse))
            .child(worker("c", &tell))
            .start()
            .unwrap_err();
        let said = error.to_string();
        assert!(said.contains("child 'broken' could not be started: error: invalid digit"), "{said}");
        let ExitReason::Error(inner) = error.reason() else { panic!("{error}") };
        assert_eq!(inner.downcast_ref::<NotStarted>().unwrap().child, "broken");
        expect(&log, &["a starts", "b starts", "b ends: shutdown", "a ends: shutdown"]);
        assert!(log.try_recv().is_err());
        let panics = || -> Worker { panic!("in the closure") };
        let error = Supervisor::one_for_one().child(Child::new("p", panics)).start().unwrap_err();
        assert!(error.to_string().contains("in the closure"), "{error}");
        let twice = Supervisor::one_for_one().child(worker("a", &tell)).child(worker("a", &tell)).start();
        assert!(twice.unwrap_err().to_string().contains("of that id"));
        let odd = worker("a", &tell).significant(true);
        let odd = Supervisor::one_for_one().child(odd).start().unwrap_err();
        assert!(odd.to_string().contains("permanent child cannot be significant"), "{odd}");
    });
}

#[test]
fn a_restart_that_fails_counts_and_is_tried_again() {
    actors(|| {
        let tries = Arc::new(AtomicUsize::new(0));
        let (tell, _log) = channel();
        let make = {
            let tries = tries.clone();
            move || match tries.fetch_add(1, SeqCst) {
                1 | 2 => Err("not yet"),
                _ => Ok(Worker::new("a", &tell)),
            }
        };
        let supervisor =
            Supervisor::one_for_one().intensity(3, HOUR).child(Child::new("a", make)).start().unwrap();
        let a = handle(&supervisor, "a");
        a.fail();
        assert_eq!(a.sum().unwrap(), 0);
        assert_eq!(tries.load(SeqCst), 4);
    });
}

#[test]
fn thread_actors_are_supervised_and_their_errors_are_reasons() {
    actors(|| {
        let (tell, told) = channel::<(usize, Pid)>();
        let lives = Arc::new(AtomicUsize::new(0));
        let body = move || -> Result<(), Box<dyn Error + Send + Sync>> {
            let life = lives.fetch_add(1, SeqCst);
            tell.send((life, current())).unwrap();
            match life {
                0 => panic!("first"),
                1 => Err("second".into()),
                2 => smarm::exit(ExitReason::Killed),
                3 => Ok(()),
                _ => loop {
                    sleep(HOUR);
                },
            }
        };
        let supervisor =
            Supervisor::one_for_one().intensity(9, HOUR).child(Child::new("t", body)).start().unwrap();
        let pids: Vec<_> = (0..5)
            .map(|life| {
                let (said, pid) = told.recv().unwrap();
                assert_eq!(said, life);
                pid
            })
            .collect();
        assert_eq!(supervisor.child::<Pid>("t").unwrap(), pids[4]);
        let watch = monitor(pids[4]);
        supervisor.terminate_child("t").unwrap();
        assert!(matches!(watch.recv().unwrap().reason, ExitReason::Shutdown | ExitReason::NoProc));
        let endless = Child::new("e", || {
            loop {
                sleep(HOUR)
            }
        });
        supervisor.start_child(endless).unwrap();
        assert_eq!(supervisor.count_children().unwrap().active, 1);
        supervisor.stop(); // a run does not end while thread actors live
        assert!(supervisor.join().is_normal());
    });
}

#[test]
fn a_thread_actor_that_traps_exits_is_asked_and_may_end_in_its_own_way() {
    actors(|| {
        let (tell, told) = channel();
        let body = move || {
            let exits = smarm::trap_exit();
            tell.send("ready").unwrap();
            assert!(matches!(exits.recv().unwrap().reason, ExitReason::Shutdown));
            tell.send("bye").unwrap();
        };
        let supervisor = Supervisor::one_for_one().child(Child::new("t", body)).start().unwrap();
        assert_eq!(told.recv().unwrap(), "ready");
        supervisor.stop();
        assert!(supervisor.join().is_normal());
        assert_eq!(told.try_recv().unwrap(), "bye");
    });
}

#[test]
fn supervisors_are_children_too_and_a_failure_climbs_up() {
    actors(|| {
        let (tell, log) = channel();
        let inner = {
            let tell = tell.clone();
            move || Supervisor::one_for_one().intensity(0, HOUR).child(worker("leaf", &tell))
        };
        let top = Supervisor::rest_for_one()
            .child(worker("first", &tell))
            .child(Child::new("inner", inner))
            .child(worker("last", &tell))
            .start()
            .unwrap();
        expect(&log, &["first starts", "leaf starts", "last starts"]);
        let inner = top.child::<SupervisorHandle>("inner").unwrap();
        assert_eq!(top.which_children().unwrap()[1].kind, ChildKind::Supervisor);
        handle(&inner, "leaf").fail();
        expect(&log, &["leaf ends: panic", "last ends: shutdown", "leaf starts", "last starts"]);
        assert_eq!(handle(&inner, "leaf").sum().unwrap(), 0, "the handle of the inner one is valid still");
        top.stop();
        expect(&log, &["last ends: shutdown", "leaf ends: shutdown", "first ends: shutdown"]);
    });
}

#[test]
fn a_child_that_does_not_stop_in_time_is_killed() {
    actors(|| {
        let (tell, log) = channel();
        let brutal = worker("brutal", &tell).shutdown(Shutdown::Brutal);
        let slow = worker("slow", &tell).shutdown(Shutdown::Timeout(Duration::from_millis(2)));
        let supervisor = Supervisor::one_for_one().child(brutal).child(slow).start().unwrap();
        // They are in a handler when the stop comes, and none of the gates opens before they are killed.
        let _gates = ["slow", "brutal"].map(|id| {
            let ((begun, begins), (open, gate)) = (oneshot(), oneshot());
            handle(&supervisor, id).hold(begun, gate);
            begins.recv().unwrap();
            open
        });
        supervisor.stop();
        assert!(supervisor.join().is_normal());
        expect(&log, &["brutal starts", "slow starts", "slow ends: killed", "brutal ends: killed"]);
    });
}

#[test]
fn a_supervisor_that_is_killed_stops_its_children_all_the_same() {
    actors(|| {
        let (tell, log) = channel();
        let supervisor = three(Supervisor::one_for_one(), &tell);
        supervisor.kill();
        assert!(matches!(supervisor.join(), ExitReason::Killed));
        expect(&log, &["a starts", "b starts", "c starts"]);
        expect(&log, &["c ends: shutdown", "b ends: shutdown", "a ends: shutdown"]);
        assert!(matches!(supervisor.start_child(worker("d", &tell)), Err(ChildError::Supervisor(_))));
    });
}

#[test]
fn a_restart_may_be_put_off_and_handles_wait_for_it() {
    actors(|| {
        let (tell, log) = channel();
        let supervisor = Supervisor::one_for_all()
            .backoff(Backoff::constant(Duration::from_millis(3)).jitter(0.5))
            .child(worker("a", &tell))
            .child(worker("b", &tell))
            .start()
            .unwrap();
        let (a, b) = (handle(&supervisor, "a"), handle(&supervisor, "b"));
        a.fail();
        b.add(1);
        // It was added by the life before or by this one.
        assert!(a.sum().unwrap() == 0 && b.sum().unwrap() <= 1);
        drop(log);
    });
}

#[test]
fn the_end_of_significant_children_may_end_the_supervisor() {
    actors(|| {
        let (tell, log) = channel();
        let transient = |name| worker(name, &tell).restart(Restart::Transient).significant(true);
        let any = Supervisor::one_for_one()
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(worker("other", &tell))
            .child(transient("job"))
            .start()
            .unwrap();
        handle(&any, "job").fail();
        handle(&any, "job").leave();
        assert!(matches!(any.join(), ExitReason::Shutdown));
        expect(&log, &["other starts", "job starts", "job ends: panic", "job starts", "job ends: normal"]);
        expect(&log, &["other ends: shutdown"]);
        let all = Supervisor::one_for_one()
            .auto_shutdown(AutoShutdown::AllSignificant)
            .child(transient("one"))
            .child(transient("two"))
            .start()
            .unwrap();
        handle(&all, "one").leave();
        while all.count_children().unwrap().active == 2 {
            yield_now();
        }
        handle(&all, "two").leave();
        assert!(matches!(all.join(), ExitReason::Shutdown));
    });
}

#[test]
fn children_come_and_go_while_a_supervisor_runs() {
    actors(|| {
        let (tell, log) = channel();
        let supervisor = Supervisor::one_for_one().start().unwrap();
        supervisor.start_child(worker("a", &tell)).unwrap();
        assert!(matches!(supervisor.start_child(worker("a", &tell)), Err(ChildError::AlreadyPresent)));
        assert!(matches!(supervisor.delete_child("a"), Err(ChildError::Running)));
        assert!(matches!(supervisor.restart_child("a"), Err(ChildError::Running)));
        assert!(matches!(supervisor.terminate_child("x"), Err(ChildError::NotFound)));
        let wrong = supervisor.child::<SupervisorHandle>("a").unwrap_err();
        assert!(matches!(wrong, LookupError::WrongType { registered, asked }
            if registered.contains("WorkerHandle") && asked.contains("SupervisorHandle")));
        supervisor.terminate_child("a").unwrap();
        supervisor.terminate_child("a").unwrap();
        supervisor.restart_child("a").unwrap();
        supervisor.terminate_child("a").unwrap();
        supervisor.delete_child("a").unwrap();
        assert!(matches!(supervisor.delete_child("a"), Err(ChildError::NotFound)));
        expect(&log, &["a starts", "a ends: shutdown", "a starts", "a ends: shutdown"]);
        let refused = supervisor.start_child(Child::new("bad", || Err::<Worker, _>("no")));
        assert!(matches!(refused, Err(ChildError::NotStarted { .. })));
        assert_eq!(supervisor.count_children().unwrap().specs, 0);
    });
}

#[test]
fn a_dynamic_supervisor_starts_restarts_and_limits_its_children() {
    actors(|| {
        let (tell, log) = channel();
        let pool = DynamicSupervisor::new().max_children(2).intensity(9, HOUR).start().unwrap();
        let make = |name| {
            let tell = tell.clone();
            move || Worker::new(name, &tell)
        };
        let a = pool.start_child(make("a")).unwrap();
        let b = pool.start_child(make("b")).unwrap();
        assert!(matches!(pool.start_child(make("c")), Err(ChildError::TooMany { most: 2, .. })));
        a.fail();
        assert_eq!(a.sum().unwrap(), 0);
        pool.terminate_child(b.pid()).unwrap();
        assert!(matches!(b.join(), ExitReason::Shutdown));
        expect(&log, &["a starts", "b starts", "a ends: panic", "a starts", "b ends: shutdown"]);
        let thread = pool.start_child(|| sleep(HOUR)).unwrap();
        kill(thread);
        while pool.which_children().unwrap()[1].pid.is_none_or(|pid| pid == thread) {
            yield_now();
        }
        a.stop();
        a.join();
        while pool.count_children().unwrap().specs == 2 {
            yield_now();
        }
        pool.stop();
        assert!(pool.join().is_normal());
    });
}

#[test]
fn the_end_of_a_run_stops_trees_from_above() {
    for workers in [1, 2, 4] {
        let (tell, log) = channel();
        runtime(workers).run({
            let tell = tell.clone();
            move || {
                let inner = {
                    let tell = tell.clone();
                    move || Supervisor::one_for_one().child(worker("leaf", &tell))
                };
                let top = Supervisor::one_for_one()
                    .child(worker("a", &tell))
                    .child(Child::new("inner", inner))
                    .start()
                    .unwrap();
                assert_eq!(top.count_children().unwrap().supervisors, 1);
            }
        });
        expect(&log, &["a starts", "leaf starts", "leaf ends: shutdown", "a ends: shutdown"]);
        assert!(log.try_recv().is_err());
    }
}

#[test]
fn a_linked_supervisor_takes_its_starter_along_and_goes_with_it() {
    actors(|| {
        let (tell, log) = channel();
        let starter = smarm::spawn({
            let tell = tell.clone();
            move || {
                let supervisor = Supervisor::one_for_one()
                    .intensity(0, HOUR)
                    .child(worker("a", &tell))
                    .start_linked()
                    .unwrap();
                handle(&supervisor, "a").fail();
                sleep(HOUR);
            }
        });
        assert!(starter.join().unwrap_err().to_string().contains("once too often"));
        expect(&log, &["a starts", "a ends: panic"]);
        let starter = smarm::spawn(move || {
            let a = worker("a", &tell);
            Supervisor::one_for_one().child(a).start_linked().unwrap();
            panic!("the starter");
        });
        assert!(starter.join().is_err());
        expect(&log, &["a starts", "a ends: shutdown"]);
    });
}

#[test]
fn senders_that_wait_for_room_get_it_from_the_next_life() {
    struct Narrow(u32);
    #[smarm::actor(mailbox = bounded(1), timeout = none)]
    impl Narrow {
        pub fn put(&mut self, n: u32) {
            assert!(n != 5, "five");
            self.0 += n;
        }
        pub fn sum(&self) -> u32 {
            self.0
        }
    }
    on(2, || {
        let supervisor = Supervisor::one_for_one().child(Child::new("n", || Narrow(0))).start().unwrap();
        let narrow = supervisor.child::<NarrowHandle>("n").unwrap();
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let narrow = narrow.clone();
                smarm::spawn(move || (0..10).for_each(|n| narrow.put(n)))
            })
            .collect();
        // Each of the four kills it once: more than the three restarts that are allowed by default, had they come from one window.
        let gave_up = senders.into_iter().map(|sender| sender.join()).filter(Result::is_err).count();
        assert_eq!(gave_up, 0, "a cast to a server that has ended is a dead letter");
        supervisor.stop();
        supervisor.join();
    });
}

#[test]
fn a_tree_in_which_all_fail_at_random_ends_with_the_right_children() {
    for workers in [1, 2, 4] {
        on(workers, || {
            let supervisor = Supervisor::rest_for_one().intensity(u32::MAX, HOUR);
            let (tell, log) = channel();
            let names = ["a", "b", "c", "d", "e"];
            let supervisor = names.iter().fold(supervisor, |s, name| s.child(worker(name, &tell)));
            let supervisor = supervisor.start().unwrap();
            let drain = smarm::spawn(move || log.iter().count());
            let killers: Vec<_> = names
                .map(|name| {
                    let child = handle(&supervisor, name);
                    smarm::spawn(move || {
                        for round in 0..30 {
                            if round % 2 == 0 {
                                child.fail()
                            } else {
                                child.kill()
                            }
                            child.sum().ok();
                        }
                    })
                })
                .into_iter()
                .collect();
            killers.into_iter().for_each(|killer| killer.join().unwrap());
            for name in names {
                while handle(&supervisor, name).sum().is_err() {}
            }
            assert_eq!(supervisor.count_children().unwrap().active, 5);
            supervisor.stop();
            assert!(supervisor.join().is_normal());
            drop((supervisor, tell));
            assert!(drain.join().unwrap() > 10);
        });
    }
}
