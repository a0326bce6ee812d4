//! The first smarm's programs: its README example, its names, and a test for each fault it is known to have had.

use smarm::runtime::{Config, init};
use smarm::{Builder, JoinHandle, Pid};
use smarm::{channel, run, sleep, spawn, yield_now};
use smarm_tests::{actors, on, plain};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

#[test]
fn the_readme_example_runs_unchanged() {
    plain(|| {
        run(|| {
            let (tx, rx) = channel::<i64>();
            let h = spawn(move || {
                for _ in 0..3 {
                    println!("received {}", rx.recv().unwrap());
                }
            });
            for v in 1..=3 {
                tx.send(v).unwrap();
            }
            h.join().unwrap();
        });
    });
}

#[test]
fn its_names_mean_what_they_meant() {
    plain(|| {
        let config = Config::new(1, 2, Some(2)).alloc_interval(128).timeslice_cycles(300_000);
        assert_eq!(config.resolved_thread_count(), 2);
        assert_eq!(Config::exact(3).resolved_thread_count(), 3);
        let rt = init(config);
        rt.run(|| {
            let h: JoinHandle<()> = spawn(|| {
                yield_now();
                sleep(Duration::from_millis(1));
                smarm::check!();
            });
            let pid: Pid = h.pid();
            let (_index, _generation) = (pid.index(), pid.generation());
            h.join().unwrap();
        });
        let stats = rt.stats();
        assert_eq!(stats.total_run_queue_len(), 0);
        assert_eq!(stats.io_parked_count(), 0);
        assert_eq!(stats.sleeping_count(), 0);
        assert!(stats.scheduler_count() <= 2);
    });
}

#[test]
fn ends_of_channels_are_where_they_were() {
    plain(|| {
        let (tx, rx): (smarm::channel::Sender<u8>, smarm::channel::Receiver<u8>) = channel();
        tx.send(1).unwrap();
        assert_eq!(rx.recv().unwrap(), 1);
    });
}

#[test]
fn a_closure_that_returns_nothing_joins_to_nothing() {
    plain(|| run(|| assert_eq!(spawn(|| ()).join().unwrap(), ())));
}

// Its faults.

#[test]
fn idle_workers_do_not_miss_work_while_a_timer_is_pending() {
    // They slept until the next deadline, whatever was pushed meanwhile.
    on(4, || {
        let sleeper = spawn(|| sleep(Duration::from_millis(200)));
        for _ in 0..20 {
            let barrier = Arc::new(std::sync::Barrier::new(3));
            let handles: Vec<_> = (0..2)
                .map(|_| {
                    let barrier = Arc::clone(&barrier);
                    spawn(move || barrier.wait().is_leader())
                })
                .collect();
            // Holds this worker: the two have to be run by others.
            barrier.wait();
            handles.into_iter().for_each(|handle| _ = handle.join().expect("no panic"));
        }
        sleeper.join().expect("no panic");
    });
}

#[test]
fn a_storm_of_spawns_ends() {
    // Looking up a pending closure was linear in their number.
    actors(|| {
        let count = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..50_000)
            .map(|_| {
                let count = Arc::clone(&count);
                spawn(move || count.fetch_add(1, SeqCst))
            })
            .collect();
        handles.into_iter().for_each(|handle| _ = handle.join().expect("no panic"));
        assert_eq!(count.load(SeqCst), 50_000);
    });
}

#[test]
fn a_lock_of_the_standard_library_is_safe_where_nothing_waits() {
    // Its allocator switched actors while they held the lock of the standard output.
    for workers in [1, 2] {
        on(workers, || {
            let shared = Arc::new(std::sync::Mutex::new(Vec::new()));
            let handles: Vec<_> = (0..50)
                .map(|n| {
                    let shared = Arc::clone(&shared);
                    spawn(move || {
                        for m in 0..20 {
                            shared.lock().expect("nobody panics").push(format!("{n}.{m}"));
                            println!("{n}.{m}");
                            yield_now();
                        }
                    })
                })
                .collect();
            handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
            assert_eq!(shared.lock().expect("nobody panics").len(), 1000);
        });
    }
}

#[test]
fn a_thread_local_borrow_is_an_actors_own_where_nothing_waits() {
    thread_local!(static SCRATCH: std::cell::RefCell<Vec<u32>> = const { std::cell::RefCell::new(Vec::new()) });
    on(2, || {
        let handles: Vec<_> = (0..50)
            .map(|n| {
                spawn(move || {
                    for _ in 0..20 {
                        SCRATCH.with_borrow_mut(|scratch| {
                            scratch.clear();
                            (0..100).for_each(|m| scratch.push(n * m));
                            assert_eq!(scratch.len(), 100);
                        });
                        yield_now();
                    }
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
    });
}

#[test]
fn pure_computation_needs_no_more_than_its_runtime() {
    // It started two threads and two pipes for every run: now a run in a loop is cheap enough to loop over.
    plain(|| {
        let sum: u64 = (0..300).map(|n| run(move || n)).sum();
        assert_eq!(sum, 44_850);
    });
}

#[test]
fn what_is_new_stands_beside_what_was() {
    plain(|| {
        let value = run(|| Builder::new().name("new").spawn(|| 1).unwrap().join().unwrap());
        assert_eq!(value, 1);
    });
}
