//! The procedural macros of smarm.
//!
//! Use them through the `smarm` crate, which re-exports them with everything that their expansions name:
//!
//! - [`#[smarm::actor]`](macro@actor) makes the methods of an `impl` the messages of an actor.
//! - [`#[smarm::main]`](macro@main) runs a program's `main` as the root actor, [`#[smarm::test]`](macro@test) a test.
//! - [`#[smarm::preemptible]`](macro@preemptible) puts a `check!()` into the loops of a function.

mod actor;
mod advice;
mod attr;
mod checkpoint;
mod expand;
mod mistakes;
mod preemptible;
mod select;
mod valid;
mod value;

use proc_macro::TokenStream;

/// What `smarm::select!` hands its words to; see there.
#[doc(hidden)]
#[proc_macro]
pub fn select(input: TokenStream) -> TokenStream {
    select::expand(input.into()).into()
}

/// Runs `main` as the root actor of a runtime.
///
/// ```ignore
/// #[smarm::main]
/// fn main() {
///     let answer = smarm::spawn(|| 6 * 7).join();
///     assert_eq!(answer.ok(), Some(42));
/// }
/// ```
///
/// `main` may return what a plain one may, `Result<(), Box<dyn Error>>` for one: the result becomes the exit code on
/// the root actor itself, so it need not be `Send`. A panic of the root ends the program with code 101, as
/// everywhere.
///
/// # Signals
///
/// `SIGTERM` and `SIGINT` (Ctrl-C) end the program in order, as `smarm::shutdown` does: hooks, supervisors, servers, then all others, within
/// the shutdown timeout. A second signal kills all actors at once; a third one has the system's default meaning, and ends the process. A
/// signal for which the program had installed a handler before `main`, or which its parent has it ignore, is left alone, and so are all
/// other signals. A handler that is installed later replaces this one, or is called beside it, as its crate does it: for those there
/// is `signals = false`. Masks are not changed, so the children of the program inherit nothing of this.
///
/// | what has happened | exit code |
/// |---|---|
/// | the root panicked | 101 |
/// | a signal came, and then a second one, or the shutdown timeout passed with actors left | 128 + the signal's number |
/// | the root returned, also after a signal | its own |
/// | the shutdown ended the root | 0 |
/// | it was ended otherwise (a kill, a deadlock) | 1, and a sentence on standard error |
///
/// An actor that panics, and is not the root, is told of in one line; that alone neither ends the program nor changes its exit code.
///
/// # Options
///
/// The keys are the methods of `smarm::runtime::Config`, and four more (`workers`, `alloc`, `signals`, `crate`):
///
/// | key | value | default |
/// |---|---|---|
/// | `workers` | `n`, or `min..=max`: as many as there are CPUs, within these bounds | one per available CPU |
/// | `alloc_interval` | events | `128` |
/// | `timeslice_cycles` | cycles of the CPU's time-stamp counter | `300_000` |
/// | `stack_size` | a size, the 64 KiB guard included | `"256K"` |
/// | `root_stack_size` | a size, the guard included | `"8M"` |
/// | `deadlock` | a `smarm::runtime::Deadlock` | `Deadlock::Warn` |
/// | `shutdown_timeout` | a time | `"5s"` |
/// | `stall_after` | a time | `"10ms"` |
/// | `spares` | OS threads | twice the workers, at least `4` |
/// | `blocking_threads` | OS threads | `512` |
/// | `on_stall` | a function or closure of `&smarm::runtime::Stall` | a line on standard error |
/// | `alloc` | whether `smarm::Alloc`, around the system's allocator, is the program's; `false` to choose another one | `true` |
/// | `signals` | whether `SIGTERM` and `SIGINT` end the program in order; `false` to leave them alone | `true` |
/// | `crate` | the path of smarm, where it has another name | `::smarm` |
///
/// A *size* is a number of bytes, any `usize` expression, or text: `"256K"`, `"8M"`. A *time* is any `Duration`
/// expression, or text: `"100ms"`, `"5s"`, `"2min"`. Every value may be any expression of its type.
///
/// ```ignore
/// use smarm::runtime::Deadlock;
///
/// #[smarm::main(workers = 1..=4, stack_size = "1M", deadlock = Deadlock::Fail, shutdown_timeout = "500ms")]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     Ok(())
/// }
/// ```
///
/// # What is generated
///
/// ```text
/// fn main() -> ::std::process::ExitCode {
///     #[cfg(not(test))]
///     #[global_allocator]
///     static __SMARM_ALLOC: ::smarm::Alloc = ::smarm::Alloc::system();
///     fn main() -> Result<(), Box<dyn std::error::Error>> {
///         Ok(())
///     }
///     ::smarm::__private::run_main(
///         ::smarm::runtime::Config::new(1, 4, ::core::option::Option::None)
///             .stack_size(1048576)
///             .deadlock(Deadlock::Fail)
///             .shutdown_timeout(::core::time::Duration::from_millis(500)),
///         main,
///     )
/// }
/// ```
///
/// Attributes and visibility stay on the outer function. The body is passed on as it was written, but for a `check!()` in
/// its loops: see [`#[smarm::preemptible]`](macro@preemptible).
///
/// # Errors
///
/// Refused, each with a sentence on the tokens it is about, all of them in one go: an unknown key, a key given twice,
/// a literal of the wrong type or out of range; a function that is not called `main`, takes arguments, is `async`,
/// `const`, `unsafe`, `extern` or generic; a second `main` attribute.
///
/// # Limits
///
/// - A computed value that is out of range panics when the program starts, at the attribute's place.
/// - Another attribute macro on the same function sees the outer function, not the user's.
/// - A program has one global allocator. If it, or a crate that it uses, has one already, the compiler says so, and `alloc = false` is
///   the answer: the other one can be put inside a `smarm::Alloc`, whose page shows how. The program's own unit tests have no allocator of
///   smarm's unless one is written: their `main` is the test harness's.
#[proc_macro_attribute]
pub fn main(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::main(attribute.into(), item.into()).into()
}

/// Runs a test as the root actor of a runtime of its own, under a watchdog.
///
/// ```ignore
/// #[smarm::test]
/// fn six_times_seven() {
///     let answer = smarm::spawn(|| 6 * 7).join();
///     assert_eq!(answer.ok(), Some(42));
/// }
/// ```
///
/// It has 2 workers, a deadlock fails it, and after 60 s the watchdog writes the test's name and its actors to
/// standard error and aborts the process. `#[should_panic]`, `#[ignore]` and a return type work as under a plain
/// `#[test]`; a panic of the root is the test's.
///
/// # Options
///
/// Those of [`#[smarm::main]`](macro@main) without `alloc` and `signals`, with these defaults of its own:
///
/// | key | value | default |
/// |---|---|---|
/// | `workers` | `n`, or `min..=max`: as many as there are CPUs, within these bounds | `2` |
/// | `deadlock` | a `smarm::runtime::Deadlock` | `Deadlock::Fail` |
/// | `watchdog` | a time | `"60s"` |
///
/// ```ignore
/// #[smarm::test(workers = 1, watchdog = "5s")]
/// #[should_panic(expected = "overflow")]
/// fn one_more_is_too_many() {
///     let _ = std::hint::black_box(u8::MAX) + 1;
/// }
/// ```
///
/// # What is generated
///
/// ```text
/// #[::core::prelude::v1::test]
/// #[should_panic(expected = "overflow")]
/// fn one_more_is_too_many() {
///     fn one_more_is_too_many() {
///         let _ = std::hint::black_box(u8::MAX) + 1;
///     }
///     ::smarm::__private::run_test(
///         ::smarm::runtime::Config::exact(1).deadlock(::smarm::runtime::Deadlock::Fail),
///         ::core::time::Duration::from_millis(5000),
///         ::core::concat!(::core::module_path!(), "::", ::core::stringify!(one_more_is_too_many)),
///         one_more_is_too_many,
///     );
/// }
/// ```
///
/// A test with a return type returns an `ExitCode` instead, and its error is written as after a plain test.
///
/// # Errors
///
/// As for [`#[smarm::main]`](macro@main), but for the function's name; a second `test` attribute is refused too.
///
/// # Limits
///
/// - Loops in a test are as they are written: for checks in them, put `#[smarm::preemptible]` above this attribute.
/// - A plain `#[test]` *above* this attribute is gone before it can be refused, and the test runs twice.
/// - The other limits are those of [`#[smarm::main]`](macro@main).
#[proc_macro_attribute]
pub fn test(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::test(attribute.into(), item.into()).into()
}

/// Makes the methods of an `impl` the messages of an actor.
///
/// ```ignore
/// pub struct Counter { n: u64 }
///
/// #[smarm::actor]
/// impl Counter {
///     pub fn add(&mut self, by: u64) { self.n += by; }
///     pub fn get(&self) -> u64 { self.n }
/// }
///
/// let counter: CounterHandle = Counter { n: 0 }.start();
/// counter.add(2);
/// assert_eq!(counter.get()?, 2);
/// ```
///
/// `start` moves the value into an actor and gives a *handle*: it is `Clone`, `Send` and `Sync`, compares and hashes by
/// the actor it stands for, and has the same methods. The `impl` itself is not changed, so it is tested without a runtime.
///
/// # Which methods are messages
///
/// Every method that has a receiver and is not private. Functions without a receiver, private methods and what is under
/// `#[skip]` stay what they are. **A method with a return type is a *call***: the caller waits for the reply. **One
/// without is a *cast***: it is sent, and that is that.
///
/// | written | the handle's method |
/// |---|---|
/// | `pub fn add(&mut self, by: u64)` | `fn add(&self, by: u64)`: a cast; parks while the mailbox is full |
/// | `pub fn get(&self) -> u64` | `fn get(&self) -> Result<u64, CallError>`: a call |
/// | `pub fn take(&mut self) -> Result<u64, Empty>` | `fn take(&self) -> Result<u64, CallError<Empty>>`: the `Err` is the caller's, and the actor lives |
/// | `#[call(nested)]` above that | `fn take(&self) -> Result<Result<u64, Empty>, CallError>` |
/// | `#[call(flat)]` above `-> Fallible<u64>`, an alias of `Result` with another name | `fn take(&self) -> Result<u64, CallError<Failure>>` |
/// | `#[call] pub fn flush(&mut self)` | `fn flush(&self) -> Result<(), CallError>`: waits until it is done |
/// | `#[cast] pub fn save(&mut self) -> Result<(), Full>` | `fn save(&self)`: an `Err` is reported and counted |
/// | `pub fn sum(&mut self, of: u64, reply: ReplyTo<u64>)` | `fn sum(&self, of: u64) -> Result<u64, CallError>`: answered later, or by another actor |
/// | `pub fn close(self) -> u64` | `fn close(&self) -> Result<u64, CallError>`: the last message; the actor ends with it |
/// | `ctx: &mut Ctx<Self>` among the parameters | not there: the actor's context is no part of the message |
/// | `#[into] name: String` | `name: impl Into<String>` |
///
/// Arguments, replies and the state must be `Send + 'static`; `&'static str`, `Box<dyn Fn(&str) + Send>` and `fn(&str)` are.
/// `Rc` and references on the stack of a method are fine: a method that has begun never changes its thread.
///
/// # Hooks
///
/// Methods that the actor calls itself. They may be private, are never messages, and may take `ctx: &mut Ctx<Self>`.
///
/// | attribute | may also take | when |
/// |---|---|---|
/// | `#[on_start]` | | before the first message |
/// | `#[on_exit]` | `why: &ExitReason` | after the last message, whatever the reason; not after a last message that took `self`. After a panic the state may be half changed |
/// | `#[on_down]` | `down: Down` | when an actor that this one monitors has ended |
/// | `#[on_linked_exit]` | `exit: Exit` | when an exit signal comes: somebody who is linked has ended. Without this hook it ends the actor, unless the reason is `Normal` |
/// | `#[every("1s")]` | | each second, between two messages; there may be several |
/// | `#[idle("30s")]` | | when no message came for that long |
///
/// A panic in a hook ends the actor with that reason. One method may be several hooks.
///
/// # Options
///
/// | key | value | default |
/// |---|---|---|
/// | `mailbox` | `bounded(n)`, room for n messages, or `unbounded` | `bounded(1024)` |
/// | `overflow` | what becomes of a cast when the mailbox is full: `park` the sender, `reject` it, `drop_oldest` or `drop_newest` | `park` |
/// | `timeout` | a time: how long a call waits, for room in the mailbox too; or `none` | `"5s"` |
/// | `stack` | a size: what the methods run on | the runtime's `stack_size` |
/// | `name` | what reports call the actor | the type's name |
/// | `handle` | the name of the handle's type | `CounterHandle` |
/// | `msg` | the name of the messages' type | `CounterMsg` |
/// | `derive(..)` | what to derive for the messages' type | nothing |
/// | `stop_on_drop` | alone: the actor ends when its last handle is dropped | it goes on |
/// | `own_thread` | alone: the actor runs on an OS thread of its own, which it may block | on a worker's, with others |
/// | `crate` | the path of smarm, where it has another name | `::smarm` |
///
/// A *time* is any `Duration` expression, or text: `"100ms"`, `"5s"`, `"2min"`. A *size* is a number of bytes, any `usize`
/// expression, or text: `"256K"`, `"1M"`.
///
/// ```ignore
/// #[smarm::actor(mailbox = bounded(64), overflow = drop_oldest, timeout = "500ms", derive(Debug))]
/// impl Sensor { .. }
/// ```
///
/// # The handle
///
/// `pid()`, `stop()` (in its turn among the messages), `kill()`, `join()`; `timeout(d)`, the same actor with another time
/// limit for calls; `try_send(message)` and `send_after(delay, message)`, for casts, with the message as a value
/// (`CounterMsg::Add { by: 1 }`); `actor()`, the `ActorRef` with everything else. These names, `start` and `clone` cannot be
/// messages; every other name can, now and later.
///
/// # What is generated
///
/// For an account in a bank, without what is the same for every actor (the verbs of the handle; `Debug`, `PartialEq`, `Eq` and
/// `Hash`, all by the actor's identity), and with shorter paths: the real ones are `::smarm::..` and `::core::..` in full.
///
/// ```ignore
/// #[smarm::actor(mailbox = bounded(256))]
/// impl Account {
///     /// Puts money in.
///     pub fn deposit(&mut self, amount: u64) { self.balance += amount; }
///     /// Takes money out.
///     pub fn withdraw(&mut self, amount: u64) -> Result<u64, Insufficient> { .. }
///     /// Pays out what is left.
///     pub fn close(self) -> u64 { self.balance }
/// }
/// ```
///
/// ```text
/// impl Account { .. }                                    // as it was written, but for `check!()` in its loops
///
/// /// The messages of `Account`.
/// #[non_exhaustive]
/// pub enum AccountMsg {
///     /// Cast. Puts money in.
///     Deposit { amount: u64 },
///     /// Call. Takes money out.
///     Withdraw { amount: u64, __reply: ReplyTo<Result<u64, Insufficient>> },
///     /// Call. Pays out what is left.
///     Close { __reply: ReplyTo<u64> },
/// }
///
/// /// A handle to a running `Account`: clone it, send it, keep it as long as you like.
/// pub struct AccountHandle { actor: ActorRef<AccountMsg> }
///
/// impl AccountHandle {
///     /// Cast. Puts money in.
///     pub fn deposit(&self, amount: u64) { self.actor.cast(AccountMsg::Deposit { amount }) }
///
///     /// Call. Takes money out.
///     pub fn withdraw(&self, amount: u64) -> Result<u64, CallError<Insufficient>> {
///         flat(self.actor.call(|reply| AccountMsg::Withdraw { amount, __reply: reply }))
///     }
///
///     /// Call. Pays out what is left.
///     pub fn close(&self) -> Result<u64, CallError> {
///         self.actor.call(|reply| AccountMsg::Close { __reply: reply })
///     }
/// }
///
/// impl Account {
///     /// Starts the actor, and gives a handle to it.
///     pub fn start(self) -> AccountHandle {
///         every_argument_and_reply_must_be_send::<u64>();
///         every_argument_and_reply_must_be_send::<Result<u64, Insufficient>>();
///         the_state_of_an_actor_must_be_send::<Account>();
///         smarm::start(self)
///     }
/// }
///
/// unsafe impl Actor for Account {                        // sound by what `start` asserts
///     type Msg = AccountMsg;
///     type Handle = AccountHandle;
///
///     fn __options() -> ServerOptions { ServerOptions::new("Account").bounded(256) }
///
///     fn __dispatch(&mut self, message: AccountMsg, ctx: &mut Ctx<Self>) -> ControlFlow<AccountMsg> {
///         match message {
///             AccountMsg::Deposit { amount } => Self::deposit(self, amount),
///             AccountMsg::Withdraw { amount, __reply: reply } => reply.send(Self::withdraw(self, amount)),
///             last @ AccountMsg::Close { .. } => return ControlFlow::Break(last),
///         }
///         ControlFlow::Continue(())
///     }
///
///     fn __last(self, message: AccountMsg, ctx: &mut Ctx<Self>) {
///         match message {
///             AccountMsg::Close { __reply: reply } => reply.send(Self::close(self)),
///             _ => {}
///         }
///     }
/// }
/// ```
///
/// Generics, bounds, the visibility of methods, doc comments, `#[cfg]`, `#[deprecated]`, `#[must_use]` and `#[allow]` are
/// carried over. The two types are `pub`, since a trait names them; where they can be reached is up to the module. What
/// sends or starts asks `Send + 'static` of every type parameter; the types themselves do not. Nothing generated needs an
/// import, trips a lint, or counts as `unsafe` under `#![forbid(unsafe_code)]`.
///
/// # Errors
///
/// Refused, each with a sentence on the tokens it is about that tells what to write instead, all of them in one go: a
/// reference or a lifetime in an argument or a reply; `impl Trait`; a method that is generic, `async`, `const`, `unsafe` or
/// `extern`; `-> ()` and `-> !`; `self: Box<Self>`; a pattern as a parameter; a name that the handle has for itself; two
/// methods that make one variant; a hook with other parameters, or twice; an attribute or a key that is nearly one of
/// smarm's; `#[smarm::actor]` on anything but a type's own `impl`. A refused method still has a handle method, so that its
/// uses raise no further errors. What is not `Send` is rustc's to find: one error per type, on that type.
///
/// # Limits
///
/// - One annotated `impl` per type; helpers go into another, plain one. `impl Cache<u8>` and `impl Cache<u16>` can both be
///   actors, with `handle = ..` and `msg = ..`.
/// - A type with a lifetime parameter is no actor: it would end before its handles do.
/// - Types are judged by their names: `Result`, `ReplyTo`, `Ctx`, `ExitReason` and `Down` under another name are not
///   recognised, and an elided lifetime that cannot be seen (`Ref<u8>`) is rustc's to refuse.
/// - `macro!{}` items in the `impl` are passed on: what they expand to is no message. So is `#[cfg_attr(..)]`, which is
///   neither read nor carried over; `#[cfg]` on a parameter is refused.
/// - Checks go into the loops that are written out; see [`#[smarm::preemptible]`](macro@preemptible).
#[proc_macro_attribute]
pub fn actor(attribute: TokenStream, item: TokenStream) -> TokenStream {
    actor::expand(attribute.into(), item.into()).into()
}

/// Puts a `check!()` into the loops of a function, so that code that only computes lets others run.
///
/// ```ignore
/// #[smarm::preemptible]
/// fn count_primes(below: u64) -> usize {
///     let mut count = 0;
///     for n in 2..below {
///         if (2..n).all(|d| n % d != 0) {
///             count += 1;
///         }
///     }
///     count
/// }
/// ```
///
/// It goes on a function, an `impl`, a trait, or a module in braces with all of these in it. What is under
/// [`#[smarm::main]`](macro@main) or [`#[smarm::actor]`](macro@actor) has the same checks already. Outside an actor they
/// do nothing.
///
/// # What is generated
///
/// ```text
/// fn count_primes(below: u64) -> usize {
///     let mut count = 0;
///     for n in 2..below {
///         ::smarm::__private::checkpoint();
///         if (2..n).all(|d| n % d != 0) {
///             count += 1;
///         }
///     }
///     count
/// }
/// ```
///
/// | where a loop stands | what it gets |
/// |---|---|
/// | in the function, however deep; in a closure that is passed directly to `spawn`, `s.spawn`, `Builder::spawn` or `scope` | a check, which may switch, and delivers a kill |
/// | there, with `unsafe` in the loop, in a loop around it, or before it in the function | a check that may switch, but never delivers a kill: its unwinding would come between two halves of something |
/// | in another closure, an `async` block, a nested item, a constant | none |
/// | in an `unsafe` block, an `unsafe`, `extern`, `const` or `async fn`, an `impl Drop` | none |
/// | under `#[no_check]`, on the loop, the closure or the function | none, nor in the loops in it |
///
/// # Options
///
/// | key | value | default |
/// |---|---|---|
/// | `crate` | the path of smarm, where it has another name | `::smarm` |
///
/// # Errors
///
/// Refused: anything but a function, an `impl`, a trait and a module; an `impl Drop`, and a function that is `unsafe`,
/// `extern`, `const` or `async`, where the attribute stands on it alone.
///
/// # Limits
///
/// - Loops that a macro writes, iterators (`sum`, `for_each`) and recursion have no checks: write `smarm::check!()` where
///   it matters.
/// - `#[no_check]` goes below the attribute: it is no attribute of its own.
/// - A body that does not parse is passed on as it is.
#[proc_macro_attribute]
pub fn preemptible(attribute: TokenStream, item: TokenStream) -> TokenStream {
    preemptible::expand(attribute.into(), item.into()).into()
}
