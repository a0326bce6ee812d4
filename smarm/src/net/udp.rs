//! UDP.

use core::fmt;
use core::time::Duration;
use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::address::{self, ToSocketAddrs};
use super::common::Timeouts;
use crate::task::evented::{self, Evented, IoArm};
use crate::task::source::Interest;

/// Datagrams over UDP; as [`std::net::UdpSocket`]. See [the module](crate::net).
pub struct UdpSocket {
    evented: Evented<net::UdpSocket>,
    timeouts: Timeouts,
}

socket_basics!(UdpSocket, net::UdpSocket);
socket_timeouts!(UdpSocket, net::UdpSocket);

impl UdpSocket {
    /// Binds to the first of these addresses that can be had.
    ///
    /// # Errors
    ///
    /// That of the last address.
    pub fn bind(addresses: impl ToSocketAddrs) -> io::Result<Self> {
        address::first_of(addresses, |address| Self::of(net::UdpSocket::bind(address)?))
    }

    /// Sends to, and receives from, this address alone from now on.
    ///
    /// # Errors
    ///
    /// That of the last address.
    pub fn connect(&self, addresses: impl ToSocketAddrs) -> io::Result<()> {
        address::first_of(addresses, |address| self.evented.socket().connect(address))
    }

    /// Waits for a datagram; its length and its sender. What does not fit is lost.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.reading(|socket| socket.recv_from(buffer))
    }

    /// The same, but the next one to receive gets it too.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.reading(|socket| socket.peek_from(buffer))
    }

    /// Sends a datagram to the first of these addresses. How many bytes were sent.
    ///
    /// # Errors
    ///
    /// As the system says; `InvalidInput` if there is no address.
    pub fn send_to(&self, bytes: &[u8], addresses: impl ToSocketAddrs) -> io::Result<usize> {
        let address = addresses.to_socket_addrs()?.into_iter().next();
        let address = address.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the name has no address: nowhere to send to")
        })?;
        self.writing(|socket| socket.send_to(bytes, address))
    }

    /// Waits for a datagram from the connected address; its length.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reading(|socket| socket.recv(buffer))
    }

    /// The same, but the next one to receive gets it too.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reading(|socket| socket.peek(buffer))
    }

    /// Sends a datagram to the connected address. How many bytes were sent.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.writing(|socket| socket.send(bytes))
    }

    /// The address that it is connected to.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.evented.socket().peer_addr()
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.evented.socket().local_addr()
    }

    /// Whether it may send to all in its network.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn set_broadcast(&self, allowed: bool) -> io::Result<()> {
        self.evented.socket().set_broadcast(allowed)
    }

    /// See [`set_broadcast`](Self::set_broadcast).
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.evented.socket().broadcast()
    }
}
