//! `Pid`.

use smarm::{Pid, current, spawn, yield_now};
use smarm_tests::{actors, on, plain, runtime};
use std::collections::{BTreeSet, HashSet};
use std::fmt::{Debug, Display};
use std::hash::Hash;

#[test]
fn a_pid_is_a_plain_value() {
    fn has<T: Copy + Ord + Hash + Debug + Display + Send + Sync + 'static>() {}
    has::<Pid>();
}

#[test]
fn a_pid_shows_as_index_and_generation() {
    actors(|| {
        let pid = current();
        assert_eq!(pid.to_string(), format!("<{}.{}>", pid.index(), pid.generation()));
        assert_eq!(format!("{pid:>40}").trim_start(), pid.to_string());
    });
}

#[test]
fn actors_alive_at_once_have_different_pids() {
    actors(|| {
        let handles: Vec<_> = (0..1000).map(|_| spawn(yield_now)).collect();
        let mut pids: HashSet<Pid> = handles.iter().map(|handle| handle.pid()).collect();
        pids.insert(current());
        assert_eq!(pids.len(), 1001);
        for handle in handles {
            handle.join().expect("no panic");
        }
    });
}

#[test]
fn a_pid_is_never_used_again() {
    for workers in [1, 2] {
        on(workers, || {
            let mut pids = BTreeSet::new();
            for _ in 0..5000 {
                let handle = spawn(current);
                assert!(pids.insert(handle.pid()), "{} was there before", handle.pid());
                assert!(pids.contains(&handle.join().expect("no panic")));
            }
        });
    }
}

#[test]
fn pids_are_unique_across_runtimes_that_come_and_go() {
    plain(|| {
        let mut pids = HashSet::new();
        for _ in 0..50 {
            assert!(pids.insert(runtime(1).run(current)));
            assert!(pids.insert(smarm::run(current)));
        }
    });
}

#[test]
fn pids_are_unique_across_runtimes_at_once() {
    plain(|| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    runtime(2).run(|| {
                        let handles: Vec<_> = (0..200).map(|_| spawn(current)).collect();
                        handles.into_iter().map(|h| h.join().expect("no panic")).collect::<Vec<_>>()
                    })
                })
            })
            .collect();
        let all: Vec<Pid> = threads.into_iter().flat_map(|t| t.join().expect("no panic")).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 800);
    });
}
