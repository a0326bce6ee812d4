//! A key-value store over TCP whose replicas are killed at random, while clients check that no acknowledged write is lost.
//!
//! ```text
//!   client ──TCP──▶ connection ──┬─ set, get ─▶ replica 0      a supervisor restarts replicas that end;
//!                   (one actor   ├────────────▶ replica 1      a new life copies what the other two have
//!                    for each)   └────────────▶ replica 2 ◀── kill ── chaos
//! ```
//!
//! A write is acknowledged when two of three replicas have it, and a read asks two. The chaos actor kills one replica at a time, and the next
//! only when the last is back; so each acknowledged write is always in one that lives. Handles stay valid over restarts: a call to a replica that
//! was killed is an error if it was in hand, and else waits in its mailbox for the next life.
//!
//! The protocol: `set KEY VALUE` gives `ok` or `error WHY`, `get KEY` gives `value VALUE` or `none`, each in a line.
//! `kv SECONDS SEED` plays for that long (2 s).

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use smarm::net::{TcpListener, TcpStream};
use smarm::supervisor::{Child, DynamicSupervisor, Restart, Supervisor, SupervisorHandle};
use smarm::{CallError, Name};

const REPLICAS: usize = 3;
const QUORUM: usize = 2;
const CLIENTS: usize = 4;
const KEYS_OF_A_CLIENT: u64 = 8;

static NAMES: [Name<ReplicaHandle>; REPLICAS] =
    [Name::new("replica 0"), Name::new("replica 1"), Name::new("replica 2")];

/// Later writes have greater versions.
static NEXT_VERSION: AtomicU64 = AtomicU64::new(1);
static KILLS: AtomicUsize = AtomicUsize::new(0);

type Entries = HashMap<String, (u64, String)>;

// ---- a replica ------------------------------------------------------------------------------------------------------------

struct Replica {
    entries: Entries,
}

#[smarm::actor]
impl Replica {
    /// Begins with all that the others have.
    fn recover(number: usize) -> Self {
        let others = (0..REPLICAS).filter(|other| *other != number);
        let mut replica = Self { entries: Entries::new() };
        for snapshot in others.filter_map(|other| NAMES[other].get().ok()?.snapshot().ok()) {
            snapshot.into_iter().for_each(|(key, (version, value))| replica.put(key, version, value));
        }
        replica
    }

    fn put(&mut self, key: String, version: u64, value: String) {
        let entry = self.entries.entry(key).or_default();
        if entry.0 < version {
            *entry = (version, value);
        }
    }

    #[call]
    pub fn set(&mut self, key: String, version: u64, value: String) {
        self.put(key, version, value);
    }

    pub fn get(&self, key: String) -> Option<(u64, String)> {
        self.entries.get(&key).cloned()
    }

    pub fn snapshot(&self) -> Entries {
        self.entries.clone()
    }
}

// ---- a connection ---------------------------------------------------------------------------------------------------------

/// Writes to all replicas, one after the other; how many have it.
fn set(key: &str, value: &str) -> usize {
    let version = NEXT_VERSION.fetch_add(1, Relaxed);
    let write = |name: &Name<ReplicaHandle>| name.get().ok()?.set(key.into(), version, value.into()).ok();
    NAMES.iter().filter_map(write).count()
}

/// The newest of what two replicas have.
fn get(key: &str) -> Result<Option<String>, CallError> {
    let mut found: Vec<Option<(u64, String)>> = Vec::new();
    while found.len() < QUORUM {
        let answers = NAMES.iter().filter_map(|name| name.get().ok()?.get(key.into()).ok());
        found = answers.take(QUORUM).collect();
    }
    Ok(found.into_iter().flatten().max().map(|(_, value)| value))
}

fn answer(request: &str) -> String {
    match request.trim_end().splitn(3, ' ').collect::<Vec<_>>()[..] {
        ["set", key, value] => match set(key, value) {
            QUORUM.. => "ok".into(),
            few => format!("error {few} of {REPLICAS} replicas have it"),
        },
        ["get", key] => match get(key) {
            Ok(Some(value)) => format!("value {value}"),
            Ok(None) => "none".into(),
            Err(error) => format!("error {error}"),
        },
        _ => "error say `set KEY VALUE` or `get KEY`".into(),
    }
}

fn serve(stream: &TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        // One write: in two, the second would wait for the acknowledgement of the first.
        (&mut &*stream).write_all((answer(&line) + "\n").as_bytes())?;
        line.clear();
    }
    Ok(())
}

// ---- chaos ----------------------------------------------------------------------------------------------------------------

/// Kills one replica after the other, each when the last is back.
fn chaos(mut random: u64, replicas: &SupervisorHandle) {
    loop {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        smarm::sleep(Duration::from_micros(random >> 52));
        let Ok(replica) = NAMES[(random >> 33) as usize % REPLICAS].get() else { continue };
        let killed = replica.pid();
        replica.kill();
        KILLS.fetch_add(1, Relaxed);
        let is_back = || {
            replica.pid() != killed && replicas.count_children().is_ok_and(|count| count.active == REPLICAS)
        };
        while !is_back() {
            smarm::yield_now();
        }
    }
}

// ---- a client that checks -------------------------------------------------------------------------------------------------

struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn ask(&mut self, request: &str) -> std::io::Result<String> {
        self.stream.get_mut().write_all(format!("{request}\n").as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line.trim_end().into())
    }
}

/// Counts up its own keys until the time is over; how many writes were acknowledged, and how many of them were lost.
fn client(number: usize, address: SocketAddr, until: Instant) -> std::io::Result<(usize, usize)> {
    let mut client = Client { stream: BufReader::new(TcpStream::connect(address)?) };
    let (mut acknowledged, mut lost) = (0, 0);
    // What was acknowledged last of each key, and what may have come after it.
    let mut known = vec![(0_u64, 0_u64); KEYS_OF_A_CLIENT as usize];
    let mut counter = 0;
    while Instant::now() < until {
        counter += 1;
        let key = (counter % KEYS_OF_A_CLIENT) as usize;
        known[key].1 = counter;
        if client.ask(&format!("set {number}.{key} {counter}"))? == "ok" {
            acknowledged += 1;
            known[key].0 = counter;
        }
        let key = (counter * 5 % KEYS_OF_A_CLIENT) as usize;
        let (least, most) = known[key];
        let said = client.ask(&format!("get {number}.{key}"))?;
        let value = said.strip_prefix("value ").and_then(|value| value.parse().ok()).unwrap_or(0);
        lost += usize::from(!(least..=most).contains(&value));
    }
    Ok((acknowledged, lost))
}

#[smarm::main]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(Ok(2), |seconds| seconds.parse())?;
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;

    let replica = |number: usize| Child::new(format!("replica {number}"), move || Replica::recover(number));
    let replicas = Supervisor::one_for_one().intensity(u32::MAX, Duration::from_secs(1));
    let replicas = (0..REPLICAS).map(replica).fold(replicas, Supervisor::child).start()?;
    for (number, name) in NAMES.iter().enumerate() {
        name.register(&replicas.child(format!("replica {number}"))?)?;
    }

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let connections = DynamicSupervisor::new().restart(Restart::Temporary).start()?;
    let door = smarm::spawn(move || {
        for stream in listener.incoming().flatten() {
            connections.start_child(move || serve(&stream)).ok();
        }
    });
    let murderer = smarm::spawn({
        let replicas = replicas.clone();
        move || chaos(seed, &replicas)
    });

    println!("{REPLICAS} replicas, {CLIENTS} clients, one murderer (seed {seed})");
    let until = Instant::now() + Duration::from_secs(seconds);
    let clients: Vec<_> =
        (0..CLIENTS).map(|number| smarm::spawn(move || client(number, address, until))).collect();
    let (mut acknowledged, mut lost) = (0, 0);
    for client in clients {
        let (writes, losses) = client.join()??;
        (acknowledged, lost) = (acknowledged + writes, lost + losses);
    }
    murderer.kill();
    door.kill();
    println!("{acknowledged} writes acknowledged, {} kills", KILLS.load(Relaxed));
    println!("{lost} acknowledged writes lost");
    if lost == 0 { Ok(()) } else { Err("writes were lost".into()) }
}
