//! TCP.

use core::fmt;
use core::time::Duration;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::address::{self, ToSocketAddrs};
use super::common::Timeouts;
use crate::sys::clock;
use crate::task::evented::{self, Evented, IoArm};
use crate::task::source::Interest;

/// A connection over TCP; as [`std::net::TcpStream`]. See [the module](crate::net).
pub struct TcpStream {
    evented: Evented<net::TcpStream>,
    timeouts: Timeouts,
}

socket_basics!(TcpStream, net::TcpStream);
socket_timeouts!(TcpStream, net::TcpStream);

impl TcpStream {
    /// Connects to the first of these addresses that answers. Parks the actor.
    ///
    /// # Errors
    ///
    /// That of the last address.
    pub fn connect(addresses: impl ToSocketAddrs) -> io::Result<Self> {
        address::first_of(addresses, |address| connect(address, None))
    }

    /// Connects within this time.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the time is over; else why there is no connection.
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        connect(*address, Some(clock::deadline_after(timeout)))
    }

    fn read_stream(
        &self,
        room: usize,
        attempt: impl FnMut(&net::TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.evented.read_stream(room, || self.timeouts.read.deadline_ns(), attempt)
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// If there is no connection any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.evented.socket().peer_addr()
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.evented.socket().local_addr()
    }

    /// Ends one direction, or both; who waits for the other end of it is told. Never parks.
    ///
    /// # Errors
    ///
    /// If there is no connection any more.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.evented.socket().shutdown(how)
    }

    /// Waits for data and copies it, so that the next read gets it too. How many bytes; 0 at the end.
    ///
    /// # Errors
    ///
    /// As of a read.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reading(|socket| socket.peek(buffer))
    }

    /// Whether small writes are sent at once.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn set_nodelay(&self, at_once: bool) -> io::Result<()> {
        self.evented.socket().set_nodelay(at_once)
    }

    /// See [`set_nodelay`](Self::set_nodelay).
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.evented.socket().nodelay()
    }

    /// Through how many routers a packet may go.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.evented.socket().set_ttl(ttl)
    }

    /// See [`set_ttl`](Self::set_ttl).
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.evented.socket().ttl()
    }
}

fn connect(address: SocketAddr, deadline_ns: Option<u64>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    let begun = socket.connect(&SockAddr::from(address));
    let stream = TcpStream::of_nonblocking(socket.into());
    match begun {
        Ok(()) => return Ok(stream),
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return Err(error),
    }
    // Connected, or refused, when it can be written.
    let mut looked = false;
    stream.evented.retry(
        Interest::Write,
        || deadline_ns,
        |socket| match socket.take_error()? {
            Some(error) => Err(error),
            None if looked && socket.peer_addr().is_ok() => Ok(()),
            None => {
                looked = true;
                Err(io::ErrorKind::WouldBlock.into())
            }
        },
    )?;
    Ok(stream)
}

stream_reads_and_writes!(TcpStream);

#[cfg(feature = "futures-io")]
mod polled {
    use core::pin::Pin;
    use core::task::{Context, Poll};
    use std::io::{self, IoSlice, IoSliceMut, Read, Write};
    use std::net::Shutdown;

    use super::TcpStream;
    use crate::task::source::Interest;

    stream_is_polled!(TcpStream);
}

/// What accepts connections over TCP; as [`std::net::TcpListener`]. See [the module](crate::net).
pub struct TcpListener {
    evented: Evented<net::TcpListener>,
    timeouts: Timeouts,
}

socket_basics!(TcpListener, net::TcpListener);

impl TcpListener {
    /// Listens on the first of these addresses that can be had; on port 0, on one that the system chooses.
    ///
    /// As in `std` the address may be that of connections of an earlier listener that are still being closed. Unlike there, as many connections
    /// may wait to be accepted as the system allows (`net.core.somaxconn`, by default 4096), not 128.
    ///
    /// # Errors
    ///
    /// That of the last address.
    pub fn bind(addresses: impl ToSocketAddrs) -> io::Result<Self> {
        address::first_of(addresses, listen)
    }

    /// Waits for the next connection. Parks the actor.
    ///
    /// # Errors
    ///
    /// As the system says. [When descriptors run out](crate::net#when-descriptors-run-out) it can be called again, after a while.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let deadline_ns = || self.timeouts.read.deadline_ns();
        self.evented.retry(Interest::Read, deadline_ns, accept)
    }

    #[doc(hidden)]
    pub fn accept_in_select(&self) -> IoArm<'_, net::TcpListener, (TcpStream, SocketAddr)> {
        IoArm::new(&self.evented, Interest::Read, accept)
    }

    /// All connections that come, without an end.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.evented.socket().local_addr()
    }

    /// Through how many routers packets of accepted connections may go.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.evented.socket().set_ttl(ttl)
    }

    /// See [`set_ttl`](Self::set_ttl).
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.evented.socket().ttl()
    }
}

/// How many connections may wait to be accepted. The system lowers it to its own limit; a client whose connection is one too many tries again
/// after a second only.
const BACKLOG: i32 = i32::MAX;

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    TcpListener::of(socket.into())
}

fn accept(listener: &net::TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, address) = listener.accept()?;
    Ok((TcpStream::of(socket)?, address))
}

/// Connections of a [`TcpListener`]; see [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}
