//! `join!` and `race!`.

use smarm::{ExitReason, current, exit, join, race, run, sleep, spawn, yield_now};
use smarm_tests::{Tally, actors, panic_message, plain};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn join_waits_for_all_and_gives_the_values_in_order() {
    actors(|| {
        let text = String::from("borrowed");
        let (length, pid, nothing) = join!(
            text.len(),
            {
                yield_now();
                current()
            },
            (),
        );
        assert_eq!((length, nothing), (8, ()));
        assert_ne!(pid, current());
        assert_eq!(join!(1), (1,));
        let twelve = join!(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
        assert_eq!(twelve.11, 12);
    });
}

#[test]
fn the_first_failure_of_a_join_kills_the_others_and_is_the_callers() {
    actors(|| {
        let tally = Tally::new();
        let token = tally.token(1);
        let failed = spawn(move || {
            join!(
                {
                    let _token = token;
                    sleep(HOUR);
                },
                panic!("second"),
                sleep(HOUR)
            )
        });
        assert_eq!(failed.join().unwrap_err().panic().unwrap().message(), "second");
        assert_eq!(tally.alive(), 0);
        let left = spawn(|| join!(sleep(HOUR), exit(ExitReason::Shutdown)));
        assert!(matches!(left.join(), Err(ExitReason::Shutdown)));
    });
}

#[test]
fn a_kill_of_who_joins_ends_all() {
    actors(|| {
        let tally = Tally::new();
        let (a, b) = (tally.token(1), tally.token(2));
        let (tell, told) = smarm::channel();
        let parent = spawn(move || {
            join!(
                {
                    let _a = a;
                    tell.send(()).unwrap();
                    sleep(HOUR);
                },
                {
                    let _b = b;
                    sleep(HOUR);
                }
            )
        });
        told.recv().unwrap();
        parent.kill();
        assert!(matches!(parent.join(), Err(ExitReason::Killed)));
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn a_race_gives_the_first_value_and_the_others_have_ended() {
    actors(|| {
        let ended = AtomicUsize::new(0);
        struct Count<'a>(&'a AtomicUsize);
        impl Drop for Count<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, SeqCst);
            }
        }
        let winner = race!(
            {
                let _count = Count(&ended);
                sleep(HOUR);
                "slow"
            },
            {
                let _count = Count(&ended);
                yield_now();
                "fast"
            },
            panic!("out of the race")
        );
        assert_eq!(winner, "fast");
        let begun = ended.load(SeqCst);
        assert!(begun == 1 || begun == 2, "whoever had begun has ended: {begun}");
    });
}

#[test]
fn who_panics_before_the_winner_is_out_of_the_race_and_nothing_else() {
    actors(|| {
        let (panicked, has_panicked) = smarm::channel::oneshot::<()>();
        let winner = race!(
            {
                let _told_at_its_end = panicked;
                panic!("out of the race")
            },
            {
                has_panicked.recv().ok();
                "the other"
            }
        );
        assert_eq!(winner, "the other");
    });
}

#[test]
fn a_race_that_nobody_wins_is_the_first_ones_failure() {
    plain(|| {
        let said = panic_message(|| run(|| race!(panic!("first"), panic!("second"))));
        assert_eq!(said, "first");
    });
}
