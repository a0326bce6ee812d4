//! Actors that are killed in every kind of wait, a thousand at a time: afterwards everything is as it was before.
//!
//! | what | seen by |
//! |---|---|
//! | actors, timers, waits for descriptors | the runtime's statistics |
//! | descriptors, and registrations with the workers' epoll instances | `/proc/self/fd`, `/proc/self/fdinfo` |
//! | threads | `/proc/self/task` |
//! | slots, stacks | the largest index and the highest address that as many new actors get |
//! | memory | `/proc/self/status` |

use crate::{first_seed, number, take_turn};
use smarm::channel::{bounded, oneshot};
use smarm::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use smarm::runtime::{Config, Deadlock, Runtime, RuntimeStats, init};
use smarm::sync::{Barrier, Condvar, OnceCell, RwLock, Semaphore};
use smarm::{
    ExitReason, JoinHandle, Mutex, block_on, block_on_io, channel, park_current, scope, select, sleep, spawn,
    yield_now,
};
use smarm_tests::{Rng, Tally, Token, Watchdog, resident_kib};
use std::fs;
use std::io::{Read, Write, pipe};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

const WORKERS: usize = 4;
const ACTORS: usize = 1000;
/// More than a round ever has alive, so that they need all slots and stacks that rounds have left, wherever those are kept.
const PROBES: usize = 4 * ACTORS;
const ROUNDS: u64 = 12;
/// After so many everything is as large as it becomes, but for what each worker keeps at hand.
const WARM_ROUNDS: u64 = 4;
const HOUR: Duration = Duration::from_secs(3600);

/// What a level may differ by, because each worker keeps some at hand.
const KEPT_SLOTS: u32 = 512;
const KEPT_STACKS: usize = KEPT_SLOTS as usize;
/// Of the default size.
const STACK_BYTES: usize = 256 << 10;
const KEPT_KIB: u64 = 32 << 10;

/// How long what an end leaves to others to do may take, on a busy machine: after that it is told what is still there.
const SETTLING: Duration = Duration::from_secs(30);

// ---- the waits ----------------------------------------------------------------------------------------------------------

/// What many wait for at once, and which nobody gives them.
struct World {
    mutex: Mutex<()>,
    lock: RwLock<()>,
    read_lock: RwLock<()>,
    semaphore: Semaphore,
    once: OnceCell<u8>,
    /// Handles a message until its round is over, and has no room for another one.
    busy: DeskHandle,
    /// The same, with room for all.
    patient: HallHandle,
    /// An address whose queue of connections is full.
    full: SocketAddr,
}

struct Desk;

#[smarm::actor(mailbox = bounded(1))]
impl Desk {
    pub(crate) fn hold(&mut self, gate: smarm::channel::Receiver<()>) {
        gate.recv().ok();
    }
    pub(crate) fn put(&mut self) {}
}

struct Hall;

#[smarm::actor]
impl Hall {
    pub(crate) fn hold(&mut self, gate: smarm::channel::Receiver<()>) {
        gate.recv().ok();
    }
    pub(crate) fn ask(&mut self, token: Token) -> Token {
        token
    }
}

type Wait = fn(&World);

/// Each of these waits until its actor is killed.
const WAITS: &[(&str, Wait)] = &[
    ("recv", |_| whatever(with(channel::<u8>(), |(_tx, rx)| rx.recv()))),
    ("recv_timeout", |_| whatever(with(channel::<u8>(), |(_tx, rx)| rx.recv_timeout(HOUR)))),
    ("recv of a bounded channel", |_| whatever(with(bounded::<u8>(1), |(_tx, rx)| rx.recv()))),
    ("recv of a rendezvous", |_| whatever(with(bounded::<u8>(0), |(_tx, rx)| rx.recv()))),
    ("recv of a oneshot", |_| whatever(with(oneshot::<u8>(), |(_tx, rx)| rx.recv()))),
    ("send", |_| with(bounded(1), |(tx, _rx)| whatever((tx.send([1_u64; 8]), tx.send([2; 8]))))),
    ("send_timeout", |_| with(bounded(1), |(tx, _rx)| whatever((tx.send(1), tx.send_timeout(2, HOUR))))),
    ("send of a rendezvous", |_| whatever(with(bounded(0), |(tx, _rx)| tx.send(1)))),
    ("sleep", |_| sleep(HOUR)),
    ("park_current", |_| {
        loop {
            park_current();
        }
    }),
    ("yield", |_| {
        loop {
            yield_now();
            sleep(Duration::from_micros(300));
        }
    }),
    ("join", |_| {
        let (tx, rx) = channel::<()>();
        let child = spawn(move || rx.recv());
        child.join().ok();
        drop(tx);
    }),
    ("scope", |_| scope(|s| whatever(s.spawn(|| sleep(HOUR))))),
    ("join in a scope", |_| scope(|s| whatever(s.spawn(|| sleep(HOUR)).join()))),
    ("call", |world| whatever(world.patient.ask(Tally::new().token(1)))),
    ("call with a timer", |world| {
        whatever(world.patient.timeout(Duration::from_millis(900_900)).ask(Tally::new().token(1)));
    }),
    ("full mailbox", |world| {
        loop {
            world.busy.put();
        }
    }),
    ("join of a server", |world| whatever(world.patient.join())),
    ("mutex", |world| whatever(world.mutex.lock_timeout(HOUR))),
    ("read lock", |world| whatever(world.lock.read_timeout(HOUR))),
    ("write lock", |world| whatever(world.lock.write_timeout(HOUR))),
    ("write lock behind readers", |world| whatever(world.read_lock.write_timeout(HOUR))),
    ("condition variable", |_| {
        let mutex = Mutex::new(());
        let guard = mutex.lock().expect("nobody else has it");
        whatever(Condvar::new().wait_timeout(guard, HOUR));
    }),
    ("semaphore", |world| whatever(world.semaphore.acquire_timeout(1, HOUR))),
    ("barrier", |_| whatever(Barrier::new(2).wait_timeout(HOUR))),
    ("once", |world| whatever(world.once.get_or_init(|| 1))),
    ("read", |_| whatever(with(sockets(), |(mut one, _other)| one.read(&mut [0; 8])))),
    ("read with a timeout", |_| {
        let (mut one, _other) = sockets();
        one.set_read_timeout(Some(HOUR)).expect("a time");
        whatever(one.read(&mut [0; 8]));
    }),
    ("read of TCP", |_| {
        let (listener, address) = listener();
        let mut stream = TcpStream::connect(address).expect("it listens");
        whatever((stream.read(&mut [0; 8]), listener));
    }),
    ("write", |_| with(sockets(), |(mut one, _other)| while one.write_all(&[1; 4096]).is_ok() {})),
    ("accept", |_| whatever(listener().0.accept())),
    ("connect", |world| whatever(TcpStream::connect(world.full))),
    ("connect_timeout", |world| whatever(TcpStream::connect_timeout(&world.full, HOUR))),
    ("datagram", |_| whatever(UdpSocket::bind("127.0.0.1:0").expect("a port").recv(&mut [0; 8]))),
    ("wait_readable", |_| {
        whatever(with(pipe().expect("descriptors"), |(rx, _tx)| smarm::io::wait_readable(&rx)))
    }),
    ("wait_readable_timeout", |_| {
        let (rx, _tx) = pipe().expect("descriptors");
        whatever(smarm::io::wait_readable_timeout(&rx, HOUR));
    }),
    ("wait_writable", |_| {
        let (one, _other) = std::os::unix::net::UnixStream::pair().expect("descriptors");
        one.set_nonblocking(true).expect("a socket");
        while (&one).write(&[0; 4096]).is_ok() {}
        whatever(smarm::io::wait_writable(&one));
    }),
    ("block_on_io", |_| {
        // The kill drops the sender, which lets the thread go.
        let (_tx, rx) = std::sync::mpsc::channel::<()>();
        whatever(block_on_io(move || rx.recv()));
    }),
    ("block_on", |_| block_on(std::future::pending::<()>())),
    ("recv_match", |_| {
        let (tx, rx) = channel();
        tx.send(1).expect("a receiver");
        whatever((rx.recv_match(|n| *n == 2), tx));
    }),
    ("recv_match_timeout", |_| {
        let (tx, rx) = channel();
        tx.send(1).expect("a receiver");
        whatever((rx.recv_match_timeout(HOUR, |n| *n == 2), tx));
    }),
    ("select of receives and a time", |_| {
        let ((a, from_a), (b, from_b), (c, from_c)) = (channel::<u8>(), bounded::<u8>(0), oneshot::<u8>());
        select! {
            _ = from_a.recv() => (),
            _ = from_b.recv() => (),
            _ = from_c.recv() => (),
            after(HOUR) => (),
        }
        whatever((a, b, c));
    }),
    ("select of sends and times", |_| {
        let ((full, room), (rendezvous, nobody)) = (bounded(1), bounded(0));
        full.send(1).expect("room");
        select! {
            _ = full.send(2) => (),
            _ = rendezvous.send(3) => (),
            after(HOUR) => (),
            at(Instant::now() + HOUR) => (),
        }
        whatever((room, nobody));
    }),
    ("select of joins", |world| {
        let (tx, rx) = channel::<()>();
        let child = spawn(move || rx.recv());
        select! {
            _ = child.join() => (),
            _ = world.patient.join() => (),
            after(HOUR) => (),
        }
        drop(tx);
    }),
    ("select of sockets", |_| {
        let ((listener, _), (one, _other)) = (listener(), sockets());
        select! {
            _ = listener.accept() => (),
            _ = one.wait_readable() => (),
            after(HOUR) => (),
        }
    }),
    ("select of descriptors and a receive", |_| {
        let ((reader, _writer), (tx, rx)) = (pipe().expect("descriptors"), channel::<u8>());
        select! {
            _ = smarm::io::wait_readable(&reader) => (),
            _ = rx.recv() => (),
        }
        drop(tx);
    }),
];

/// What comes of a wait that was cut short is nobody's concern.
fn whatever<T>(_: T) {}

/// The value lives until `f` has returned.
fn with<V, T>(value: V, f: impl FnOnce(V) -> T) -> T {
    f(value)
}

fn sockets() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("descriptors")
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// A listener that has no room for another connection, and the connections that fill it.
fn full_listener() -> (std::net::TcpListener, Vec<TcpStream>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    // SAFETY: the descriptor is open, and listens already: this makes its queue shorter.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let address = listener.local_addr().expect("an address");
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        waiting.push(stream);
    }
    (listener, waiting)
}

// ---- one round ----------------------------------------------------------------------------------------------------------

/// Starts the actors, kills them, and waits until they have ended. All that it has opened is closed when it returns.
fn round(seed: u64) {
    let mut rng = Rng::new(seed);
    let (listener, filling) = full_listener();
    let (open_busy, busy_gate) = channel();
    let (open_patient, patient_gate) = channel();
    let world = Arc::new(World {
        mutex: Mutex::new(()),
        lock: RwLock::new(()),
        read_lock: RwLock::new(()),
        semaphore: Semaphore::new(0),
        once: OnceCell::new(),
        busy: Desk.start(),
        patient: Hall.start(),
        full: listener.local_addr().expect("an address"),
    });
    world.busy.hold(busy_gate);
    world.patient.hold(patient_gate);
    let (keep_once, once_gate) = channel::<()>();
    let (begin, has_begun) = channel();
    let initialises = spawn({
        let world = Arc::clone(&world);
        move || {
            world
                .once
                .get_or_init(|| {
                    begin.send(()).expect("the round waits");
                    once_gate.recv().ok();
                    7
                })
                .copied()
        }
    });
    has_begun.recv().expect("it begins");
    {
        let _mutex = world.mutex.lock().expect("nobody else has it");
        let _lock = world.lock.write().expect("nobody else has it");
        let _read_lock = world.read_lock.read().expect("nobody writes");
        kill_all(&world, &mut rng);
    }
    drop((keep_once, open_busy, open_patient));
    assert_eq!(initialises.join().expect("no panic"), Ok(7));
    // What all have waited for is as good as ever.
    drop(world.mutex.lock().expect("all have left"));
    drop(world.lock.write().expect("all have left"));
    drop(world.read_lock.write().expect("all have left"));
    world.semaphore.add_permits(1);
    drop(world.semaphore.acquire(1).expect("all have left"));
    assert_eq!(world.once.get(), Some(&7));
    world.busy.put();
    world.busy.stop();
    world.patient.stop();
    world.busy.join();
    world.patient.join();
    drop(filling);
}

fn kill_all(world: &Arc<World>, rng: &mut Rng) {
    let mut actors: Vec<(&str, JoinHandle<()>)> = Vec::new();
    for n in 0..ACTORS {
        let (name, wait) = WAITS[n % WAITS.len()];
        let world = Arc::clone(world);
        actors.push((name, spawn(move || wait(&world))));
        // Some are killed before they have begun, some on the way, some have waited for long.
        if rng.one_in(8) {
            let (_, victim) = &actors[rng.below(actors.len())];
            victim.kill();
        }
        if rng.one_in(16) {
            yield_now();
        }
    }
    sleep(rng.micros(20_000));
    while !actors.is_empty() {
        let (name, victim) = actors.swap_remove(rng.below(actors.len()));
        victim.kill();
        let end = victim.join();
        assert!(matches!(end, Err(ExitReason::Killed)), "{name} ended with {end:?}");
    }
}

// ---- levels -------------------------------------------------------------------------------------------------------------

/// What must be the same after each round.
#[derive(PartialEq, Eq, Debug)]
struct Level {
    live: u64,
    deadlines: usize,
    io_waits: usize,
    queued: usize,
    descriptors: usize,
    registrations: usize,
}

impl Level {
    fn now(stats: RuntimeStats) -> Level {
        let (descriptors, registrations) = descriptors();
        Level {
            live: stats.live(),
            deadlines: stats.sleeping_count(),
            io_waits: stats.io_parked_count(),
            queued: stats.total_run_queue_len(),
            descriptors,
            registrations,
        }
    }
}

/// How many descriptors this process has, and how many of them are registered with its epoll instances.
fn descriptors() -> (usize, usize) {
    let entries = fs::read_dir("/proc/self/fdinfo").expect("Linux has it");
    // One that is gone by then is not counted: this look itself has one.
    let infos: Vec<String> =
        entries.filter_map(|entry| fs::read_to_string(entry.expect("an entry").path()).ok()).collect();
    let registrations = infos.iter().flat_map(|info| info.lines()).filter(|line| line.starts_with("tfd:"));
    (infos.len(), registrations.count())
}

/// The threads of smarm; the tests have others.
fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux has it");
    let names = tasks.filter_map(|task| fs::read_to_string(task.expect("an entry").path().join("comm")).ok());
    names.filter(|name| name.starts_with("smarm")).count()
}

/// Looks until it is so, or for long.
fn settles<T: PartialEq + std::fmt::Debug>(expected: &T, look: impl Fn() -> T) {
    let since = Instant::now();
    let mut found = look();
    while found != *expected && since.elapsed() < SETTLING {
        std::thread::sleep(Duration::from_millis(1));
        found = look();
    }
    assert_eq!(found, *expected, "something is left behind");
}

/// What many actors get, all alive at once: the largest index of a slot, and the highest address of a stack.
fn highest() -> (u32, usize) {
    let (tx, rx) = channel();
    let actors: Vec<_> = (0..PROBES)
        .map(|_| {
            let tx = tx.clone();
            spawn(move || {
                let local = 0_u8;
                tx.send((smarm::current().index(), &raw const local as usize)).expect("the root receives");
                sleep(HOUR);
            })
        })
        .collect();
    let seen: Vec<_> = rx.iter().take(PROBES).collect();
    actors.iter().for_each(JoinHandle::kill);
    actors.into_iter().for_each(|actor| drop(actor.join()));
    let slot = seen.iter().map(|(slot, _)| *slot).max();
    let stack = seen.iter().map(|(_, stack)| *stack).max();
    (slot.expect("there are some"), stack.expect("there are some"))
}

/// What may not grow from round to round.
#[derive(Clone, Copy)]
struct Extent {
    slots: u32,
    stacks: usize,
    kib: u64,
}

impl Extent {
    fn now(runtime: &Runtime) -> Extent {
        let (slots, stacks) = runtime.run(highest);
        Extent { slots, stacks: stacks / STACK_BYTES, kib: resident_kib() }
    }

    fn has_not_grown_since(self, warm: Extent) {
        let slots = self.slots.saturating_sub(warm.slots);
        assert!(slots <= KEPT_SLOTS, "{slots} more slots than before");
        let stacks = self.stacks.saturating_sub(warm.stacks);
        assert!(stacks <= KEPT_STACKS, "{stacks} more stacks than before");
        let kib = self.kib.saturating_sub(warm.kib);
        assert!(kib <= KEPT_KIB, "{kib} KiB more than before");
    }
}

fn run_rounds(runtime: &Runtime, first: u64) {
    runtime.run(|| ());
    let level = Level::now(runtime.stats());
    let mut warm = None;
    for seed in first..first + ROUNDS {
        runtime.run(move || round(seed));
        settles(&level, || Level::now(runtime.stats()));
        let extent = Extent::now(runtime);
        settles(&level, || Level::now(runtime.stats()));
        if seed == first + WARM_ROUNDS {
            warm = Some(extent);
        }
        warm.inspect(|warm| extent.has_not_grown_since(*warm));
    }
}

#[test]
fn a_thousand_actors_that_are_killed_in_every_kind_of_wait_leave_everything_as_it_was() {
    let _turn = take_turn();
    let before = threads();
    let first = number("SMARM_SEED").unwrap_or_else(first_seed);
    println!("waits: seeds {first} to {}", first + ROUNDS - 1);
    let _watchdog = Watchdog::start(&format!("stress: waits, SMARM_SEED={first}"));
    // The same runtime for all rounds, so that what is left piles up.
    // No spare workers: each has descriptors of its own, which it keeps.
    let runtime = init(Config::exact(WORKERS).spares(0).deadlock(Deadlock::Fail));
    run_rounds(&runtime, first);
    assert!(threads() > before, "they are not known by their names");
    drop(runtime);
    settles(&before, threads);
}
