//! Stack overflow: one line that says whose, then `SIGABRT`; never silence, never a neighbour's memory.

use smarm::{Builder, channel, current, spawn, yield_now};
use smarm_tests::{Child, Ended, burn_stack, in_child, runtime};
use std::hint::black_box;

/// Needs more stack than there is.
fn overflow(n: u64) -> u64 {
    let block = black_box([n; 64]);
    if black_box(true) { overflow(n + 1) + block[3] } else { 0 }
}

/// Says who is about to overflow, and does.
fn announce_and_overflow() -> u64 {
    eprintln!("victim {}", current());
    overflow(0)
}

/// Checks that the process died of the overflow of the actor that announced it.
#[track_caller]
fn names_the_victim(ended: &Ended, name: &str, size: &str) {
    ended.is_abort();
    let victim = ended.line_with(&["victim"]).strip_prefix("victim ").expect("its pid follows");
    let line = ended.line_with(&["overflow"]);
    for word in [name, victim, size] {
        assert!(line.contains(word), "{word:?} in {line:?}");
    }
}

#[test]
fn an_overflow_names_the_actor() {
    let ended = in_child(|| {
        runtime(1).run(|| {
            let builder = Builder::new().name("deep-thinker");
            _ = builder.spawn(announce_and_overflow).expect("a stack").join();
        });
    });
    names_the_victim(&ended, "deep-thinker", "256 KiB");
}

/// With a hook that has a period: what is asked for the name must not allocate.
struct Thinker;

#[smarm::actor(name = "deep-server")]
impl Thinker {
    pub(crate) fn think(&self) -> u64 {
        announce_and_overflow()
    }

    #[every("60min")]
    fn rest(&self) {}
}

#[test]
fn an_overflow_in_a_server_names_it() {
    let ended = in_child(|| runtime(1).run(|| _ = Thinker.start().think()));
    names_the_victim(&ended, "deep-server", "256 KiB");
}

#[test]
fn an_overflow_of_an_actor_without_a_name_shows_its_pid() {
    let ended = in_child(|| runtime(2).run(|| _ = spawn(announce_and_overflow).join()));
    names_the_victim(&ended, "", "256 KiB");
}

#[test]
fn an_overflow_of_the_root_is_named_too() {
    let ended = in_child(|| _ = runtime(1).run(announce_and_overflow));
    names_the_victim(&ended, "", "8192 KiB");
}

#[test]
fn an_overflow_of_a_large_stack_says_how_large() {
    let ended = in_child(|| {
        runtime(1).run(|| {
            let builder = Builder::new().name("large").stack_size(1 << 20);
            let large = builder.spawn(|| {
                assert_eq!(burn_stack(700), 700);
                announce_and_overflow()
            });
            _ = large.expect("a stack").join();
        });
    });
    names_the_victim(&ended, "large", "1024 KiB");
}

#[test]
fn an_overflow_among_many_actors_names_the_right_one() {
    let ended = in_child(|| {
        runtime(2).run(|| {
            let waiting: Vec<_> = (0..50)
                .map(|n| {
                    let (tx, rx) = channel::<()>();
                    let waiter = Builder::new().name(format!("actor-number-{n}-"));
                    let handle = waiter.spawn(move || {
                        if rx.recv().is_ok() {
                            announce_and_overflow();
                        }
                    });
                    (tx, handle.expect("a stack"))
                })
                .collect();
            (0..100).for_each(|_| yield_now());
            waiting[1].0.send(()).expect("it waits");
            waiting.into_iter().for_each(|(tx, handle)| {
                _ = handle.join();
                drop(tx);
            });
        });
    });
    names_the_victim(&ended, "actor-number-1-", "256 KiB");
}

#[test]
fn an_overflow_on_a_stack_that_was_used_before_names_its_present_owner() {
    let ended = in_child(|| {
        runtime(1).run(|| {
            for n in 0..20 {
                let before = Builder::new().name(format!("former-{n}"));
                before.spawn(|| burn_stack(50)).expect("a stack").join().expect("no panic");
            }
            _ = Builder::new().name("present").spawn(announce_and_overflow).expect("a stack").join();
        });
    });
    names_the_victim(&ended, "present", "256 KiB");
    assert!(!ended.stderr.contains("former"), "{}", ended.stderr);
}

#[test]
fn an_overflow_on_another_worker_is_caught_too() {
    let ended = in_child(|| {
        runtime(4).run(|| {
            let here = std::thread::current().id();
            let (tx, rx) = std::sync::mpsc::channel::<()>();
            for _ in 0..200 {
                let tx = tx.clone();
                let away = Builder::new().name("away").spread().spawn(move || {
                    if std::thread::current().id() != here {
                        announce_and_overflow();
                    }
                    drop(tx);
                });
                drop(away.expect("a stack"));
            }
            drop(tx);
            _ = rx.recv(); // blocks the thread, so that nobody is started here
            panic!("nobody was placed elsewhere");
        });
    });
    ended.is_abort();
    assert!(
        ended.stderr.lines().any(|line| line.contains("overflow") && line.contains("away")),
        "{}",
        ended.stderr
    );
}

#[test]
fn an_overflow_in_a_drop_while_unwinding_is_named() {
    struct Deep;
    impl Drop for Deep {
        fn drop(&mut self) {
            announce_and_overflow();
        }
    }
    let ended = in_child(|| {
        runtime(1).run(|| {
            let unwinding = Builder::new().name("unwinding").spawn(|| {
                let _deep = Deep;
                std::panic::resume_unwind(Box::new(0));
            });
            _ = unwinding.expect("a stack").join();
        });
    });
    names_the_victim(&ended, "unwinding", "256 KiB");
}

#[test]
fn an_overflow_is_named_under_the_other_kind_of_guard() {
    let ended = Child::new().env("SMARM_STACK_GUARD", "mprotect").run(|| {
        runtime(1).run(|| {
            _ = Builder::new().name("fenced").spawn(announce_and_overflow).expect("a stack").join();
        });
    });
    names_the_victim(&ended, "fenced", "256 KiB");
}

#[test]
fn an_overflow_of_a_plain_thread_still_gets_the_standard_message() {
    let ended = in_child(|| {
        runtime(1).run(|| spawn(|| ()).join().expect("no panic"));
        let thread = std::thread::Builder::new().name("plain-thread".into());
        _ = thread.spawn(|| overflow(0)).expect("a thread").join();
    });
    ended.is_abort();
    ended.line_with(&["plain-thread", "has overflowed its stack"]);
}

#[test]
fn a_fault_that_is_no_overflow_keeps_its_signal() {
    const SIGSEGV: i32 = 11;
    let ended = in_child(|| {
        runtime(1).run(|| {
            let fault = spawn(|| {
                let address = black_box(std::ptr::without_provenance::<u8>(8));
                // SAFETY: none; the fault is what is looked at, in a process that is there for nothing else.
                unsafe { std::ptr::read_volatile(address) }
            });
            _ = fault.join();
        });
    });
    ended.has_signal(SIGSEGV);
    assert!(!ended.stderr.contains("overflow"), "{}", ended.stderr);
}
