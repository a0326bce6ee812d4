//! Calls that are awaited: under `block_on`, and under any executor on a plain thread.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, Sender, bounded};
use smarm::{
    CallError, CallFuture, ExitReason, FlatCallFuture, Pid, ReplyTo, block_on, channel, sleep, spawn,
    yield_now,
};
use smarm_tests::{Tally, Token, actors, on, panic_message, plain, runtime};
use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const BRIEF: Duration = Duration::from_millis(2);
/// Longer than the second after which a deadlock is reported.
const SILENCE: Duration = Duration::from_millis(1700);

#[derive(Default)]
pub struct Desk {
    sum: u64,
    kept: Vec<ReplyTo<u64>>,
    waiting: Vec<ReplyTo<Token>>,
}

#[smarm::actor(mailbox = bounded(1))]
impl Desk {
    pub fn add(&mut self, by: u64) {
        self.sum += by;
    }
    pub fn sum(&self) -> u64 {
        self.sum
    }
    pub fn next(&mut self, #[into] by: u64) -> u64 {
        self.sum += by;
        self.sum
    }
    pub fn even(&self) -> Result<u64, String> {
        if self.sum.is_multiple_of(2) { Ok(self.sum) } else { Err("odd".into()) }
    }
    pub fn echo(&self, token: Token) -> Token {
        token
    }
    pub fn later(&mut self, reply: ReplyTo<u64>) {
        self.kept.push(reply);
    }
    pub fn token(&mut self, reply: ReplyTo<Token>) {
        self.waiting.push(reply);
    }
    pub fn who(&mut self, reply: ReplyTo<Pid>) {
        let caller = reply.caller();
        reply.send(caller);
    }
    pub fn answer_all(&mut self) {
        self.kept.drain(..).for_each(|reply| reply.send(7));
    }
    #[call]
    pub fn give(&mut self, tokens: Vec<Token>) {
        self.waiting.drain(..).zip(tokens).for_each(|(reply, token)| reply.send(token));
    }
    pub fn forget_all(&mut self) {
        self.kept.clear();
    }
    pub fn hold(&self, held: Sender<()>, go: Receiver<()>) {
        held.send(()).expect("a receiver");
        assert!(go.recv().is_err());
    }
    pub fn fail(&self) -> u64 {
        panic!("as asked");
    }
}

/// An executor for one future, on a plain thread.
fn run_here<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// A waker that counts.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn poll_once<F: Future + Unpin>(future: &mut F, count: &Arc<Count>) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(&Waker::from(count.clone())))
}

/// The types have names.
struct Pair {
    sum: CallFuture<DeskMsg, u64>,
    even: FlatCallFuture<DeskMsg, Result<u64, String>>,
}

fn calls(desk: &DeskHandle) -> DeskHandleAsync {
    desk.actor().to_async()
}

/// Runs `body` as an actor, and on a plain thread beside a runtime with one worker and with two.
fn anywhere(body: impl Fn(DeskHandle) + Clone + Send + Sync + 'static) {
    plain(|| {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let inner = body.clone();
            runtime.run(move || inner(Desk::default().start()));
            let inner = body.clone();
            runtime.run(move || {
                let desk = Desk::default().start();
                let (done, is_done) = channel::<()>();
                let handle = thread::spawn(move || {
                    inner(desk);
                    drop(done);
                });
                assert!(is_done.recv().is_err());
                handle.join().expect("no panic");
            });
        }
    });
}

/// `block_on` in an actor, the executor above elsewhere.
fn awaited<F: Future>(future: F) -> F::Output {
    if smarm::try_current().is_some() { block_on(future) } else { run_here(future) }
}

/// All of them at once; in their order.
async fn joined<F: Future + Unpin>(futures: Vec<F>) -> Vec<F::Output> {
    let mut places: Vec<(Option<F>, Option<F::Output>)> =
        futures.into_iter().map(|future| (Some(future), None)).collect();
    poll_fn(|context| {
        for (future, output) in &mut places {
            if let Some(it) = future
                && let Poll::Ready(ready) = Pin::new(it).poll(context)
            {
                (*future, *output) = (None, Some(ready));
            }
        }
        if places.iter().all(|(future, _)| future.is_none()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    places.into_iter().map(|(_, output)| output.expect("ready")).collect()
}

/// Keeps the desk busy until the sender is dropped, and its mailbox full.
fn busy(desk: &DeskHandle) -> Sender<()> {
    let ((held, is_held), (go, goes)) = (channel(), bounded(0));
    desk.hold(held, goes);
    is_held.recv().expect("it holds");
    desk.try_send(DeskMsg::Add { by: 1 }).expect("room for one");
    go
}

fn is_down(error: &CallError, was_delivered: bool) -> bool {
    matches!(error, CallError::Down { delivered, .. } if *delivered == was_delivered)
}

#[test]
fn a_call_is_awaited_like_any_future() {
    anywhere(|desk| {
        desk.add(3);
        let calls = calls(&desk);
        let both = async {
            let first = calls.sum().await?;
            let second = calls.next(1_u32).await?;
            Ok::<_, CallError>((first, second, calls.sum().await?))
        };
        assert_eq!(awaited(both).expect("it lives"), (3, 4, 4));
    });
}

#[test]
fn an_error_of_the_server_is_flat_or_not() {
    anywhere(|desk| {
        desk.add(3);
        assert_eq!(awaited(calls(&desk).even()).unwrap_err().into_reply().expect("its own"), "odd");
        let nested: CallFuture<_, Result<u64, String>> =
            desk.actor().call_async(|reply| DeskMsg::Even { __reply: reply });
        assert_eq!(awaited(nested).expect("it lives"), Err("odd".to_owned()));
        desk.add(1);
        let Pair { sum, even } = Pair { sum: calls(&desk).sum(), even: calls(&desk).even() };
        assert_eq!(awaited(async { (sum.await.expect("it lives"), even.await.expect("even")) }), (4, 4));
    });
}

#[test]
fn futures_are_send_and_go_from_thread_to_thread_between_polls() {
    fn assert_send<T: Send + 'static>(value: T) -> T {
        value
    }
    actors(|| {
        let desk = Desk::default().start();
        let mut future = assert_send(calls(&desk).later());
        let count = Arc::new(Count::default());
        assert!(poll_once(&mut future, &count).is_pending());
        let future = thread::spawn(move || {
            let count = Arc::new(Count::default());
            assert!(poll_once(&mut future, &count).is_pending());
            (future, count)
        });
        let (mut future, woken) = future.join().expect("no panic");
        desk.answer_all();
        desk.sum().expect("it lives");
        assert_eq!((count.0.load(SeqCst), woken.0.load(SeqCst)), (0, 1), "the last waker is called");
        assert!(matches!(poll_once(&mut future, &count), Poll::Ready(Ok(7))));
        drop(assert_send(calls(&desk).even()));
        assert_send(calls(&desk));
    });
}

#[test]
fn nothing_is_sent_before_the_first_poll_and_nothing_if_it_is_dropped() {
    anywhere(|desk| {
        let tally = Tally::new();
        let echo = |value| calls(&desk).echo(tally.token(value));
        let letters = smarm::dead_letters();
        drop(echo(1));
        assert_eq!((tally.alive(), smarm::dead_letters()), (0, letters));
        let later = echo(2);
        assert_eq!(awaited(calls(&desk).sum()).expect("it lives"), 0);
        assert_eq!(tally.alive(), 1);
        assert_eq!(awaited(later).expect("it lives").value(), 2);
        tally.check();
    });
}

#[test]
fn one_that_is_dropped_before_the_reply_is_a_caller_that_has_left() {
    anywhere(|desk| {
        let tally = Tally::new();
        let count = Arc::new(Count::default());
        let mut leaves = calls(&desk).token();
        let mut stays = calls(&desk).token();
        assert!(poll_once(&mut leaves, &count).is_pending());
        assert!(poll_once(&mut stays, &count).is_pending());
        drop(leaves);
        desk.give(vec![tally.token(1), tally.token(2)]).expect("it lives");
        assert_eq!((tally.alive(), count.0.load(SeqCst)), (1, 1));
        assert_eq!(awaited(stays).expect("answered").value(), 2);
        tally.check();
    });
}

#[test]
fn one_that_is_dropped_after_the_reply_drops_it() {
    anywhere(|desk| {
        let tally = Tally::new();
        let count = Arc::new(Count::default());
        let mut future = calls(&desk).token();
        assert!(poll_once(&mut future, &count).is_pending());
        desk.give(vec![tally.token(1)]).expect("it lives");
        assert_eq!((tally.alive(), count.0.load(SeqCst)), (1, 1));
        drop(future);
        tally.check();
    });
}

#[test]
fn a_message_that_was_sent_stays_in_the_mailbox_when_its_future_is_dropped() {
    anywhere(|desk| {
        let go = busy(&desk);
        let mut future = calls(&desk).next(10_u64);
        assert!(poll_once(&mut future, &Arc::default()).is_pending());
        drop(future);
        drop(go);
        assert_eq!(desk.sum().expect("it lives"), 11);
    });
}

#[test]
fn a_full_mailbox_takes_them_over_its_bound_in_their_order() {
    anywhere(|desk| {
        let go = busy(&desk);
        let count = Arc::new(Count::default());
        let mut futures: Vec<_> = (0..10).map(|_| calls(&desk).next(1_u64)).collect();
        for future in &mut futures {
            assert!(poll_once(future, &count).is_pending());
        }
        assert_eq!(desk.actor().info().mailbox_len, 11);
        drop(go);
        let sums = awaited(joined(futures));
        assert!(sums.into_iter().map(|sum| sum.expect("it lives")).eq(2..12));
    });
}

#[test]
fn thousands_are_awaited_at_once() {
    // Each wake polls all that are left; in the chaos build there are many wakes.
    const COUNT: u64 = if smarm_tests::is_chaos() { 1000 } else { 10_000 };
    anywhere(|desk| {
        let desk = desk.timeout(HOUR);
        let futures = (0..COUNT).map(|_| calls(&desk).next(1_u64)).collect();
        let sums = awaited(joined(futures));
        assert!(sums.into_iter().map(|sum| sum.expect("it lives")).eq(1..=COUNT));
    });
}

#[test]
fn what_was_sent_before_is_handled_before() {
    anywhere(|desk| {
        for n in 0..50 {
            desk.add(1);
            assert_eq!(awaited(calls(&desk).sum()).expect("it lives"), n + 1);
        }
    });
}

#[test]
fn the_time_is_over_although_the_server_is_busy() {
    anywhere(|desk| {
        let brief = desk.timeout(BRIEF);
        let later = awaited(calls(&brief).later());
        assert!(matches!(later, Err(CallError::Timeout { timeout: BRIEF, .. })));
        desk.answer_all();
        let go = busy(&desk);
        assert!(awaited(calls(&brief).sum()).unwrap_err().is_timeout());
        assert!(awaited(calls(&brief).even()).unwrap_err().is_timeout());
        drop(go);
        assert_eq!(awaited(calls(&desk).sum()).expect("it lives"), 1);
    });
}

#[test]
fn the_earlier_time_is_over_first() {
    anywhere(|desk| {
        let mut patient = calls(&desk.timeout(HOUR)).later();
        let count = Arc::new(Count::default());
        assert!(poll_once(&mut patient, &count).is_pending());
        let brief = awaited(calls(&desk.timeout(BRIEF)).later());
        assert!(matches!(brief, Err(CallError::Timeout { timeout: BRIEF, .. })), "{brief:?}");
        assert_eq!(count.0.load(SeqCst), 0);
        desk.answer_all();
        assert_eq!(awaited(patient).expect("answered"), 7);
    });
}

#[test]
fn without_a_limit_it_waits_for_the_reply() {
    anywhere(|desk| {
        let mut future = desk.actor().with_timeout(None).call_async(|reply| DeskMsg::Later { reply });
        assert!(poll_once(&mut future, &Arc::default()).is_pending());
        desk.answer_all();
        assert_eq!(awaited(future).expect("answered"), 7);
    });
}

#[test]
fn the_end_of_the_server_is_an_error_that_says_whether_it_was_delivered() {
    anywhere(|desk| {
        match awaited(calls(&desk).fail()).expect_err("it panics") {
            CallError::Down { reason: ExitReason::Panicked(info), delivered: true, .. } => {
                assert_eq!(info.message(), "as asked");
            }
            other => unreachable!("{other:?}"),
        }
        let error = awaited(calls(&desk).sum()).expect_err("it has ended");
        assert!(is_down(&error, false) && error.retry_is_safe());
    });
}

#[test]
fn who_waits_when_the_server_ends_is_told() {
    anywhere(|desk| {
        let count = Arc::new(Count::default());
        let mut kept = calls(&desk).later();
        assert!(poll_once(&mut kept, &count).is_pending());
        desk.sum().expect("it lives, and has the other one");
        let go = busy(&desk);
        let mut queued = calls(&desk).sum();
        assert!(poll_once(&mut queued, &count).is_pending());
        desk.kill();
        assert!(is_down(&awaited(queued).expect_err("it has ended"), false));
        assert!(is_down(&awaited(kept).expect_err("it has ended"), true));
        drop(go);
    });
}

#[test]
fn a_right_to_reply_that_is_dropped_tells_the_future() {
    anywhere(|desk| {
        let count = Arc::new(Count::default());
        let mut later = calls(&desk).later();
        assert!(poll_once(&mut later, &count).is_pending());
        desk.forget_all();
        desk.sum().expect("it lives");
        assert_eq!(count.0.load(SeqCst), 1);
        assert!(matches!(awaited(later), Err(CallError::Unanswered { .. })));
    });
}

#[test]
fn after_the_end_of_the_runtime_there_is_an_error() {
    plain(|| {
        let (unpolled, mut kept, mut queued) = on(2, || {
            let desk = Desk::default().start();
            let mut kept = calls(&desk).later();
            assert!(poll_once(&mut kept, &Arc::default()).is_pending());
            let queued = calls(&desk).sum();
            (calls(&desk).sum(), kept, queued)
        });
        assert!(is_down(&run_here(unpolled).expect_err("it has ended"), false));
        assert!(is_down(&run_here(&mut kept).expect_err("it has ended"), true));
        assert!(is_down(&run_here(&mut queued).expect_err("it has ended"), false));
    });
}

#[test]
fn mailboxes_that_do_not_let_senders_wait_keep_to_their_policy() {
    pub struct Picky;
    #[smarm::actor(mailbox = bounded(1), overflow = reject)]
    impl Picky {
        pub fn hold(&self, held: Sender<()>, go: Receiver<()>) {
            held.send(()).expect("a receiver");
            assert!(go.recv().is_err());
        }
        pub fn one(&self) -> u8 {
            1
        }
    }
    pub struct Forgetful;
    #[smarm::actor(mailbox = bounded(1), overflow = drop_oldest)]
    impl Forgetful {
        pub fn hold(&self, held: Sender<()>, go: Receiver<()>) {
            held.send(()).expect("a receiver");
            assert!(go.recv().is_err());
        }
        pub fn one(&self) -> u8 {
            1
        }
    }
    actors(|| {
        let picky = Picky.start();
        let ((held, is_held), (go, goes)) = (channel(), bounded(0));
        picky.hold(held, goes);
        is_held.recv().expect("it holds");
        let calls = picky.actor().to_async();
        let mut queued = calls.one();
        assert!(poll_once(&mut queued, &Arc::default()).is_pending());
        assert!(matches!(block_on(calls.one()), Err(CallError::Full { .. })));
        drop(go);
        assert_eq!(block_on(queued).expect("it was queued"), 1);

        let forgetful = Forgetful.start();
        let ((held, is_held), (go, goes)) = (channel(), bounded(0));
        forgetful.hold(held, goes);
        is_held.recv().expect("it holds");
        let calls = forgetful.actor().to_async();
        let count = Arc::new(Count::default());
        let (mut displaced, mut queued) = (calls.one(), calls.one());
        assert!(poll_once(&mut displaced, &count).is_pending());
        assert!(poll_once(&mut queued, &Arc::default()).is_pending());
        assert_eq!(count.0.load(SeqCst), 1);
        assert!(matches!(block_on(displaced), Err(CallError::Full { .. })));
        drop(go);
        assert_eq!(block_on(queued).expect("it was queued"), 1);
    });
}

#[test]
fn its_name_is_that_of_no_actor() {
    actors(|| {
        let desk = Desk::default().start();
        assert_ne!(block_on(calls(&desk).who()).expect("it lives"), smarm::current());
        let mut later = calls(&desk).later();
        let named = calls(&desk).who();
        let count = Arc::new(Count::default());
        assert!(poll_once(&mut later, &count).is_pending());
        let name = block_on(named).expect("it lives");
        // Both are nothing to it.
        smarm::kill(name);
        smarm::unpark(name);
        let down = smarm::monitor(name).recv().expect("told");
        assert!(matches!(down.reason, ExitReason::NoProc));
        desk.answer_all();
        assert_eq!(block_on(later).expect("answered"), 7);
    });
}

#[test]
fn a_wake_for_no_reason_is_one_more_poll() {
    pub struct Nag {
        reply: Option<ReplyTo<u64>>,
    }
    #[smarm::actor]
    impl Nag {
        pub fn ask(&mut self, reply: ReplyTo<u64>) {
            self.reply = Some(reply);
        }
        pub fn nag(&self) -> bool {
            self.reply.as_ref().map(|reply| smarm::kill(reply.caller())).is_some()
        }
        pub fn answer(&mut self) {
            self.reply.take().into_iter().for_each(|reply| reply.send(7));
        }
    }
    actors(|| {
        let nag = Nag { reply: None }.start();
        let count = Arc::new(Count::default());
        let mut future = nag.actor().to_async().ask();
        for woken in 0..3 {
            assert!(poll_once(&mut future, &count).is_pending());
            assert_eq!(count.0.load(SeqCst), woken);
            assert!(nag.nag().expect("it lives"));
        }
        nag.answer();
        assert_eq!(block_on(future).expect("answered"), 7);
    });
}

#[test]
fn a_waker_that_panics_does_not_concern_the_server() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in a waker, as asked");
        }
    }
    actors(|| {
        let desk = Desk::default().start();
        let mut future = calls(&desk).later();
        let waker = Waker::from(Arc::new(Panics));
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
        desk.answer_all();
        assert_eq!(desk.sum().expect("it lives"), 0);
        assert_eq!(block_on(future).expect("answered"), 7);
    });
}

#[test]
fn a_poll_after_it_was_ready_panics() {
    actors(|| {
        let desk = Desk::default().start();
        let mut future = calls(&desk).sum();
        block_on(&mut future).expect("it lives");
        assert!(panic_message(move || block_on(future)).contains("after it was ready"));
    });
}

#[test]
fn a_kill_between_two_polls_drops_the_future() {
    on(2, || {
        let desk = Desk::default().start();
        let tally = Tally::new();
        let asks = {
            let desk = desk.timeout(HOUR);
            spawn(move || block_on(calls(&desk).token()).map(drop))
        };
        let mut sums = 0;
        // It waits when the desk has its right to reply.
        while sums < 100 {
            sums += 1;
            yield_now();
        }
        asks.kill();
        assert!(matches!(asks.join(), Err(ExitReason::Killed)));
        desk.give(vec![tally.token(1)]).expect("it lives");
        tally.check();
    });
}

#[test]
fn slots_are_given_back() {
    anywhere(|desk| {
        const CALLS: usize = 5000;
        let mut indexes = HashSet::new();
        for n in 0..CALLS {
            indexes.insert(awaited(calls(&desk).who()).expect("it lives").index());
            let mut dropped = calls(&desk).who();
            if n % 2 == 0 {
                drop(poll_once(&mut dropped, &Arc::default()));
            }
        }
        assert!(indexes.len() < CALLS / 2, "{} slots for {CALLS} calls, one after the other", indexes.len());
    });
}

#[test]
fn while_a_waker_is_out_there_is_no_certain_deadlock() {
    struct Tell(Sender<()>);
    impl Wake for Tell {
        fn wake(self: Arc<Self>) {
            self.0.send(()).expect("the root waits");
        }
    }
    plain(|| {
        runtime(1).run(|| {
            let desk = Desk::default().start().timeout(SILENCE);
            let (tell, told) = channel();
            let waker = Waker::from(Arc::new(Tell(tell)));
            let mut context = Context::from_waker(&waker);
            let mut future = calls(&desk).later();
            assert!(Pin::new(&mut future).poll(&mut context).is_pending());
            told.recv().expect("the time is over");
            assert!(matches!(
                Pin::new(&mut future).poll(&mut context),
                Poll::Ready(Err(CallError::Timeout { .. }))
            ));
        });
    });
}

#[test]
fn when_all_are_over_a_deadlock_is_reported_again() {
    let report = plain(|| {
        panic_message(|| {
            runtime(1).run(|| {
                let desk = Desk::default().start();
                let mut later = calls(&desk).later();
                assert!(poll_once(&mut later, &Arc::default()).is_pending());
                block_on(calls(&desk).sum()).expect("it lives");
                drop(later);
                let (_open, never) = channel::<()>();
                unreachable!("received {:?}", never.recv());
            });
        })
    });
    assert!(report.contains("deadlock"), "{report}");
}

#[test]
fn replies_timeouts_and_drops_meet_at_any_moment() {
    for workers in [1, 2, 4] {
        let tally = Tally::new();
        let tokens = tally.clone();
        on(workers, move || {
            let desk = Desk::default().start();
            let work = |client: u64| {
                let (desk, tokens) = (desk.clone(), tokens.clone());
                move || {
                    for n in 0..100 {
                        let desk = desk.timeout(Duration::from_micros(10 + (client * 37 + n * 11) % 200));
                        let mut future = calls(&desk).echo(tokens.token(n));
                        let is_polled_once = n % 3 == 0;
                        if is_polled_once
                            && (poll_once(&mut future, &Arc::default()).is_ready() || n % 2 == 0)
                        {
                            continue; // dropped
                        }
                        if let Ok(token) = awaited(future) {
                            assert_eq!(token.value(), n);
                        }
                    }
                }
            };
            let actors: Vec<_> = (0..4).map(|client| spawn(work(client))).collect();
            let threads: Vec<_> = (4..8).map(|client| thread::spawn(work(client))).collect();
            actors.into_iter().for_each(|actor| actor.join().expect("no panic"));
            for thread in threads {
                while !thread.is_finished() {
                    sleep(BRIEF);
                }
                thread.join().expect("no panic");
            }
            desk.stop();
            desk.join();
        });
        tally.check();
    }
}
