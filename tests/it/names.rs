//! Names: who has one, who finds it, when it is free again.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, Sender};
use smarm::supervisor::{Child, DynamicSupervisorHandle, Supervisor, SupervisorHandle};
use smarm::{
    CallError, Ctx, ExitReason, LookupError, Name, RegisterError, channel, handle, registered, reserve,
    spawn, whereis, yield_now,
};
use smarm_tests::{Rng, actors, on, panic_message, plain, runtime};
use std::thread;
use std::time::Duration;

#[derive(Default)]
struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn add(&mut self, by: u64) -> u64 {
        self.n += by;
        self.n
    }
    pub fn fail(&self) {
        panic!("on purpose");
    }
    pub fn close(self) -> u64 {
        self.n
    }
    pub fn hold(&self, gate: Receiver<()>) {
        gate.recv().ok();
    }
}

struct Clock;

#[smarm::actor]
impl Clock {
    pub fn now(&self) -> u64 {
        12
    }
}

#[smarm::actor(stop_on_drop)]
impl Shy {
    pub fn is_here(&self) -> bool {
        true
    }
}

/// Ends with its last handle, and tells of that by dropping what it has.
struct Shy(#[expect(dead_code, reason = "carried to be dropped")] Sender<()>);

const HOUR: Duration = Duration::from_secs(3600);

static COUNTER: Name<CounterHandle> = Name::new("counter");

fn counter() -> CounterHandle {
    Counter::default().start()
}

fn find(name: &str) -> Result<CounterHandle, LookupError> {
    whereis(name)
}

// ---- finding ------------------------------------------------------------------------------------------------------------

#[test]
fn a_server_is_found_by_its_name_from_every_actor() {
    actors(|| {
        counter().actor().register("hits").unwrap();
        let finders: Vec<_> = (0..10).map(|_| spawn(|| find("hits").unwrap().add(1).unwrap())).collect();
        let mut seen: Vec<u64> = finders.into_iter().map(|finder| finder.join().unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (1..=10).collect::<Vec<_>>());
    });
}

#[test]
fn what_is_found_is_the_same_server() {
    actors(|| {
        let hits = counter();
        hits.actor().register("hits").unwrap();
        assert_eq!(find("hits"), Ok(hits));
    });
}

#[test]
fn nobody_is_found_by_a_name_that_nobody_has() {
    actors(|| {
        assert_eq!(find("hits"), Err(LookupError::NotFound));
        assert_eq!(LookupError::NotFound.to_string(), "nobody has this name");
        assert_eq!(find(""), Err(LookupError::NotFound));
    });
}

#[test]
fn a_server_of_another_type_is_an_error_that_names_both() {
    actors(|| {
        Clock.start().actor().register("clock").unwrap();
        let error = find("clock").unwrap_err();
        let LookupError::WrongType { registered, asked } = error else { panic!("{error}") };
        assert!(registered.ends_with("names::ClockHandle"), "{registered}");
        assert!(asked.ends_with("names::CounterHandle"), "{asked}");
        let text = error.to_string();
        assert!(text.contains(registered) && text.contains(asked), "{text}");
    });
}

#[test]
fn a_found_handle_waits_as_long_as_the_one_that_was_registered() {
    actors(|| {
        let hits = counter();
        hits.timeout(Duration::from_millis(1)).actor().register("hits").unwrap();
        let (gate, held) = channel();
        hits.hold(held);
        assert!(find("hits").unwrap().add(1).unwrap_err().is_timeout());
        drop(gate);
        assert_eq!(hits.add(0).unwrap(), 1);
    });
}

#[test]
fn all_names_are_listed_in_order() {
    actors(|| {
        assert!(registered().is_empty());
        let hits = counter();
        for name in ["b", "c", "a", "ä", ""] {
            hits.actor().register(name).unwrap();
        }
        assert_eq!(registered(), ["", "a", "b", "c", "ä"]);
        assert_eq!(hits.actor().info().registered, ["b", "c", "a", "ä", ""]);
        assert!(hits.actor().unregister("b"));
        assert_eq!(hits.actor().info().registered, ["c", "a", "ä", ""]);
        hits.kill();
        hits.join();
        assert!(registered().is_empty());
        assert!(hits.actor().info().registered.is_empty());
    });
}

// ---- registering --------------------------------------------------------------------------------------------------------

#[test]
fn a_name_that_is_taken_says_by_whom() {
    actors(|| {
        let (one, other) = (counter(), Clock.start());
        one.actor().register("hits").unwrap();
        let error = other.actor().register("hits").unwrap_err();
        assert!(
            matches!(&error, RegisterError::Taken { name, holder, .. } if name == "hits" && *holder == one.pid())
        );
        assert_eq!(error.to_string(), format!("the name \"hits\" belongs to actor {}", one.pid()));
        assert_eq!(find("hits"), Ok(one));
    });
}

#[test]
fn a_name_is_given_to_a_server_once() {
    actors(|| {
        let hits = counter();
        hits.actor().register("hits").unwrap();
        let error = hits.actor().register("hits").unwrap_err();
        assert!(matches!(error, RegisterError::AlreadyRegistered { .. }));
        assert_eq!(error.to_string(), "the actor has the name \"hits\" already");
    });
}

#[test]
fn a_server_that_has_ended_gets_no_name() {
    actors(|| {
        let hits = counter();
        hits.stop();
        hits.join();
        let error = hits.actor().register("hits").unwrap_err();
        assert!(matches!(&error, RegisterError::Ended { pid, .. } if *pid == hits.pid()));
        assert_eq!(
            error.to_string(),
            format!("actor {} has ended, and cannot get the name \"hits\"", hits.pid())
        );
        assert_eq!(find("hits"), Err(LookupError::NotFound));
    });
}

#[test]
fn a_reserved_server_may_have_a_name() {
    actors(|| {
        let (hits, reserved) = reserve::<Counter>();
        hits.actor().register("hits").unwrap();
        let early = spawn(|| find("hits").unwrap().add(1).unwrap());
        yield_now();
        reserved.start(Counter { n: 41 });
        assert_eq!(early.join().unwrap(), 42);
    });
}

#[test]
fn a_name_is_taken_from_who_has_it_only() {
    actors(|| {
        let (one, other) = (counter(), counter());
        one.actor().register("hits").unwrap();
        assert!(!other.actor().unregister("hits"));
        assert!(!one.actor().unregister("misses"));
        assert!(one.actor().unregister("hits"));
        assert!(!one.actor().unregister("hits"));
        other.actor().register("hits").unwrap();
        one.kill();
        one.join();
        assert_eq!(find("hits"), Ok(other));
    });
}

#[test]
fn a_static_name_knows_the_type() {
    actors(|| {
        assert_eq!(COUNTER.get(), Err(LookupError::NotFound));
        let hits = counter();
        COUNTER.register(&hits).unwrap();
        assert_eq!(COUNTER.get(), Ok(hits.clone()));
        assert_eq!(find(COUNTER.as_str()), Ok(hits.clone()));
        assert!(matches!(COUNTER.register(&counter()), Err(RegisterError::Taken { .. })));
        hits.kill();
        hits.join();
        assert_eq!(COUNTER.get(), Err(LookupError::NotFound));
        COUNTER.register(&counter()).unwrap();
        assert_ne!(COUNTER.get(), Ok(hits));
    });
}

// ---- the end ------------------------------------------------------------------------------------------------------------

/// Ways for a server to end.
const ENDS: [fn(&CounterHandle); 5] = [
    |counter| counter.stop(),
    |counter| counter.actor().stop_now(),
    |counter| counter.kill(),
    |counter| counter.fail(),
    |counter| _ = counter.close(),
];

#[test]
fn a_name_is_free_when_who_joins_its_holder_hears_of_the_end() {
    actors(|| {
        for n in 0..100 {
            let hits = counter();
            hits.actor().register("hits").unwrap();
            let end = ENDS[n % ENDS.len()];
            let ended = hits.clone();
            let ender = spawn(move || end(&ended));
            hits.join();
            assert_eq!(find("hits"), Err(LookupError::NotFound));
            let next = counter();
            next.actor().register("hits").unwrap();
            assert!(next.actor().unregister("hits"));
            ender.join().unwrap();
        }
    });
}

#[test]
fn a_server_still_has_its_name_in_on_exit() {
    struct Last(smarm::channel::Sender<bool>);
    #[smarm::actor]
    impl Last {
        pub fn nothing(&self) {}
        #[on_exit]
        fn bye(&mut self, _why: &ExitReason, ctx: &mut Ctx<Self>) {
            self.0.send(whereis::<LastHandle>("last") == Ok(ctx.handle())).ok();
        }
    }
    actors(|| {
        let (tell, told) = channel();
        let last = Last(tell).start();
        last.actor().register("last").unwrap();
        last.stop();
        assert!(told.recv().unwrap());
    });
}

#[test]
fn a_name_counts_as_a_handle() {
    actors(|| {
        let (tell, told) = channel();
        let shy = Shy(tell).start();
        let pid = shy.pid();
        shy.actor().register("shy").unwrap();
        drop(shy);
        let shy = whereis::<ShyHandle>("shy").unwrap();
        assert_eq!(shy.pid(), pid);
        assert!(shy.is_here().unwrap());
        assert!(shy.actor().unregister("shy"));
        drop(shy);
        assert!(told.recv().is_err());
    });
}

// ---- supervisors --------------------------------------------------------------------------------------------------------

#[test]
fn a_server_that_is_restarted_keeps_its_names_until_its_last_end() {
    actors(|| {
        let child = Child::new("counter", Counter::default);
        let supervisor = Supervisor::one_for_one().intensity(100, HOUR).child(child).start().unwrap();
        let hits: CounterHandle = supervisor.child("counter").unwrap();
        hits.actor().register("hits").unwrap();
        for n in 0..20 {
            let (before, monitor) = (hits.pid(), hits.actor().monitor());
            hits.add(1).unwrap();
            if n % 2 == 0 {
                hits.kill()
            } else {
                hits.fail()
            }
            monitor.recv().unwrap();
            assert_eq!(find("hits"), Ok(hits.clone()));
            assert_eq!(find("hits").unwrap().add(1).unwrap(), 1);
            assert_ne!(hits.pid(), before);
            assert!(matches!(Clock.start().actor().register("hits"), Err(RegisterError::Taken { .. })));
        }
        // For good: by its handle, by its supervisor.
        hits.stop();
        hits.join();
        assert_eq!(find("hits"), Err(LookupError::NotFound));
        supervisor.restart_child("counter").unwrap();
        let hits: CounterHandle = supervisor.child("counter").unwrap();
        hits.actor().register("hits").unwrap();
        supervisor.terminate_child("counter").unwrap();
        assert_eq!(find("hits"), Err(LookupError::NotFound));
    });
}

#[test]
fn a_supervisor_is_found_by_a_handle_of_its_kind() {
    actors(|| {
        let supervisor = Supervisor::one_for_one().start().unwrap();
        supervisor.register("tree").unwrap();
        assert_eq!(whereis("tree"), Ok(supervisor.clone()));
        let error = whereis::<DynamicSupervisorHandle>("tree").unwrap_err();
        let LookupError::WrongType { registered, asked } = error else { panic!("{error}") };
        assert!(registered.ends_with("::SupervisorHandle"), "{registered}");
        assert!(asked.ends_with("::DynamicSupervisorHandle"), "{asked}");
        assert!(
            matches!(find("tree"), Err(LookupError::WrongType { registered, .. }) if registered.ends_with("::SupervisorHandle"))
        );
        supervisor.stop();
        supervisor.join();
        assert_eq!(whereis::<SupervisorHandle>("tree"), Err(LookupError::NotFound));
    });
}

// ---- runtimes -----------------------------------------------------------------------------------------------------------

#[test]
fn each_runtime_has_names_of_its_own() {
    plain(|| {
        let (one, other) = (runtime(1), runtime(2));
        let hits = one.handle().enter(counter);
        one.handle().enter(|| hits.actor().register("hits").unwrap());
        other.handle().enter(|| {
            assert_eq!(find("hits"), Err(LookupError::NotFound));
            assert!(registered().is_empty());
            Clock.start().actor().register("hits").unwrap();
        });
        one.handle().enter(|| assert_eq!(find("hits"), Ok(hits.clone())));
        assert!(other.run(|| matches!(find("hits"), Err(LookupError::WrongType { .. }))));
        // The run has ended its servers.
        other.handle().enter(|| assert!(registered().is_empty()));
        assert_eq!(one.run(|| find("hits").unwrap().add(1)).unwrap(), 1);
    });
}

#[test]
fn a_server_may_have_a_name_in_another_runtime() {
    plain(|| {
        let (home, abroad) = (runtime(1), runtime(1));
        let hits = home.handle().enter(counter);
        let known = hits.clone();
        abroad.run(move || known.actor().register("hits").unwrap());
        assert_eq!(abroad.run(|| find("hits").unwrap().add(1)).unwrap(), 1);
        abroad.handle().enter(|| assert_eq!(registered(), ["hits"]));
        hits.kill();
        hits.join();
        abroad.handle().enter(|| assert!(registered().is_empty()));

        let hits = home.handle().enter(counter);
        abroad.handle().enter(|| hits.actor().register("hits").unwrap());
        drop(abroad);
        assert!(hits.actor().info().registered.is_empty());
        assert_eq!(hits.add(2).unwrap(), 2);
    });
}

#[test]
fn names_need_a_runtime() {
    plain(|| {
        let runtime = runtime(1);
        let (hits, clock) = runtime.handle().enter(|| (counter(), Clock.start()));
        let refused = |what: &str, text: String| {
            let expected = format!(
                "{what} was called on a thread that is no actor, and names belong to a runtime: call it under"
            );
            assert!(text.starts_with(&expected), "{text}");
        };
        refused("`register`", panic_message(|| hits.actor().register("hits")));
        refused("`unregister`", panic_message(|| clock.actor().unregister("hits")));
        refused("`whereis`", panic_message(|| find("hits")));
        refused("`registered`", panic_message(registered));
    });
}

#[test]
fn a_plain_thread_that_has_entered_a_runtime_has_its_names() {
    actors(|| {
        counter().actor().register("hits").unwrap();
        let handle = handle();
        let found = thread::spawn(move || handle.enter(|| find("hits").unwrap().add(7)));
        while !found.is_finished() {
            yield_now();
        }
        assert_eq!(found.join().unwrap().unwrap(), 7);
    });
}

// ---- at the same time ---------------------------------------------------------------------------------------------------

#[test]
fn of_many_who_want_a_name_one_gets_it() {
    for workers in [1, 2, 8] {
        on(workers, || {
            for _ in 0..50 {
                let rivals: Vec<_> = (0..8)
                    .map(|_| {
                        smarm::Builder::new()
                            .spread()
                            .spawn(|| {
                                let rival = counter();
                                (rival.actor().register("throne"), rival)
                            })
                            .unwrap()
                    })
                    .collect();
                let (crowned, others): (Vec<_>, Vec<_>) =
                    rivals.into_iter().map(|rival| rival.join().unwrap()).partition(|(got, _)| got.is_ok());
                assert_eq!(crowned.len(), 1);
                let (_, king) = &crowned[0];
                let knows_the_king = |got: &Result<_, RegisterError>| matches!(got, Err(RegisterError::Taken { holder, .. }) if *holder == king.pid());
                assert!(others.iter().all(|(got, _)| knows_the_king(got)));
                for (_, rival) in crowned.iter().chain(&others) {
                    rival.kill();
                    rival.join();
                }
            }
            assert!(registered().is_empty());
        });
    }
}

/// Registers, looks up, unregisters, ends; then all have ended, and so must have their names.
fn race(rng: &mut Rng) {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let servers: Vec<CounterHandle> = (0..6).map(|_| counter()).collect();
    let actors = (0..6).map(|_| {
        let (servers, mut rng) = (servers.clone(), rng.fork());
        smarm::Builder::new().spread().spawn(move || {
            for _ in 0..20 {
                let (server, name) = (&servers[rng.below(servers.len())], NAMES[rng.below(NAMES.len())]);
                match rng.below(8) {
                    0 => ENDS[rng.below(ENDS.len())](server),
                    1 => _ = server.actor().unregister(name),
                    2 => yield_now(),
                    3 | 4 => match find(name) {
                        Ok(found) => assert!(servers.contains(&found)),
                        Err(error) => assert_eq!(error, LookupError::NotFound),
                    },
                    _ => _ = server.actor().register(name),
                }
            }
        })
    });
    for actor in actors.collect::<Vec<_>>() {
        actor.unwrap().join().unwrap();
    }
    for server in &servers {
        server.kill();
        assert!(!matches!(server.join(), ExitReason::NoProc));
        assert!(server.actor().info().registered.is_empty());
        assert!(matches!(server.add(1), Err(CallError::Down { .. })));
    }
    assert!(registered().is_empty());
}

#[test]
fn no_name_outlives_its_server() {
    let seeds = 0..30;
    for seed in seeds {
        eprintln!("seed {seed}");
        on(1 + seed as usize % 4, move || race(&mut Rng::new(seed)));
    }
}
