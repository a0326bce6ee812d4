//! What does the runtime take from actors that only compute?
//!
//! - `primes`: [`CHUNKS`] actors count the primes in their parts of `0..N` by trial division. An operation is one number.
//! - `fan_out_compute`: [`CHUNKS`] actors add up hashes. An operation is one hash, about a nanosecond.
//! - `multi_thread_scaling`: the same by [`PIECES`] actors; what two workers gain over one shows how well work is spread.
//!
//! **What would be unfair**: a safe point for one and none for the others. There is none in these loops, as there is no `.await`, and none is
//! needed: the pieces take milliseconds. Threads get as many as there are actors.

use std::ops::Range;

use may::go;

use super::{Case, Group, join_actors, join_coroutines, join_tasks, join_threads, mix};

/// Actors that share the work.
const CHUNKS: u64 = 64;
/// Actors that share it where the spread is the question.
const PIECES: u64 = 1000;

pub(super) const PRIMES: Case = Case {
    name: "primes",
    title: "count primes, 64 actors, numbers",
    group: Group::General,
    size: 400_000,
    expected: |size| primes(0..size),
    smarm: |size| by_actors(size, CHUNKS, primes),
    tokio: |size| Box::pin(by_tasks(size, CHUNKS, primes)),
    may: Some(|size| by_coroutines(size, CHUNKS, primes)),
    threads: Some(|size| by_threads(size, CHUNKS, primes)),
    ..Case::PLAIN
};

pub(super) const FAN_OUT_COMPUTE: Case = Case {
    name: "fan_out_compute",
    title: "add up hashes, 64 actors, hashes",
    group: Group::General,
    size: 20_000_000,
    expected: |size| hashes(0..size),
    smarm: |size| by_actors(size, CHUNKS, hashes),
    tokio: |size| Box::pin(by_tasks(size, CHUNKS, hashes)),
    may: Some(|size| by_coroutines(size, CHUNKS, hashes)),
    threads: Some(|size| by_threads(size, CHUNKS, hashes)),
    ..Case::PLAIN
};

pub(super) const MULTI_THREAD_SCALING: Case = Case {
    name: "multi_thread_scaling",
    title: "add up hashes, 1000 actors, hashes",
    group: Group::TokioFavoured,
    size: 20_000_000,
    expected: |size| hashes(0..size),
    smarm: |size| by_actors(size, PIECES, hashes),
    tokio: |size| Box::pin(by_tasks(size, PIECES, hashes)),
    may: Some(|size| by_coroutines(size, PIECES, hashes)),
    threads: Some(|size| by_threads(size, PIECES, hashes)),
    ..Case::PLAIN
};

fn primes(numbers: Range<u64>) -> u64 {
    numbers.filter(|&number| is_prime(number)).count() as u64
}

fn is_prime(number: u64) -> bool {
    number > 1
        && (2..)
            .take_while(|divisor| divisor * divisor <= number)
            .all(|divisor| !number.is_multiple_of(divisor))
}

fn hashes(numbers: Range<u64>) -> u64 {
    numbers.fold(0, |sum, number| sum.wrapping_add(mix(number)))
}

type Work = fn(Range<u64>) -> u64;

fn parts(size: u64, count: u64) -> impl Iterator<Item = Range<u64>> {
    (0..count).map(move |part| size * part / count..size * (part + 1) / count)
}

fn by_actors(size: u64, count: u64, work: Work) -> u64 {
    join_actors(parts(size, count).map(|part| smarm::spawn(move || work(part))).collect())
}

async fn by_tasks(size: u64, count: u64, work: Work) -> u64 {
    join_tasks(parts(size, count).map(|part| tokio::spawn(async move { work(part) })).collect()).await
}

fn by_coroutines(size: u64, count: u64, work: Work) -> u64 {
    join_coroutines(parts(size, count).map(|part| go!(move || work(part))).collect())
}

fn by_threads(size: u64, count: u64, work: Work) -> u64 {
    join_threads(parts(size, count).map(|part| std::thread::spawn(move || work(part))).collect())
}
