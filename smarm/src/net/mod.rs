//! Sockets that park the actor: as those of [`std::net`] and [`std::os::unix::net`], with their names and their meaning.
//!
//! | here | `std` |
//! |---|---|
//! | [`TcpListener`], [`TcpStream`], [`UdpSocket`] | [`std::net`] |
//! | [`UnixListener`], [`UnixStream`], [`UnixDatagram`] | [`std::os::unix::net`] |
//!
//! Unmodified blocking code that is generic over [`Read`](std::io::Read) and [`Write`](std::io::Write) runs on them. Where `std` blocks the thread, these park the
//! actor, and its worker runs others; each call that may wait is a safe point. On a plain thread they block it. An actor that is killed
//! in a wait leaves nothing behind.
//!
//! What differs:
//!
//! - There is no `set_nonblocking`: the sockets never block. One that is turned into `std`'s blocks again.
//! - A timeout that is over is an error of the kind [`TimedOut`](std::io::ErrorKind::TimedOut), on every system.
//! - Two actors may use one socket, by reference, one to read and one to write. If two wait in the same direction, the second one gets
//!   an error ([`ResourceBusy`](std::io::ErrorKind::ResourceBusy)); `try_clone` gives it a socket of its own.
//! - `close` ends the waits of other actors with an error ([`NotConnected`](std::io::ErrorKind::NotConnected)).
//!
//! ```
//! use smarm::net::{TcpListener, TcpStream};
//! use std::io::{Read, Write};
//!
//! # fn main() -> std::io::Result<()> {
//! smarm::run(|| {
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let address = listener.local_addr()?;
//!     let echo = smarm::spawn(move || {
//!         let (mut stream, _) = listener.accept()?;
//!         let mut line = [0; 5];
//!         stream.read_exact(&mut line)?;
//!         stream.write_all(&line)
//!     });
//!     let mut stream = TcpStream::connect(address)?;
//!     stream.write_all(b"hello")?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer)?;
//!     assert_eq!(answer, "hello");
//!     echo.join().unwrap()
//! })
//! # }
//! ```
//!
//! # Futures
//!
//! With the feature `futures-io`, [`TcpStream`] and [`UnixStream`], and references to them, are `AsyncRead` and `AsyncWrite` of the crate
//! `futures-io`, for `async` crates that any executor can run. [`block_on`](crate::block_on) polls them on an actor's stack, and so may any executor
//! on plain threads. Wakers are called by one thread of the process, `smarm-futures`, which is started when a poll has to wait for the first time: so
//! a wait in a future costs more than one of an actor (two threads instead of one). Connections are made and accepted by the blocking
//! calls; timeouts of a socket are for blocking calls only. With the traits of both kinds in scope name the one that is meant,
//! `AsyncReadExt::read(&mut stream, ..)`; `AsyncWriteExt::close` always has to be named.
//!
//! # When descriptors run out
//!
//! `accept` gives the kernel's error (`EMFILE`), and the connection stays in the queue. A loop that goes on at once would spin: wait a while first.
//!
//! ```no_run
//! # fn serve(stream: smarm::net::TcpStream) {}
//! # let listener = smarm::net::TcpListener::bind("127.0.0.1:0").unwrap();
//! for stream in listener.incoming() {
//!     match stream {
//!         Ok(stream) => drop(smarm::spawn(move || serve(stream))),
//!         Err(error) => {
//!             eprintln!("cannot accept: {error}");
//!             smarm::sleep(std::time::Duration::from_millis(50));
//!         }
//!     }
//! }
//! ```

#[macro_use]
mod common;
mod address;
mod tcp;
mod udp;
mod unix;

pub use self::address::ToSocketAddrs;
pub use self::tcp::{Incoming, TcpListener, TcpStream};
pub use self::udp::UdpSocket;
pub use self::unix::{UnixDatagram, UnixIncoming, UnixListener, UnixStream};
