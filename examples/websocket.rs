//! WebSockets, by tungstenite as it is: a server that echoes messages, an actor for each connection.
//!
//! ```sh
//! cargo run --release --example websocket                         # talks to itself, and stops
//! cargo run --release --example websocket -- serve 127.0.0.1:9001 # until it is interrupted
//! cargo run --release --example websocket -- visit 127.0.0.1:9001 1000
//! ```
//!
//! tungstenite's blocking interface is generic over [`Read`](std::io::Read) and [`Write`](std::io::Write): here it stands on a socket that
//! parks its actor. `visit` has so many clients connected at once. A message of more than 64 KiB is answered by a close frame that
//! says so, a client that is silent for too long is let go.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use smarm::net::{TcpListener, TcpStream};
use smarm::{JoinHandle, spawn};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{HandshakeError, Message, WebSocket};

const MOST_MESSAGE_BYTES: usize = 64 << 10;
/// What each connection has ready to read into; tungstenite's own default is 128 KiB.
const READ_BUFFER_BYTES: usize = 4 << 10;
/// How long the other end may be silent.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait when there is no descriptor for another connection.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);
/// How many clients the program has at once when it talks to itself.
const CLIENTS: usize = 200;

fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(Some(MOST_MESSAGE_BYTES))
        .max_frame_size(Some(MOST_MESSAGE_BYTES))
}

fn set_up(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}

/// tungstenite distinguishes what failed from what would block, which these sockets never do.
fn failed<R: tungstenite::handshake::HandshakeRole>(error: HandshakeError<R>) -> tungstenite::Error {
    match error {
        HandshakeError::Failure(error) => error,
        HandshakeError::Interrupted(_) => unreachable!("a socket of smarm does not say that it would block"),
    }
}

// ---- the server -------------------------------------------------------------------------------------------------------

struct Server {
    listener: TcpListener,
    stops: AtomicBool,
}

impl Server {
    fn bind(address: &str) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { listener: TcpListener::bind(address)?, stops: AtomicBool::new(false) }))
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts connections until [`stop`](Self::stop), and then waits for those that are open.
    fn run(&self) {
        let mut connections: Vec<JoinHandle<()>> = Vec::new();
        while !self.stops.load(Ordering::Relaxed) {
            match self.listener.accept() {
                Ok((stream, client)) => {
                    if connections.len() == connections.capacity() {
                        connections.retain(|connection| !connection.is_finished());
                    }
                    connections.push(spawn(move || serve(stream, client)));
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
}

/// The life of a connection.
fn serve(stream: TcpStream, client: SocketAddr) {
    if let Err(error) = echo(stream) {
        eprintln!("{client}: {error}");
    }
}

fn echo(stream: TcpStream) -> Result<(), tungstenite::Error> {
    set_up(&stream)?;
    let mut socket = tungstenite::accept_with_config(stream, Some(limits())).map_err(failed)?;
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message)?,
            Ok(_) => {} // tungstenite answers pings, and a close
            Err(tungstenite::Error::ConnectionClosed) => return Ok(()),
            Err(tungstenite::Error::Capacity(why)) => {
                let reason = format!("{why}").into();
                socket.close(Some(CloseFrame { code: CloseCode::Size, reason }))?;
                return socket.flush();
            }
            Err(error) => return Err(error),
        }
    }
}

// ---- the client -------------------------------------------------------------------------------------------------------

fn connect(server: SocketAddr) -> Result<WebSocket<TcpStream>, tungstenite::Error> {
    let stream = TcpStream::connect(server)?;
    set_up(&stream)?;
    let connected =
        tungstenite::client::client_with_config(format!("ws://{server}/"), stream, Some(limits()));
    Ok(connected.map_err(failed)?.0)
}

/// Sends a message, and gives the next one that comes.
fn exchange(socket: &mut WebSocket<TcpStream>, message: Message) -> Result<Message, tungstenite::Error> {
    socket.send(message)?;
    socket.read()
}

/// Says goodbye, and waits for the other end to do so.
fn close(mut socket: WebSocket<TcpStream>) -> Result<(), tungstenite::Error> {
    socket.close(None)?;
    loop {
        match socket.read() {
            Ok(_) => {}
            Err(tungstenite::Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Connects so many clients; when all of them are, each one talks.
fn visit(server: SocketAddr, clients: usize) -> Outcome<()> {
    let begun = Instant::now();
    let connecting = (0..clients).map(|_| {
        smarm::check!(); // so many stacks take a while
        spawn(move || Ok(connect(server)?))
    });
    let connected = all(connecting.collect())?;
    println!("{} connections are open, after {:.1?}", connected.len(), begun.elapsed());

    let begun = Instant::now();
    let talking = connected.into_iter().enumerate().map(|(n, socket)| {
        smarm::check!();
        spawn(move || talk(n, socket))
    });
    let echoes: usize = all(talking.collect())?.into_iter().sum();
    println!("{echoes} echoes, after {:.1?}", begun.elapsed());
    Ok(())
}

/// How many messages came back as they were.
fn talk(n: usize, mut socket: WebSocket<TcpStream>) -> Outcome<usize> {
    let messages = [Message::text(format!("client {n}")), Message::binary(vec![n as u8; 3000])];
    for message in messages.clone() {
        let answer = exchange(&mut socket, message.clone())?;
        if answer != message {
            return Err(format!("{answer:?} came back for {message:?}").into());
        }
    }
    close(socket)?;
    Ok(messages.len())
}

/// What all of them give, or the first error.
fn all<T: Send>(actors: Vec<JoinHandle<Outcome<T>>>) -> Outcome<Vec<T>> {
    actors.into_iter().map(|actor| actor.join()?).collect()
}

// ---- the program ------------------------------------------------------------------------------------------------------

#[smarm::main]
fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => talk_to_itself(),
        ["serve", address] => {
            let server = Server::bind(address)?;
            println!("ws://{}/", server.address()?);
            server.run();
            Ok(())
        }
        ["visit", address, clients] => visit(address.parse()?, clients.parse()?),
        _ => Err("write `serve ADDRESS`, or `visit ADDRESS CLIENTS`, or nothing".into()),
    }
}

fn talk_to_itself() -> Outcome<()> {
    let server = Server::bind("127.0.0.1:0")?;
    let address = server.address()?;
    let running = {
        let server = Arc::clone(&server);
        spawn(move || server.run())
    };
    let mut socket = connect(address)?;
    println!("a text: {}", exchange(&mut socket, Message::text("hello"))?);
    println!("a ping: {:?}", exchange(&mut socket, Message::Ping("are you there?".into()))?);
    let long = exchange(&mut socket, Message::binary(vec![0; MOST_MESSAGE_BYTES]))?;
    println!("as long as may be: {} bytes", long.len());
    close(socket)?;

    visit(address, CLIENTS)?;
    server.stop();
    running.join()?;
    println!("stopped");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    fn with_a_server(body: impl FnOnce(SocketAddr) + Send + 'static) {
        smarm::run(|| {
            let server = Server::bind("127.0.0.1:0").expect("a port");
            let running = {
                let server = Arc::clone(&server);
                spawn(move || server.run())
            };
            body(server.address().expect("an address"));
            server.stop();
            running.join().expect("no panic");
        });
    }

    #[test]
    fn messages_come_back_as_they_were() {
        with_a_server(|server| visit(server, 200).expect("echoes"));
    }

    #[test]
    fn a_message_that_is_too_long_is_refused_with_a_reason() {
        with_a_server(|server| {
            let mut socket = connect(server).expect("a connection");
            let answer = exchange(&mut socket, Message::binary(vec![0; MOST_MESSAGE_BYTES + 1]));
            // The server does not read the rest of it: then the system may tell of a reset before the close frame is read.
            match answer {
                Ok(Message::Close(Some(frame))) => assert_eq!(frame.code, CloseCode::Size),
                Ok(other) => panic!("{other:?}"),
                Err(error) => assert!(matches!(error, tungstenite::Error::Io(_)), "{error}"),
            }
        });
    }

    #[test]
    fn what_is_no_websocket_ends_its_connection_and_no_other() {
        with_a_server(|server| {
            let mut socket = connect(server).expect("a connection");
            for request in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "nonsense\r\n\r\n", "GET / HT", ""] {
                let mut stream = TcpStream::connect(server).expect("a connection");
                stream.write_all(request.as_bytes()).expect("room");
                stream.shutdown(std::net::Shutdown::Write).expect("a connection");
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).expect("the end");
                assert!(!String::from_utf8_lossy(&answer).contains(" 101 "), "{request:?}");
            }
            let answer = exchange(&mut socket, Message::text("still here")).expect("an echo");
            assert_eq!(answer, Message::text("still here"));
            close(socket).expect("a goodbye");
        });
    }
}
