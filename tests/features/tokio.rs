//! `smarm::tokio::block_on`: futures that need tokio, on actors and plain threads.

#![expect(unreachable_pub, reason = "the visibility is what makes a method a message")]

use smarm::{ExitReason, channel, kill, spawn, yield_now};
use smarm_tests::{Tally, actors, on, plain};
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

const MILLISECOND: Duration = Duration::from_millis(1);

fn block_on<F: IntoFuture>(future: F) -> F::Output {
    smarm::tokio::block_on(future)
}

/// Why an actor has ended.
fn why<T>(joined: Result<T, ExitReason>) -> String {
    match joined {
        Ok(_) => panic!("it should have panicked"),
        Err(reason) => reason.to_string(),
    }
}

/// A server of tokio's that sends back what comes.
async fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let (mut stream, client) = listener.accept().await.expect("a connection");
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                if let Err(error) = tokio::io::copy(&mut reader, &mut writer).await {
                    eprintln!("the echo for {client}: {error}"); // of one that was killed
                }
            });
        }
    });
    address
}

async fn exchange(server: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(server).await.expect("it listens");
    stream.write_all(text.as_bytes()).await.expect("a reader");
    stream.shutdown().await.expect("a connection");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[test]
fn sockets_timers_and_tasks_work() {
    actors(|| {
        block_on(async {
            tokio::time::sleep(MILLISECOND).await;
            let server = echo_server().await;
            assert_eq!(exchange(server, "hello").await, "hello");
            assert_eq!(tokio::spawn(async { 7 }).await.expect("no panic"), 7);
            assert_eq!(tokio::task::spawn_blocking(|| 8).await.expect("no panic"), 8);
            let late = tokio::time::timeout(MILLISECOND, std::future::pending::<()>()).await;
            assert!(late.is_err());
        });
    });
}

#[test]
fn plain_threads_may_do_so_too() {
    plain(|| {
        let server = block_on(echo_server());
        assert_eq!(block_on(exchange(server, "hello")), "hello");
        assert_eq!(block_on(async { block_on(async { 1 }) + 1 }), 2);
    });
}

#[test]
fn many_actors_wait_in_futures_at_once() {
    on(2, || {
        let server = block_on(echo_server());
        let clients: Vec<_> = (0..200)
            .map(|n| {
                spawn(move || {
                    let text = format!("client {n}");
                    assert_eq!(block_on(exchange(server, &text)), text);
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().expect("no panic"));
    });
}

#[test]
fn a_future_may_borrow_and_be_bound_to_its_thread() {
    actors(|| {
        let (count, here) = (Rc::new(Cell::new(0)), thread::current().id());
        block_on(async {
            for _ in 0..5 {
                tokio::time::sleep(MILLISECOND).await;
                count.set(count.get() + 1);
                assert_eq!(thread::current().id(), here);
            }
        });
        assert_eq!(count.get(), 5);
    });
}

#[test]
fn others_run_meanwhile_and_find_no_runtime() {
    actors(|| {
        let (sender, receiver) = channel();
        let waiter = spawn(move || {
            block_on(async {
                sender.send(()).expect("a receiver");
                tokio::time::sleep(MILLISECOND).await;
                assert!(Handle::try_current().is_ok());
            });
        });
        receiver.recv().expect("a sender");
        while !waiter.is_finished() {
            assert!(Handle::try_current().is_err(), "it is entered between two polls");
            yield_now();
        }
        waiter.join().expect("no panic");
        assert!(Handle::try_current().is_err());
    });
}

#[test]
fn a_wait_of_smarm_inside_says_what_is_wrong() {
    actors(|| {
        let (_sender, receiver) = channel::<()>();
        let waits = spawn(move || block_on(async { receiver.recv() }));
        let message = why(waits.join());
        assert!(message.contains("no_preempt"), "{message}");
        let sleeps = spawn(|| block_on(async { smarm::sleep(MILLISECOND) }));
        let message = why(sleeps.join());
        assert!(message.contains("sleep"), "{message}");
        assert_eq!(block_on(async { 1 }), 1, "others are not concerned");
    });
}

#[test]
fn what_does_not_wait_works_inside() {
    actors(|| {
        let (sender, receiver) = channel();
        sender.send(1).expect("a receiver");
        let actor = block_on(async {
            tokio::time::sleep(MILLISECOND).await;
            let first = receiver.recv().expect("a message is there");
            sender.send(first + 1).expect("a receiver");
            spawn(move || first + 2)
        });
        assert_eq!((receiver.recv(), actor.join().expect("no panic")), (Ok(2), 3));
    });
}

#[test]
fn a_panic_is_the_actors() {
    actors(|| {
        let failing = spawn(|| {
            block_on(async {
                tokio::time::sleep(MILLISECOND).await;
                panic!("on purpose");
            });
        });
        let message = why(failing.join());
        assert!(message.contains("on purpose"), "{message}");
        let task = block_on(tokio_task_that_panics());
        assert!(task.is_panic());
        assert!(Handle::try_current().is_err());
    });
}

async fn tokio_task_that_panics() -> tokio::task::JoinError {
    let task: tokio::task::JoinHandle<()> =
        tokio::spawn(async { std::panic::resume_unwind(Box::new("on purpose")) });
    task.await.expect_err("it panics")
}

/// Says when it is dropped whether a runtime was entered.
struct Witness(smarm::channel::Sender<bool>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.send(Handle::try_current().is_ok()).expect("a receiver");
    }
}

#[test]
fn a_killed_caller_drops_its_future_with_the_runtime_entered() {
    actors(|| {
        let tally = Tally::new();
        let (sender, receiver) = channel();
        let (started, starts) = channel();
        let token = tally.token(1);
        let waiter = spawn(move || {
            block_on(async move {
                let _witness = (Witness(sender), token);
                started.send(()).expect("a receiver");
                std::future::pending::<()>().await;
            });
        });
        starts.recv().expect("it starts");
        kill(waiter.pid());
        assert!(matches!(waiter.join(), Err(ExitReason::Killed)));
        assert_eq!(receiver.recv(), Ok(true));
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn a_future_that_is_done_is_dropped_with_the_runtime_entered() {
    actors(|| {
        let (sender, receiver) = channel();
        let mut witness = Some(Witness(sender));
        // Its state outlives its last poll.
        block_on(std::future::poll_fn(move |_| {
            assert!(witness.as_mut().is_some());
            std::task::Poll::Ready(())
        }));
        assert_eq!(receiver.recv(), Ok(true));
    });
}

#[test]
fn it_says_so_inside_a_task_of_tokio() {
    actors(|| {
        let inside = block_on(async { tokio::spawn(async { block_on(async { 1 }) }).await });
        assert!(inside.expect_err("it panics").is_panic());
    });
}

#[test]
fn a_task_is_spawned_from_outside_of_futures() {
    actors(|| {
        let task = smarm::tokio::handle().expect("a thread").spawn(async { 7 });
        assert_eq!(block_on(task).expect("no panic"), 7);
    });
}

#[test]
fn actors_that_are_killed_at_random_leave_the_runtime_in_order() {
    on(2, || {
        let server = block_on(echo_server());
        for round in 0..50 {
            let clients: Vec<_> = (0..20)
                .map(|n| {
                    spawn(move || {
                        let mut answer = String::new();
                        for _ in 0..3 {
                            answer = block_on(exchange(server, &format!("{n}")));
                        }
                        answer
                    })
                })
                .collect();
            (0..round % 10).for_each(|_| yield_now());
            clients.iter().step_by(2).for_each(|client| kill(client.pid()));
            for (n, client) in clients.into_iter().enumerate() {
                match client.join() {
                    Ok(answer) => assert_eq!(answer, n.to_string()),
                    Err(reason) => assert!(matches!(reason, ExitReason::Killed) && n % 2 == 0, "{reason}"),
                }
            }
        }
    });
}

/// Counts; its mailbox has room for few.
pub struct Counter {
    n: u64,
}

#[smarm::actor(mailbox = bounded(4))]
impl Counter {
    pub fn next(&mut self) -> u64 {
        self.n += 1;
        self.n
    }

    pub fn odd(&self) -> Result<u64, String> {
        if self.n % 2 == 1 { Ok(self.n) } else { Err(format!("{} is even", self.n)) }
    }
}

/// Runs `body` under a tokio runtime of its own with several threads, beside a runtime of smarm's with a counter.
fn beside_tokio<F: Future<Output = ()>>(body: impl FnOnce(CounterHandle) -> F + Clone + Send + 'static) {
    actors(move || {
        let counter = Counter { n: 0 }.start();
        smarm::block_on_io(move || {
            let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build();
            tokio.expect("threads").block_on(body(counter));
        });
    });
}

#[test]
fn tasks_of_tokio_await_calls_of_servers() {
    const TASKS: u64 = 20;
    const CALLS: u64 = 50;
    beside_tokio(|counter| async move {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let calls = counter.actor().to_async();
                tokio::spawn(async move {
                    let mut before = 0;
                    for _ in 0..CALLS {
                        let n = calls.next().await.expect("it lives");
                        assert!(n > before);
                        before = n;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        let calls = counter.actor().to_async();
        let both = tokio::join!(calls.next(), calls.odd());
        assert_eq!(both.0.expect("it lives"), TASKS * CALLS + 1);
        assert_eq!(both.1.expect("it is odd"), TASKS * CALLS + 1);
        calls.next().await.expect("it lives");
        assert!(calls.odd().await.unwrap_err().into_reply().is_ok_and(|error| error.contains("even")));
    });
}

#[test]
fn a_task_that_is_aborted_drops_its_call() {
    beside_tokio(|counter| async move {
        let calls = counter.actor().to_async();
        for _ in 0..50 {
            let task = {
                let calls = calls.clone();
                tokio::spawn(async move { while calls.next().await.is_ok() {} })
            };
            tokio::task::yield_now().await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        calls.next().await.expect("it lives");
    });
}

#[test]
fn an_actor_awaits_calls_under_tokio() {
    actors(|| {
        let calls = Counter { n: 0 }.start().actor().to_async();
        let sum = block_on(async {
            let (first, second) = tokio::join!(calls.next(), calls.next());
            tokio::time::sleep(MILLISECOND).await;
            first.expect("it lives") + second.expect("it lives")
        });
        assert_eq!(sum, 3);
    });
}
