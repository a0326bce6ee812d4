//! What once aborted the process, or could have.

use smarm::channel::oneshot;
use smarm::{Builder, JoinHandle, channel, current, run, sleep, spawn, yield_now};
use smarm_tests::{in_child, page_faults, resident_kib, runtime};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// As many as a worker takes the right to at a time, but for the root.
const BATCH: usize = 127;

/// An actor that holds a stack until it is sent something, or its sender goes.
type Holder = (oneshot::Sender<()>, JoinHandle<()>);

fn hold(count: usize, started: &Arc<AtomicUsize>) -> Vec<Holder> {
    let one = || {
        let (tx, rx) = channel::oneshot::<()>();
        let started = Arc::clone(started);
        let holder = spawn(move || {
            started.fetch_add(1, SeqCst);
            _ = rx.recv();
        });
        (tx, holder)
    };
    (0..count).map(|_| one()).collect()
}

fn release(held: Vec<Holder>) {
    for (tx, holder) in held {
        drop(tx);
        holder.join().expect("no panic");
    }
}

/// Waits on the thread, not as an actor: nobody else runs here meanwhile.
fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

#[test]
fn actors_that_move_find_stacks_although_another_worker_keeps_some() {
    let ended = in_child(|| {
        runtime(2).run(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let up = Arc::new(AtomicBool::new(false));
            let (seen, told) = (Arc::clone(&stop), Arc::clone(&up));
            let hog = Builder::new().spread().spawn(move || {
                told.store(true, SeqCst);
                wait_until(|| seen.load(SeqCst));
            });
            let hog = hog.expect("a stack");
            wait_until(|| up.load(SeqCst));
            // The other worker is busy, so these all run and end here, and leave their stacks here.
            let here = Arc::new(AtomicUsize::new(0));
            let held = hold(BATCH, &here);
            while here.load(SeqCst) < BATCH {
                yield_now();
            }
            release(held);
            stop.store(true, SeqCst);
            hog.join().expect("no panic");
            // This worker is busy, so these all move to the other.
            let there = Arc::new(AtomicUsize::new(0));
            let held = hold(BATCH, &there);
            wait_until(|| there.load(SeqCst) == BATCH);
            release(held);
        });
    });
    ended.is_success();
}

#[test]
fn stacks_that_are_being_trimmed_are_not_missed() {
    let ended = in_child(|| {
        runtime(2).run(|| {
            for round in 0..150 {
                let started = Arc::new(AtomicUsize::new(0));
                let held = hold(600, &started);
                while started.load(SeqCst) < 300 {
                    yield_now();
                }
                release(held);
                // In the chaos build idle workers trim at this moment: more or less of that before the next round.
                sleep(Duration::from_micros(round * 7 % 200));
            }
        });
    });
    ended.is_success();
}

#[test]
fn stacks_stay_warm_for_a_moment_and_are_then_given_back() {
    const ACTORS: usize = 4000;
    const PAGE_KIB: u64 = 4;
    fn burst() {
        let started = Arc::new(AtomicUsize::new(0));
        let held = hold(ACTORS, &started);
        while started.load(SeqCst) < ACTORS {
            yield_now();
        }
        release(held);
    }
    let ended = in_child(|| {
        runtime(1).run(|| {
            burst();
            let faults_of_burst = |_| {
                sleep(Duration::from_millis(1)); // an idle worker gives back what nobody needs
                let before = page_faults();
                burst();
                page_faults() - before
            };
            // The machine may stand still for longer than the moment.
            let least = (0..10).map(faults_of_burst).min().expect("there are ten");
            assert!(least < ACTORS as u64 / 2, "{least} faults of a burst of {ACTORS} actors");
            let full = resident_kib();
            while resident_kib() + ACTORS as u64 * PAGE_KIB / 2 > full {
                sleep(Duration::from_millis(50));
            }
        });
    });
    ended.is_success();
}

#[test]
fn a_result_whose_drop_panics_with_a_payload_whose_drop_panics_is_survived() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            // Whatever was freed is something else now.
            std::mem::forget((0..4000).map(|n| vec![0x41_u8; 16 + n % 400]).collect::<Vec<_>>());
            panic!("the second");
        }
    }
    struct Clumsy;
    impl Drop for Clumsy {
        fn drop(&mut self) {
            std::panic::panic_any(Payload);
        }
    }
    let ended = in_child(|| {
        run(|| {
            let unwatched = Builder::new().name("unwatched").spawn(|| {
                eprintln!("victim {}", current());
                Clumsy
            });
            drop(unwatched.expect("a stack"));
        });
    });
    ended.is_success();
    let victim = ended.line_with(&["victim"]).strip_prefix("victim ").expect("its pid follows");
    ended.line_with(&["the second", victim]);
}

/// Sends a message through a channel in an actor, and looks at it.
fn pass<const BYTES: usize>(builder: Builder) {
    runtime(1).run(move || {
        let actor = builder.spawn(|| {
            let (tx, rx) = channel::<[u8; BYTES]>();
            tx.send([7; BYTES]).expect("the receiver is here");
            assert!(rx.recv().expect("it was sent").iter().all(|byte| *byte == 7));
        });
        actor.expect("a stack").join().expect("no panic");
    });
}

#[test]
fn messages_of_8_kib_fit_the_default_stack() {
    in_child(|| pass::<{ 8 << 10 }>(Builder::new())).is_success();
}

#[test]
fn messages_of_64_kib_fit_a_stack_of_1_mib() {
    in_child(|| pass::<{ 64 << 10 }>(Builder::new().stack_size(1 << 20))).is_success();
}
