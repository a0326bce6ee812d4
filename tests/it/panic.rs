//! Panics: caught, kept, handed to joiners, never lost and never spread.

use smarm::{ExitReason, PanicInfo, channel, spawn, yield_now};
use smarm_tests::{Tally, actors, message_of, on, panic_payload, plain, runtime};
use std::any::Any;
use std::fmt::{Debug, Display};
use std::panic::{panic_any, resume_unwind};

/// The end of an actor that panics.
#[track_caller]
fn end_of<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> (ExitReason, PanicInfo) {
    match spawn(body).join().map(drop) {
        Err(reason @ ExitReason::Panicked(_)) => {
            let ExitReason::Panicked(info) = reason.clone() else { unreachable!() };
            (reason, info)
        }
        other => panic!("it was to panic: {other:?}"),
    }
}

#[track_caller]
fn payload_of<P: Any>(info: &PanicInfo) -> P {
    *info.take_payload().expect("nobody has taken it").downcast().expect("the type that was thrown")
}

#[test]
fn a_panic_with_a_literal_reaches_the_joiner() {
    actors(|| {
        let (reason, info) = end_of(|| panic!("a literal"));
        assert!(reason.to_string().contains("a literal"), "{reason}");
        assert_eq!(payload_of::<&str>(&info), "a literal");
    });
}

#[test]
fn a_panic_with_a_made_up_text_reaches_the_joiner() {
    actors(|| {
        let number = 17;
        let (reason, info) = end_of(move || panic!("number {number}"));
        assert!(format!("{reason:?}").contains("number 17"), "{reason:?}");
        assert_eq!(payload_of::<String>(&info), "number 17");
    });
}

#[test]
fn a_panic_with_any_value_reaches_the_joiner() {
    #[derive(Debug, PartialEq)]
    struct Code(u32);
    actors(|| {
        let (reason, info) = end_of(|| panic_any(Code(3)));
        assert!(!reason.to_string().is_empty());
        assert!(!format!("{reason:?}").is_empty());
        assert_eq!(payload_of::<Code>(&info), Code(3));
        let (_, info) = end_of(|| resume_unwind(Box::new(Code(4))));
        assert_eq!(payload_of::<Code>(&info), Code(4));
    });
}

#[test]
fn panics_of_the_language_are_panics() {
    actors(|| {
        let (reason, _) = end_of(|| [1, 2, 3][std::hint::black_box(7)]);
        assert!(reason.to_string().contains("out of bounds"), "{reason}");
        let (reason, _) = end_of(|| 1 / std::hint::black_box(0));
        assert!(reason.to_string().contains("divide by zero"), "{reason}");
        let (reason, _) = end_of(|| std::hint::black_box(None::<u8>).expect("what"));
        assert!(reason.to_string().contains("what"), "{reason}");
    });
}

#[test]
fn the_payload_goes_to_the_first_that_asks() {
    actors(|| {
        let (reason, info) = end_of(|| panic!("once"));
        let same = info.clone();
        assert!(same.take_payload().is_some());
        assert!(info.take_payload().is_none());
        let ExitReason::Panicked(original) = &reason else { unreachable!() };
        assert!(original.take_payload().is_none());
        assert!(reason.to_string().contains("once"), "the message stays: {reason}");
    });
}

#[test]
fn a_payload_that_nobody_takes_is_dropped_once() {
    for workers in [1, 2] {
        let tally = Tally::new();
        let inside = tally.clone();
        on(workers, move || {
            let (joined, detached) = (inside.token(1), inside.token(2));
            drop(end_of(move || panic_any(joined)));
            drop(spawn(move || panic_any(detached)));
        });
        assert_eq!(tally.made(), 2);
        tally.check();
    }
}

#[test]
fn a_payload_that_is_taken_is_dropped_once() {
    actors(|| {
        let tally = Tally::new();
        let token = tally.token(1);
        let (reason, info) = end_of(move || panic_any(token));
        let payload = info.take_payload();
        drop((reason, info));
        assert_eq!(tally.alive(), 1);
        drop(payload);
        tally.check();
    });
}

#[test]
fn exit_reasons_are_plain_values() {
    fn has<T: Clone + Debug + Send + Sync + 'static>() {}
    fn shown<T: Display>() {}
    has::<ExitReason>();
    has::<PanicInfo>();
    shown::<ExitReason>();
}

#[test]
fn a_panic_harms_nobody_else() {
    for workers in [1, 2] {
        on(workers, || {
            let (tx, rx) = channel();
            for n in 0..100 {
                let tx = tx.clone();
                spawn(move || {
                    yield_now();
                    assert!(n % 3 != 0, "every third");
                    tx.send(n).expect("the root receives");
                });
            }
            drop(tx);
            assert_eq!(rx.iter().count(), 66);
        });
    }
}

#[test]
fn locals_are_dropped_from_the_innermost_frame_outwards() {
    struct Note(channel::Sender<u32>, u32);
    impl Drop for Note {
        fn drop(&mut self) {
            self.0.send(self.1).expect("the root reads them afterwards");
        }
    }
    fn descend(tx: &channel::Sender<u32>, level: u32) {
        let _note = Note(tx.clone(), level);
        assert!(level > 0, "the bottom");
        descend(tx, level - 1);
    }
    actors(|| {
        let (tx, rx) = channel();
        end_of(move || descend(&tx, 100));
        assert!(rx.iter().eq(0..=100));
    });
}

#[test]
fn a_panic_that_an_actor_catches_is_its_own_affair() {
    actors(|| {
        let handle = spawn(|| {
            for _ in 0..10 {
                let payload = panic_payload(|| {
                    yield_now();
                    panic!("caught");
                });
                assert_eq!(message_of(&*payload), Some("caught"));
                yield_now();
                assert!(!std::thread::panicking());
            }
            "well"
        });
        assert_eq!(handle.join().expect("no panic"), "well");
    });
}

#[test]
fn a_panic_of_the_root_resumes_on_the_caller_of_run() {
    plain(|| {
        let payload = panic_payload(|| smarm::run(|| panic!("of the root")));
        assert_eq!(message_of(&*payload), Some("of the root"));
        let payload = panic_payload(|| runtime(2).run(|| panic_any(42_u8)));
        assert_eq!(payload.downcast_ref(), Some(&42_u8));
    });
}

#[test]
fn a_panic_of_another_actor_is_not_the_roots() {
    plain(|| {
        let value = runtime(2).run(|| {
            drop(spawn(|| panic!("detached")));
            5
        });
        assert_eq!(value, 5);
    });
}

#[test]
fn actors_panic_on_all_workers_at_once() {
    on(4, || {
        let handles: Vec<_> = (0..400_usize)
            .map(|n| {
                spawn(move || {
                    yield_now();
                    panic_any(n)
                })
            })
            .collect();
        for (n, handle) in handles.into_iter().enumerate() {
            match handle.join() {
                Err(ExitReason::Panicked(info)) => assert_eq!(payload_of::<usize>(&info), n),
                other => panic!("{:?}", other.map(|never: ()| never)),
            }
        }
    });
}

#[test]
fn a_result_whose_drop_panics_harms_nobody_else() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    for workers in [1, 2] {
        on(workers, || {
            let (go, wait) = channel::<()>();
            drop(spawn(move || {
                wait.recv().expect("the handle is gone by now");
                Bomb
            }));
            go.send(()).expect("it waits");
            for _ in 0..10 {
                spawn(yield_now).join().expect("no panic");
            }
        });
    }
}

#[test]
fn a_panic_while_the_captures_are_dropped_is_a_panic_of_the_actor() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    actors(|| {
        let bomb = Bomb;
        let (reason, _) = end_of(move || {
            let _bomb = &bomb;
            1
        });
        assert!(reason.to_string().contains("bomb"), "{reason}");
    });
}

#[test]
fn the_panic_hook_may_use_smarm() {
    // In a process of its own: the hook is everybody's.
    smarm_tests::in_child(|| {
        let (tx, rx) = channel();
        std::panic::set_hook(Box::new(move |_| {
            yield_now();
            tx.send(smarm::try_current()).expect("it is read below");
        }));
        let (pid, other) = runtime(2).run(|| {
            let (a, b) = (spawn(|| panic!("one")), spawn(|| panic!("two")));
            let pids = (a.pid(), b.pid());
            assert!(a.join().is_err() && b.join().is_err());
            pids
        });
        let mut seen: Vec<_> = rx.try_iter().flatten().collect();
        seen.sort_unstable();
        let mut pids = [pid, other];
        pids.sort_unstable();
        assert_eq!(seen, pids, "once for each, on the actor that panicked");
    })
    .is_success();
}
