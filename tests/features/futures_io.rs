//! Sockets that are polled: by `smarm::block_on`, and by executors that know nothing of smarm.

use futures_lite::future::{or, poll_once, race, zip};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use smarm::net::{TcpListener, TcpStream, UnixStream};
use smarm::{ExitReason, block_on, spawn};
use smarm_tests::{actors, on, plain};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread;

/// Two ends of a connection over TCP.
fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let one = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
    (one, listener.accept().expect("a connection").0)
}

fn unix_pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("descriptors")
}

// With the traits of both kinds in scope, `stream.read(..)` would be ambiguous.

/// Writes as blocking code does.
fn put(mut stream: &UnixStream, bytes: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut stream, bytes)
}

/// Reads as blocking code does.
fn take(mut stream: &UnixStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    io::Read::read_exact(&mut stream, &mut bytes).expect("a writer");
    bytes
}

/// Echoes what comes until the end, in a future of each chunk.
async fn echo(mut stream: impl futures_lite::AsyncRead + futures_lite::AsyncWrite + Unpin) -> usize {
    let (mut buffer, mut echoed) = ([0; 1000], 0);
    loop {
        let count = stream.read(&mut buffer).await.expect("a connection");
        if count == 0 {
            stream.close().await.expect("a connection");
            return echoed;
        }
        stream.write_all(&buffer[..count]).await.expect("a reader");
        echoed += count;
    }
}

/// Sends so many bytes in one future, reads them in another; both on one stream, by reference.
async fn send_and_receive(stream: &TcpStream, count: usize) {
    let sent: Vec<u8> = (0..count).map(|n| (n % 251) as u8).collect();
    let sending = async {
        let mut writer = stream;
        writer.write_all(&sent).await.expect("a reader");
        AsyncWriteExt::close(&mut writer).await.expect("a connection");
    };
    let receiving = async {
        let (mut reader, mut received) = (stream, Vec::new());
        reader.read_to_end(&mut received).await.expect("an echo");
        received
    };
    let ((), received) = zip(sending, receiving).await;
    assert!(received == sent);
}

const MANY_BYTES: usize = 3_000_000;

#[test]
fn bytes_come_back_as_they_were_sent() {
    on(2, || {
        let (one, other) = tcp_pair();
        let echoing = spawn(move || block_on(echo(other)));
        block_on(send_and_receive(&one, MANY_BYTES));
        assert_eq!(echoing.join().expect("no panic"), MANY_BYTES);
    });
}

#[test]
fn other_executors_on_plain_threads_poll_them_too() {
    plain(|| {
        let (one, other) = tcp_pair();
        let echoing = thread::spawn(move || futures_lite::future::block_on(echo(other)));
        futures_lite::future::block_on(send_and_receive(&one, MANY_BYTES));
        assert_eq!(echoing.join().expect("no panic"), MANY_BYTES);
    });
}

#[test]
fn an_actor_that_blocks_and_a_future_share_a_connection() {
    actors(|| {
        let (mut one, other) = unix_pair();
        let blocking = spawn(move || {
            put(&other, b"question").expect("a reader");
            let answer = take(&other, 6);
            put(&other, &answer).expect("a reader");
        });
        block_on(async {
            let mut question = [0; 8];
            one.read_exact(&mut question).await.expect("a question");
            assert_eq!(&question, b"question");
            one.write_all(b"answer").await.expect("a reader");
        });
        assert_eq!(take(&one, 6), b"answer", "the same socket, without a future");
        blocking.join().expect("no panic");
    });
}

#[test]
fn one_actor_serves_a_hundred_connections() {
    on(2, || {
        let (ours, theirs): (Vec<_>, Vec<_>) = (0..100).map(|_| tcp_pair()).unzip();
        let echoing = spawn(move || {
            let mut echoes: Vec<_> = theirs.into_iter().map(|stream| Some(Box::pin(echo(stream)))).collect();
            let mut total = 0;
            block_on(poll_fn(|context| {
                for slot in &mut echoes {
                    if let Some(Poll::Ready(count)) = slot.as_mut().map(|echo| echo.as_mut().poll(context)) {
                        total += count;
                        *slot = None;
                    }
                }
                if echoes.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
            }));
            total
        });
        let clients = ours.into_iter().map(|stream| spawn(move || block_on(send_and_receive(&stream, 5000))));
        clients.collect::<Vec<_>>().into_iter().for_each(|client| client.join().expect("no panic"));
        assert_eq!(echoing.join().expect("no panic"), 500_000);
    });
}

/// Counts how often it is called.
#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Calls {
    fn wait_for(&self, count: usize) {
        while self.0.load(SeqCst) < count {
            thread::yield_now();
        }
    }
}

fn poll<F: Future>(future: F, calls: &Arc<Calls>) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(&Waker::from(Arc::clone(calls))))
}

#[test]
fn several_futures_may_wait_for_one_socket() {
    plain(|| {
        let (one, other) = unix_pair();
        let all: Vec<_> = (0..40).map(|_| Arc::new(Calls::default())).collect();
        for calls in &all {
            assert!(poll((&one).read(&mut [0]), calls).is_pending());
        }
        assert_eq!(all[0].0.load(SeqCst), 1, "where they are too many, the first ones are to look again");
        let pending = &all[32..];
        put(&other, b"x").expect("a reader");
        pending.iter().for_each(|calls| calls.wait_for(1));
        assert!(matches!(poll((&one).read(&mut [0]), &all[0]), Poll::Ready(Ok(1))));
    });
}

/// A waker that does something when it is cloned for the first time: a poll does so between its try and the moment when it is left.
struct Interruption(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Interruption {
    fn waker(interruption: impl FnOnce() + Send + 'static) -> Waker {
        const TABLE: RawWakerVTable = RawWakerVTable::new(Interruption::clone, |_| (), |_| (), |_| ());
        let this: &'static Self = Box::leak(Box::new(Self(Mutex::new(Some(Box::new(interruption))))));
        // SAFETY: the functions of the table take this address, of a value that is never freed and may be shared by threads; only the first
        // one does anything with it.
        unsafe { Waker::from_raw(RawWaker::new(ptr::from_ref(this).cast(), &TABLE)) }
    }

    fn clone(this: *const ()) -> RawWaker {
        // SAFETY: `waker` made the address, of a value that is never freed.
        let interruption = unsafe { &*this.cast::<Self>() }.0.lock().expect("no panic").take();
        interruption.into_iter().for_each(|interruption| interruption());
        RawWaker::new(this, &WITHOUT_INTERRUPTION)
    }
}

const WITHOUT_INTERRUPTION: RawWakerVTable =
    RawWakerVTable::new(|this| RawWaker::new(this, &WITHOUT_INTERRUPTION), |_| (), |_| (), |_| ());

/// Two have tried in vain when two bytes come at once. The kernel tells of them once, and the first of the two takes only one.
#[test]
fn who_polls_beside_another_one_hears_of_what_that_one_leaves() {
    plain(|| {
        let (one, other) = unix_pair();
        let one = Arc::new(one);
        let told = Arc::new(Calls::default());
        assert!(poll((&*one).read(&mut [0]), &told).is_pending());
        let bytes_come = move || {
            put(&other, b"xy").expect("a reader");
            told.wait_for(1);
        };
        let socket = Arc::clone(&one);
        let first_reads = move || {
            let waker = Interruption::waker(bytes_come);
            let read = pin!((&*socket).read(&mut [0])).poll(&mut Context::from_waker(&waker));
            assert!(matches!(read, Poll::Ready(Ok(1))));
        };
        let waker = Interruption::waker(first_reads);
        let read = pin!((&*one).read(&mut [0])).poll(&mut Context::from_waker(&waker));
        assert!(matches!(read, Poll::Ready(Ok(1))), "it waits beside a byte that it could read");
    });
}

#[test]
fn a_waker_that_is_left_again_and_again_is_called_once() {
    plain(|| {
        let (one, other) = unix_pair();
        let calls = Arc::new(Calls::default());
        let waker = Waker::from(Arc::clone(&calls));
        for _ in 0..1000 {
            let mut buffer = [0];
            let mut stream = &one;
            let read = pin!(stream.read(&mut buffer));
            assert!(read.poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert_eq!(calls.0.load(SeqCst), 0);
        put(&other, b"x").expect("a reader");
        calls.wait_for(1);
        assert!(matches!(poll((&one).read(&mut [0]), &calls), Poll::Ready(Ok(1))));
    });
}

#[test]
fn a_waker_that_panics_is_reported_and_the_others_are_called() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("on purpose"));
        }
    }
    plain(|| {
        let (one, other) = unix_pair();
        let (mut buffer, mut stream) = ([0], &one);
        let read = pin!(stream.read(&mut buffer));
        assert!(read.poll(&mut Context::from_waker(&Waker::from(Arc::new(Panics)))).is_pending());
        let calls = Arc::new(Calls::default());
        assert!(poll((&one).read(&mut [0]), &calls).is_pending());
        put(&other, b"x").expect("a reader");
        calls.wait_for(1);
    });
}

#[test]
fn a_future_that_is_dropped_leaves_the_socket_as_it_was() {
    actors(|| {
        let (one, other) = unix_pair();
        for n in 0..100 {
            assert!(block_on(poll_once((&one).read(&mut [0]))).is_none());
            put(&other, &[n]).expect("a reader");
            let mut byte = [0];
            block_on((&one).read_exact(&mut byte)).expect("a byte");
            assert_eq!(byte, [n]);
        }
    });
}

#[test]
fn who_is_killed_in_a_future_leaves_the_socket_as_it_was() {
    actors(|| {
        let (one, other) = unix_pair();
        let one = Arc::new(one);
        let waiter = {
            let one = Arc::clone(&one);
            spawn(move || block_on((&*one).read(&mut [0])))
        };
        smarm::yield_now();
        smarm::kill(waiter.pid());
        assert!(matches!(waiter.join(), Err(ExitReason::Killed)));
        put(&other, b"x").expect("a reader");
        assert_eq!(block_on((&*one).read(&mut [0])).expect("a byte"), 1);
    });
}

#[test]
fn a_close_ends_what_futures_wait_for() {
    actors(|| {
        let (one, _other) = unix_pair();
        let one = Arc::new(one);
        let waiter = {
            let one = Arc::clone(&one);
            spawn(move || block_on((&*one).read(&mut [0])))
        };
        smarm::yield_now();
        one.close();
        let error = waiter.join().expect("no panic").expect_err("closed");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        let later = block_on((&*one).read(&mut [0])).expect_err("closed");
        assert_eq!(later.kind(), ErrorKind::NotConnected);

        let (never_waited, _other) = tcp_pair();
        never_waited.close();
        let error = block_on((&never_waited).read(&mut [0])).expect_err("closed");
        assert_eq!(error.kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn the_end_and_errors_come_to_futures() {
    actors(|| {
        let (mut one, other) = unix_pair();
        drop(other);
        assert_eq!(block_on(one.read(&mut [0])).expect("the end"), 0);
        let error = block_on(one.write(b"x")).expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_peer_that_always_has_more_does_not_keep_the_other_actors_waiting() {
    actors(|| {
        let (mut one, other) = unix_pair();
        let source = thread::spawn(move || {
            let bytes = [0; 4096];
            while put(&other, &bytes).is_ok() {}
        });
        // Both are always ready, and on one worker.
        let counted = Arc::new(AtomicUsize::new(0));
        let other_actor = {
            let counted = Arc::clone(&counted);
            spawn(move || {
                while counted.load(SeqCst) < 10 {
                    counted.fetch_add(1, SeqCst);
                    smarm::yield_now();
                }
            })
        };
        block_on(async {
            let mut buffer = [0; 16];
            while counted.load(SeqCst) < 10 {
                one.read_exact(&mut buffer).await.expect("more");
            }
        });
        drop(one);
        other_actor.join().expect("no panic");
        source.join().expect("no panic");
    });
}

#[test]
fn a_race_is_won_by_what_comes() {
    actors(|| {
        let (quiet, _quiet) = unix_pair();
        let (loud, other) = unix_pair();
        let writer = spawn(move || put(&other, b"x"));
        let read = async |stream: &UnixStream, name| {
            let mut stream = stream;
            stream.read(&mut [0]).await.map(|_| name).expect("a connection")
        };
        assert_eq!(block_on(race(read(&quiet, "quiet"), read(&loud, "loud"))), "loud");
        assert_eq!(block_on(or(read(&quiet, "quiet"), async { "at once" })), "at once");
        writer.join().expect("no panic").expect("a reader");
    });
}

#[test]
fn descriptors_that_are_used_again_wake_nobody_else() {
    on(2, || {
        for n in 0..200_u8 {
            let (mut one, other) = unix_pair();
            assert!(block_on(poll_once(one.read(&mut [0]))).is_none());
            let writer = spawn(move || {
                put(&other, &[n]).expect("a reader");
                other
            });
            let mut byte = [0];
            block_on(one.read_exact(&mut byte)).expect("a byte");
            assert_eq!(byte, [n]);
            drop(writer.join().expect("no panic"));
        }
    });
}
