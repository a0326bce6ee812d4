//! `park_current` and `unpark`, which the first smarm had.

use smarm::{current, park_current, spawn, unpark, yield_now};
use smarm_tests::actors;

#[test]
fn an_unpark_before_the_park_is_kept() {
    actors(|| {
        unpark(current());
        park_current();
    });
}

#[test]
fn an_unpark_wakes_a_parked_actor() {
    actors(|| {
        let sleeper = spawn(park_current);
        yield_now();
        unpark(sleeper.pid());
        sleeper.join().expect("no panic");
    });
}

#[test]
fn an_unpark_of_an_actor_that_has_ended_does_nothing() {
    actors(|| {
        let ended = spawn(current).join().expect("no panic");
        for _ in 0..100 {
            unpark(ended);
            let next = spawn(yield_now);
            unpark(ended);
            next.join().expect("no panic");
        }
    });
}
