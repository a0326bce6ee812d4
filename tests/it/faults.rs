//! Peers that misbehave: who waits for them is told, and the others go on.

use smarm::net::{TcpListener, TcpStream, UnixStream};
use smarm::{channel, scope, sleep, spawn, yield_now};
use smarm_tests::{Rng, Tally, actors, on, reset};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// By each client of a storm. Most keep a port for a minute.
const CONNECTS: u32 = 40;

/// Two ends of a connection over TCP.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let one = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
    (one, listener.accept().expect("a connection").0)
}

/// Writes until that fails.
fn write_on(mut stream: impl Write) -> ErrorKind {
    let block = [7; 1 << 14];
    loop {
        if let Err(error) = stream.write_all(&block) {
            return error.kind();
        }
    }
}

/// Lets the others of this worker come to their waits.
fn let_others_wait() {
    (0..10).for_each(|_| yield_now());
}

fn is_end_of_connection(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

#[test]
fn a_reset_ends_a_read_that_waits_with_an_error() {
    actors(|| {
        for waits_first in [true, false] {
            let (mut one, other) = pair();
            let (go, gone) = channel::<()>();
            let reader = spawn(move || {
                gone.recv().ok();
                one.read(&mut [0; 8]).map_err(|error| error.kind())
            });
            if waits_first {
                drop(go);
                let_others_wait();
                reset(other);
            } else {
                reset(other);
                drop(go);
            }
            assert_eq!(reader.join().expect("no panic"), Err(ErrorKind::ConnectionReset));
        }
    });
}

#[test]
fn a_reset_ends_a_write_that_waits_for_room_with_an_error() {
    actors(|| {
        let (one, other) = pair();
        let writer = spawn(move || write_on(one));
        let_others_wait();
        reset(other);
        let kind = writer.join().expect("no panic");
        assert!(is_end_of_connection(kind), "{kind:?}");
    });
}

#[test]
fn a_reader_and_a_writer_of_one_socket_both_hear_of_a_reset() {
    actors(|| {
        let (one, other) = pair();
        scope(|s| {
            let reader = s.spawn(|| (&one).read(&mut [0; 8]).map_err(|error| error.kind()));
            let writer = s.spawn(|| write_on(&one));
            let_others_wait();
            reset(other);
            // The error is told once: who comes second hears of the end.
            match reader.join().expect("no panic") {
                Ok(count) => assert_eq!(count, 0),
                Err(kind) => assert!(is_end_of_connection(kind), "{kind:?}"),
            }
            let kind = writer.join().expect("no panic");
            assert!(is_end_of_connection(kind), "{kind:?}");
        });
    });
}

/// Sends some last bytes and the end, which come in one event or in two, to a reader that always asks for more than there is.
fn half_close<S>(round: u32, (mut one, mut other): (S, S), shut: fn(&S))
where
    S: Read + Write + Send + 'static,
{
    let reader = spawn(move || {
        let (mut word, mut buffer) = (Vec::new(), [0; 64]);
        while let count @ 1.. = one.read(&mut buffer).expect("bytes, or the end") {
            word.extend_from_slice(&buffer[..count]);
        }
        one.write_all(&word).expect("the other direction is open");
    });
    (0..round % 4).for_each(|_| yield_now());
    other.write_all(b"last").expect("a reader");
    if round.is_multiple_of(3) {
        yield_now();
    }
    shut(&other);
    let mut answer = String::new();
    other.read_to_string(&mut answer).expect("an answer");
    assert_eq!(answer, "last");
    reader.join().expect("no panic");
}

#[test]
fn a_half_close_right_behind_the_last_bytes_is_seen_and_can_be_answered() {
    actors(|| {
        for round in 0..300 {
            let pair = UnixStream::pair().expect("descriptors");
            half_close(round, pair, |one| one.shutdown(Shutdown::Write).expect("a connection"));
        }
        // Fewer: each keeps a port for a minute.
        for round in 0..24 {
            half_close(round, pair(), |one| one.shutdown(Shutdown::Write).expect("a connection"));
        }
    });
}

#[test]
fn a_peer_that_sends_byte_by_byte_is_read_to_the_last_one() {
    actors(|| {
        let (mut one, mut other) = pair();
        other.set_nodelay(true).expect("a socket");
        let sent: Vec<u8> = (0..2000_u32).map(|n| n as u8).collect();
        let expected = sent.clone();
        let trickle = spawn(move || {
            for (n, byte) in sent.iter().enumerate() {
                other.write_all(&[*byte]).expect("a reader");
                if n % 7 == 0 {
                    yield_now();
                }
            }
            other
        });
        let mut received = vec![0; expected.len()];
        one.read_exact(&mut received).expect("all of it");
        assert!(received == expected);
        trickle.join().expect("no panic");
    });
}

#[test]
fn a_silent_peer_is_given_up_on_and_heard_when_it_speaks_after_all() {
    actors(|| {
        let (mut one, mut other) = pair();
        one.set_read_timeout(Some(Duration::from_millis(1))).expect("a time");
        for _ in 0..5 {
            assert_eq!(one.read(&mut [0; 4]).expect_err("silence").kind(), ErrorKind::TimedOut);
        }
        one.set_read_timeout(None).expect("no time");
        let speaker = spawn(move || other.write_all(b"late"));
        let mut word = [0; 4];
        one.read_exact(&mut word).expect("a word");
        assert_eq!(&word, b"late");
        speaker.join().expect("no panic").expect("a reader");
    });
}

/// Urgent data stops a read in the midst of what has come: fewer bytes than asked for do not mean that there are no more.
#[test]
fn bytes_behind_urgent_ones_are_read() {
    actors(|| {
        for _ in 0..20 {
            let (mut one, mut other) = pair();
            let reader = spawn(move || {
                let (mut word, mut buffer) = (Vec::new(), [0; 64]);
                while word.len() < 6 {
                    let count = one.read(&mut buffer).expect("bytes");
                    word.extend_from_slice(&buffer[..count]);
                }
                word
            });
            let_others_wait();
            other.write_all(b"one").expect("a reader");
            // SAFETY: the byte is there for the call.
            let sent = unsafe { libc::send(other.as_raw_fd(), [b'!'].as_ptr().cast(), 1, libc::MSG_OOB) };
            assert_eq!(sent, 1);
            other.write_all(b"two").expect("a reader");
            // The urgent byte is not among those that a read gives.
            assert_eq!(reader.join().expect("no panic"), b"onetwo");
        }
    });
}

#[test]
fn more_connections_than_std_queues_wait_to_be_accepted() {
    actors(|| {
        const MANY: usize = 600;
        let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("Linux has it");
        let many = MANY.min(most.trim().parse().expect("a number"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let connect = |_| TcpStream::connect(address).expect("the queue has room");
        let clients: Vec<_> = (0..many).map(connect).collect();
        let served: Vec<_> = listener.incoming().take(many).collect();
        assert!(served.iter().all(Result::is_ok));
        clients.into_iter().for_each(reset);
    });
}

#[test]
fn a_peer_that_vanishes_in_a_message_is_an_unexpected_end() {
    actors(|| {
        let (mut one, mut other) = pair();
        let reader = spawn(move || one.read_exact(&mut [0; 64]).map_err(|error| error.kind()));
        let_others_wait();
        other.write_all(&[7; 30]).expect("a reader");
        let_others_wait();
        drop(other);
        assert_eq!(reader.join().expect("no panic"), Err(ErrorKind::UnexpectedEof));
    });
}

/// What a client of the storm does after its word.
fn leave(mut stream: TcpStream, rng: &mut Rng, word: [u8; 8]) {
    if rng.one_in(4) {
        return reset(stream);
    }
    if rng.one_in(4) {
        return; // with its answer unread
    }
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, word, "it is another one's");
}

fn storm(address: SocketAddr, mut rng: Rng) {
    for _ in 0..CONNECTS {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let word = rng.next_u64().to_le_bytes();
        let before = rng.below(word.len() + 1);
        stream.write_all(&word[..before]).expect("a reader");
        if rng.one_in(4) {
            sleep(rng.micros(50));
        }
        if rng.one_in(8) {
            continue; // in the middle of its word, perhaps
        }
        stream.write_all(&word[before..]).expect("a reader");
        leave(stream, &mut rng, word);
    }
}

#[test]
fn a_storm_of_connects_and_ends_of_all_kinds_gives_each_its_own_answer() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    let seed = now.as_nanos() as u64;
    println!("seed {seed}");
    for workers in [1, 2, 4] {
        on(workers, move || {
            let tally = Tally::new();
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("an address");
            let counts = tally.clone();
            let server = spawn(move || {
                for n in 0.. {
                    let mut stream = listener.accept().expect("a connection").0;
                    let token = counts.token(n);
                    drop(spawn(move || {
                        let _token = token;
                        let mut buffer = [0; 8];
                        // Whoever leaves early is no concern of the others.
                        while stream.read_exact(&mut buffer).is_ok() && stream.write_all(&buffer).is_ok() {}
                    }));
                }
            });
            let mut rng = Rng::new(seed);
            let clients: Vec<_> = (0..8)
                .map(|_| {
                    let rng = rng.fork();
                    spawn(move || storm(address, rng))
                })
                .collect();
            clients.into_iter().for_each(|client| client.join().expect("no panic"));
            server.kill();
            assert!(server.join().is_err());
            while tally.alive() > 0 {
                yield_now();
            }
            tally.check();
        });
    }
}
