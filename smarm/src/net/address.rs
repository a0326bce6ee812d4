//! Addresses, and the look-up of names.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::blocking;

/// What is an address, or several: as [`std::net::ToSocketAddrs`], for the same types.
///
/// A name is looked up by the system's resolver, which blocks, so by [`block_on_io`](crate::block_on_io): the actor parks meanwhile. Numbers
/// are no look-up.
pub trait ToSocketAddrs: sealed::Sealed {
    /// The addresses.
    ///
    /// # Errors
    ///
    /// If the text is no address, or the name is not known.
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! addresses {
    ($($name:ty),*) => {$(
        impl sealed::Sealed for $name {}
        impl ToSocketAddrs for $name {
            fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
                Ok(vec![SocketAddr::from(*self)])
            }
        }
    )*};
}

addresses!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16));

impl sealed::Sealed for str {}
impl ToSocketAddrs for str {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        match self.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) => look_up(self.to_owned()),
        }
    }
}

impl sealed::Sealed for String {}
impl ToSocketAddrs for String {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        self.as_str().to_socket_addrs()
    }
}

impl sealed::Sealed for (&str, u16) {}
impl ToSocketAddrs for (&str, u16) {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        match self.0.parse::<IpAddr>() {
            Ok(address) => Ok(vec![SocketAddr::new(address, self.1)]),
            Err(_) => look_up((self.0.to_owned(), self.1)),
        }
    }
}

impl sealed::Sealed for (String, u16) {}
impl ToSocketAddrs for (String, u16) {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        (self.0.as_str(), self.1).to_socket_addrs()
    }
}

impl sealed::Sealed for [SocketAddr] {}
impl ToSocketAddrs for [SocketAddr] {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        Ok(self.to_vec())
    }
}

impl<T: ToSocketAddrs + ?Sized> sealed::Sealed for &T {}
impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    fn to_socket_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        (**self).to_socket_addrs()
    }
}

/// By the system's resolver, on a thread of the pool.
fn look_up(name: impl std::net::ToSocketAddrs + Send + 'static) -> io::Result<Vec<SocketAddr>> {
    blocking::block_on_io(move || name.to_socket_addrs().map(Iterator::collect))
}

/// Tries each address until one works; the last error, if none does.
pub(super) fn first_of<T>(
    addresses: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut refusal = None;
    for address in addresses.to_socket_addrs()? {
        match attempt(address) {
            Ok(found) => return Ok(found),
            Err(error) => refusal = Some(error),
        }
    }
    Err(refusal.unwrap_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "the name has no address: nothing to connect or bind to")
    }))
}
