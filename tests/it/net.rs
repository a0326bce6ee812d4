//! Sockets: as those of `std`, but they park the actor.

use smarm::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use smarm::{ExitReason, channel, scope, sleep, spawn};
use smarm_tests::{Tally, actors, on, panic_message, plain, runtime};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// Two ends of a connection over TCP.
fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let one = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
    (one, listener.accept().expect("a connection").0)
}

/// Lets the others of this worker come to their waits.
fn let_others_wait() {
    (0..10).for_each(|_| smarm::yield_now());
}

const MILLISECOND: Duration = Duration::from_millis(1);

#[test]
fn bytes_come_as_they_were_sent() {
    actors(|| {
        let (mut one, mut other) = tcp_pair();
        let sent: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
        let expected = sent.clone();
        let sender = spawn(move || {
            one.write_all(&sent).expect("a reader");
            one.shutdown(Shutdown::Write).expect("a connection");
            let mut answer = String::new();
            one.read_to_string(&mut answer).expect("an answer");
            answer
        });
        let mut received = Vec::new();
        other.read_to_end(&mut received).expect("a writer");
        assert!(received == expected);
        other.write_all(b"thanks").expect("a reader");
        drop(other);
        assert_eq!(sender.join().expect("no panic"), "thanks");
    });
}

#[test]
fn many_connections_are_served_at_once() {
    on(2, || {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = spawn(move || {
            for stream in listener.incoming().take(200) {
                let mut stream = stream.expect("a connection");
                drop(spawn(move || {
                    let mut buffer = [0; 64];
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        stream.write_all(&buffer[..count]).expect("a reader");
                    }
                }));
            }
        });
        let clients: Vec<_> = (0..200_u32)
            .map(|n| {
                spawn(move || {
                    let mut stream = TcpStream::connect(address).expect("it listens");
                    for round in 0..20 {
                        let word = (n * 100 + round).to_le_bytes();
                        stream.write_all(&word).expect("a reader");
                        let mut answer = [0; 4];
                        stream.read_exact(&mut answer).expect("an echo");
                        assert_eq!(answer, word);
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().expect("no panic"));
        server.join().expect("no panic");
    });
}

#[test]
fn a_read_lets_others_run_and_is_woken_by_a_plain_thread() {
    actors(|| {
        let (mut one, other) = tcp_pair();
        let std: std::net::TcpStream = other.try_into().expect("a socket");
        let (tx, rx) = channel();
        let reader = spawn(move || {
            tx.send(()).expect("the root receives");
            let mut word = [0; 2];
            one.read_exact(&mut word).map(|()| word)
        });
        rx.recv().expect("it begins");
        let writer = std::thread::spawn(move || (&std).write_all(b"hi").map(|()| std));
        assert_eq!(&reader.join().expect("no panic").expect("a word"), b"hi");
        writer.join().expect("no panic").expect("a reader");
    });
}

#[test]
fn a_stream_is_read_and_written_by_reference_at_once() {
    actors(|| {
        let (one, other) = tcp_pair();
        scope(|s| {
            let read = s.spawn(|| {
                let mut word = [0; 4];
                (&one).read_exact(&mut word).map(|()| word)
            });
            s.spawn(|| (&one).write_all(b"ping").expect("a reader"));
            let mut word = [0; 4];
            (&other).read_exact(&mut word).expect("a word");
            assert_eq!(&word, b"ping");
            (&other).write_all(b"pong").expect("a reader");
            assert_eq!(&read.join().expect("no panic").expect("a word"), b"pong");
        });
    });
}

#[test]
fn the_second_of_two_readers_gets_an_error() {
    actors(|| {
        let (one, mut other) = tcp_pair();
        let one = Arc::new(one);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let stream = Arc::clone(&one);
                spawn(move || (&*stream).read(&mut [0; 4]).map_err(|error| error.kind()))
            })
            .collect();
        // One of them has an error at once; the other one waits for data.
        let_others_wait();
        other.write_all(b"data").expect("a reader");
        // Who comes after the first one has left finds the end.
        drop(other);
        let mut ends: Vec<_> = readers.into_iter().map(|reader| reader.join().expect("no panic")).collect();
        ends.sort_by_key(|end| end.is_ok());
        if ends[0].is_err() {
            assert_eq!(ends[0], Err(ErrorKind::ResourceBusy));
        }
        assert!(ends[1].is_ok());
    });
}

#[test]
fn a_connection_that_is_refused_is_an_error() {
    actors(|| {
        let address = {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("an address")
        };
        let refused = TcpStream::connect(address).expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let refused =
            TcpStream::connect_timeout(&address, Duration::from_secs(60)).expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert!(TcpStream::connect("no.such.name.invalid:80").is_err());
    });
}

#[test]
fn waits_with_timeouts_end() {
    actors(|| {
        let (mut one, _other) = tcp_pair();
        one.set_read_timeout(Some(MILLISECOND)).expect("a time");
        assert_eq!(one.read_timeout().expect("known"), Some(MILLISECOND));
        assert_eq!(one.read(&mut [0; 4]).expect_err("no data").kind(), ErrorKind::TimedOut);
        one.set_write_timeout(Some(MILLISECOND)).expect("a time");
        let full = loop {
            if let Err(error) = one.write(&[0; 1 << 16]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::TimedOut);
        assert_eq!(
            one.set_read_timeout(Some(Duration::ZERO)).expect_err("no time").kind(),
            ErrorKind::InvalidInput
        );
    });
}

#[test]
fn a_killed_waiter_leaves_the_socket_as_if_it_had_never_waited() {
    actors(|| {
        let (one, mut other) = tcp_pair();
        let one = Arc::new(one);
        for round in 0..50_u8 {
            let (tx, rx) = channel();
            let stream = Arc::clone(&one);
            let reader = spawn(move || {
                tx.send(()).expect("the root receives");
                (&*stream).read(&mut [0; 1]).map(|_| ())
            });
            rx.recv().expect("it begins");
            if round % 2 == 0 {
                smarm::yield_now();
            }
            reader.kill();
            assert!(matches!(reader.join(), Err(ExitReason::Killed)));
            other.write_all(&[round]).expect("a reader");
            let mut byte = [0];
            (&*one).read_exact(&mut byte).expect("the byte is there");
            assert_eq!(byte, [round]);
        }
    });
}

#[test]
fn a_close_by_another_actor_ends_the_waits() {
    actors(|| {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").expect("a port"));
        let (one, _other) = tcp_pair();
        let one = Arc::new(one);
        let (accepts, reads) = (Arc::clone(&listener), Arc::clone(&one));
        let acceptor = spawn(move || accepts.accept().map(|_| ()).map_err(|error| error.kind()));
        let reader = spawn(move || (&*reads).read(&mut [0; 1]).map_err(|error| error.kind()));
        let_others_wait();
        listener.close();
        one.close();
        assert_eq!(acceptor.join().expect("no panic"), Err(ErrorKind::NotConnected));
        assert_eq!(reader.join().expect("no panic"), Err(ErrorKind::NotConnected));
        assert_eq!(listener.accept().expect_err("closed").kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn an_end_is_seen_by_who_waits() {
    actors(|| {
        let (mut one, other) = tcp_pair();
        let reader = spawn(move || one.read(&mut [0; 1]).expect("the end"));
        let_others_wait();
        drop(other);
        assert_eq!(reader.join().expect("no panic"), 0);
    });
}

#[test]
fn a_destructor_that_would_wait_while_unwinding_gets_an_error() {
    struct Reads(TcpStream, smarm::channel::Sender<bool>);
    impl Drop for Reads {
        fn drop(&mut self) {
            let error = self.0.read(&mut [0; 1]).expect_err("no data");
            self.1.send(smarm::io::is_unwinding(&error)).expect("the test receives");
        }
    }
    actors(|| {
        let (one, _other) = tcp_pair();
        let (tx, rx) = channel();
        panic_message(move || {
            let _reads = Reads(one, tx);
            panic!("to unwind")
        });
        assert_eq!(rx.recv(), Ok(true));
    });
}

#[test]
fn descriptors_that_are_used_again_wake_nobody_else() {
    on(2, || {
        let tally = Tally::new();
        let storms: Vec<_> = (0..8)
            .map(|n| {
                let token = tally.token(n);
                spawn(move || {
                    for _ in 0..100 {
                        let (one, mut other) = UnixStream::pair().expect("descriptors");
                        let word = [n as u8; 8];
                        let reader = spawn(move || {
                            let mut read = [0; 8];
                            (&one).read_exact(&mut read).map(|()| read)
                        });
                        smarm::yield_now();
                        other.write_all(&word).expect("a reader");
                        assert_eq!(reader.join().expect("no panic").expect("a word"), word);
                    }
                    drop(token);
                })
            })
            .collect();
        storms.into_iter().for_each(|storm| storm.join().expect("no panic"));
        tally.check();
    });
}

#[test]
fn datagrams_keep_their_bounds() {
    actors(|| {
        let one = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let other = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let (to_one, to_other) = (one.local_addr().expect("known"), other.local_addr().expect("known"));
        let echo = spawn(move || {
            let mut buffer = [0; 16];
            let (count, from) = other.recv_from(&mut buffer).expect("a datagram");
            assert_eq!(from, to_one);
            other.send_to(&buffer[..count], from).expect("sent");
        });
        one.connect(to_other).expect("an address");
        assert_eq!(one.send(b"some").expect("sent"), 4);
        let mut buffer = [0; 16];
        assert_eq!(one.peek(&mut buffer).expect("a datagram"), 4);
        assert_eq!(one.recv(&mut buffer).expect("a datagram"), 4);
        assert_eq!(&buffer[..4], b"some");
        echo.join().expect("no panic");
    });
}

#[test]
fn sockets_of_one_machine_connect_by_name() {
    actors(|| {
        let folder =
            std::env::temp_dir().join(format!("smarm-{}-{:?}", std::process::id(), smarm::current()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let listener = UnixListener::bind(folder.join("stream")).expect("a name");
        let path = folder.join("stream");
        let client = spawn(move || {
            let mut stream = UnixStream::connect(path).expect("it listens");
            stream.write_all(b"hello").expect("a reader");
        });
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut words = String::new();
        stream.read_to_string(&mut words).expect("words");
        assert_eq!(words, "hello");
        client.join().expect("no panic");

        let datagrams = UnixDatagram::bind(folder.join("datagram")).expect("a name");
        let path = folder.join("datagram");
        let sender = spawn(move || {
            let socket = UnixDatagram::unbound().expect("a descriptor");
            (0..500_u32).for_each(|n| _ = socket.send_to(&n.to_le_bytes(), &path).expect("sent"));
        });
        for n in 0..500_u32 {
            let mut word = [0; 4];
            assert_eq!(datagrams.recv(&mut word).expect("a datagram"), 4);
            assert_eq!(word, n.to_le_bytes());
        }
        sender.join().expect("no panic");
        std::fs::remove_dir_all(&folder).expect("it is there");
    });
}

#[test]
fn plain_threads_use_the_same_sockets() {
    plain(|| {
        let (mut one, mut other) = tcp_pair();
        let reader = std::thread::spawn(move || {
            let mut word = [0; 4];
            other.read_exact(&mut word).map(|()| word)
        });
        one.write_all(b"word").expect("a reader");
        assert_eq!(&reader.join().expect("no panic").expect("a word"), b"word");
        one.set_read_timeout(Some(MILLISECOND)).expect("a time");
        let (silent, _open) = tcp_pair();
        silent.set_read_timeout(Some(MILLISECOND)).expect("a time");
        assert_eq!((&silent).read(&mut [0; 1]).expect_err("no data").kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_socket_goes_on_in_another_runtime() {
    plain(|| {
        let (one, mut other) = tcp_pair();
        let one = Arc::new(one);
        for n in 0..10_u8 {
            let stream = Arc::clone(&one);
            let runtime = runtime(1 + usize::from(n % 2));
            let handle = runtime.handle();
            let reader = handle.spawn(move || {
                let mut byte = [0];
                (&*stream).read_exact(&mut byte).map(|()| byte)
            });
            other.write_all(&[n]).expect("a reader");
            assert_eq!(reader.join().expect("no panic").expect("a byte"), [n]);
        }
    });
}

#[test]
fn a_socket_becomes_one_of_std_and_a_descriptor_and_back() {
    actors(|| {
        let (one, mut other) = tcp_pair();
        let number = one.as_raw_fd();
        let one: std::net::TcpStream = one.try_into().expect("a socket");
        assert_eq!(one.as_raw_fd(), number);
        let one = TcpStream::try_from(one).expect("a socket");
        let one = OwnedFd::from(one);
        let mut one = TcpStream::try_from(one).expect("a socket");
        other.write_all(b"x").expect("a reader");
        one.read_exact(&mut [0; 1]).expect("a byte");
        assert!(one.take_error().expect("known").is_none());
        one.set_nodelay(true).expect("a socket");
        assert!(one.nodelay().expect("known"));
        assert_eq!(one.peer_addr().expect("known"), other.local_addr().expect("known"));
    });
}

#[test]
fn who_waits_for_a_descriptor_is_counted() {
    on(1, || {
        let runtime = smarm::runtime::init(smarm::runtime::Config::exact(1));
        let (one, mut other) = tcp_pair();
        let reader = runtime.handle().spawn(move || (&one).read(&mut [0; 1]));
        while runtime.stats().io_parked_count() == 0 {
            sleep(MILLISECOND);
        }
        other.write_all(b"x").expect("a reader");
        reader.join().expect("no panic").expect("a byte");
        assert_eq!(runtime.stats().io_parked_count(), 0);
    });
}

/// Of a listener the kernel tells in this field how many connections may wait to be accepted.
fn backlog(listener: &TcpListener) -> u32 {
    // SAFETY: plain numbers, of which all zero is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: `info` has room for `length` bytes.
    let asked = unsafe {
        libc::getsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    assert_eq!(asked, 0, "{}", std::io::Error::last_os_error());
    info.tcpi_sacked
}

#[test]
fn as_many_connections_may_wait_for_accept_as_the_system_allows() {
    let limit = std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("a Linux system");
    for address in ["127.0.0.1:0", "[::1]:0"] {
        match TcpListener::bind(address) {
            Ok(listener) => assert_eq!(backlog(&listener).to_string(), limit.trim()),
            Err(error) => assert!(address.starts_with('['), "{address}: {error}"), // a machine without IPv6
        }
    }
}

#[test]
fn a_port_can_be_listened_on_again_while_connections_of_before_are_being_closed() {
    plain(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut client = TcpStream::connect(address).expect("it listens");
        drop(listener.accept().expect("a connection")); // closed here first: so it lingers here
        assert_eq!(client.read(&mut [0]).expect("the end"), 0);
        drop((client, listener));
        let again = TcpListener::bind(address).expect("the port is free");
        let taken = TcpListener::bind(address).expect_err("two listeners");
        assert_eq!(taken.kind(), ErrorKind::AddrInUse, "{taken}");
        drop(again);
    });
}
