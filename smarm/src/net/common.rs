//! What all sockets have in common.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;

use crate::sys::clock;

/// How long a direction of a socket waits; 0 for ever.
#[derive(Debug, Default)]
pub(super) struct Timeout(AtomicU64);

impl Timeout {
    /// # Errors
    ///
    /// A timeout of zero, as in `std`.
    pub(super) fn set(&self, timeout: Option<Duration>) -> io::Result<()> {
        let nanos = timeout.map_or(0, |timeout| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
        if timeout.is_some() && nanos == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a timeout of zero would never wait: write `None` to wait for ever",
            ));
        }
        // Ordering: Relaxed. It stands for itself.
        self.0.store(nanos, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn get(&self) -> Option<Duration> {
        // Ordering: Relaxed. It stands for itself.
        let nanos = self.0.load(Ordering::Relaxed);
        (nanos != 0).then(|| Duration::from_nanos(nanos))
    }

    /// When a wait that begins now is over.
    pub(super) fn deadline_ns(&self) -> Option<u64> {
        self.get().map(clock::deadline_after)
    }

    pub(super) fn copy(&self) -> Self {
        // Ordering: Relaxed. It stands for itself.
        Self(AtomicU64::new(self.0.load(Ordering::Relaxed)))
    }
}

/// The two timeouts of a socket.
#[derive(Debug, Default)]
pub(super) struct Timeouts {
    pub(super) read: Timeout,
    pub(super) write: Timeout,
}

impl Timeouts {
    pub(super) fn copy(&self) -> Self {
        Self { read: self.read.copy(), write: self.write.copy() }
    }
}

/// Conversions from and to `std`'s type and descriptors; `close`; timeouts; `try_clone`; `take_error`.
macro_rules! socket_basics {
    ($name:ident, $standard:ty) => {
        impl $name {
            fn of(socket: $standard) -> io::Result<Self> {
                socket.set_nonblocking(true)?;
                Ok(Self::of_nonblocking(socket))
            }

            fn of_nonblocking(socket: $standard) -> Self {
                Self { evented: Evented::new(socket), timeouts: Timeouts::default() }
            }

            /// Another socket for the same thing, by a duplicate of the descriptor; with the same timeouts, but apart from then on.
            ///
            /// # Errors
            ///
            /// If descriptors are exhausted.
            pub fn try_clone(&self) -> io::Result<Self> {
                let socket = self.evented.socket().try_clone()?;
                Ok(Self { evented: Evented::new(socket), timeouts: self.timeouts.copy() })
            }

            /// Ends the waits of other actors for this socket with an error, and has all later ones fail. Never parks.
            ///
            /// The descriptor itself is closed when the socket is dropped. Plain threads that wait are not told.
            pub fn close(&self) {
                self.evented.close();
            }

            /// Waits until the socket can be read (for a listener: until it can accept): there is data, or the end, or an error. For
            /// [`select!`](crate::select). Parks the actor; the socket's timeouts do not count.
            ///
            /// # Errors
            ///
            /// Those [of the module `io`](crate::io#errors-that-smarm-adds).
            pub fn wait_readable(&self) -> io::Result<()> {
                self.evented.retry(Interest::Read, || None, evented::look_readable)
            }

            /// Waits until the socket can be written; else as [`wait_readable`](Self::wait_readable).
            ///
            /// # Errors
            ///
            /// As of [`wait_readable`](Self::wait_readable).
            pub fn wait_writable(&self) -> io::Result<()> {
                self.evented.retry(Interest::Write, || None, evented::look_writable)
            }

            #[doc(hidden)]
            pub fn wait_readable_in_select(&self) -> IoArm<'_, $standard, ()> {
                IoArm::new(&self.evented, Interest::Read, evented::look_readable)
            }

            #[doc(hidden)]
            pub fn wait_writable_in_select(&self) -> IoArm<'_, $standard, ()> {
                IoArm::new(&self.evented, Interest::Write, evented::look_writable)
            }

            /// The error that the socket holds, which it forgets.
            ///
            /// # Errors
            ///
            /// If the system cannot say.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.evented.socket().take_error()
            }
        }

        impl TryFrom<$standard> for $name {
            type Error = io::Error;

            /// The socket does not block any more, neither do its clones.
            fn try_from(socket: $standard) -> io::Result<Self> {
                Self::of(socket)
            }
        }

        impl TryFrom<$name> for $standard {
            type Error = io::Error;

            /// The socket blocks again, and so do its clones.
            fn try_from(socket: $name) -> io::Result<Self> {
                let socket = socket.evented.into_socket();
                socket.set_nonblocking(false)?;
                Ok(socket)
            }
        }

        impl TryFrom<OwnedFd> for $name {
            type Error = io::Error;

            /// The descriptor is one of such a socket; it does not block any more.
            fn try_from(descriptor: OwnedFd) -> io::Result<Self> {
                Self::of(descriptor.into())
            }
        }

        impl From<$name> for OwnedFd {
            /// It still does not block.
            fn from(socket: $name) -> Self {
                socket.evented.into_socket().into()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.evented.as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.evented.socket().as_raw_fd()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.evented.socket().fmt(f)
            }
        }
    };
}

/// `set_read_timeout` and its three relatives.
macro_rules! socket_timeouts {
    ($name:ident, $standard:ty) => {
        impl $name {
            /// How long a read waits before it fails with [`TimedOut`](io::ErrorKind::TimedOut); `None`, the default: for ever.
            ///
            /// # Errors
            ///
            /// If it is zero.
            pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.timeouts.read.set(timeout)
            }

            /// How long a write waits; else as [`set_read_timeout`](Self::set_read_timeout).
            ///
            /// # Errors
            ///
            /// If it is zero.
            pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.timeouts.write.set(timeout)
            }

            /// See [`set_read_timeout`](Self::set_read_timeout).
            ///
            /// # Errors
            ///
            /// Never; as in `std`.
            pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.timeouts.read.get())
            }

            /// See [`set_write_timeout`](Self::set_write_timeout).
            ///
            /// # Errors
            ///
            /// Never; as in `std`.
            pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.timeouts.write.get())
            }

            fn reading<T>(&self, attempt: impl FnMut(&$standard) -> io::Result<T>) -> io::Result<T> {
                self.evented.retry(Interest::Read, || self.timeouts.read.deadline_ns(), attempt)
            }

            fn writing<T>(&self, attempt: impl FnMut(&$standard) -> io::Result<T>) -> io::Result<T> {
                self.evented.retry(Interest::Write, || self.timeouts.write.deadline_ns(), attempt)
            }
        }
    };
}

/// `Read` and `Write` for a stream, by reference and by value.
///
/// The type has a `read_stream`, to which it tells the room that there is.
macro_rules! stream_reads_and_writes {
    ($name:ident) => {
        impl Read for &$name {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.read_stream(buffer.len(), |mut socket| socket.read(buffer))
            }

            fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                let room = buffers.iter().map(|buffer| buffer.len()).sum();
                self.read_stream(room, |mut socket| socket.read_vectored(buffers))
            }
        }

        impl Write for &$name {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.writing(|mut socket| socket.write(bytes))
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                self.writing(|mut socket| socket.write_vectored(buffers))
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl Read for $name {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                (&mut &*self).read(buffer)
            }

            fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (&mut &*self).read_vectored(buffers)
            }
        }

        impl Write for $name {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                (&mut &*self).write(bytes)
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                (&mut &*self).write_vectored(buffers)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    };
}

/// `AsyncRead` and `AsyncWrite` for a stream, by reference and by value.
#[cfg(feature = "futures-io")]
macro_rules! stream_is_polled {
    ($name:ident) => {
        /// The timeouts of the stream are for blocking calls, not for this.
        #[cfg_attr(docsrs, doc(cfg(feature = "futures-io")))]
        impl futures_io::AsyncRead for &$name {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.evented.poll(Interest::Read, context, |mut socket| socket.read(buffer))
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.evented.poll(Interest::Read, context, |mut socket| socket.read_vectored(buffers))
            }
        }

        /// The timeouts of the stream are for blocking calls, not for this. To close it is to end the direction, as
        /// [`Shutdown::Write`] does.
        #[cfg_attr(docsrs, doc(cfg(feature = "futures-io")))]
        impl futures_io::AsyncWrite for &$name {
            fn poll_write(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.evented.poll(Interest::Write, context, |mut socket| socket.write(bytes))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.evented.poll(Interest::Write, context, |mut socket| socket.write_vectored(buffers))
            }

            fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.shutdown(Shutdown::Write))
            }
        }

        /// As that of the reference.
        #[cfg_attr(docsrs, doc(cfg(feature = "futures-io")))]
        impl futures_io::AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self).poll_read(context, buffer)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self).poll_read_vectored(context, buffers)
            }
        }

        /// As that of the reference.
        #[cfg_attr(docsrs, doc(cfg(feature = "futures-io")))]
        impl futures_io::AsyncWrite for $name {
            fn poll_write(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self).poll_write(context, bytes)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self).poll_write_vectored(context, buffers)
            }

            fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut &*self).poll_flush(context)
            }

            fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut &*self).poll_close(context)
            }
        }
    };
}
