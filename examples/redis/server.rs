//! Accepting connections, and stopping.

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use smarm::net::{TcpListener, TcpStream};
use smarm::{JoinHandle, spawn};

use super::connection::{Connection, End};
use super::resp::Reply;
use super::shard::Shards;

/// How long a client may not read what it was answered.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait when there is no descriptor for another connection.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);

/// What all clients together may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) clients: usize,
    /// For about so much memory keys and values are kept.
    pub(crate) bytes: usize,
    pub(crate) shards: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { clients: 10_000, bytes: 1 << 30, shards: 4 }
    }
}

pub(crate) struct Server {
    pub(crate) shards: Shards,
    pub(crate) limits: Limits,
    listener: TcpListener,
    clients: AtomicUsize,
    stops: AtomicBool,
}

/// A connection as the server knows it. The actor owns the socket: when it ends, that is closed.
struct Open {
    stream: Weak<TcpStream>,
    actor: JoinHandle<()>,
}

impl Server {
    pub(crate) fn bind(address: &str, limits: Limits) -> io::Result<Arc<Self>> {
        let listener = TcpListener::bind(address)?;
        let shards = Shards::start(limits.shards, limits.bytes);
        let (clients, stops) = (AtomicUsize::new(0), AtomicBool::new(false));
        Ok(Arc::new(Self { shards, limits, listener, clients, stops }))
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// How many there are.
    pub(crate) fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// Accepts connections until [`stop`](Self::stop); then what has been read is answered, and all of them are closed.
    pub(crate) fn run(self: &Arc<Self>) {
        let mut open: Vec<Open> = Vec::new();
        while !self.stops.load(Ordering::Relaxed) {
            match self.listener.accept() {
                Ok((stream, client)) => {
                    if open.len() == open.capacity() {
                        open.retain(|connection| !connection.actor.is_finished());
                    }
                    open.extend(self.admit(stream, client));
                }
                Err(error) if error.kind() == ErrorKind::NotConnected => {}
                Err(error) => {
                    eprintln!("cannot accept: {error}");
                    smarm::sleep(OUT_OF_DESCRIPTORS);
                }
            }
        }
        for stream in open.iter().filter_map(|connection| connection.stream.upgrade()) {
            // A client that has gone needs not be told.
            stream.shutdown(Shutdown::Read).ok();
        }
        // A connection that panicked has said so.
        open.into_iter().for_each(|connection| drop(connection.actor.join()));
    }

    pub(crate) fn stop(&self) {
        self.stops.store(true, Ordering::Relaxed);
        self.listener.close();
    }

    fn admit(self: &Arc<Self>, mut stream: TcpStream, client: SocketAddr) -> Option<Open> {
        if self.clients() >= self.limits.clients {
            let mut reply = Vec::new();
            reply.error("ERR max number of clients reached");
            // So short a text fits into an empty socket; who does not read it sees the end of the connection.
            stream.write_all(&reply).ok();
            return None;
        }
        self.clients.fetch_add(1, Ordering::Relaxed);
        let (server, stream) = (Arc::clone(self), Arc::new(stream));
        let open = Arc::downgrade(&stream);
        let actor = spawn(move || {
            let _here = Here(Arc::clone(&server));
            serve(server, stream, client);
        });
        Some(Open { stream: open, actor })
    }
}

fn serve(server: Arc<Server>, stream: Arc<TcpStream>, client: SocketAddr) {
    let set_up = stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
    let end = match set_up {
        Ok(()) => Connection::new(server, stream).serve(),
        Err(error) => error.into(),
    };
    match end {
        End::Quit => {}
        End::Socket(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
        other => eprintln!("{client}: {other}"),
    }
}

/// Counts a client while it is here, also if its actor panics.
struct Here(Arc<Server>);

impl Drop for Here {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}
