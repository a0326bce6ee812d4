//! Kills: where they are delivered, what they leave behind, and what becomes of those that are swallowed.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, Sender, TryRecvError, TrySendError, bounded, oneshot};
use smarm::runtime::{Runtime, init};
use smarm::{
    ActorState, CallError, ExitReason, JoinHandle, ReplyTo, channel, check, current, kill, mask_kill,
    no_preempt, park_current, scope, sleep, spawn, unpark, yield_now,
};
use smarm_tests::{Rng, Tally, Token, actors, on, plain, runtime};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often what happens at random is tried.
const ROUNDS: u64 = 40;

/// As often as a kill is thrown at an actor that swallows it.
const THROWS: usize = 16;

/// Lets others run until this has come true.
fn yield_until(condition: impl Fn() -> bool) {
    while !condition() {
        yield_now();
    }
}

/// Starts an actor that waits in `body`: on one worker it has begun to when this returns, on several it is about to.
fn waiting<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let running = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&running);
    let actor = spawn(move || {
        tell.store(true, SeqCst);
        body()
    });
    yield_until(|| running.load(SeqCst));
    actor
}

#[track_caller]
fn was_killed<T>(actor: JoinHandle<T>) {
    assert!(matches!(actor.join(), Err(ExitReason::Killed)));
}

/// Whether `f` was cut short by a kill, which is swallowed.
fn swallows<T>(f: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

/// Something that outlives its actor: it is sent home when it is dropped.
struct Kept<T>(Option<T>, Sender<T>);

impl<T> Kept<T> {
    fn new(value: T) -> (Kept<T>, Receiver<T>) {
        let (home, back) = channel();
        (Kept(Some(value), home), back)
    }
    fn get(&self) -> &T {
        self.0.as_ref().expect("it is sent home when this is dropped")
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|value| _ = self.1.send(value));
    }
}

/// Runs `body` on one worker, and with more workers than processors, with the runtime in hand; nobody waits with a deadline afterwards.
fn with_runtimes<F: FnOnce(&Runtime) + Clone + Send + 'static>(body: F) {
    plain(|| {
        for workers in [1, 2, 4] {
            let runtime = Arc::new(runtime(workers));
            let (inside, body) = (Arc::clone(&runtime), body.clone());
            runtime.run(move || body(&inside));
            while runtime.stats().sleeping_count() > 0 {
                std::thread::yield_now();
            }
        }
    });
}

/// The deadlines of calls are counted by each worker when it falls asleep: so each has to, once more.
fn no_deadline_is_left(runtime: &Runtime) {
    while runtime.stats().sleeping_count() > 0 {
        sleep(Duration::from_micros(10));
    }
}

// ---- in each kind of wait -----------------------------------------------------------------------------------------------

/// A receiver whose actor is killed while it receives in this way; then the next message goes to who receives next.
fn passes_messages_on<T, C>(ends: fn() -> (Sender<T>, Receiver<T>), message: fn() -> T, cut: C)
where
    T: PartialEq + std::fmt::Debug + Send + 'static,
    C: Fn(&Receiver<T>) -> bool + Clone + Send + 'static,
{
    with_runtimes(move |runtime| {
        let tally = Tally::new();
        let (tx, rx) = ends();
        let (rx, back) = Kept::new(rx);
        let token = tally.token(1);
        let victim = waiting(move || {
            let _token = token;
            unreachable!("received: {}", cut(rx.get()));
        });
        victim.kill();
        was_killed::<()>(victim);
        tally.check();
        assert_eq!(runtime.stats().sleeping_count(), 0, "no timer is left");
        let rx = back.recv().expect("it was sent home");
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        let next = waiting(move || rx.recv());
        tx.send(message()).expect("it receives");
        assert_eq!(next.join().expect("no panic"), Ok(message()));
    });
}

#[test]
fn a_kill_in_recv_leaves_the_next_message_to_the_next_receiver() {
    passes_messages_on(channel, || 1, |rx| rx.recv().is_ok());
    passes_messages_on(channel, || [7_u64; 32], |rx| rx.recv().is_ok());
    passes_messages_on(|| bounded(2), || 1, |rx| rx.recv().is_ok());
}

#[test]
fn a_kill_in_recv_timeout_leaves_no_timer_and_the_next_message_to_the_next_receiver() {
    let hour = Duration::from_secs(3600);
    passes_messages_on(channel, || 1, move |rx| rx.recv_timeout(hour).is_ok());
    passes_messages_on(|| bounded(2), || 1, move |rx| rx.recv_timeout(hour).is_ok());
    passes_messages_on(|| bounded(0), || 1, move |rx| rx.recv_timeout(hour).is_ok());
}

#[test]
fn a_kill_in_recv_of_a_rendezvous_leaves_nobody_who_would_take_a_message() {
    passes_messages_on(|| bounded(0), || 1, |rx| rx.recv().is_ok());
    actors(|| {
        let (tx, rx) = bounded(0);
        let (rx, _back) = Kept::new(rx);
        let victim = waiting(move || rx.get().recv());
        victim.kill();
        was_killed(victim);
        assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    });
}

#[test]
fn a_kill_in_send_drops_its_message_and_leaves_the_room_to_the_next_sender() {
    with_runtimes(|runtime| {
        for (timeout, room) in [(None, 1), (Some(Duration::from_secs(3600)), 1), (None, 0)] {
            let tally = Tally::new();
            let (tx, rx) = bounded(room);
            (0..room as u64).for_each(|n| assert!(tx.try_send(tally.token(n)).is_ok()));
            let sender = |n| {
                let (tx, token) = (tx.clone(), tally.token(n));
                waiting(move || match timeout {
                    None => tx.send(token).is_ok(),
                    Some(timeout) => tx.send_timeout(token, timeout).is_ok(),
                })
            };
            let (victim, patient) = (sender(10), sender(11));
            victim.kill();
            was_killed(victim);
            assert_eq!(tally.dropped(), 1, "what it wanted to send");
            drop(tx);
            let received: Vec<_> = rx.iter().map(|token| token.value()).collect();
            assert!(received.iter().copied().eq((0..room as u64).chain([11])), "{received:?}");
            assert!(patient.join().expect("no panic"));
            tally.check();
        }
        assert_eq!(runtime.stats().sleeping_count(), 0, "no timer is left");
    });
}

#[test]
fn a_kill_in_recv_of_a_oneshot_closes_it_or_leaves_it_to_the_next_receiver() {
    with_runtimes(|runtime| {
        let (tx, rx) = oneshot();
        let victim = waiting(move || rx.recv());
        victim.kill();
        was_killed(victim);
        assert!(tx.is_closed());
        assert_eq!(tx.send(1).expect_err("the receiver is gone").into_inner(), 1);
        let (tx, rx) = oneshot();
        let (rx, back) = Kept::new(rx);
        let victim = waiting(move || rx.get().recv_timeout(Duration::from_secs(3600)));
        victim.kill();
        was_killed(victim);
        assert_eq!(runtime.stats().sleeping_count(), 0, "no timer is left");
        tx.send(2).expect("the receiver is here");
        assert_eq!(back.recv().expect("it was sent home").recv(), Ok(2));
    });
}

#[test]
fn a_kill_in_join_detaches_the_actor_that_was_joined() {
    actors(|| {
        let tally = Tally::new();
        let (go, gone) = channel::<()>();
        let (tell, told) = channel();
        let token = tally.token(1);
        let target = spawn(move || {
            assert!(gone.recv().is_err(), "nothing is sent");
            tell.send(()).expect("the root receives");
            token
        });
        let victim = waiting(move || target.join());
        victim.kill();
        was_killed(victim);
        assert_eq!(tally.dropped(), 0, "it lives");
        drop(go);
        told.recv().expect("it has gone on");
        yield_until(|| tally.alive() == 0);
        tally.check();
    });
}

/// Answers when it is let, and has room for one message meanwhile.
#[derive(Default)]
struct Desk {
    handled: Vec<u64>,
}

#[smarm::actor(mailbox = bounded(1))]
impl Desk {
    pub fn hold(&mut self, begun: Sender<()>, gate: Receiver<()>) {
        begun.send(()).ok();
        gate.recv().ok();
    }
    pub fn put(&mut self, token: Token) {
        self.handled.push(token.value());
    }
    pub fn echo(&mut self, token: Token) -> Token {
        self.handled.push(token.value());
        token
    }
    pub fn handled(&self) -> Vec<u64> {
        self.handled.clone()
    }
}

/// A server that handles a message until the sender is dropped.
fn held() -> (DeskHandle, Sender<()>) {
    let desk = Desk::default().start();
    let (open, gate) = channel();
    let (begun, begins) = channel();
    desk.hold(begun, gate);
    begins.recv().expect("it begins");
    (desk, open)
}

#[test]
fn a_kill_in_a_call_leaves_no_deadline_and_the_late_reply_is_dropped() {
    with_runtimes(|runtime| {
        // The default timeout, which the worker notes, and one that it has a timer for.
        for timeout in [Duration::from_secs(5), Duration::from_millis(4900)] {
            let tally = Tally::new();
            let (desk, open) = held();
            let victim = waiting({
                let (desk, token) = (desk.timeout(timeout), tally.token(1));
                move || drop(desk.echo(token))
            });
            yield_until(|| desk.actor().info().mailbox_len == 1);
            victim.kill();
            was_killed(victim);
            no_deadline_is_left(runtime);
            drop(open);
            assert_eq!(desk.handled().expect("it lives"), [1], "it was sent");
            tally.check();
        }
    });
}

#[test]
fn a_kill_in_a_wait_for_room_sends_nothing_and_leaves_the_room_to_the_next_one() {
    with_runtimes(|runtime| {
        for calls in [false, true] {
            let tally = Tally::new();
            let (desk, open) = held();
            desk.put(tally.token(0));
            let sender = |n| {
                let (desk, token) = (desk.clone(), tally.token(n));
                waiting(move || if calls { drop(desk.echo(token)) } else { desk.put(token) })
            };
            let (victim, patient) = (sender(1), sender(2));
            victim.kill();
            was_killed(victim);
            assert_eq!(tally.dropped(), 1, "what it wanted to send");
            drop(open);
            patient.join().expect("no panic");
            assert_eq!(desk.handled().expect("it lives"), [0, 2]);
            tally.check();
            no_deadline_is_left(runtime);
        }
    });
}

#[test]
fn a_kill_in_the_join_of_a_server_leaves_the_server_alone() {
    actors(|| {
        let (desk, open) = held();
        let victim = waiting({
            let desk = desk.clone();
            move || desk.join()
        });
        victim.kill();
        was_killed(victim);
        drop(open);
        assert!(desk.handled().expect("it lives").is_empty());
    });
}

#[test]
fn a_kill_in_sleep_leaves_no_timer() {
    with_runtimes(|runtime| {
        for duration in [Duration::from_secs(3600), Duration::MAX] {
            let sleeper = waiting(move || sleep(duration));
            sleeper.kill();
            was_killed(sleeper);
            assert_eq!(runtime.stats().sleeping_count(), 0);
        }
    });
}

#[test]
fn a_kill_ends_park_current_and_a_later_unpark_is_nobodys() {
    actors(|| {
        let parked: JoinHandle<()> = waiting(|| {
            loop {
                park_current();
            }
        });
        let pid = parked.pid();
        parked.kill();
        was_killed(parked);
        unpark(pid);
        kill(pid);
    });
}

#[test]
fn a_kill_of_who_waits_for_its_scope_kills_the_children_and_comes_when_they_have_ended() {
    actors(|| {
        let tally = Tally::new();
        let mine = tally.clone();
        let parent = waiting(move || {
            let _outer = mine.token(1);
            scope(|s| {
                s.spawn(|| {
                    let _inner = mine.token(2);
                    sleep(Duration::MAX);
                });
            });
            unreachable!("the kill comes at the end of the scope");
        });
        parent.kill();
        was_killed::<()>(parent);
        tally.check();
    });
}

#[test]
fn a_kill_of_who_runs_a_runtime_kills_all_that_is_in_it() {
    actors(|| {
        let tally = Tally::new();
        let mine = tally.clone();
        let outer = waiting(move || {
            let _outer = mine.token(1);
            runtime(2).run(move || {
                let children = (2..5).map(|n| {
                    let token = mine.token(n);
                    spawn(move || {
                        sleep(Duration::MAX);
                        drop(token);
                    })
                });
                children.for_each(drop);
                sleep(Duration::MAX);
            });
            unreachable!("it was killed too");
        });
        outer.kill();
        was_killed::<()>(outer);
        tally.check();
    });
}

// ---- at any moment ------------------------------------------------------------------------------------------------------

#[test]
fn senders_that_are_killed_at_any_moment_lose_no_message_of_others_and_no_room() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let mut rng = Rng::new(workers as u64);
            for round in 0..ROUNDS {
                let tally = Tally::new();
                let (tx, rx) = bounded(usize::try_from(round % 3).expect("small"));
                let sender = |n: u64| {
                    let (tx, tally) = (tx.clone(), tally.clone());
                    spawn(move || (0..5).for_each(|m| assert!(tx.send(tally.token(10 * n + m)).is_ok())))
                };
                let mut senders: Vec<_> = (0..5).map(sender).collect();
                drop(tx);
                let receiver = spawn(move || rx.iter().map(|token: Token| token.value()).collect::<Vec<_>>());
                (0..rng.range(0..6)).for_each(|_| yield_now());
                let chosen = rng.range(0..5);
                let victim = senders.remove(usize::try_from(chosen).expect("small"));
                victim.kill();
                let finished = victim.join().is_ok();
                senders.into_iter().for_each(|sender| sender.join().expect("no panic"));
                let received = receiver.join().expect("no panic");
                for n in 0..5 {
                    let of_one: Vec<_> = received.iter().filter(|value| *value / 10 == n).collect();
                    assert!(of_one.iter().zip(0..).all(|(value, m)| **value == 10 * n + m), "in order");
                    assert!(of_one.len() == 5 || n == chosen && !finished, "{received:?}");
                }
                tally.check();
            }
        });
    }
}

#[test]
fn receivers_that_are_killed_at_any_moment_lose_no_message() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let mut rng = Rng::new(7 + workers as u64);
            for round in 0..ROUNDS {
                let tally = Tally::new();
                let (tx, rx) = if round % 2 == 0 { channel() } else { bounded(2) };
                let (rx, back) = Kept::new(rx);
                let seen = Arc::new(Mutex::new(Vec::new()));
                let see = Arc::clone(&seen);
                let victim = spawn(move || {
                    loop {
                        // Taken and noted without a safe point between.
                        let Ok(token): Result<Token, _> = rx.get().recv() else { break sleep(Duration::MAX) };
                        see.lock().expect("nobody is killed with it").push(token.value());
                    }
                });
                let sender = spawn({
                    let tally = tally.clone();
                    move || (0..20).for_each(|n| assert!(tx.send(tally.token(n)).is_ok()))
                });
                (0..rng.range(0..6)).for_each(|_| yield_now());
                victim.kill();
                was_killed::<()>(victim);
                let rx = back.recv().expect("it was sent home");
                let rest: Vec<_> = rx.iter().map(|token| token.value()).collect();
                sender.join().expect("no panic");
                let mut all = seen.lock().expect("no panic").clone();
                all.extend(rest);
                assert!(all.iter().copied().eq(0..20), "{all:?}");
                tally.check();
            }
        });
    }
}

#[test]
fn actors_that_are_killed_in_waits_with_deadlines_at_any_moment_leave_no_timer() {
    with_runtimes(|runtime| {
        let mut rng = Rng::new(3);
        for _ in 0..ROUNDS {
            let victims: Vec<JoinHandle<()>> = (0..8)
                .map(|_| {
                    let mut rng = rng.fork();
                    spawn(move || {
                        let (_tx, rx) = channel::<()>();
                        loop {
                            sleep(rng.micros(30));
                            rx.recv_timeout(rng.micros(30)).expect_err("nothing is sent");
                        }
                    })
                })
                .collect();
            sleep(rng.micros(100));
            victims.iter().for_each(JoinHandle::kill);
            victims.into_iter().for_each(was_killed);
            assert_eq!(runtime.stats().sleeping_count(), 0);
        }
    });
}

// ---- who has not started ------------------------------------------------------------------------------------------------

/// Waits in its destructor, and notes that it came to its end.
struct Slow(Arc<AtomicBool>);

impl Drop for Slow {
    fn drop(&mut self) {
        yield_now();
        sleep(Duration::from_micros(1));
        self.0.store(true, SeqCst);
    }
}

#[test]
fn an_unstarted_actors_closure_is_dropped_on_an_actors_stack_and_to_its_end() {
    for workers in [1, 2] {
        on(workers, || {
            let dropped = Arc::new(AtomicBool::new(false));
            let slow = Slow(Arc::clone(&dropped));
            // No safe point before the kill; on the second worker it may have started all the same.
            let victim = spawn(move || {
                let _slow = slow;
                sleep(Duration::MAX);
            });
            victim.kill();
            was_killed(victim);
            assert!(dropped.load(SeqCst));
        });
    }
}

#[test]
fn an_idle_servers_state_is_dropped_to_its_end() {
    struct Keeper(#[expect(dead_code, reason = "for its drop")] Slow);
    #[smarm::actor]
    impl Keeper {
        pub fn name(&self) -> &'static str {
            "keeper"
        }
    }
    actors(|| {
        let dropped = Arc::new(AtomicBool::new(false));
        let keeper = Keeper(Slow(Arc::clone(&dropped))).start();
        assert_eq!(keeper.name().expect("it lives"), "keeper");
        yield_until(|| keeper.actor().info().state == ActorState::Idle);
        keeper.kill();
        assert!(matches!(keeper.join(), ExitReason::Killed));
        assert!(dropped.load(SeqCst));
        assert!(matches!(keeper.name(), Err(CallError::Down { delivered: false, .. })));
    });
}

#[test]
fn an_actor_may_kill_itself_and_ends_at_its_next_safe_point() {
    actors(|| {
        let reached = Arc::new(AtomicBool::new(false));
        let reach = Arc::clone(&reached);
        let suicide = spawn(move || {
            kill(current());
            reach.store(true, SeqCst);
            yield_now();
            unreachable!("a safe point");
        });
        was_killed::<()>(suicide);
        assert!(reached.load(SeqCst));
    });
}

#[test]
fn a_child_of_a_scope_is_killed_by_its_handle_and_the_scope_goes_on() {
    actors(|| {
        let finished = AtomicBool::new(false);
        scope(|s| {
            let idler = s.spawn(|| sleep(Duration::MAX));
            yield_now();
            idler.kill();
            assert!(matches!(idler.join(), Err(ExitReason::Killed)));
            s.spawn(|| finished.store(true, SeqCst)).join().expect("it lives");
        });
        assert!(finished.load(SeqCst));
    });
}

#[test]
fn a_kill_of_who_has_ended_is_nothing() {
    actors(|| {
        let ended = spawn(|| 1);
        yield_until(|| ended.is_finished());
        ended.kill();
        assert_eq!(ended.join().expect("it had ended"), 1);
    });
}

// ---- masked, and put off ------------------------------------------------------------------------------------------------

#[test]
fn a_masked_kill_lets_all_waits_wait_and_comes_at_the_next_safe_point() {
    actors(|| {
        let (tx, rx) = channel();
        let (done, told) = channel();
        let masked: JoinHandle<()> = waiting(move || {
            mask_kill(|| {
                mask_kill(|| kill(current()));
                sleep(Duration::from_micros(1));
                yield_now();
                assert_eq!(rx.recv(), Ok(1), "it is waited for");
                assert_eq!(spawn(|| 2).join().expect("no panic"), 2);
                done.send(()).expect("the root receives");
            });
            check!();
            unreachable!("a safe point");
        });
        yield_now();
        tx.send(1).expect("it receives");
        told.recv().expect("it came to the end of what is masked");
        was_killed(masked);
    });
}

#[test]
fn a_masked_kill_does_not_reach_a_runtime_inside() {
    actors(|| {
        let (go, gone) = channel();
        let (running, runs) = channel();
        let outer = spawn(move || {
            let inner = mask_kill(|| {
                runtime(1).try_run(move || {
                    running.send(()).expect("the root waits");
                    gone.recv().expect("the root sends")
                })
            });
            assert!(matches!(inner, Ok(7)), "{inner:?}");
            yield_now();
            unreachable!("a safe point");
        });
        runs.recv().expect("it runs");
        outer.kill();
        // Time for a kill that should not be passed on.
        (0..100).for_each(|_| yield_now());
        go.send(7).expect("it is there");
        was_killed::<()>(outer);
    });
}

#[test]
fn a_kill_that_comes_while_a_panic_unwinds_changes_nothing_of_it() {
    struct KilledMeanwhile;
    impl Drop for KilledMeanwhile {
        fn drop(&mut self) {
            kill(current());
            yield_now();
            sleep(Duration::MAX);
            check!();
        }
    }
    actors(|| {
        let panicking: JoinHandle<()> = spawn(|| {
            let _killed = KilledMeanwhile;
            panic!("before the kill");
        });
        match panicking.join() {
            Err(ExitReason::Panicked(info)) => assert_eq!(info.message(), "before the kill"),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_panic_in_a_drop_during_a_kill_that_is_caught_there_leaves_it_a_kill() {
    struct Clumsy;
    impl Drop for Clumsy {
        fn drop(&mut self) {
            assert!(swallows(|| panic!("in a drop")));
        }
    }
    actors(|| {
        let tally = Tally::new();
        let token = tally.token(1);
        let victim: JoinHandle<()> = waiting(move || {
            let _token = token;
            let _clumsy = Clumsy;
            sleep(Duration::MAX);
        });
        victim.kill();
        was_killed(victim);
        tally.check();
    });
}

// ---- locks --------------------------------------------------------------------------------------------------------------

#[test]
fn a_lock_of_the_standard_library_is_poisoned_by_a_kill_and_a_channel_is_not() {
    actors(|| {
        let (tx, rx) = channel();
        let lock = Arc::new(Mutex::new(rx));
        let victim = waiting({
            let lock = Arc::clone(&lock);
            move || lock.lock().expect("nobody has it").recv()
        });
        victim.kill();
        was_killed(victim);
        let rx = lock.lock().expect_err("it is poisoned").into_inner();
        tx.send(1).expect("the receiver is here");
        assert_eq!(rx.recv(), Ok(1));
    });
}

// ---- swallowed ----------------------------------------------------------------------------------------------------------

/// Swallows its kill until that is not thrown any more. How often it was.
fn swallow_all(mut safe_point: impl FnMut()) -> usize {
    let mut thrown = 0;
    while swallows(&mut safe_point) {
        thrown += 1;
    }
    thrown
}

#[test]
fn a_kill_that_is_swallowed_is_thrown_again_at_each_safe_point_but_not_for_ever() {
    actors(|| {
        let swallowing = spawn(|| {
            kill(current());
            let thrown = swallow_all(yield_now);
            // From now on it is left alone, whatever it does.
            kill(current());
            yield_now();
            check!();
            sleep(Duration::from_micros(1));
            spawn(|| ()).join().expect("no panic");
            (thrown, "its own result")
        });
        assert_eq!(swallowing.join().expect("it was left to finish"), (THROWS, "its own result"));
    });
}

#[cfg_attr(smarm_chaos, ignore = "an actor that is joined may have ended, and then nothing is waited for")]
#[test]
fn a_swallowed_kill_cuts_short_each_kind_of_wait() {
    actors(|| {
        let (desk, open) = held();
        let swallowing = waiting(move || {
            let (full, _rx) = bounded(1);
            full.send(()).expect("room");
            let (_tx, empty) = channel::<()>();
            let (_one, never) = oneshot::<()>();
            let cut = [
                swallows(|| sleep(Duration::MAX)),
                swallows(|| empty.recv()),
                swallows(|| empty.recv_timeout(Duration::MAX)),
                swallows(|| full.send(())),
                swallows(|| full.send_timeout((), Duration::MAX)),
                swallows(|| never.recv()),
                swallows(|| spawn(|| ()).join()),
                swallows(|| desk.handled()),
                swallows(|| desk.join()),
                swallows(park_current),
                swallows(|| scope(|_| ())),
                swallows(|| runtime(1).run(|| sleep(Duration::MAX))),
                swallows(yield_now),
                swallows(|| check!()),
                swallows(|| no_preempt(yield_now)),
            ];
            (cut.iter().filter(|cut| **cut).count(), cut.len())
        });
        swallowing.kill();
        let (cut, of) = swallowing.join().expect("it was left to finish");
        assert_eq!(cut, of - 1, "all but the one that is put off");
        drop(open);
    });
}

#[test]
fn who_has_swallowed_its_kill_too_often_waits_and_is_woken_like_any_other() {
    actors(|| {
        let (tx, rx) = channel();
        let (deaf, told) = channel();
        let swallowing = spawn(move || {
            kill(current());
            swallow_all(yield_now);
            deaf.send(()).expect("the root receives");
            let sum: u64 = rx.iter().sum();
            sleep(Duration::from_micros(1));
            // Neither is passed on to those that it starts.
            let child = scope(|s| s.spawn(yield_now).join().is_ok());
            let root = runtime(1).try_run(yield_now).is_ok();
            (sum, child, root)
        });
        told.recv().expect("it swallows");
        for n in 0..10 {
            swallowing.kill();
            tx.send(n).expect("it receives");
            yield_now();
        }
        drop(tx);
        assert_eq!(swallowing.join().expect("it was left to finish"), (45, true, true));
    });
}

#[test]
fn an_actor_that_was_reported_for_its_kill_leaves_a_slot_whose_next_owner_can_be_killed() {
    on(1, || {
        for _ in 0..3 {
            let swallowing = spawn(|| {
                kill(current());
                swallow_all(yield_now)
            });
            assert_eq!(swallowing.join().expect("it was left to finish"), THROWS);
            // In the slot that was just given back.
            let next = waiting(|| sleep(Duration::MAX));
            next.kill();
            was_killed(next);
        }
    });
}

#[test]
fn a_message_whose_destructor_swallows_the_kill_of_its_sender_does_not_save_it() {
    struct Stubborn;
    impl Drop for Stubborn {
        fn drop(&mut self) {
            swallow_all(yield_now);
        }
    }
    actors(|| {
        let (tx, _rx) = bounded(0);
        let sender = waiting(move || tx.send(Stubborn).is_ok());
        sender.kill();
        was_killed(sender);
    });
}

/// Swallows its kill in a handler, in a hook, or in its start.
struct Stubborn {
    at_start: bool,
    told: Sender<&'static str>,
    _token: Token,
}

#[smarm::actor(timeout = none)]
impl Stubborn {
    #[on_start]
    fn hello(&mut self) {
        if self.at_start {
            kill(current());
            swallow_all(yield_now);
            self.told.send("started").ok();
        }
    }
    pub fn swallow(&mut self, times: usize) -> usize {
        kill(current());
        (0..times).filter(|_| swallows(yield_now)).count()
    }
    pub fn swallow_late(&mut self, reply: ReplyTo<usize>) {
        kill(current());
        reply.send(swallow_all(|| sleep(Duration::from_micros(1))));
    }
    #[on_exit]
    fn bye(&mut self, why: &ExitReason) {
        yield_now();
        self.told.send(if matches!(why, ExitReason::Killed) { "killed" } else { "otherwise" }).ok();
    }
}

fn stubborn(at_start: bool, tally: &Tally) -> (StubbornHandle, Receiver<&'static str>) {
    let (told, tell) = channel();
    (Stubborn { at_start, told, _token: tally.token(1) }.start(), tell)
}

#[test]
fn a_server_whose_handler_swallows_its_kill_ends_with_that_handler() {
    actors(|| {
        for times in [1, THROWS - 1, THROWS, THROWS + 1, 3 * THROWS] {
            let tally = Tally::new();
            let (server, told) = stubborn(false, &tally);
            assert_eq!(server.swallow(times).expect("it answers"), times.min(THROWS));
            assert!(matches!(server.swallow(1), Err(CallError::Down { delivered: false, .. })));
            assert!(matches!(server.join(), ExitReason::Killed));
            assert!(told.iter().eq(["killed"]));
            tally.check();
        }
        let tally = Tally::new();
        let (server, told) = stubborn(false, &tally);
        assert_eq!(server.swallow_late().expect("it answers"), THROWS);
        assert!(matches!(server.join(), ExitReason::Killed));
        assert!(told.iter().eq(["killed"]));
        tally.check();
    });
}

#[test]
fn a_server_that_swallows_its_kill_at_its_start_ends_with_that() {
    actors(|| {
        let tally = Tally::new();
        let (server, told) = stubborn(true, &tally);
        assert!(matches!(server.join(), ExitReason::Killed));
        assert!(told.iter().eq(["started", "killed"]));
        tally.check();
    });
}

#[test]
fn actors_that_swallow_some_of_their_kills_at_any_moment_end_and_drop_what_they_have() {
    for workers in [1, 2, 4] {
        on(workers, move || {
            let mut rng = Rng::new(5 + workers as u64);
            let tally = Tally::new();
            for _ in 0..ROUNDS {
                let times = rng.below(THROWS - 1);
                let victims: Vec<JoinHandle<()>> = (0..6)
                    .map(|n| {
                        let (token, mut rng) = (tally.token(n), rng.fork());
                        spawn(move || {
                            let _token = token;
                            let mut left = times;
                            loop {
                                if swallows(|| sleep(rng.micros(20))) {
                                    if left == 0 {
                                        yield_now();
                                    }
                                    left -= 1;
                                }
                            }
                        })
                    })
                    .collect();
                sleep(rng.micros(60));
                for victim in &victims {
                    // More kills are not more throws.
                    (0..rng.range(1..4)).for_each(|_| victim.kill());
                }
                victims.into_iter().for_each(was_killed);
            }
            tally.check();
        });
    }
}

// ---- the end of a run ---------------------------------------------------------------------------------------------------

/// A runtime that gives up at once on who hangs.
fn impatient() -> Runtime {
    let config = smarm::runtime::Config::exact(2);
    init(config.shutdown_timeout(Duration::from_millis(1)))
}

#[test]
fn a_shutdown_gives_up_on_who_swallows_its_kill_and_who_is_masked() {
    plain(|| {
        for workers_are_needed in [false, true] {
            let stop = Arc::new(AtomicBool::new(false));
            let ended = Arc::new(AtomicUsize::new(0));
            let (seen, count) = (Arc::clone(&stop), Arc::clone(&ended));
            let runtime = impatient();
            let outcome = runtime.try_run(move || {
                let hangs = |masked: bool| {
                    let (stop, ended) = (Arc::clone(&seen), Arc::clone(&count));
                    let until = move || {
                        while !stop.load(SeqCst) {
                            sleep(Duration::from_micros(100));
                        }
                    };
                    waiting(move || {
                        if masked {
                            mask_kill(until)
                        } else {
                            while swallows(&until) {}
                        }
                        ended.fetch_add(1, SeqCst);
                    })
                };
                let (_masked, _swallowing) = (hangs(true), hangs(false));
                if workers_are_needed {
                    drop(spawn(|| sleep(Duration::MAX)));
                }
                panic!("which kills them");
            });
            assert!(matches!(outcome, Err::<(), _>(ExitReason::Panicked(_))));
            stop.store(true, SeqCst);
            // They are left to finish.
            while ended.load(SeqCst) < 2 {
                std::thread::yield_now();
            }
        }
    });
}
