//! Panics in numbers, on small stacks, and one upon the other.

use smarm::{Builder, JoinHandle};
use smarm_tests::{Child, runtime};

/// Below the smallest stack there is.
const SMALL: usize = 1;

/// The rounds of a crash loop, and the actors in each.
const ROUNDS: usize = 20;
const ACTORS: usize = 16;

/// Some frames of its own, so that there is something to unwind and to show.
fn fall(level: usize) -> usize {
    assert!(level > 0, "at the bottom");
    std::hint::black_box(fall(level - 1)) + 1
}

fn crash_loop(workers: usize) {
    runtime(workers).run(|| {
        for _ in 0..ROUNDS {
            let falling = |_| Builder::new().stack_size(SMALL).spawn(|| fall(20)).expect("a stack");
            let fallen: Vec<JoinHandle<usize>> = (0..ACTORS).map(falling).collect();
            fallen.into_iter().for_each(|actor| assert!(actor.join().is_err()));
        }
    });
}

#[test]
fn a_crash_loop_with_backtraces_does_not_run_off_small_stacks() {
    for how in ["1", "full"] {
        for workers in [1, 4] {
            let ended = Child::new().env("RUST_BACKTRACE", how).run(move || crash_loop(workers));
            ended.is_success();
            let told = ended.stderr.lines().filter(|line| line.contains("at the bottom")).count();
            assert_eq!(told, ROUNDS * ACTORS, "each is told of once");
            assert!(ended.stderr.contains("panics::fall"), "{}", ended.stderr);
        }
    }
}

fn deep(kib: usize) -> usize {
    let mut block = [0_u8; 1024];
    std::hint::black_box(&mut block);
    assert!(kib > 0, "at the bottom");
    std::hint::black_box(deep(kib - 1)) + usize::from(block[0])
}

#[test]
fn spike() {
    for kib in (2..60).step_by(2) {
        let k = kib.to_string();
        let ended = Child::new()
            .env("KIB", &k)
            .env("RUST_BACKTRACE", &std::env::var("SPIKE").unwrap_or_default())
            .run(|| {
                let kib: usize = std::env::var("KIB").unwrap().parse().unwrap();
                runtime(1)
                    .run(move || _ = Builder::new().stack_size(1).spawn(move || deep(kib)).unwrap().join());
            });
        if ended.stderr.contains("overflow") {
            eprintln!("overflow at {kib}");
            break;
        }
    }
}
