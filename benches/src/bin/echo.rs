//! How many 64-byte messages does a server send back over TCP, and for how much processor time? With `--http`: how many requests does it answer
//! that come over connections which stay open?
//!
//! ```text
//! cargo run --release -p smarm-benches --bin echo -- [--connections 100,2000] [--seconds 3] [--rounds 3] [--only smarm,tokio] [--go PROGRAM] [--http]
//! ```
//!
//! **Unit**: round trips a second, and nanoseconds of the server's processor time for one.
//!
//! **Rivals**: tokio's current-thread runtime, and `benches/peers` for Go with one thread, with `--go`. Each server is a process of its own with one
//! worker; the client, the same for all, is this process: one thread, tokio's.
//!
//! **HTTP**: smarm and tokio read what there is into 4 KiB, look for the empty line, and send one fixed answer: no header is parsed. Go's is
//! `net/http`, which does much more; it stands there for scale.
//!
//! **What would be unfair**: more workers for one than for the other; a client that is slower than the servers (its processor time stands in the last
//! column: it must not be near all of the time); connections that are opened while the clock runs.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use smarm_benches::measure::cpu_time;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const USAGE: &str =
    "usage: echo [--connections N,..] [--seconds N] [--rounds N] [--only SERVER,..] [--go PROGRAM] [--http]
       echo serve|http smarm|tokio";

const MESSAGE_BYTES: usize = 64;
const NANOS_PER_SECOND: f64 = 1e9;

struct Args {
    connections: Vec<usize>,
    length: Duration,
    rounds: usize,
    /// Which servers; all of them if it is empty.
    only: Vec<String>,
    go: Option<String>,
    http: bool,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", "smarm"] => serve_by_smarm(echo_by_smarm),
        ["serve", "tokio"] => serve_by_tokio(echo_by_tokio),
        ["http", "smarm"] => serve_by_smarm(answer_by_smarm),
        ["http", "tokio"] => serve_by_tokio(answer_by_tokio),
        _ => parse(words.into_iter()).and_then(|args| run(&args)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(mistake) => {
            eprintln!("echo: {mistake}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args {
        connections: vec![100, 2000],
        length: Duration::from_secs(3),
        rounds: 3,
        only: Vec::new(),
        go: None,
        http: false,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--connections" => {
                args.connections = value()?.split(',').map(positive).collect::<Result<_, _>>()?
            }
            "--seconds" => args.length = Duration::from_secs(positive(&value()?)? as u64),
            "--rounds" => args.rounds = positive(&value()?)?,
            "--only" => args.only = value()?.split(',').map(str::to_owned).collect(),
            "--http" => args.http = true,
            "--go" => args.go = Some(value()?),
            _ => return Err(format!("{word} is unknown")),
        }
    }
    Ok(args)
}

fn positive(word: &str) -> Result<usize, String> {
    match word.parse() {
        Ok(0) | Err(_) => Err(format!("{word:?} is not a number above 0")),
        Ok(number) => Ok(number),
    }
}

// ---- servers ----------------------------------------------------------------------------------------------------------

/// As `#[smarm::main]` has it: allocations count.
#[global_allocator]
static ALLOC: smarm::Alloc = smarm::Alloc::system();

fn announce(address: SocketAddr) {
    println!("{address}");
}

fn serve_by_smarm(serve: fn(smarm::net::TcpStream)) -> Result<(), String> {
    smarm::run(move || {
        let listener = smarm::net::TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        announce(listener.local_addr().map_err(|error| error.to_string())?);
        for stream in listener.incoming() {
            let stream = stream.map_err(|error| error.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            drop(smarm::spawn(move || serve(stream)));
        }
        Ok(())
    })
}

fn echo_by_smarm(mut stream: smarm::net::TcpStream) {
    use std::io::{Read, Write};
    let mut buffer = [0; MESSAGE_BYTES];
    while stream.read_exact(&mut buffer).is_ok() && stream.write_all(&buffer).is_ok() {}
}

fn answer_by_smarm(mut stream: smarm::net::TcpStream) {
    use std::io::{Read, Write};
    let (mut buffer, mut length) = ([0; REQUEST_ROOM], 0);
    while let Ok(count @ 1..) = stream.read(&mut buffer[length..]) {
        length += count;
        if is_whole(&buffer[..length]) {
            length = 0;
            if stream.write_all(ANSWER).is_err() {
                return;
            }
        }
    }
}

fn serve_by_tokio<F: Future<Output = ()> + Send + 'static>(
    serve: fn(tokio::net::TcpStream) -> F,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    runtime.map_err(|error| error.to_string())?.block_on(async move {
        let listener =
            tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        announce(listener.local_addr().map_err(|error| error.to_string())?);
        loop {
            let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            tokio::spawn(serve(stream));
        }
    })
}

async fn echo_by_tokio(mut stream: tokio::net::TcpStream) {
    let mut buffer = [0; MESSAGE_BYTES];
    while stream.read_exact(&mut buffer).await.is_ok() && stream.write_all(&buffer).await.is_ok() {}
}

async fn answer_by_tokio(mut stream: tokio::net::TcpStream) {
    let (mut buffer, mut length) = ([0; REQUEST_ROOM], 0);
    while let Ok(count @ 1..) = stream.read(&mut buffer[length..]).await {
        length += count;
        if is_whole(&buffer[..length]) {
            length = 0;
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
    }
}

// ---- HTTP -------------------------------------------------------------------------------------------------------------

const REQUEST_ROOM: usize = 4096;
const REQUEST: &[u8] =
    b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/plain\r\nConnection: keep-alive\r\n\r\n";
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

fn is_whole(request: &[u8]) -> bool {
    request.ends_with(b"\r\n\r\n")
}

// ---- the client -------------------------------------------------------------------------------------------------------

fn run(args: &Args) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = program.to_string_lossy().into_owned();
    let (serve, go_serves) = if args.http { ("http", "http") } else { ("serve", "echo") };
    let mut servers =
        vec![("smarm", vec![program.as_str(), serve, "smarm"]), ("tokio", vec![&program, serve, "tokio"])];
    if let Some(go) = &args.go {
        servers.push(("go", vec![go, go_serves]));
    }
    servers.retain(|(name, _)| args.only.is_empty() || args.only.iter().any(|only| only == name));
    println!(
        "{:>12}{:>8}{:>16}{:>22}{:>18}",
        "connections", "server", "round trips/s", "server CPU ns each", "client busy"
    );
    for &connections in &args.connections {
        for _ in 0..args.rounds {
            for (name, words) in &servers {
                let measured = measure(words, connections, args)?;
                println!("{connections:>12}{name:>8}{measured}");
            }
        }
    }
    Ok(())
}

fn measure(words: &[&str], connections: usize, args: &Args) -> Result<String, String> {
    let (length, http) = (args.length, args.http);
    let (server, address) = start(words)?;
    let count = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let measured = runtime.map_err(|error| error.to_string())?.block_on(async {
        for _ in 0..connections {
            let mut stream =
                tokio::net::TcpStream::connect(address).await.map_err(|error| error.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            let (count, stop) = (Arc::clone(&count), Arc::clone(&stop));
            let request = if http { REQUEST } else { &[7; MESSAGE_BYTES] };
            tokio::spawn(async move {
                let mut buffer = [0; REQUEST_ROOM];
                while !stop.load(Ordering::Relaxed) {
                    stream.write_all(request).await.expect("the server is there");
                    // An answer comes in one piece, or an echo in several: whole when so many bytes, or the last word, are there.
                    let mut length = 0;
                    while !is_answered(http, &buffer[..length]) {
                        length += stream.read(&mut buffer[length..]).await.expect("the server answers");
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        tokio::time::sleep(length / 4).await; // warm
        let look = || (count.load(Ordering::Relaxed), cpu_of(server.id()), cpu_time(), Instant::now());
        let before = look();
        tokio::time::sleep(length).await;
        let after = look();
        stop.store(true, Ordering::Relaxed);
        let trips = (after.0 - before.0) as f64;
        let seconds = (after.3 - before.3).as_secs_f64();
        let cpu = (after.1? - before.1?).as_secs_f64();
        let client = (after.2 - before.2).as_secs_f64() / seconds;
        Ok(format!(
            "{:>16.0}{:>22.0}{:>17.0}%",
            trips / seconds,
            cpu * NANOS_PER_SECOND / trips,
            client * 100.0
        ))
    });
    stop_server(server);
    measured
}

/// Whether the server has sent all of its answer.
fn is_answered(http: bool, answer: &[u8]) -> bool {
    if http { answer.ends_with(b"Hello, World!") } else { answer.len() == MESSAGE_BYTES }
}

fn start(words: &[&str]) -> Result<(Child, SocketAddr), String> {
    let mut server = Command::new(words[0])
        .args(&words[1..])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", words[0]))?;
    let mut line = String::new();
    let output = server.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
    let address = line.trim().parse().map_err(|_| format!("{} says {line:?}, not its address", words[0]))?;
    Ok((server, address))
}

fn stop_server(mut server: Child) {
    // It has ended already, or it ends now.
    server.kill().and_then(|()| server.wait()).ok();
}

/// The processor time of another process, in steps of 10 ms.
fn cpu_of(process: u32) -> Result<Duration, String> {
    const TICKS_PER_SECOND: u64 = 100;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).map_err(|error| error.to_string())?;
    // Behind the name, which may have spaces in it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().filter_map(|&field| fields.get(field)?.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}
