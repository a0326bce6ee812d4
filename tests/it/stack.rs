//! What an actor's stack holds, and the registers that belong to it.

use smarm::runtime::{Config, init};
use smarm::{Builder, spawn, yield_now};
use smarm_tests::{actors, burn_stack, on, plain};

#[test]
fn an_actor_may_use_most_of_the_default_stack() {
    // 256 KiB are the default; unoptimised frames and the runtime's own take their share.
    actors(|| assert_eq!(spawn(|| burn_stack(100)).join().expect("no panic"), 100));
}

#[test]
fn root_may_recurse_deep() {
    actors(|| assert_eq!(burn_stack(5 * 1024), 5 * 1024));
}

#[test]
fn stack_size_of_the_builder_is_honoured() {
    actors(|| {
        for mib in [1, 2, 4] {
            let handle = Builder::new().stack_size(mib << 20).spawn(move || burn_stack(mib * 700));
            assert_eq!(handle.expect("a stack").join().expect("no panic"), mib as u64 * 700);
        }
    });
}

#[test]
fn stack_size_of_the_config_is_honoured() {
    plain(|| {
        let runtime = init(Config::exact(1).stack_size(2 << 20));
        let used = runtime.run(|| spawn(|| burn_stack(1400)).join().expect("no panic"));
        assert_eq!(used, 1400);
    });
}

#[test]
fn odd_and_tiny_stack_sizes_are_rounded_up_or_refused() {
    actors(|| {
        for bytes in [0, 1, 4095, 12_345, 100_000] {
            if let Ok(handle) = Builder::new().stack_size(bytes).spawn(|| 1) {
                assert_eq!(handle.join().expect("no panic"), 1);
            }
        }
    });
}

#[test]
fn absurd_stack_sizes_are_an_error() {
    actors(|| {
        for bytes in [1 << 50, usize::MAX / 2, usize::MAX] {
            assert!(Builder::new().stack_size(bytes).spawn(|| ()).is_err(), "{bytes} bytes");
        }
        assert_eq!(spawn(|| 1).join().expect("no panic"), 1);
    });
}

#[test]
fn a_stack_that_was_used_before_is_as_good_as_new() {
    on(1, || {
        for kib in [1, 100, 3, 80, 100] {
            assert_eq!(spawn(move || burn_stack(kib)).join().expect("no panic"), kib as u64);
        }
    });
}

#[test]
fn locals_survive_any_number_of_switches() {
    on(1, || {
        let handles: Vec<_> = (0..20_u64)
            .map(|n| {
                spawn(move || {
                    let mut locals = [n; 32];
                    let mut product = 1.0_f64;
                    for round in 0..100 {
                        yield_now();
                        locals[usize::try_from(round % 32).expect("below 32")] += round;
                        product *= 1.0 + 1.0 / (n + round + 1) as f64;
                    }
                    // The product telescopes.
                    assert!((product - (n + 101) as f64 / (n + 1) as f64).abs() < 1e-9);
                    locals.iter().sum::<u64>()
                })
            })
            .collect();
        for (n, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.join().expect("no panic"), 32 * n as u64 + 4950);
        }
    });
}

#[test]
fn a_new_actor_has_the_usual_floating_point_mode() {
    // Inexact operations trap when MXCSR starts at zero; denormals vanish when it has FTZ set.
    actors(|| {
        let third = spawn(|| std::hint::black_box(1.0_f64) / std::hint::black_box(3.0));
        assert_eq!(format!("{}", third.join().expect("no panic")), "0.3333333333333333");
        let tiny = spawn(|| std::hint::black_box(f64::MIN_POSITIVE) / std::hint::black_box(4.0));
        assert!(tiny.join().expect("no panic") > 0.0);
    });
}

#[test]
fn formatting_and_printing_work_on_an_actors_stack() {
    actors(|| {
        let text = spawn(|| format!("{:>10.3}|{:?}|{:#x}", 1.5_f32, Some("x"), 255));
        assert_eq!(text.join().expect("no panic"), "     1.500|Some(\"x\")|0xff");
    });
}

#[test]
fn a_backtrace_in_an_actor_ends() {
    actors(|| {
        let captured = spawn(|| std::backtrace::Backtrace::force_capture().to_string());
        let backtrace = captured.join().expect("no panic");
        // Optimised, the closure may be part of the frame that calls it; the first frame of every stack is never inlined.
        let frames: Vec<&str> =
            backtrace.lines().filter(|line| !line.trim_start().starts_with("at ")).collect();
        assert!(frames.last().is_some_and(|frame| frame.contains("first_frame")), "{backtrace}");
        assert!(backtrace.lines().count() < 400, "it runs off the stack's end:\n{backtrace}");
    });
}
