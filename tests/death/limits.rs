//! More than the machine gives: an error or a panic that says so, never an abort, and business as usual afterwards.

use smarm::channel::Sender;
use smarm::net::{TcpListener, TcpStream};
use smarm::{Builder, JoinHandle, channel, scope, sleep, spawn, yield_now};
use smarm_tests::{Child, burn_stack, in_child, panic_message, runtime};
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// An actor that holds a stack until the sender is dropped.
type Holder = (Sender<()>, JoinHandle<()>);

/// Above what the kernel's default of 65 530 mappings allows, at two mappings for each stack.
const TOO_MANY: usize = 70_000;

/// Starts one more actor that waits, and lets it take its stack.
fn hold_one_more(builder: Builder) -> io::Result<Holder> {
    let (tx, rx) = channel::<()>();
    let handle = builder.spawn(move || assert!(rx.recv().is_err()))?;
    yield_now();
    Ok((tx, handle))
}

/// Starts actors that wait until there is no more room.
fn hold_all() -> (Vec<Holder>, io::Error) {
    let mut held = Vec::new();
    while held.len() < TOO_MANY {
        match hold_one_more(Builder::new()) {
            Ok(one) => held.push(one),
            Err(error) => return (held, error),
        }
    }
    panic!("{TOO_MANY} stacks are more than there can be");
}

fn release(held: Vec<Holder>) {
    for (tx, handle) in held {
        drop(tx);
        handle.join().expect("no panic");
    }
}

fn ordinary_business() {
    fn leaves(level: u32) -> u32 {
        if level == 0 {
            1
        } else {
            (0..3).map(|_| spawn(move || leaves(level - 1)).join().expect("ok")).sum()
        }
    }
    assert_eq!(leaves(4), 81);
    assert_eq!(burn_stack(1024), 1024);
    let numbers = [1, 2, 3];
    assert_eq!(scope(|s| s.spawn(|| numbers.iter().sum::<u32>()).join().expect("no panic")), 6);
}

#[test]
fn without_stacks_the_builder_gives_an_error() {
    let ended = Child::new().env("SMARM_STACK_GUARD", "mprotect").run(|| {
        runtime(1).run(|| {
            for _ in 0..2 {
                let (held, error) = hold_all();
                assert!(held.len() > 10_000, "only {} stacks: {error}", held.len());
                assert!(!error.to_string().is_empty());
                release(held);
                // All stacks are back.
                ordinary_business();
            }
        });
    });
    ended.is_success();
}

#[test]
fn without_stacks_spawn_panics_with_a_sentence() {
    let ended = Child::new().env("SMARM_STACK_GUARD", "mprotect").run(|| {
        runtime(1).run(|| {
            let (held, _) = hold_all();
            let message = panic_message(|| spawn(|| ()));
            assert!(message.contains("stack") || message.contains("memory"), "{message}");
            release(held);
            ordinary_business();
        });
    });
    ended.is_success();
}

#[test]
fn without_stacks_on_two_workers_nothing_is_lost() {
    let ended = Child::new().env("SMARM_STACK_GUARD", "mprotect").run(|| {
        runtime(2).run(|| {
            let (held, _) = hold_all();
            release(held);
            ordinary_business();
        });
    });
    ended.is_success();
}

#[test]
fn two_hundred_thousand_stacks_are_held_at_once_and_come_back() {
    const MANY: usize = 200_000;
    let ended = in_child(|| {
        runtime(1).run(|| {
            let mut held = Vec::new();
            while held.len() < MANY {
                match hold_one_more(Builder::new().stack_size(1)) {
                    Ok(one) => held.push(one),
                    Err(error) => {
                        // Where guards cost mappings there are fewer.
                        assert!(held.len() > 10_000, "only {} stacks: {error}", held.len());
                        break;
                    }
                }
            }
            // By a kill, for a change.
            held.iter().step_by(2).for_each(|(_, handle)| handle.kill());
            for (n, (tx, handle)) in held.into_iter().enumerate() {
                drop(tx);
                assert!(handle.join().is_ok() || n % 2 == 0);
            }
            ordinary_business();
        });
    });
    ended.is_success();
}

#[test]
fn the_other_kind_of_guard_does_everyday_work() {
    let ended = Child::new().env("SMARM_STACK_GUARD", "mprotect").run(|| runtime(2).run(ordinary_business));
    ended.is_success();
}

#[test]
fn small_programs_run_in_a_small_address_space() {
    for mib in [256, 1024] {
        // Each thread's own arena would take 64 MiB of the address space, or as much as there is.
        let small = Child::new().env("MALLOC_ARENA_MAX", "1").address_space_kib(mib << 10);
        let ended = small.run(|| {
            for workers in [1, 2] {
                runtime(workers).run(ordinary_business);
            }
        });
        ended.is_success();
    }
}

#[test]
fn a_small_address_space_that_is_full_is_an_error_too() {
    let small = Child::new().env("MALLOC_ARENA_MAX", "1").address_space_kib(512 << 10);
    let ended = small.run(|| {
        runtime(1).run(|| {
            let (held, _) = hold_all();
            release(held);
            ordinary_business();
        });
    });
    ended.is_success();
}

/// The loop that the documentation of `net` shows, with its pause: sends back what comes, and counts the errors.
fn serve(listener: &TcpListener, pause: Duration, errors: &AtomicUsize) {
    for stream in listener.incoming() {
        match stream {
            Ok(mut stream) => drop(spawn(move || {
                let mut buffer = [0; 4];
                while stream.read_exact(&mut buffer).is_ok() && stream.write_all(&buffer).is_ok() {}
            })),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
                errors.fetch_add(1, SeqCst);
                sleep(pause);
            }
        }
    }
}

/// Takes all descriptors that are left but so many.
fn hog_descriptors(left: usize) -> Vec<File> {
    let mut hogged: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    hogged.truncate(hogged.len() - left);
    hogged
}

fn is_echoed(stream: &mut TcpStream, word: [u8; 4]) {
    stream.write_all(&word).expect("a reader");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, word);
}

#[test]
fn a_server_whose_descriptors_run_out_goes_on_when_there_are_some_again() {
    const PAUSE: Duration = Duration::from_millis(5);
    let ended = Child::new().descriptors(64).run(|| {
        for workers in [1, 2] {
            runtime(workers).run(|| {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
                let address = listener.local_addr().expect("an address");
                let errors = Arc::new(AtomicUsize::new(0));
                let counts = Arc::clone(&errors);
                let server = spawn(move || serve(&listener, PAUSE, &counts));
                let mut early = TcpStream::connect(address).expect("it listens");
                is_echoed(&mut early, *b"good");
                let begun = Instant::now();
                let hogged = hog_descriptors(1);
                // The kernel connects it; the server has no descriptor for its end.
                let mut late = TcpStream::connect(address).expect("the queue has room");
                late.write_all(b"wait").expect("the queue has room");
                while errors.load(SeqCst) < 3 {
                    is_echoed(&mut early, *b"here");
                    sleep(PAUSE);
                }
                drop(hogged);
                let mut answer = [0; 4];
                late.read_exact(&mut answer).expect("it is its turn at last");
                assert_eq!(&answer, b"wait");
                is_echoed(&mut late, *b"more");
                is_echoed(&mut early, *b"more");
                let (errors, pauses) = (errors.load(SeqCst), begun.elapsed().as_nanos() / PAUSE.as_nanos());
                assert!(errors as u128 <= pauses + 1, "{errors} errors in {pauses} pauses: it does not wait");
                server.kill();
                assert!(server.join().is_err());
            });
        }
    });
    ended.is_success();
}
