//! What the code generation tests compile and look at: the smarm calls that may switch, and two loops around them.
//!
//! Generic code of smarm is compiled where it is used, so its assembly is here and not in the library's.

use smarm::runtime::{Config, init};
use std::hint::black_box;
use std::time::Duration;

/// With the hook in its allocations, and so in what allocates and switches.
#[global_allocator]
static ALLOC: smarm::Alloc = smarm::Alloc::system();

/// Allocates between two switches: the hook, or what is left of it when it is inlined, is on both sides.
#[inline(never)]
fn allocates_and_yields(rounds: usize) -> usize {
    let mut lengths = 0;
    for round in 0..rounds {
        let block = black_box(vec![1_u8; round]);
        smarm::yield_now();
        lengths += black_box(block.clone()).len();
    }
    lengths
}

/// Asks in each round who runs, with a switch between two rounds.
#[inline(never)]
fn names_and_yields(rounds: u32) -> usize {
    let mut actors = 0;
    for _ in 0..rounds {
        actors += usize::from(smarm::try_current().is_some());
        smarm::yield_now();
    }
    actors
}

/// A safe point in each round: the one smarm call that is inlined into its caller.
#[inline(never)]
fn computes_and_checks(rounds: u64) -> u64 {
    let mut sum = 0;
    for round in 0..rounds {
        smarm::check!();
        sum += black_box(round);
    }
    sum
}

#[inline(never)]
fn waits_at_unbounded() -> Option<u64> {
    let (sender, receiver) = smarm::channel();
    let child = smarm::spawn(move || sender.send(1));
    let first = receiver.recv_timeout(Duration::from_secs(1)).ok();
    let rest: u64 = receiver.iter().sum();
    child.join().ok()?.ok()?;
    first.map(|first| first + rest)
}

#[inline(never)]
fn waits_at_bounded() -> Option<u64> {
    let (sender, receiver) = smarm::channel::bounded(1);
    smarm::scope(|scope| {
        let child = scope.spawn(|| (0..3).try_for_each(|n| sender.send(n)));
        let first = receiver.recv().ok();
        let second = receiver.recv_timeout(Duration::from_secs(1)).ok();
        drop(receiver);
        black_box(child.join()).ok();
        first.zip(second).map(|(first, second)| first + second)
    })
}

#[inline(never)]
fn waits_at_oneshot() -> Option<u64> {
    let (sender, receiver) = smarm::channel::oneshot();
    let child = smarm::spawn(move || sender.send(3));
    smarm::sleep(Duration::from_millis(1));
    let answer = receiver.recv().ok();
    child.join().ok()?.ok()?;
    answer
}

fn main() {
    // Else link-time optimization finds out that nobody wants switches in allocations.
    let wants_switches = black_box(false);
    let config = Config::exact(1);
    // SAFETY: not called.
    let config = if wants_switches { unsafe { config.preempt_in_alloc() } } else { config };
    let total = init(config).run(|| {
        let yields = names_and_yields(black_box(3)) + allocates_and_yields(black_box(3));
        let counts = yields as u64 + computes_and_checks(black_box(3));
        let answers = [waits_at_unbounded(), waits_at_bounded(), waits_at_oneshot()];
        counts + answers.iter().flatten().sum::<u64>()
    });
    println!("{total}");
}
