//! What is written to standard error about actors that end badly, and what aborts with a sentence.

use smarm::runtime::{Config, Deadlock, init};
use smarm::{Builder, channel, current, spawn};
use smarm_tests::{Child, in_child, runtime};

#[test]
fn a_panic_is_reported_in_one_line_with_name_and_pid() {
    let ended = in_child(|| {
        let pid = runtime(2).run(|| {
            let named = Builder::new().name("clumsy").spawn(|| panic!("dropped a plate"));
            let named = named.expect("a stack");
            let pid = named.pid();
            assert!(named.join().is_err());
            pid
        });
        eprintln!("victim {pid}");
    });
    ended.is_success();
    let victim = ended.line_with(&["victim"]).strip_prefix("victim ").expect("its pid follows");
    ended.line_with(&["clumsy", "dropped a plate", victim]);
}

#[test]
fn a_panic_of_a_detached_actor_is_reported_and_the_program_ends_well() {
    let ended = in_child(|| {
        runtime(1)
            .run(|| drop(Builder::new().name("unwatched").spawn(|| panic!("unseen")).expect("a stack")));
    });
    ended.is_success();
    ended.line_with(&["unwatched", "unseen"]);
}

#[test]
fn a_panic_that_an_actor_throws_silently_is_silent() {
    let ended = in_child(|| {
        runtime(1).run(|| {
            let caught = spawn(|| _ = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(1))));
            caught.join().expect("no panic");
        });
    });
    ended.is_success();
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_panic_with_a_backtrace_does_not_run_off_the_stack() {
    let ended = Child::new().env("RUST_BACKTRACE", "1").run(|| {
        for _ in 0..5 {
            runtime(2).run(|| assert!(spawn(|| panic!("with a backtrace")).join().is_err()));
        }
    });
    ended.is_success();
}

#[test]
fn a_killed_actor_is_not_reported_as_a_panic() {
    let ended = in_child(|| {
        runtime(2).run(|| {
            let body = std::panic::AssertUnwindSafe(|| {
                smarm::scope(|s| {
                    let (running, wait) = channel();
                    s.spawn(move || {
                        running.send(()).expect("the body waits");
                        smarm::sleep(std::time::Duration::MAX);
                    });
                    wait.recv().expect("it runs");
                    // Past the hook, so that nothing but the kill could be written.
                    std::panic::resume_unwind(Box::new(1));
                })
            });
            assert!(std::panic::catch_unwind(body).is_err());
        });
    });
    ended.is_success();
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_panic_while_unwinding_aborts() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the second");
        }
    }
    let ended = in_child(|| {
        runtime(1).run(|| {
            _ = spawn(|| {
                let _bomb = Bomb;
                panic!("the first");
            })
            .join();
        });
    });
    ended.is_abort();
    assert!(ended.stderr.contains("the first") && ended.stderr.contains("the second"), "{}", ended.stderr);
}

#[test]
fn a_scope_entered_while_unwinding_aborts_with_a_sentence() {
    struct Scoped;
    impl Drop for Scoped {
        fn drop(&mut self) {
            smarm::scope(|s| _ = s.spawn(|| eprintln!("a child was started")));
        }
    }
    let ended = in_child(|| {
        runtime(1).run(|| {
            let unwinding = spawn(|| {
                let _scoped = Scoped;
                std::panic::resume_unwind(Box::new(1));
            });
            _ = unwinding.join();
        });
    });
    ended.is_abort();
    assert!(ended.stderr.contains("scope"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("a child was started"), "{}", ended.stderr);
}

#[test]
fn a_deadlock_is_a_warning_by_default_and_is_waited_on() {
    const SIGKILL: i32 = 9;
    let ended = Child::new().until("waits-in-vain").run(|| {
        init(Config::exact(1).deadlock(Deadlock::Warn)).run(|| {
            let vain = Builder::new().name("waits-in-vain").spawn(|| {
                let (_open, rx) = channel::<()>();
                rx.recv().is_ok()
            });
            _ = vain.expect("a stack").join();
        });
    });
    // It had to be killed, so it did wait on.
    ended.has_signal(SIGKILL);
}

#[test]
fn a_deadlock_can_be_made_fatal_from_outside_by_the_program_that_chose_so() {
    let ended = in_child(|| {
        let stuck = init(Config::exact(2).deadlock(Deadlock::Fail)).try_run(|| {
            let (_open, rx) = channel::<()>();
            eprintln!("victim {}", current());
            rx.recv().is_ok()
        });
        assert!(stuck.is_err());
    });
    ended.is_success();
}
