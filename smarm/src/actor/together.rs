//! Several things at once: [`join!`](crate::join) waits for all, [`race!`](crate::race) for the first.

use std::panic;

use super::exit;
use super::scope::{ScopedJoinHandle, scope};
use crate::channel::{self, Sender};
use crate::exit::ExitReason;

/// Closures of [`join!`](crate::join): a tuple of one to twelve.
pub trait Together {
    /// What they return.
    type Output;

    /// Runs all at the same time.
    fn together(self) -> Self::Output;
}

/// Tells which closure has ended, and whether it has unwound.
struct Ends(Sender<(usize, bool)>, usize);

impl Drop for Ends {
    fn drop(&mut self) {
        // The parent may have left after another one's failure.
        self.0.send((self.1, std::thread::panicking())).ok();
    }
}

/// Goes on unwinding with what has ended an actor.
fn resume(reason: ExitReason) -> ! {
    match reason.panic() {
        Some(info) => {
            let payload = info.take_payload().unwrap_or_else(|| Box::new(info.message().to_owned()));
            panic::resume_unwind(payload)
        }
        None => exit::exit(reason),
    }
}

/// The value of an actor that has ended, or its failure.
fn value<T>(handle: ScopedJoinHandle<'_, T>) -> T {
    handle.join().unwrap_or_else(|reason| resume(reason))
}

macro_rules! tuples {
    ($($function:ident: $output:ident = $index:tt),+) => {
        impl<$($output: Send, $function: FnOnce() -> $output + Send),+> Together for ($($function,)+) {
            type Output = ($($output,)+);

            fn together(self) -> Self::Output {
                scope(|scope| {
                    let (tell, ended) = channel::unbounded();
                    let handles = ($({
                        let (function, ends) = (self.$index, Ends(tell.clone(), $index));
                        scope.spawn(move || {
                            let _ends = ends;
                            function()
                        })
                    },)+);
                    drop(tell);
                    // The first failure is everybody's: the scope kills those that are left.
                    let failed = ended.iter().find(|(_, failed)| *failed).map(|(index, _)| index);
                    $(
                        if failed == Some($index) {
                            value(handles.$index);
                            unreachable!("who has unwound has no value");
                        }
                    )+
                    ($(value(handles.$index),)+)
                })
            }
        }
    };
}

tuples!(FA: A = 0);
tuples!(FA: A = 0, FB: B = 1);
tuples!(FA: A = 0, FB: B = 1, FC: C = 2);
tuples!(FA: A = 0, FB: B = 1, FC: C = 2, FD: D = 3);
tuples!(FA: A = 0, FB: B = 1, FC: C = 2, FD: D = 3, FE: E = 4);
tuples!(FA: A = 0, FB: B = 1, FC: C = 2, FD: D = 3, FE: E = 4, FG: G = 5);
tuples!(FA: A = 0, FB: B = 1, FC: C = 2, FD: D = 3, FE: E = 4, FG: G = 5, FH: H = 6);
tuples!(FA: A = 0, FB: B = 1, FC: C = 2, FD: D = 3, FE: E = 4, FG: G = 5, FH: H = 6, FI: I = 7);
tuples!(FA: A = 0, FB: B = 1, FC: C = 2, FD: D = 3, FE: E = 4, FG: G = 5, FH: H = 6, FI: I = 7, FJ: J = 8);
tuples!(FA: A = 0, FB: B = 1, FC: C = 2, FD: D = 3, FE: E = 4, FG: G = 5, FH: H = 6, FI: I = 7, FJ: J = 8, FK: K = 9);
tuples!(FA: A = 0, FB: B = 1, FC: C = 2, FD: D = 3, FE: E = 4, FG: G = 5, FH: H = 6, FI: I = 7, FJ: J = 8, FK: K = 9, FL: L = 10);
tuples!(FA: A = 0, FB: B = 1, FC: C = 2, FD: D = 3, FE: E = 4, FG: G = 5, FH: H = 6, FI: I = 7, FJ: J = 8, FK: K = 9, FL: L = 10, FM: M = 11);

/// One of those that [`race()`] runs.
type Racer<'a, T> = Box<dyn FnOnce() -> T + Send + 'a>;

/// Makes one of those that [`race()`] runs.
pub fn racer<'a, T>(task: impl FnOnce() -> T + Send + 'a) -> Racer<'a, T> {
    Box::new(task)
}

/// Runs all at the same time; the value of the first that returns. The others are killed then, and waited for.
pub fn race<'a, T: Send>(racers: Vec<Racer<'a, T>>) -> T {
    scope(|scope| {
        let (tell, won) = channel::unbounded();
        let start = |racer: Racer<'a, T>| {
            let tell = tell.clone();
            scope.spawn(move || drop(tell.send(racer())))
        };
        let handles: Vec<_> = racers.into_iter().map(start).collect();
        drop(tell);
        if let Ok(value) = won.recv() {
            handles.iter().for_each(ScopedJoinHandle::kill);
            // To take note of those that have panicked: the scope would think that nobody did.
            handles.into_iter().for_each(|handle| drop(handle.join()));
            return value;
        }
        // All have failed, or this actor unwinds: the first failure in the order of the source.
        let failure = handles.into_iter().find_map(|handle| handle.join().err());
        resume(failure.unwrap_or(ExitReason::Unwinding))
    })
}

/// Runs expressions at the same time, each in an actor of its own, and waits for all; a tuple of their values, in order.
///
/// They may borrow, as actors of a [`scope`](crate::scope()); up to twelve. If one panics or is ended otherwise, the others are killed, and the caller
/// goes on unwinding with that failure. May park. Costs what spawning and joining costs.
///
/// ```
/// smarm::run(|| {
///     let text = String::from("to be or not to be");
///     let (words, letters) = smarm::join!(text.split(' ').count(), text.chars().filter(|c| *c != ' ').count());
///     assert_eq!((words, letters), (6, 13));
/// });
/// ```
#[macro_export]
macro_rules! join {
    ($($task:expr),+ $(,)?) => {
        $crate::__private::Together::together(($(|| $task,)+))
    };
}

/// Runs expressions of one type at the same time, each in an actor of its own; the value of the first that has one. The others are killed,
/// and have ended when it returns.
///
/// They may borrow, as actors of a [`scope`](crate::scope()). One that panics, or is ended otherwise, has no value; if none has one, the caller goes
/// on unwinding with the failure of the first expression. May park.
///
/// ```
/// use std::time::Duration;
///
/// smarm::run(|| {
///     let winner = smarm::race!(
///         { smarm::sleep(Duration::from_secs(3600)); "tortoise" },
///         { smarm::sleep(Duration::from_millis(1)); "hare" },
///     );
///     assert_eq!(winner, "hare");
/// });
/// ```
#[macro_export]
macro_rules! race {
    ($($task:expr),+ $(,)?) => {
        $crate::__private::race(::std::vec![$(
            $crate::__private::racer(|| $task)
        ),+])
    };
}
