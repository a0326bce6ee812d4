//! Groups: who is a member, who gets what is sent to all, what listeners hear.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, Sender};
use smarm::supervisor::{Child, Supervisor};
use smarm::{Group, GroupEvent, LookupError, Pid, Recipient, channel, dead_letters, kill, spawn, yield_now};
use smarm_tests::{Rng, actors, on, panic_message, plain, runtime};
use std::cell::Cell;
use std::thread;

#[derive(Default)]
struct Screen {
    lines: Vec<String>,
}

#[smarm::actor(timeout = none)]
impl Screen {
    pub fn show(&mut self, line: String) {
        self.lines.push(line);
    }
    pub fn lines(&self) -> Vec<String> {
        self.lines.clone()
    }
    pub fn fail(&self) {
        panic!("on purpose");
    }
    /// Sends to its own group.
    pub fn relay(&self, group: Group<String>, line: String) -> usize {
        group.broadcast(line)
    }
}

fn screen() -> ScreenHandle {
    Screen::default().start()
}

fn lines_of(screen: &ScreenHandle) -> Recipient<String> {
    screen.actor().recipient_with(|line| ScreenMsg::Show { line })
}

fn group_of(screens: &[ScreenHandle]) -> Group<String> {
    let group = Group::new();
    for screen in screens {
        assert!(group.join(&lines_of(screen)));
    }
    group
}

fn pids(screens: &[ScreenHandle]) -> Vec<Pid> {
    screens.iter().map(ScreenHandle::pid).collect()
}

fn end(screen: &ScreenHandle) {
    screen.kill();
    screen.join();
}

fn heard(events: &Receiver<GroupEvent>) -> Vec<GroupEvent> {
    events.try_iter().collect()
}

/// Takes one number at a time, and only when it is let.
struct Slow {
    gate: Receiver<()>,
    tell: Sender<u32>,
}

impl Slow {
    fn take(&self, n: u32) {
        self.tell.send(n).ok();
        self.gate.recv().ok();
    }
}

macro_rules! slow {
    ($name:ident, $handle:ident, $message:ident, $overflow:ident) => {
        struct $name(Slow);
        #[smarm::actor(mailbox = bounded(1), overflow = $overflow)]
        impl $name {
            pub fn take(&self, n: u32) {
                self.0.take(n);
            }
        }
        impl $name {
            /// One that has a message in hand and another in its mailbox, how to join it, what opens its gate and what it has taken.
            fn full() -> ($handle, Recipient<u32>, Sender<()>, Receiver<u32>) {
                let (tell, told) = channel();
                let (open, gate) = channel();
                let slow = Self(Slow { gate, tell }).start();
                slow.take(1);
                assert_eq!(told.recv(), Ok(1));
                slow.take(2);
                let recipient = slow.actor().recipient_with(|n| $message::Take { n });
                (slow, recipient, open, told)
            }
        }
    };
}

slow!(Patient, PatientHandle, PatientMsg, park);
slow!(Strict, StrictHandle, StrictMsg, reject);
slow!(Forgetful, ForgetfulHandle, ForgetfulMsg, drop_oldest);

// ---- members ------------------------------------------------------------------------------------------------------------

#[test]
fn what_is_sent_to_a_group_reaches_each_member() {
    actors(|| {
        let screens = [screen(), screen(), screen()];
        let group = group_of(&screens);
        assert_eq!((group.len(), group.is_empty(), group.name()), (3, false, None));
        assert_eq!(group.members(), pids(&screens));
        assert_eq!(group.broadcast("one".to_owned()), 3);
        assert_eq!(group.try_broadcast("two".to_owned()), 3);
        for screen in &screens {
            assert_eq!(screen.lines().unwrap(), ["one", "two"]);
        }
        assert_eq!(Group::new().broadcast("nobody"), 0);
    });
}

#[test]
fn members_are_in_the_order_in_which_they_joined() {
    actors(|| {
        let screens = [screen(), screen(), screen()];
        let group = group_of(&screens);
        assert!(group.leave(&lines_of(&screens[0])));
        assert!(!group.leave(&lines_of(&screens[0])));
        assert!(group.join(&lines_of(&screens[0])));
        let [first, second, third] = &screens;
        assert_eq!(group.members(), [second.pid(), third.pid(), first.pid()]);
        assert_eq!(group.recipients().iter().map(Recipient::pid).collect::<Vec<_>>(), group.members());
    });
}

#[test]
fn who_joins_twice_is_one_member_and_hears_by_its_last_recipient() {
    actors(|| {
        let screens = [screen()];
        let group = group_of(&screens);
        let loud =
            screens[0].actor().recipient_with(|line: String| ScreenMsg::Show { line: line.to_uppercase() });
        assert!(group.join(&loud));
        assert_eq!(group.broadcast("hello".to_owned()), 1);
        assert_eq!(screens[0].lines().unwrap(), ["HELLO"]);
        assert!(group.leave(&lines_of(&screens[0])));
        assert!(group.is_empty());
    });
}

#[test]
fn a_member_that_has_ended_is_none_when_its_joiner_hears_of_it() {
    actors(|| {
        let ends: [fn(&ScreenHandle); 4] = [
            |screen| screen.stop(),
            |screen| screen.actor().stop_now(),
            |screen| screen.kill(),
            |screen| screen.fail(),
        ];
        for n in 0..100 {
            let screens = [screen(), screen()];
            let (group, other) = (group_of(&screens), group_of(&screens));
            let ended = screens[0].clone();
            let ender = spawn(move || ends[n % ends.len()](&ended));
            screens[0].join();
            assert_eq!(group.members(), [screens[1].pid()]);
            assert_eq!(other.len(), 1);
            assert_eq!(group.broadcast("hello".to_owned()), 1);
            ender.join().unwrap();
        }
    });
}

#[test]
fn a_member_that_is_restarted_stays_one() {
    actors(|| {
        let supervisor =
            Supervisor::one_for_one().child(Child::new("screen", Screen::default)).start().unwrap();
        let screen: ScreenHandle = supervisor.child("screen").unwrap();
        let group = group_of(std::slice::from_ref(&screen));
        let events = group.events();
        let joined_as = screen.pid();
        let monitor = screen.actor().monitor();
        screen.fail();
        assert_eq!(group.broadcast("queued".to_owned()), 1);
        monitor.recv().unwrap();
        assert_eq!(screen.lines().unwrap(), ["queued"]);
        assert_ne!(screen.pid(), joined_as);
        assert_eq!(group.members(), [screen.pid()]);
        supervisor.stop();
        supervisor.join();
        assert!(group.is_empty());
        assert_eq!(heard(&events), [GroupEvent::Joined(joined_as), GroupEvent::Left(joined_as)]);
    });
}

#[test]
fn who_has_ended_cannot_join() {
    actors(|| {
        let screen = screen();
        end(&screen);
        let group = Group::new();
        let events = group.events();
        assert!(!group.join(&lines_of(&screen)));
        assert!(group.is_empty());
        assert_eq!(heard(&events), []);
    });
}

#[test]
fn a_group_works_on_plain_threads() {
    plain(|| {
        let runtime = runtime(2);
        let screens = runtime.handle().enter(|| [screen(), screen()]);
        let group = group_of(&screens);
        assert_eq!(group.broadcast("hello".to_owned()), 2);
        assert_eq!(screens[1].lines().unwrap(), ["hello"]);
        end(&screens[0]);
        assert_eq!(group.members(), [screens[1].pid()]);
    });
}

// ---- full mailboxes -----------------------------------------------------------------------------------------------------

#[test]
fn a_full_member_that_parks_holds_up_a_broadcast() {
    actors(|| {
        let (_slow, recipient, open, told) = Patient::full();
        let (tell, heard) = channel();
        struct Ear(Sender<u32>);
        #[smarm::actor]
        impl Ear {
            pub fn hear(&self, n: u32) {
                self.0.send(n).ok();
            }
        }
        let ear = Ear(tell).start();
        let group = Group::new();
        group.join(&recipient);
        group.join(&ear.actor().recipient_with(|n| EarMsg::Hear { n }));
        assert_eq!(group.try_broadcast(3), 1);
        assert_eq!(heard.recv(), Ok(3));

        let sender = {
            let group = group.clone();
            spawn(move || group.broadcast(4))
        };
        // The one behind waits as well.
        for _ in 0..100 {
            yield_now();
        }
        assert!(!sender.is_finished() && heard.try_recv().is_err());
        open.send(()).unwrap();
        assert_eq!(sender.join().unwrap(), 2);
        assert_eq!(heard.recv(), Ok(4));
        drop(open);
        assert_eq!(told.iter().take(2).collect::<Vec<_>>(), [2, 4]);
    });
}

#[test]
fn a_full_member_of_another_policy_holds_up_nobody() {
    on(1, || {
        let (_strict, strict, _open_strict, _) = Strict::full();
        let (_forgetful, forgetful, open, told) = Forgetful::full();
        let group = Group::new();
        group.join(&strict);
        group.join(&forgetful);
        let before = dead_letters();
        // One refuses the message, the other one drops an older one.
        assert_eq!(group.broadcast(3), 1);
        assert!(dead_letters() - before >= 2);
        drop(open);
        assert_eq!(told.recv(), Ok(3));
    });
}

#[test]
fn a_member_may_send_to_its_own_group() {
    actors(|| {
        let screens = [screen(), screen()];
        let group = group_of(&screens);
        assert_eq!(screens[0].relay(group, "hello".to_owned()).unwrap(), 2);
        assert_eq!(screens[0].lines().unwrap(), ["hello"]);
        assert_eq!(screens[1].lines().unwrap(), ["hello"]);
    });
}

// ---- the code of users --------------------------------------------------------------------------------------------------

/// Asks its group something when it is cloned, and when it is dropped.
struct Curious(Group<Curious>, Pid);

impl Clone for Curious {
    fn clone(&self) -> Self {
        assert!(self.0.members().contains(&self.1));
        yield_now();
        Self(self.0.clone(), self.1)
    }
}

impl Drop for Curious {
    fn drop(&mut self) {
        assert!(self.0.len() <= 3);
    }
}

#[test]
fn no_lock_is_held_while_a_message_is_cloned_or_a_recipient_dropped() {
    struct Sink;
    #[smarm::actor]
    impl Sink {
        pub fn take(&self, what: Curious) {
            drop(what);
        }
    }
    actors(|| {
        let sinks = [Sink.start(), Sink.start(), Sink.start()];
        let group = Group::<Curious>::new();
        let join = |sink: &SinkHandle| {
            // What a recipient owns is dropped with it.
            let owned = Curious(group.clone(), sink.pid());
            group.join(&sink.actor().recipient_with(move |what| {
                assert_eq!(owned.0.len(), 3);
                SinkMsg::Take { what }
            }))
        };
        assert!(sinks.iter().all(join));
        assert_eq!(group.broadcast(Curious(group.clone(), sinks[0].pid())), 3);
        assert!(join(&sinks[1]));
        assert_eq!(group.broadcast(Curious(group.clone(), sinks[0].pid())), 3);
        sinks[0].kill();
        sinks[0].join();
        assert!(group.leave(&sinks[1].actor().recipient_with(|what| SinkMsg::Take { what })));
        assert_eq!(group.members(), [sinks[2].pid()]);
        sinks[2].stop();
        sinks[2].join();
        assert!(group.is_empty());
    });
}

#[test]
fn a_panic_in_what_a_recipient_owns_changes_nothing() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(thread::panicking(), "on purpose");
        }
    }
    actors(|| {
        let (screen, other) = (screen(), screen());
        let groups = [Group::new(), Group::new()];
        for group in &groups {
            let bomb = Bomb;
            group.join(&screen.actor().recipient_with(move |line| {
                let _bomb = &bomb;
                ScreenMsg::Show { line }
            }));
            group.join(&lines_of(&other));
        }
        screen.stop();
        assert!(screen.join().is_normal());
        assert!(groups.iter().all(|group| group.members() == [other.pid()]));
    });
}

// ---- events -------------------------------------------------------------------------------------------------------------

#[test]
fn listeners_hear_who_is_there_who_joins_and_who_leaves() {
    use GroupEvent::{Joined, Left};
    actors(|| {
        let screens = [screen(), screen(), screen()];
        let [first, second, third] = &screens;
        let group = group_of(&screens[..2]);
        let events = group.events();
        assert_eq!(heard(&events), [Joined(first.pid()), Joined(second.pid())]);
        group.join(&lines_of(third));
        group.join(&lines_of(third));
        group.leave(&lines_of(first));
        end(second);
        let expected = [Joined(third.pid()), Left(first.pid()), Left(second.pid())];
        assert_eq!(heard(&events), expected);
        drop(group.events());
        end(third);
        assert_eq!(events.recv(), Ok(Left(third.pid())));
        drop(group);
        assert!(events.recv().is_err());
    });
}

// ---- names --------------------------------------------------------------------------------------------------------------

#[test]
fn a_group_is_found_by_its_name() {
    actors(|| {
        let screen = screen();
        let chat = Group::<String>::named("chat").unwrap();
        chat.join(&lines_of(&screen));
        assert_eq!(chat.name(), Some("chat"));
        let sender = spawn(|| Group::named("chat").unwrap().broadcast("hello".to_owned()));
        assert_eq!(sender.join().unwrap(), 1);
        assert!(Group::<String>::named("other").unwrap().is_empty());
        // Servers have names of their own.
        screen.actor().register("chat").unwrap();
        assert_eq!(screen.lines().unwrap(), ["hello"]);
    });
}

#[test]
fn a_named_group_of_other_messages_is_an_error_that_names_both() {
    actors(|| {
        let chat = Group::<String>::named("chat").unwrap();
        let error = Group::<u32>::named("chat").unwrap_err();
        assert_eq!(error, LookupError::WrongType { registered: "alloc::string::String", asked: "u32" });
        assert!(error.to_string().contains("alloc::string::String") && error.to_string().contains("u32"));
        drop(chat);
        // Nobody has any use for the other one any more.
        assert!(Group::<u32>::named("chat").is_ok());
    });
}

#[test]
fn a_named_group_lasts_as_long_as_somebody_has_a_use_for_it() {
    actors(|| {
        let is_known = || Group::<u32>::named("chat").is_err();
        let screen = screen();
        Group::named("chat").unwrap().join(&lines_of(&screen));
        assert!(is_known());
        end(&screen);
        assert!(!is_known());

        let events = Group::<String>::named("chat").unwrap().events();
        assert!(is_known());
        let screen = self::screen();
        Group::named("chat").unwrap().join(&lines_of(&screen));
        assert_eq!(events.recv(), Ok(GroupEvent::Joined(screen.pid())));
        drop(events);
        assert!(Group::named("chat").unwrap().leave(&lines_of(&screen)));
        assert!(!is_known());
    });
}

#[test]
fn each_runtime_has_groups_of_its_own() {
    plain(|| {
        let (one, other) = (runtime(1), runtime(1));
        let screen = one.handle().enter(screen);
        let group = one.handle().enter(|| Group::named("chat").unwrap());
        group.join(&lines_of(&screen));
        other.handle().enter(|| {
            assert!(Group::<String>::named("chat").unwrap().is_empty());
            // One of another runtime may be a member.
            Group::named("chat").unwrap().join(&lines_of(&screen));
        });
        assert_eq!(other.run(|| Group::named("chat").unwrap().broadcast("hello".to_owned())), 1);
        drop(other);
        assert_eq!(screen.lines().unwrap(), ["hello"]);
        end(&screen);
        assert!(group.is_empty());
        let text = panic_message(|| Group::<String>::named("chat"));
        assert!(text.starts_with("`Group::named` was called on a thread that is no actor"), "{text}");
    });
}

// ---- at the same time ---------------------------------------------------------------------------------------------------

/// Joins, leaves, sends and ends in random order; what listeners have heard must add up, and nobody be left.
fn bustle(rng: &mut Rng) {
    let screens: Vec<ScreenHandle> = (0..8).map(|_| screen()).collect();
    let group = Group::named("bustle").unwrap();
    let events = group.events();
    let actors = (0..6).map(|_| {
        let (screens, group, mut rng) = (screens.clone(), group.clone(), rng.fork());
        smarm::Builder::new().spread().spawn(move || {
            for _ in 0..30 {
                let screen = &screens[rng.below(screens.len())];
                match rng.below(10) {
                    0 => kill(screen.pid()),
                    1 | 2 => _ = group.leave(&lines_of(screen)),
                    3 => assert!(group.broadcast("all".to_owned()) <= screens.len()),
                    4 => assert!(
                        Group::named("bustle").unwrap().try_broadcast("some".to_owned()) <= screens.len()
                    ),
                    5 => yield_now(),
                    _ => _ = group.join(&lines_of(screen)),
                }
            }
        })
    });
    for actor in actors.collect::<Vec<_>>() {
        actor.unwrap().join().unwrap();
    }
    let members = Cell::new(Vec::<Pid>::new());
    let add_up = || {
        let mut known = members.take();
        for event in heard(&events) {
            match event {
                GroupEvent::Joined(pid) => {
                    assert!(!known.contains(&pid));
                    known.push(pid);
                }
                GroupEvent::Left(pid) => {
                    let place = known.iter().position(|known| *known == pid);
                    known.remove(place.expect("only members leave"));
                }
                _ => unreachable!("there are two kinds"),
            }
        }
        members.set(known.clone());
        known
    };
    // Those that were killed may still be on their way.
    screens.iter().filter(|screen| screen.lines().is_err()).for_each(end);
    assert_eq!(add_up(), group.members());
    screens.iter().for_each(end);
    assert!(group.is_empty());
    assert!(add_up().is_empty());
}

#[test]
fn no_member_outlives_its_server() {
    for seed in 0..30 {
        eprintln!("seed {seed}");
        on(1 + seed as usize % 4, move || bustle(&mut Rng::new(seed)));
    }
}
