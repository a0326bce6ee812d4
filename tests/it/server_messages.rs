//! What each form of a method is as a message of a server.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::channel::{Receiver, Sender, TrySendError};
use smarm::{
    Actor, ActorState, CallError, Ctx, ExitReason, Recipient, ReplyTo, channel, dead_letters, spawn,
};
use smarm_tests::{Tally, Token, actors, burn_stack, in_child, plain, runtime};
use std::collections::HashSet;
use std::time::Duration;
use std::{fmt, io, thread};

#[derive(Clone, PartialEq, Debug)]
struct Empty;

impl fmt::Display for Empty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing is left")
    }
}

type Fallible<T> = Result<T, Empty>;

/// Something of everything.
#[derive(Default)]
struct Shop {
    stock: u64,
    names: Vec<String>,
    waiting: Vec<ReplyTo<u64>>,
    told: Option<Sender<&'static str>>,
}

#[smarm::actor]
impl Shop {
    pub fn add(&mut self, by: u64) {
        self.stock += by;
    }
    pub fn stock(&self) -> u64 {
        self.stock
    }
    pub fn take(&mut self, by: u64) -> Result<u64, Empty> {
        self.stock = self.stock.checked_sub(by).ok_or(Empty)?;
        Ok(self.stock)
    }
    pub fn read(&self, path: &'static str) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
    #[call(nested)]
    pub fn take_nested(&mut self, by: u64) -> Result<u64, Empty> {
        self.take(by)
    }
    #[call(flat)]
    pub fn take_flat(&mut self, by: u64) -> Fallible<u64> {
        self.take(by)
    }
    pub fn take_alias(&mut self, by: u64) -> Fallible<u64> {
        self.take(by)
    }
    pub fn maybe(&self) -> Option<u64> {
        Some(self.stock).filter(|stock| *stock > 0)
    }
    #[call]
    pub fn flush(&mut self) {
        self.stock = 0;
    }
    #[cast]
    pub fn take_cast(&mut self, by: u64) -> Result<u64, Empty> {
        self.take(by)
    }
    pub fn rename(&mut self, #[into] name: String, times: usize) {
        self.names.extend(std::iter::repeat_n(name, times));
    }
    pub fn named(&self, #[into] name: String) -> usize {
        self.names.iter().filter(|other| **other == name).count()
    }
    pub fn later(&mut self, reply: ReplyTo<u64>) {
        self.waiting.push(reply);
    }
    pub fn later_or_not(&mut self, by: u64, reply: ReplyTo<Result<u64, Empty>>) {
        reply.send(self.take(by));
    }
    #[call(nested)]
    pub fn later_nested(&mut self, by: u64, reply: ReplyTo<Result<u64, Empty>>) {
        reply.send(self.take(by));
    }
    pub fn answer_all(&mut self) {
        let stock = self.stock;
        self.waiting.drain(..).for_each(|reply| reply.send(stock));
    }
    pub fn forget_all(&mut self) -> usize {
        self.waiting.drain(..).count()
    }
    pub fn elsewhere(&mut self, reply: ReplyTo<u64>) {
        let stock = self.stock;
        spawn(move || reply.send(stock + 1));
    }
    pub fn outside(&mut self, reply: ReplyTo<u64>) {
        let stock = self.stock;
        thread::spawn(move || reply.send(stock + 2));
    }
    pub fn passed_on(&mut self, to: ShopHandle, reply: ReplyTo<u64>) {
        to.answer(reply);
    }
    #[cast]
    pub fn answer(&mut self, reply: ReplyTo<u64>) {
        reply.send(self.stock);
    }
    pub fn number(&self, plus: u64, ctx: &mut Ctx<Self>) -> (smarm::Pid, u64) {
        (ctx.pid(), self.stock + plus)
    }
    pub fn again(&mut self, left: u64, ctx: &mut Ctx<Self>) {
        self.stock += 1;
        if left > 0 {
            ctx.handle().again(left - 1);
        }
    }
    pub fn leave(&mut self, ctx: &mut Ctx<Self>) -> u64 {
        ctx.stop();
        self.stock
    }
    pub fn close(self) -> u64 {
        self.stock
    }
    pub fn finish(self) {
        if let Some(told) = &self.told {
            told.send("finish").expect("the test listens");
        }
    }
    pub fn sell(self, price: u64) -> Result<u64, Empty> {
        if self.stock == 0 { Err(Empty) } else { Ok(self.stock * price) }
    }
    pub fn close_later(self, reply: ReplyTo<u64>) {
        reply.send(self.stock + 3);
    }
    #[skip]
    pub fn not_a_message(&self) -> &u64 {
        &self.stock
    }
    #[on_exit]
    fn bye(&mut self) {
        if let Some(told) = &self.told {
            told.send("exit").expect("the test listens");
        }
    }
}

fn shop(stock: u64) -> ShopHandle {
    Shop { stock, ..Shop::default() }.start()
}

#[test]
fn without_a_return_type_it_is_a_cast_and_with_one_a_call() {
    actors(|| {
        let shop = shop(0);
        let _: () = shop.add(2);
        shop.add(3);
        assert_eq!(shop.stock().expect("it lives"), 5);
    });
}

#[test]
fn an_error_of_the_method_is_the_callers_and_the_actor_lives() {
    actors(|| {
        let shop = shop(5);
        assert_eq!(shop.take(2).expect("there is enough"), 3);
        let error = shop.take(4).expect_err("there is less");
        assert!(matches!(&error, CallError::Reply(Empty)), "{error:?}");
        assert_eq!(error.to_string(), "nothing is left");
        assert_eq!(error.into_reply().expect("the server's own"), Empty);
        assert_eq!(shop.take(3).expect("still there"), 0);
    });
}

#[test]
fn a_result_by_its_path_is_flattened_too() {
    actors(|| {
        let shop = shop(0);
        assert!(!shop.read("/proc/self/maps").expect("Linux has it").is_empty());
        let error = shop.read("/no/such/file").expect_err("there is none").into_reply().expect("its own");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn nested_and_flat_are_what_the_mark_says() {
    actors(|| {
        let shop = shop(5);
        assert_eq!(shop.take_nested(1).expect("it lives"), Ok(4));
        assert_eq!(shop.take_nested(9).expect("it lives"), Err(Empty));
        assert_eq!(shop.take_flat(1).expect("there is enough"), 3);
        assert!(matches!(shop.take_flat(9), Err(CallError::Reply(Empty))));
        assert_eq!(shop.take_alias(1).expect("it lives"), Ok(2));
        assert_eq!(shop.maybe().expect("it lives"), Some(2));
    });
}

#[test]
fn a_call_without_a_value_returns_when_it_is_done() {
    actors(|| {
        let shop = shop(5);
        shop.flush().expect("it lives");
        assert_eq!(shop.stock().expect("it lives"), 0);
    });
}

#[test]
fn an_error_of_a_cast_goes_nowhere_and_the_actor_lives() {
    actors(|| {
        let shop = shop(5);
        shop.take_cast(9);
        shop.take_cast(2);
        assert_eq!(shop.stock().expect("it lives"), 3);
    });
}

#[test]
fn an_argument_marked_into_takes_what_converts() {
    actors(|| {
        let shop = shop(0);
        shop.rename("corner", 2);
        shop.rename(String::from("corner"), 1);
        shop.rename('c', 1);
        assert_eq!(shop.named("corner").expect("it lives"), 3);
    });
}

#[test]
fn a_reply_may_come_later() {
    actors(|| {
        let shop = shop(7);
        let callers: Vec<_> = (0..3)
            .map(|_| {
                let shop = shop.clone();
                spawn(move || shop.later())
            })
            .collect();
        let mut answered = 0;
        while answered < callers.len() {
            shop.answer_all();
            answered = callers.iter().filter(|caller| caller.is_finished()).count();
            smarm::yield_now();
        }
        for caller in callers {
            assert_eq!(caller.join().expect("no panic").expect("it was answered"), 7);
        }
    });
}

#[test]
fn a_later_reply_that_is_a_result_is_flattened_or_nested() {
    actors(|| {
        let shop = shop(2);
        assert_eq!(shop.later_or_not(1).expect("there is enough"), 1);
        assert!(matches!(shop.later_or_not(5), Err(CallError::Reply(Empty))));
        assert_eq!(shop.later_nested(5).expect("it lives"), Err(Empty));
    });
}

#[test]
fn a_reply_may_come_from_another_actor_or_thread() {
    actors(|| {
        let (shop, other) = (shop(1), shop(100));
        assert_eq!(shop.elsewhere().expect("the other one answers"), 2);
        assert_eq!(shop.outside().expect("the thread answers"), 3);
        assert_eq!(shop.passed_on(other).expect("the other server answers"), 100);
        assert_eq!(shop.passed_on(shop.clone()).expect("it answers itself, later"), 1);
    });
}

#[test]
fn a_right_to_reply_that_is_dropped_tells_the_caller_at_once() {
    actors(|| {
        let shop = shop(7);
        let caller = spawn({
            let shop = shop.actor().with_timeout(None);
            move || shop.call_deferred(|reply| ShopMsg::Later { reply })
        });
        while shop.forget_all().expect("it lives") == 0 {
            smarm::yield_now();
        }
        let error = caller.join().expect("no panic").expect_err("nobody answers");
        assert!(matches!(error, CallError::Unanswered { callee, .. } if callee == shop.pid()), "{error:?}");
        assert!(!error.retry_is_safe());
        assert_eq!(shop.stock().expect("it lives"), 7);
    });
}

#[test]
fn the_context_is_no_part_of_the_message() {
    actors(|| {
        let shop = shop(7);
        assert_eq!(shop.number(1).expect("it lives"), (shop.pid(), 8));
        shop.again(3);
        while shop.stock().expect("it lives") < 11 {}
        assert_eq!(shop.leave().expect("it answers and ends"), 11);
        assert!(shop.join().is_normal());
    });
}

#[test]
fn a_method_is_called_without_a_runtime_too() {
    plain(|| {
        let mut ctx = Ctx::detached();
        let mut shop = Shop { stock: 3, ..Shop::default() };
        assert_eq!(shop.leave(&mut ctx), 3);
        assert!(ctx.is_stopping());
        assert_eq!(*shop.not_a_message(), 3);
        assert_eq!(shop.close(), 3);
    });
}

#[test]
fn a_message_by_value_is_the_last_one() {
    actors(|| {
        let (tell, told) = channel();
        let start = |stock| Shop { stock, told: Some(tell.clone()), ..Shop::default() }.start();
        let shop = start(4);
        assert_eq!(shop.close().expect("it answers"), 4);
        assert!(shop.join().is_normal());
        let shop = start(4);
        assert_eq!(shop.sell(5).expect("it answers"), 20);
        assert!(shop.join().is_normal());
        let shop = start(0);
        assert!(matches!(shop.sell(5), Err(CallError::Reply(Empty))));
        assert!(shop.join().is_normal());
        let shop = start(4);
        assert_eq!(shop.close_later().expect("it answers"), 7);
        assert!(shop.join().is_normal());
        let shop = start(4);
        shop.finish();
        assert!(shop.join().is_normal());
        drop(tell);
        assert_eq!(told.iter().collect::<Vec<_>>(), ["finish"], "`on_exit` does not run after it");
    });
}

#[test]
fn what_comes_after_the_last_message_is_not_delivered() {
    in_child(|| {
        actors(|| {
            let before = dead_letters();
            let shop = shop(4);
            // One after the other, and the server runs only when this actor waits.
            for _ in 0..3 {
                shop.add(1);
            }
            shop.finish();
            let sent = shop.try_send(ShopMsg::Add { by: 1 });
            shop.join();
            let lost = u64::from(sent.is_ok());
            let error = shop.stock().expect_err("it has ended");
            assert!(matches!(&error, CallError::Down { reason: ExitReason::Normal, delivered: false, .. }));
            assert!(error.retry_is_safe() && error.is_down());
            shop.add(1);
            assert!(matches!(shop.try_send(ShopMsg::Add { by: 1 }), Err(TrySendError::Disconnected(_))));
            assert_eq!(dead_letters() - before, lost + 1);
        });
    })
    .is_success();
}

#[test]
fn a_message_is_a_value_that_can_be_handed_back() {
    actors(|| {
        let shop = shop(4);
        assert!(shop.try_send(ShopMsg::Add { by: 2 }).is_ok());
        assert_eq!(shop.stock().expect("it lives"), 6);
        shop.stop();
        shop.join();
        let Err(TrySendError::Disconnected(ShopMsg::Add { by: 3 })) = shop.try_send(ShopMsg::Add { by: 3 })
        else {
            panic!("the message was not handed back");
        };
    });
}

#[test]
fn handles_are_equal_if_they_name_the_same_server() {
    actors(|| {
        let (one, other) = (shop(1), shop(1));
        assert_eq!(one, one.clone());
        assert_eq!(one, one.timeout(Duration::from_secs(1)));
        assert_ne!(one, other);
        let set: HashSet<_> = [one.clone(), other.clone(), one.clone()].into_iter().collect();
        assert_eq!(set.len(), 2);
        assert!(format!("{one:?}").contains(&one.pid().to_string()), "{one:?}");
        assert_ne!(one.pid(), other.pid());
    });
}

#[test]
fn info_tells_name_state_and_mail() {
    actors(|| {
        let shop = shop(1);
        let info = shop.actor().info();
        assert_eq!((info.pid, info.name.as_str(), info.mailbox_len), (shop.pid(), "Shop", 0));
        assert_eq!(info.state, ActorState::Idle);
        shop.stop();
        shop.join();
        assert_eq!(shop.actor().info().state, ActorState::Ended);
    });
}

// ---- recipients -------------------------------------------------------------------------------------------------------

struct Line(String);

#[derive(Default)]
struct Sink {
    lines: Vec<String>,
}

#[smarm::actor(name = "the sink", derive(Debug))]
impl Sink {
    pub fn write(&mut self, line: String) {
        self.lines.push(line);
    }
    pub fn lines(&self) -> Vec<String> {
        self.lines.clone()
    }
}

impl From<Line> for SinkMsg {
    fn from(Line(line): Line) -> Self {
        Self::Write { line }
    }
}

#[test]
fn a_recipient_takes_one_type_for_any_server() {
    actors(|| {
        let sink = Sink::default().start();
        let from: Recipient<Line> = sink.actor().recipient();
        let with: Recipient<u32> =
            sink.actor().recipient_with(|n: u32| SinkMsg::Write { line: n.to_string() });
        let shop = shop(0);
        let to_shop: Recipient<u32> = shop.actor().recipient_with(|n| ShopMsg::Add { by: u64::from(n) });
        from.cast(Line("a".into()));
        [with.clone(), to_shop, with].iter().for_each(|recipient| recipient.cast(7));
        assert_eq!(sink.lines().expect("it lives"), ["a", "7", "7"]);
        assert_eq!(shop.stock().expect("it lives"), 7);
        assert_eq!(from.pid(), sink.pid());
        from.send_after(Duration::ZERO, Line("later".into()));
        while sink.lines().expect("it lives").len() < 4 {
            smarm::yield_now();
        }
    });
}

#[test]
fn options_name_the_server_and_derive_for_its_messages() {
    actors(|| {
        let sink = Sink::default().start();
        assert_eq!(sink.actor().info().name, "the sink");
        let message = || SinkMsg::Write { line: "x".into() };
        assert_eq!(format!("{:?}", message()), "Write { line: \"x\" }");
    });
}

// ---- generics, shapes of values, stacks ---------------------------------------------------------------------------------

#[repr(align(128))]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Aligned(u8);

struct Echo<T>(Option<T>);

#[smarm::actor]
impl<T: Clone> Echo<T> {
    pub fn put(&mut self, value: T) {
        self.0 = Some(value);
    }
    pub fn get(&self) -> Option<T> {
        self.0.clone()
    }
    pub fn swap(&mut self, value: T) -> Option<T> {
        self.0.replace(value)
    }
}

fn echoes<T: Clone + PartialEq + fmt::Debug + Send + 'static>(value: T) {
    let echo = Echo(None).start();
    assert_eq!(echo.get().expect("it lives"), None);
    echo.put(value.clone());
    assert_eq!(echo.get().expect("it lives"), Some(value.clone()));
    assert_eq!(echo.swap(value.clone()).expect("it lives"), Some(value));
}

#[test]
fn values_of_every_size_and_alignment_arrive_whole() {
    actors(|| {
        echoes(());
        echoes(7_u8);
        echoes(u128::MAX);
        echoes(Aligned(9));
        echoes([3_u8; 5000]);
        echoes(vec![String::from("x"); 100]);
        echoes(Box::new([1_u64; 9]));
    });
}

struct Deep;

#[smarm::actor(stack = "1M")]
impl Deep {
    pub fn burn(&self, kib: usize) -> u64 {
        burn_stack(kib)
    }
}

#[test]
fn a_server_may_ask_for_a_larger_stack() {
    actors(|| assert!(Deep.start().burn(500).expect("it lives") > 0));
}

// ---- traits -------------------------------------------------------------------------------------------------------------

fn pool<A: Actor>(make: impl Fn(usize) -> A) -> Vec<A::Handle> {
    (0..4).map(|n| smarm::start(make(n))).collect()
}

#[test]
fn code_may_be_generic_over_actors() {
    actors(|| {
        let shops = pool(|n| Shop { stock: n as u64, ..Shop::default() });
        assert_eq!(shops.iter().map(|shop| shop.stock().expect("it lives")).sum::<u64>(), 6);
        let pids: HashSet<_> = shops.iter().map(|shop| shop.actor().pid()).collect();
        assert_eq!(pids.len(), 4);
    });
}

// ---- plain threads ------------------------------------------------------------------------------------------------------

#[test]
fn messages_may_come_from_plain_threads() {
    plain(|| {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            let (give, given) = channel::<ShopHandle>();
            let thread = thread::spawn(move || {
                let shop = given.recv().expect("the root gives one");
                for _ in 0..100 {
                    shop.add(1);
                    shop.take(1).expect("there is one");
                }
                assert!(matches!(shop.take(1), Err(CallError::Reply(Empty))));
                assert_eq!(shop.elsewhere().expect("it answers"), 1);
                shop.stop();
                shop.join()
            });
            runtime.run(move || {
                let shop = shop(0);
                give.send(shop.clone()).expect("the thread waits");
                assert!(shop.join().is_normal());
            });
            assert!(thread.join().expect("no panic").is_normal());
        }
    });
}

// ---- what messages own --------------------------------------------------------------------------------------------------

struct Keeper {
    kept: Vec<Token>,
}

#[smarm::actor]
impl Keeper {
    pub fn keep(&mut self, token: Token) {
        self.kept.push(token);
    }
    pub fn drop_it(&mut self, token: Token) -> u64 {
        token.value()
    }
    pub fn give(&mut self) -> Option<Token> {
        self.kept.pop()
    }
    pub fn close(self) -> Vec<Token> {
        self.kept
    }
    pub fn block(&mut self, gate: Receiver<()>) {
        gate.recv().ok();
    }
}

#[test]
fn each_value_in_a_message_or_reply_is_dropped_once() {
    let tally = Tally::new();
    actors({
        let tally = tally.clone();
        move || {
            let keeper = Keeper { kept: Vec::new() }.start();
            (0..10).for_each(|n| keeper.keep(tally.token(n)));
            assert_eq!(keeper.drop_it(tally.token(5)).expect("it lives"), 5);
            assert_eq!(keeper.give().expect("it lives").expect("one of ten").value(), 9);
            assert_eq!(keeper.close().expect("it answers").len(), 9);
            keeper.keep(tally.token(11));
            assert!(keeper.drop_it(tally.token(12)).is_err());
            let keeper = Keeper { kept: Vec::new() }.start();
            let (open, gate) = channel();
            keeper.block(gate);
            (0..10).for_each(|n| keeper.keep(tally.token(n)));
            keeper.actor().stop_now();
            drop(open);
            keeper.join();
        }
    });
    tally.check();
}
