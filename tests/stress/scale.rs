//! As much of one thing as a machine gives: thousands of connections, a million timers.

use crate::{first_seed, number, take_turn};
use smarm::channel::{Receiver, Sender};
use smarm::net::{TcpListener, TcpStream};
use smarm::{Timer, channel, spawn};
use smarm_tests::{Rng, Tally, Token, Watchdog, reset, resident_kib, runtime};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// Both ends of each are in this process, and no more descriptors than most systems give to a process.
const MOST_CONNECTIONS: usize = 9000;
/// For everything else.
const OTHER_DESCRIPTORS: usize = 500;

/// As many as the limit of open descriptors allows.
fn connections() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is writable.
    let answer = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    assert_eq!(answer, 0, "there is such a limit");
    let most = usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX);
    (most.saturating_sub(OTHER_DESCRIPTORS) / 2).clamp(1, MOST_CONNECTIONS)
}

/// Echoes what comes on each connection; an actor each.
fn serve(listener: &TcpListener, tally: &Tally) {
    for (n, stream) in listener.incoming().enumerate() {
        let mut stream = stream.expect("a connection");
        let token = tally.token(n as u64);
        drop(spawn(move || {
            let _token = token;
            let mut buffer = [0; 8];
            while stream.read_exact(&mut buffer).is_ok() && stream.write_all(&buffer).is_ok() {}
        }));
    }
}

fn ask(mut stream: &TcpStream, word: u64) {
    stream.write_all(&word.to_le_bytes()).expect("the server is there");
}

fn is_answered(mut stream: &TcpStream, word: u64) {
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).expect("the server answers");
    assert_eq!(u64::from_le_bytes(answer), word, "it is another one's");
}

/// Now and then one, and then all at once.
fn are_all_there(streams: &[TcpStream], rng: &mut Rng) {
    for _ in 0..streams.len() / 4 {
        let (stream, word) = (&streams[rng.below(streams.len())], rng.next_u64());
        ask(stream, word);
        is_answered(stream, word);
    }
    let salt = rng.next_u64();
    let word = |n: usize| salt ^ n as u64;
    streams.iter().enumerate().for_each(|(n, stream)| ask(stream, word(n)));
    streams.iter().enumerate().for_each(|(n, stream)| is_answered(stream, word(n)));
}

#[test]
fn thousands_of_connections_are_held_and_each_is_answered() {
    let _turn = take_turn();
    let (seed, count) = (number("SMARM_SEED").unwrap_or_else(first_seed), connections());
    println!("connections: {count} of at most {MOST_CONNECTIONS}, by the limit of descriptors; seed {seed}");
    for workers in [1, 2] {
        let _watchdog = Watchdog::start(&format!("stress: connections, SMARM_SEED={seed}"));
        let runtime = Arc::new(runtime(workers));
        let inside = Arc::clone(&runtime);
        runtime.run(move || {
            let tally = Tally::new();
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("an address");
            let server = spawn({
                let tally = tally.clone();
                move || serve(&listener, &tally)
            });
            let connect = |_| TcpStream::connect(address).expect("it listens");
            let streams: Vec<_> = (0..count).map(connect).collect();
            let mut rng = Rng::new(seed);
            are_all_there(&streams, &mut rng);
            are_all_there(&streams, &mut rng);
            assert_eq!(tally.alive(), count as u64, "none is lost");
            // Each connection, and the listener; all have come back to their waits, or are on the way there.
            while inside.stats().io_parked_count() <= count {
                smarm::sleep(Duration::from_millis(1));
            }
            streams.into_iter().for_each(reset);
            server.kill();
            assert!(server.join().is_err());
            while tally.alive() > 0 {
                smarm::sleep(Duration::from_millis(1));
            }
            tally.check();
        });
        assert_eq!(runtime.stats().io_parked_count(), 0);
    }
}

// ---- timers -------------------------------------------------------------------------------------------------------------

/// A million, but where the compiler has not optimised.
const TIMERS: u64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

/// Of a million timers, 100 MiB and more, what may be left scattered.
const GROWTH_KIB: u64 = 32 << 10;

struct Clock {
    struck: Sender<Token>,
}

#[smarm::actor]
impl Clock {
    pub(crate) fn strike(&mut self, token: Token) {
        self.struck.send(token).ok();
    }
}

fn arm(clock: &ClockHandle, tally: &Tally, rng: &mut Rng) -> Vec<Timer> {
    let mut timers = Vec::new();
    for n in 0..TIMERS {
        let delay = HOUR + Duration::from_nanos(rng.range(0..HOUR.as_nanos() as u64));
        timers.push(clock.send_after(delay, ClockMsg::Strike { token: tally.token(n) }));
        smarm::check!();
    }
    timers
}

#[test]
fn very_many_timers_are_armed_and_cancelled_and_leave_nothing() {
    let _turn = take_turn();
    let seed = number("SMARM_SEED").unwrap_or_else(first_seed);
    println!("timers: seed {seed}");
    let _watchdog = Watchdog::start(&format!("stress: timers, SMARM_SEED={seed}"));
    let runtime = Arc::new(runtime(1));
    let inside = Arc::clone(&runtime);
    runtime.run(move || {
        let mut rng = Rng::new(seed);
        let (struck, strikes): (_, Receiver<Token>) = channel();
        let clock = Clock { struck }.start();
        let mut first_kib = None;
        for _ in 0..3 {
            let tally = Tally::new();
            let mut timers = arm(&clock, &tally, &mut rng);
            assert_eq!(inside.stats().sleeping_count() as u64, TIMERS);
            // In another order than they came in.
            while !timers.is_empty() {
                let timer = timers.swap_remove(rng.below(timers.len()));
                assert!(timer.cancel(), "none is due");
                smarm::check!();
            }
            assert_eq!(inside.stats().sleeping_count(), 0, "one is left behind");
            tally.check();
            drop(timers);
            let kib = resident_kib();
            let first = *first_kib.get_or_insert(kib);
            assert!(kib <= first + GROWTH_KIB, "{} KiB more than after the first round", kib - first);
        }
        // The clock still goes.
        let tally = Tally::new();
        clock.send_after(Duration::from_millis(1), ClockMsg::Strike { token: tally.token(7) });
        assert_eq!(strikes.recv().map(|token| token.value()), Ok(7));
        assert!(strikes.try_recv().is_err(), "nothing else has struck");
        clock.stop();
    });
}
