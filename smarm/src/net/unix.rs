//! Sockets of one machine, by the names of files.

use core::fmt;
use core::time::Duration;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::common::Timeouts;
use crate::task::evented::{self, Evented, IoArm};
use crate::task::preempt;
use crate::task::source::Interest;

/// A connection; as [`std::os::unix::net::UnixStream`]. See [the module](crate::net).
pub struct UnixStream {
    evented: Evented<net::UnixStream>,
    timeouts: Timeouts,
}

socket_basics!(UnixStream, net::UnixStream);
socket_timeouts!(UnixStream, net::UnixStream);

impl UnixStream {
    /// Connects to the listener of this name. Parks the actor while that one's queue is full.
    ///
    /// # Errors
    ///
    /// If there is no such listener.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        preempt::checkpoint();
        let address = SockAddr::unix(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        loop {
            match socket.connect(&address) {
                Ok(()) => return Ok(Self::of_nonblocking(OwnedFd::from(socket).into())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => evented::pause(None)?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Two ends of one connection.
    ///
    /// # Errors
    ///
    /// If descriptors are exhausted.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = net::UnixStream::pair()?;
        Ok((Self::of(one)?, Self::of(other)?))
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// As the system says.
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

    /// A read stops at a descriptor that was sent along, though more bytes may follow: the room says nothing.
    fn read_stream(
        &self,
        _room: usize,
        attempt: impl FnMut(&net::UnixStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.reading(attempt)
    }
}

stream_reads_and_writes!(UnixStream);

#[cfg(feature = "futures-io")]
mod polled {
    use core::pin::Pin;
    use core::task::{Context, Poll};
    use std::io::{self, IoSlice, IoSliceMut, Read, Write};
    use std::net::Shutdown;

    use super::UnixStream;
    use crate::task::source::Interest;

    stream_is_polled!(UnixStream);
}

/// What accepts connections; as [`std::os::unix::net::UnixListener`]. See [the module](crate::net).
pub struct UnixListener {
    evented: Evented<net::UnixListener>,
    timeouts: Timeouts,
}

socket_basics!(UnixListener, net::UnixListener);

impl UnixListener {
    /// Listens under this name.
    ///
    /// # Errors
    ///
    /// If the name is taken, or cannot be had.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::of(net::UnixListener::bind(path)?)
    }

    /// Waits for the next connection. Parks the actor.
    ///
    /// # Errors
    ///
    /// As the system says; see [when descriptors run out](crate::net#when-descriptors-run-out).
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let deadline_ns = || self.timeouts.read.deadline_ns();
        self.evented.retry(Interest::Read, deadline_ns, accept)
    }

    #[doc(hidden)]
    pub fn accept_in_select(&self) -> IoArm<'_, net::UnixListener, (UnixStream, SocketAddr)> {
        IoArm::new(&self.evented, Interest::Read, accept)
    }

    /// All connections that come, without an end.
    pub fn incoming(&self) -> UnixIncoming<'_> {
        UnixIncoming { listener: self }
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.evented.socket().local_addr()
    }
}

fn accept(listener: &net::UnixListener) -> io::Result<(UnixStream, SocketAddr)> {
    let (socket, address) = listener.accept()?;
    Ok((UnixStream::of(socket)?, address))
}

/// Connections of a [`UnixListener`]; see [`UnixListener::incoming`].
#[derive(Debug)]
pub struct UnixIncoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for UnixIncoming<'_> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

/// Datagrams; as [`std::os::unix::net::UnixDatagram`]. See [the module](crate::net).
pub struct UnixDatagram {
    evented: Evented<net::UnixDatagram>,
    timeouts: Timeouts,
}

socket_basics!(UnixDatagram, net::UnixDatagram);
socket_timeouts!(UnixDatagram, net::UnixDatagram);

impl UnixDatagram {
    /// One of this name.
    ///
    /// # Errors
    ///
    /// If the name is taken, or cannot be had.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::of(net::UnixDatagram::bind(path)?)
    }

    /// One without a name.
    ///
    /// # Errors
    ///
    /// If descriptors are exhausted.
    pub fn unbound() -> io::Result<Self> {
        Self::of(net::UnixDatagram::unbound()?)
    }

    /// Two that are connected to each other.
    ///
    /// # Errors
    ///
    /// If descriptors are exhausted.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = net::UnixDatagram::pair()?;
        Ok((Self::of(one)?, Self::of(other)?))
    }

    /// Sends to, and receives from, the one of this name alone from now on.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.evented.socket().connect(path)
    }

    /// Waits for a datagram; its length and its sender. What does not fit is lost.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.reading(|socket| socket.recv_from(buffer))
    }

    /// Waits for a datagram; its length.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reading(|socket| socket.recv(buffer))
    }

    /// Sends a datagram to the one of this name, and waits for room there. How many bytes were sent.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn send_to(&self, bytes: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        preempt::checkpoint();
        let (path, deadline_ns) = (path.as_ref(), self.timeouts.write.deadline_ns());
        // The system says that this socket can be written, although the other one has no room: so it is asked now and then.
        loop {
            match self.evented.socket().send_to(bytes, path) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => evented::pause(deadline_ns)?,
                sent => return sent,
            }
        }
    }

    /// Sends a datagram to the connected one. How many bytes were sent.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.writing(|socket| socket.send(bytes))
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.evented.socket().local_addr()
    }

    /// The address that it is connected to.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.evented.socket().peer_addr()
    }

    /// Ends one direction, or both. Never parks.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.evented.socket().shutdown(how)
    }
}
