//! Files, without blocking a worker: the functions of [`std::fs`], each on a thread of the pool of [`block_on_io`].
//!
//! | function | gives |
//! |---|---|
//! | [`read`], [`read_to_string`] | a whole file |
//! | [`write`](write()) | nothing; the file has these contents then |
//! | [`copy`] | how many bytes were copied |
//! | [`rename`], [`remove_file`] | nothing |
//! | [`create_dir_all`], [`remove_dir_all`] | nothing |
//! | [`read_dir`] | the entries of a directory, all at once |
//! | [`metadata`] | size, kind, times of what a path leads to |
//! | [`canonicalize`] | the path without links and dots |
//! | [`exists`] | whether a path leads to something |
//!
//! Linux has no files that can be waited for, so each of them costs a round trip to another thread: some 15 µs (see [`block_on_io`](crate::block_on_io())). Several steps in a row
//! are one closure: `block_on_io(|| { .. })` with the functions of `std`. So is a file that is read or written piece by piece.
//!
//! All of them may park, are safe points, and call `std` in place on a plain thread and while their actor unwinds. They fail as their namesakes do,
//! and panic where [`block_on_io`] does for being called: inside `no_preempt` and `forbid_yield`. **A kill does not undo what has
//! begun**: the caller leaves at once, and a file that is being written is written to its end.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! # let folder = std::env::temp_dir().join(format!("smarm-fs-{}", std::process::id()));
//! # let inside = folder.clone();
//! smarm::run(move || {
//!     smarm::fs::create_dir_all(&inside)?;
//!     smarm::fs::write(inside.join("greeting"), "hello")?;
//!     assert_eq!(smarm::fs::read_to_string(inside.join("greeting"))?, "hello");
//!     assert_eq!(smarm::fs::read_dir(&inside)?.len(), 1);
//!     smarm::fs::remove_dir_all(&inside)
//! })
//! # }
//! ```
//!
//! Erlang's cousin is the module `file`, tokio's is `tokio::fs`.

use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::blocking::block_on_io;

/// Does it with a path of its own, on the pool.
fn with<T: Send + 'static>(
    path: impl AsRef<Path>,
    f: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let path = path.as_ref().to_owned();
    block_on_io(move || f(&path))
}

/// The same with two.
fn with_both<T: Send + 'static>(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    f: impl FnOnce(&Path, &Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    block_on_io(move || f(&from, &to))
}

/// The contents of a file. May park; see the [module](self).
///
/// # Errors
///
/// As [`std::fs::read`].
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    with(path, |path| fs::read(path))
}

/// The contents of a file, which must be UTF-8. May park; see the [module](self).
///
/// # Errors
///
/// As [`std::fs::read_to_string`].
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    with(path, |path| fs::read_to_string(path))
}

/// Makes a file of these contents, or replaces what is in it. May park; see the [module](self).
///
/// The contents are copied, for the other thread to have; to avoid that, move them into a closure for [`block_on_io`].
///
/// # Errors
///
/// As [`std::fs::write`].
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let contents = contents.as_ref().to_owned();
    with(path, move |path| fs::write(path, contents))
}

/// Copies a file, with its permissions; how many bytes it has. May park; see the [module](self).
///
/// # Errors
///
/// As [`std::fs::copy`].
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    with_both(from, to, |from, to| fs::copy(from, to))
}

/// Gives a file or directory another name, in place of what has that name. May park; see the [module](self).
///
/// # Errors
///
/// As [`std::fs::rename`].
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    with_both(from, to, |from, to| fs::rename(from, to))
}

/// Removes a file. May park; see the [module](self).
///
/// # Errors
///
/// As [`std::fs::remove_file`].
pub fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    with(path, |path| fs::remove_file(path))
}

/// Makes a directory, and those above it that are missing. May park; see the [module](self).
///
/// # Errors
///
/// As [`std::fs::create_dir_all`].
pub fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    with(path, |path| fs::create_dir_all(path))
}

/// Removes a directory with all that is in it. May park; see the [module](self).
///
/// # Errors
///
/// As [`std::fs::remove_dir_all`].
pub fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    with(path, |path| fs::remove_dir_all(path))
}

/// What is in a directory, in no order. May park; see the [module](self).
///
/// All at once, where `std` gives them one by one: each step would be a round trip.
///
/// # Errors
///
/// As [`std::fs::read_dir`], and as its iterator.
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<Vec<DirEntry>> {
    with(path, |path| fs::read_dir(path)?.collect())
}

/// Size, kind, times of what a path leads to. May park; see the [module](self).
///
/// # Errors
///
/// As [`std::fs::metadata`].
pub fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    with(path, |path| fs::metadata(path))
}

/// The absolute path, without links and dots. May park; see the [module](self).
///
/// # Errors
///
/// As [`std::fs::canonicalize`].
pub fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    with(path, |path| fs::canonicalize(path))
}

/// Whether a path leads to something. May park; see the [module](self).
///
/// # Errors
///
/// As [`std::fs::exists`]: if that cannot be said.
pub fn exists(path: impl AsRef<Path>) -> io::Result<bool> {
    with(path, |path| fs::exists(path))
}
