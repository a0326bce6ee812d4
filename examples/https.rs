//! HTTPS, by rustls as it is: blocking code over a socket that parks its actor.
//!
//! ```sh
//! cargo run --release --example https                                             # talks to itself, and stops
//! cargo run --release --example https -- serve 127.0.0.1:8443 certificate.pem     # until it is interrupted
//! cargo run --release --example https -- visit 127.0.0.1:8443 certificate.pem 200 # so many clients at once
//! curl --cacert certificate.pem https://localhost:8443/
//! ```
//!
//! rustls knows nothing of smarm: `StreamOwned` is generic over [`Read`] and [`Write`], and a handshake is a few of these calls in the middle
//! of its code. The certificate is made at the start and signs itself; the server writes it to a file, for clients to trust.
//!
//! Each connection is an actor. A stack of 128 KiB of address space, half of it guard, holds a handshake in a debug build; the default is
//! twice as much. `visit` opens all its connections and has one request answered on each; then, with all of them still open, another one.
//! Each end of a connection is a file descriptor: for many, raise `ulimit -n`.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use smarm::net::{TcpListener, TcpStream};
use smarm::{JoinHandle, spawn};

/// For whom the certificate is.
const NAME: &str = "localhost";
const MOST_HEAD_BYTES: usize = 8 << 10;
const MOST_HEADERS: usize = 64;
/// How long the other end may take for the next piece of a handshake, a request or an answer. Ten thousand handshakes at once take seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait when there is no descriptor for another connection.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);
/// How many clients the program has at once when it talks to itself.
const CLIENTS: usize = 200;

// ---- the server -------------------------------------------------------------------------------------------------------

struct Server {
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    certificate: rcgen::Certificate,
    stops: AtomicBool,
}

impl Server {
    fn bind(address: &str) -> Result<Arc<Self>, Box<dyn Error>> {
        let listener = TcpListener::bind(address)?;
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())?;
        let stops = AtomicBool::new(false);
        Ok(Arc::new(Self { listener, tls: Arc::new(tls), certificate: made.cert, stops }))
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts connections until [`stop`](Self::stop), and then waits for those that are open.
    fn run(self: &Arc<Self>) {
        let mut connections: Vec<JoinHandle<()>> = Vec::new();
        while !self.stops.load(Ordering::Relaxed) {
            match self.listener.accept() {
                Ok((stream, client)) => {
                    if connections.len() == connections.capacity() {
                        connections.retain(|connection| !connection.is_finished());
                    }
                    let server = Arc::clone(self);
                    connections.push(spawn(move || server.serve(stream, client)));
                }
                Err(error) if error.kind() == ErrorKind::NotConnected => {}
                Err(error) => {
                    eprintln!("cannot accept: {error}");
                    smarm::sleep(OUT_OF_DESCRIPTORS);
                }
            }
        }
        // A connection that panicked has said so.
        connections.into_iter().for_each(|connection| drop(connection.join()));
    }

    fn stop(&self) {
        self.stops.store(true, Ordering::Relaxed);
        self.listener.close();
    }

    /// The life of a connection.
    fn serve(&self, stream: TcpStream, client: SocketAddr) {
        if let Err(error) = self.answer_all(stream) {
            eprintln!("{client}: {error}");
        }
    }

    fn answer_all(&self, stream: TcpStream) -> io::Result<()> {
        set_up(&stream)?;
        let session = ServerConnection::new(Arc::clone(&self.tls)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, stream);
        let mut buffer = Vec::new();
        while let Some(path) = read_request(&mut stream, &mut buffer)? {
            let (status, body) = match path.as_str() {
                "/" => ("200 OK", "hello\n"),
                _ => ("404 Not Found", "there is nothing here\n"),
            };
            let length = body.len();
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}")?;
            stream.flush()?;
        }
        stream.conn.send_close_notify();
        stream.flush()
    }
}

fn set_up(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}

/// The path of the next request, which has no body; `None` at the end. What comes behind it stays in the buffer.
fn read_request(from: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Option<String>> {
    let path = read_head(from, buffer, |bytes| {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let status = request.parse(bytes).map_err(invalid)?;
        Ok(status.is_complete().then(|| (status.unwrap(), request.path.unwrap_or_default().to_owned())))
    });
    match path {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof && buffer.is_empty() => Ok(None),
        path => path.map(Some),
    }
}

/// What `parse` makes of the head of a message as soon as it is complete; it also gives its length.
fn read_head<T>(
    from: &mut impl Read,
    buffer: &mut Vec<u8>,
    parse: impl Fn(&[u8]) -> io::Result<Option<(usize, T)>>,
) -> io::Result<T> {
    loop {
        if let Some((length, head)) = parse(buffer)? {
            buffer.drain(..length);
            return Ok(head);
        }
        if buffer.len() >= MOST_HEAD_BYTES {
            return Err(invalid("the head is too long"));
        }
        let mut piece = [0; 1024];
        let count = from.read(&mut piece)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        buffer.extend_from_slice(&piece[..count]);
    }
}

fn invalid(error: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

// ---- the client -------------------------------------------------------------------------------------------------------

type Connection = StreamOwned<ClientConnection, TcpStream>;

struct Client {
    server: SocketAddr,
    tls: Arc<ClientConfig>,
}

impl Client {
    /// One that trusts this certificate, or none.
    fn new(server: SocketAddr, certificate: Option<CertificateDer<'static>>) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        certificate.map(|certificate| roots.add(certificate)).transpose()?;
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { server, tls: Arc::new(tls) })
    }

    /// Connects; the handshake comes with the first request.
    fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect(self.server)?;
        set_up(&stream)?;
        let name = ServerName::try_from(NAME).map_err(invalid)?;
        let session = ClientConnection::new(Arc::clone(&self.tls), name).map_err(invalid)?;
        Ok(StreamOwned::new(session, stream))
    }
}

/// Asks for a path: the status of the answer.
fn get(connection: &mut Connection, path: &str) -> io::Result<u16> {
    write!(connection, "GET {path} HTTP/1.1\r\nHost: {NAME}\r\n\r\n")?;
    connection.flush()?;
    let mut buffer = Vec::new();
    let (status, length) = read_head(connection, &mut buffer, |bytes| {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let status = response.parse(bytes).map_err(invalid)?;
        let length =
            response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
        Ok(status.is_complete().then(|| (status.unwrap(), (response.code.unwrap_or(0), length.unwrap_or(0)))))
    })?;
    let mut rest = vec![0; usize::saturating_sub(length, buffer.len()).min(MOST_HEAD_BYTES)];
    connection.read_exact(&mut rest)?;
    Ok(status)
}

/// Opens so many connections and has a request answered on each of them; then, all of them being open, another one.
fn visit(client: &Arc<Client>, clients: usize) -> io::Result<()> {
    let begun = Instant::now();
    let connected: Vec<_> = (0..clients)
        .map(|_| {
            smarm::check!(); // so many stacks take a while
            let client = Arc::clone(client);
            spawn(move || client.connect().and_then(|connection| ask(connection, "/")))
        })
        .collect();
    let connections = all(connected)?;
    println!("{} connections are open, after {:.1?}", connections.len(), begun.elapsed());

    let begun = Instant::now();
    let asked = connections
        .into_iter()
        .map(|connection| {
            smarm::check!();
            spawn(move || ask(connection, "/"))
        })
        .collect();
    let connections = all(asked)?;
    println!("{} answers on open connections, after {:.1?}", connections.len(), begun.elapsed());

    for mut connection in connections {
        connection.conn.send_close_notify();
        connection.flush()?;
    }
    Ok(())
}

fn ask(mut connection: Connection, path: &str) -> io::Result<Connection> {
    match get(&mut connection, path)? {
        200 => Ok(connection),
        status => Err(invalid(format!("the status is {status}"))),
    }
}

/// What all of them give, or the first error.
fn all<T: Send>(actors: Vec<JoinHandle<io::Result<T>>>) -> io::Result<Vec<T>> {
    actors.into_iter().map(|actor| actor.join().map_err(io::Error::other)?).collect()
}

// ---- the program ------------------------------------------------------------------------------------------------------

#[smarm::main]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => talk_to_itself(),
        ["serve", address, file] => serve(address, file.as_ref()),
        ["visit", address, file, clients] => {
            let certificate = CertificateDer::from_pem_file(file)?;
            let client = Client::new(address.parse()?, Some(certificate))?;
            Ok(visit(&Arc::new(client), clients.parse()?)?)
        }
        _ => Err("write `serve ADDRESS FILE`, or `visit ADDRESS FILE CLIENTS`, or nothing".into()),
    }
}

fn serve(address: &str, file: &Path) -> Result<(), Box<dyn Error>> {
    let server = Server::bind(address)?;
    smarm::fs::write(file, server.certificate.pem())?;
    println!("https://{}/, to be trusted by {}", server.address()?, file.display());
    server.run();
    Ok(())
}

fn talk_to_itself() -> Result<(), Box<dyn Error>> {
    let server = Server::bind("127.0.0.1:0")?;
    let running = {
        let server = Arc::clone(&server);
        spawn(move || server.run())
    };
    let client = Client::new(server.address()?, Some(server.certificate.der().clone()))?;
    let mut connection = client.connect()?;
    for path in ["/", "/nothing"] {
        println!("{path}: {}", get(&mut connection, path)?);
    }
    println!("{:?}, {:?}", connection.conn.protocol_version(), connection.conn.negotiated_cipher_suite());
    drop(connection);

    let stranger = Client::new(server.address()?, None)?;
    match get(&mut stranger.connect()?, "/") {
        Ok(status) => println!("a stranger: {status}"),
        Err(error) => println!("a stranger: {error}"),
    }
    visit(&Arc::new(client), CLIENTS)?;
    server.stop();
    running.join()?;
    println!("stopped");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server, and a client that trusts it.
    fn pair() -> (Arc<Server>, Arc<Client>) {
        let server = Server::bind("127.0.0.1:0").expect("a port");
        let certificate = server.certificate.der().clone();
        let client =
            Client::new(server.address().expect("an address"), Some(certificate)).expect("a certificate");
        (server, Arc::new(client))
    }

    fn with_a_running_server(body: impl FnOnce(&Arc<Client>) + Send + 'static) {
        smarm::run(|| {
            let (server, client) = pair();
            let running = {
                let server = Arc::clone(&server);
                spawn(move || server.run())
            };
            body(&client);
            server.stop();
            running.join().expect("no panic");
        });
    }

    #[test]
    fn a_handshake_fits_on_the_smallest_stack() {
        smarm::run(|| {
            let (server, client) = pair();
            let smallest = || smarm::Builder::new().stack_size(128 << 10);
            let serving = smallest().spawn(move || {
                let (stream, _) = server.listener.accept()?;
                server.answer_all(stream)
            });
            let asking = smallest().spawn(move || get(&mut client.connect()?, "/"));
            assert_eq!(asking.expect("a stack").join().expect("no panic").expect("an answer"), 200);
            serving.expect("a stack").join().expect("no panic").expect("no error");
        });
    }

    #[test]
    fn two_hundred_clients_at_once_are_answered() {
        with_a_running_server(|client| visit(client, 200).expect("answers"));
    }

    #[test]
    fn who_does_not_trust_the_certificate_says_so() {
        with_a_running_server(|client| {
            let stranger = Client::new(client.server, None).expect("no certificate");
            let refused = get(&mut stranger.connect().expect("a connection"), "/").expect_err("unknown");
            assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
        });
    }

    #[test]
    fn what_is_no_tls_ends_its_connection_and_no_other() {
        with_a_running_server(|client| {
            let mut connection = client.connect().expect("a connection");
            assert_eq!(get(&mut connection, "/").expect("an answer"), 200);
            for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01", b""] {
                let mut stream = TcpStream::connect(client.server).expect("a connection");
                stream.write_all(bytes).expect("room");
                stream.shutdown(std::net::Shutdown::Write).expect("a connection");
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).expect("the end");
                assert!(answer.len() < 10, "an alert at most: {answer:?}");
            }
            assert_eq!(get(&mut connection, "/nothing").expect("an answer"), 404);
        });
    }
}
