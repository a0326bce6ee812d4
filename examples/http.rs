//! A small HTTP/1.1 server: an actor for each connection, written as if it had the thread for itself.
//!
//! ```sh
//! cargo run --release --example http                     # talks to itself, prints the answers, and stops
//! cargo run --release --example http -- 127.0.0.1:8080   # serves until Ctrl-C, or SIGTERM
//! ```
//!
//! It keeps connections alive and answers pipelined requests in their order. A bad request is answered by 400, a head beyond 8 KiB by
//! 431, a body beyond 1 MiB by 413, a client that is too slow by 408.
//!
//! When it is asked to end, it accepts no more connections. One that waits for its next request is closed; a request that has begun is
//! answered first.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use smarm::net::{TcpListener, TcpStream};
use smarm::{JoinHandle, mask_kill, spawn};

const MOST_HEAD_BYTES: usize = 8 << 10;
const MOST_BODY_BYTES: usize = 1 << 20;
const MOST_HEADERS: usize = 64;
/// How long a client may take for the next piece of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait when there is no descriptor for another connection.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);

// ---- requests and answers ---------------------------------------------------------------------------------------------

#[derive(Debug, PartialEq, Eq)]
struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
    keep_alive: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Response {
    status: &'static str,
    body: Vec<u8>,
}

impl Response {
    fn new(status: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into() }
    }

    fn write(&self, to: &mut impl Write, keep_alive: bool) -> io::Result<()> {
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let mut bytes = format!(
            "HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
            self.status,
            self.body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&self.body);
        to.write_all(&bytes)
    }
}

/// What is wrong with a request: the answer, after which the connection is closed.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Answer(Response),
    /// There is nobody to answer.
    Silence,
}

fn refuse(status: &'static str, why: &str) -> Refusal {
    Refusal::Answer(Response::new(status, format!("{why}\n")))
}

/// Reads one request; what comes behind it stays in the buffer.
fn read_request(from: &mut impl Read, buffer: &mut Vec<u8>) -> Result<Request, Refusal> {
    let (mut request, head_bytes, body_bytes) = loop {
        if let Some(head) = parse_head(buffer)? {
            break head;
        }
        if buffer.len() >= MOST_HEAD_BYTES {
            return Err(refuse("431 Request Header Fields Too Large", "the head is too long"));
        }
        read_some(from, buffer)?;
    };
    while buffer.len() < head_bytes + body_bytes {
        read_some(from, buffer)?;
    }
    request.body = buffer[head_bytes..head_bytes + body_bytes].to_vec();
    buffer.drain(..head_bytes + body_bytes);
    Ok(request)
}

/// The head, if it is complete: with its own length, and that of the body.
fn parse_head(buffer: &[u8]) -> Result<Option<(Request, usize, usize)>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(refuse("400 Bad Request", &error.to_string())),
    };
    let value = |name: &str| {
        let header = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| String::from_utf8_lossy(header.value).trim().to_ascii_lowercase())
    };
    if value("transfer-encoding").is_some() {
        return Err(refuse("501 Not Implemented", "bodies need a Content-Length here"));
    }
    let body_bytes = match value("content-length").map(|text| text.parse()) {
        None => 0,
        Some(Ok(bytes @ 0..=MOST_BODY_BYTES)) => bytes,
        Some(Ok(_)) => return Err(refuse("413 Content Too Large", "the body is too long")),
        Some(Err(_)) => return Err(refuse("400 Bad Request", "the Content-Length is no number")),
    };
    let keep_alive = match value("connection").as_deref() {
        Some("close") => false,
        Some("keep-alive") => true,
        _ => head.version == Some(1),
    };
    let request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        path: head.path.unwrap_or_default().to_owned(),
        body: Vec::new(),
        keep_alive,
    };
    Ok(Some((request, length, body_bytes)))
}

/// Parks the actor until there is more.
fn read_some(from: &mut impl Read, buffer: &mut Vec<u8>) -> Result<(), Refusal> {
    let mut piece = [0; 4096];
    match from.read(&mut piece) {
        Ok(count @ 1..) => {
            buffer.extend_from_slice(&piece[..count]);
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::TimedOut && !buffer.is_empty() => {
            Err(refuse("408 Request Timeout", "this took too long"))
        }
        Ok(_) if !buffer.is_empty() => Err(refuse("400 Bad Request", "the request breaks off")),
        Ok(_) | Err(_) => Err(Refusal::Silence),
    }
}

fn answer(request: &Request) -> Response {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/") => Response::new("200 OK", "hello\n"),
        ("POST", "/echo") => Response::new("200 OK", request.body.clone()),
        ("GET" | "POST", _) => Response::new("404 Not Found", "there is nothing here\n"),
        _ => Response::new("405 Method Not Allowed", "GET and POST are all\n"),
    }
}

// ---- the server -------------------------------------------------------------------------------------------------------

struct Server {
    listener: TcpListener,
    patience: Duration,
    stops: AtomicBool,
}

impl Server {
    fn bind(address: &str, patience: Duration) -> io::Result<Arc<Self>> {
        let listener = TcpListener::bind(address)?;
        Ok(Arc::new(Self { listener, patience, stops: AtomicBool::new(false) }))
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts connections until [`stop`](Self::stop). Then it ends those that are open: at once where nothing has come, else after the answer.
    fn run(self: &Arc<Self>) {
        let mut connections: Vec<JoinHandle<()>> = Vec::new();
        while !self.stops.load(Ordering::Relaxed) {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let server = Arc::clone(self);
                    connections.retain(|connection| !connection.is_finished());
                    connections.push(spawn(move || server.serve(stream)));
                }
                Err(error) if error.kind() == ErrorKind::NotConnected => {}
                Err(error) => {
                    eprintln!("cannot accept: {error}");
                    smarm::sleep(OUT_OF_DESCRIPTORS);
                }
            }
        }
        connections.iter().for_each(JoinHandle::kill);
        // A connection that panicked has said so.
        connections.into_iter().for_each(|connection| drop(connection.join()));
    }

    fn stop(&self) {
        self.stops.store(true, Ordering::Relaxed);
        self.listener.close();
    }

    /// The life of a connection. A kill, or a shutdown, ends it where it waits for a request, and nowhere else.
    fn serve(&self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        // Without them the connection would only be slower, or wait for ever.
        if stream.set_nodelay(true).is_err() || stream.set_read_timeout(Some(self.patience)).is_err() {
            return;
        }
        loop {
            if buffer.is_empty() && read_some(&mut stream, &mut buffer).is_err() {
                return;
            }
            if !mask_kill(|| self.answer_next(&mut stream, &mut buffer)) {
                return;
            }
        }
    }

    /// Reads and answers a request that has begun. Whether there may be another one.
    fn answer_next(&self, stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
        let (response, keep_alive) = match read_request(stream, buffer) {
            Ok(request) => (answer(&request), request.keep_alive && !self.stops.load(Ordering::Relaxed)),
            Err(Refusal::Answer(response)) => (response, false),
            Err(Refusal::Silence) => return false,
        };
        response.write(stream, keep_alive).is_ok() && keep_alive
    }
}

// ---- the program ------------------------------------------------------------------------------------------------------

// Longer than a client may take for the rest of its request.
#[smarm::main(shutdown_timeout = "15s")]
fn main() -> io::Result<()> {
    match std::env::args().nth(1) {
        Some(address) => serve_until_shutdown(&address),
        None => talk_to_itself(),
    }
}

fn serve_until_shutdown(address: &str) -> io::Result<()> {
    let server = Server::bind(address, PATIENCE)?;
    println!("http://{}/", server.address()?);
    let running = {
        let server = Arc::clone(&server);
        spawn(move || server.run())
    };
    // A hook runs before anything else ends: servers that requests need would be there still.
    smarm::on_shutdown(move || {
        server.stop();
        drop(running.join());
    });
    smarm::wait_for_shutdown();
    println!("stopped");
    Ok(())
}

fn talk_to_itself() -> io::Result<()> {
    let server = Server::bind("127.0.0.1:0", Duration::from_millis(200))?;
    let address = server.address()?;
    let running = {
        let server = Arc::clone(&server);
        spawn(move || server.run())
    };
    for (name, request) in [
        ("two at once", "GET / HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n"),
        ("a body", "POST /echo HTTP/1.1\r\nContent-Length: 5\r\nConnection: close\r\n\r\nagain"),
        ("nonsense", "what?\r\n\r\n"),
        ("too slow", "GET / HT"),
    ] {
        println!("{name}: {}", statuses(&exchange(address, request.as_bytes())?).join(", "));
    }
    server.stop();
    running.join().map_err(io::Error::other)?;
    println!("stopped");
    Ok(())
}

/// Sends a request, and gives all that comes until the server closes the connection.
fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn statuses(answer: &str) -> Vec<&str> {
    answer.lines().filter_map(|line| line.split("HTTP/1.1 ").nth(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the server reads of this, in pieces of so many bytes.
    fn read_in_pieces(bytes: &[u8], piece: usize) -> Vec<Result<Request, Refusal>> {
        struct Pieces<'a>(&'a [u8], usize);
        impl Read for Pieces<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = self.1.min(self.0.len()).min(buffer.len());
                buffer[..count].copy_from_slice(&self.0[..count]);
                self.0 = &self.0[count..];
                Ok(count)
            }
        }
        let (mut pieces, mut buffer, mut requests) = (Pieces(bytes, piece), Vec::new(), Vec::new());
        loop {
            let request = read_request(&mut pieces, &mut buffer);
            let is_last = request.is_err();
            requests.push(request);
            if is_last {
                return requests;
            }
        }
    }

    fn status(refused: &Result<Request, Refusal>) -> &'static str {
        match refused {
            Err(Refusal::Answer(response)) => response.status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pipelined_requests_are_read_in_their_order_however_they_come() {
        let bytes = b"POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n";
        for piece in 1..bytes.len() {
            let requests = read_in_pieces(bytes, piece);
            assert_eq!(requests.len(), 3);
            let first = requests[0].as_ref().expect("a request");
            assert_eq!(
                (first.path.as_str(), &first.body[..], first.keep_alive),
                ("/echo", &b"abc"[..], true)
            );
            assert!(!requests[1].as_ref().expect("a request").keep_alive, "HTTP/1.0 closes");
            assert_eq!(requests[2], Err(Refusal::Silence));
        }
    }

    #[test]
    fn bad_requests_are_refused() {
        let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(2 * MOST_HEAD_BYTES));
        for (request, expected) in [
            ("nonsense\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nContent-Le", "400"),
            ("POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", "413"),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "501"),
            (&long, "431"),
        ] {
            let read = read_in_pieces(request.as_bytes(), 1000);
            assert!(status(&read[0]).starts_with(expected), "{request:.40}: {read:?}");
        }
    }

    #[test]
    fn a_hundred_clients_are_answered_and_the_server_stops() {
        smarm::run(|| {
            let server = Server::bind("127.0.0.1:0", PATIENCE).expect("a port");
            let address = server.address().expect("an address");
            let running = {
                let server = Arc::clone(&server);
                spawn(move || server.run())
            };
            let clients: Vec<_> = (0..100)
                .map(|n| {
                    spawn(move || {
                        let request = format!(
                            "GET / HTTP/1.1\r\n\r\nPOST /echo HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{n:02}"
                        );
                        exchange(address, request.as_bytes()).expect("answers")
                    })
                })
                .collect();
            for (n, client) in clients.into_iter().enumerate() {
                let answer = client.join().expect("no panic");
                assert_eq!(statuses(&answer), ["200 OK", "200 OK"]);
                assert!(answer.ends_with(&format!("{n:02}")), "{answer}");
            }
            server.stop();
            running.join().expect("no panic");
            assert!(TcpStream::connect(address).is_ok(), "the port is the listener's until that is dropped");
        });
    }
}
