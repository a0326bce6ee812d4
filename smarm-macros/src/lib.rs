//! The attribute macros of smarm.
//!
//! Use them through the `smarm` crate, which re-exports them with everything that their expansions name:
//! [`#[smarm::main]`](macro@main) runs a program's `main` as the root actor, [`#[smarm::test]`](macro@test) a test.

mod actor;
mod advice;
mod attr;
mod checkpoint;
mod expand;
mod mistakes;
mod preemptible;
mod valid;
mod value;

use proc_macro::TokenStream;

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
/// # Options
///
/// The keys are the methods of `smarm::runtime::Config`, and four more:
///
/// | key | value | default |
/// |---|---|---|
/// | `workers` | `n`, or `min..=max`: as many as there are CPUs, within these bounds | one per available CPU |
/// | `alloc_interval` | allocations | `128` |
/// | `timeslice_cycles` | cycles of the CPU's time-stamp counter | `300_000` |
/// | `stack_size` | a size, the 64 KiB guard included | `"256K"` |
/// | `root_stack_size` | a size, the guard included | `"8M"` |
/// | `deadlock` | a `smarm::runtime::Deadlock` | `Deadlock::Warn` |
/// | `shutdown_timeout` | a time | `"5s"` |
/// | `alloc` | `false`: no allocator of smarm's. Not there yet, so `true` is refused | `false` |
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
/// Attributes and visibility stay on the outer function. The body is passed on as it was written.
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
/// Those of [`#[smarm::main]`](macro@main) without `alloc`, with these defaults of its own:
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
/// - A plain `#[test]` *above* this attribute is gone before it can be refused, and the test runs twice.
/// - The other limits are those of [`#[smarm::main]`](macro@main).
#[proc_macro_attribute]
pub fn test(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::test(attribute.into(), item.into()).into()
}

/// Puts a [`check!`](macro@check) into the loops.
#[proc_macro_attribute]
pub fn preemptible(attribute: TokenStream, item: TokenStream) -> TokenStream {
    preemptible::expand(attribute.into(), item.into()).into()
}

/// Makes the methods of an `impl` the messages of an actor.
#[proc_macro_attribute]
pub fn actor(attribute: TokenStream, item: TokenStream) -> TokenStream {
    actor::expand(attribute.into(), item.into()).into()
}
