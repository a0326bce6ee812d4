//! Waits for descriptors that are not smarm's.

use smarm::io::{
    close, read, read_raw, wait_readable, wait_readable_raw, wait_readable_timeout, wait_writable,
    wait_writable_timeout, write, write_raw,
};
use smarm::runtime::Runtime;
use smarm::{ExitReason, JoinHandle, channel, spawn, yield_now};
use smarm_tests::{actors, plain, runtime};
use std::fs::File;
use std::io::{ErrorKind, Read, Write, pipe};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

#[test]
fn a_wait_ends_when_there_is_something_to_read() {
    actors(|| {
        let (reader, mut writer) = pipe().expect("descriptors");
        let (tx, rx) = channel();
        let waits = spawn(move || {
            tx.send(()).expect("the root receives");
            wait_readable(&reader).map(|()| reader)
        });
        rx.recv().expect("it begins");
        yield_now();
        writer.write_all(b"x").expect("a reader");
        let mut reader = waits.join().expect("no panic").expect("readable");
        assert_eq!(reader.read(&mut [0; 8]).expect("a byte"), 1);
    });
}

#[test]
fn a_blocking_pipe_does_not_block_the_worker() {
    actors(|| {
        let (reader, writer) = pipe().expect("descriptors");
        let reads = spawn(move || {
            let (mut sum, mut buffer) = (0, [0; 1000]);
            while let count @ 1.. = read(&reader, &mut buffer).expect("a writer") {
                sum += count;
            }
            sum
        });
        let mut left = 500_000;
        while left > 0 {
            left -= write(&writer, &vec![7; left.min(4096)]).expect("a reader");
        }
        drop(writer);
        assert_eq!(reads.join().expect("no panic"), 500_000);
    });
}

#[test]
fn one_waits_to_read_and_another_one_to_write() {
    actors(|| {
        let (one, other) = UnixStream::pair().expect("descriptors");
        one.set_nonblocking(true).expect("a socket");
        while (&one).write(&[0; 4096]).is_ok() {}
        let one = Arc::new(one);
        let (reads, writes) = (Arc::clone(&one), Arc::clone(&one));
        let reader = spawn(move || wait_readable(&*reads));
        let writer = spawn(move || wait_writable(&*writes));
        yield_now();
        yield_now();
        other.set_nonblocking(true).expect("a socket");
        while (&other).read(&mut [0; 65536]).is_ok() {}
        writer.join().expect("no panic").expect("there is room");
        (&other).write_all(b"x").expect("a reader");
        reader.join().expect("no panic").expect("there is a byte");
    });
}

#[test]
fn a_wait_with_a_timeout_ends_by_it() {
    actors(|| {
        let (reader, writer) = pipe().expect("descriptors");
        assert_eq!(
            wait_readable_timeout(&reader, MILLISECOND).expect_err("empty").kind(),
            ErrorKind::TimedOut
        );
        wait_writable_timeout(&writer, MILLISECOND).expect("there is room");
    });
}

/// An actor of the runtime that waits to read by number; it waits when this returns.
fn waiting(runtime: &Runtime, number: RawFd) -> JoinHandle<std::io::Result<()>> {
    let waits = runtime.handle().spawn(move || wait_readable_raw(number));
    while runtime.stats().io_parked_count() == 0 {
        std::thread::sleep(MILLISECOND);
    }
    waits
}

#[test]
fn the_second_one_who_waits_gets_an_error() {
    plain(|| {
        let runtime = runtime(1);
        let (reader, mut writer) = pipe().expect("descriptors");
        let number = reader.as_raw_fd();
        let first = waiting(&runtime, number);
        let second = runtime.handle().spawn(move || wait_readable_raw(number));
        let refused = second.join().expect("no panic").expect_err("taken");
        assert_eq!(refused.kind(), ErrorKind::ResourceBusy);
        writer.write_all(b"x").expect("a reader");
        first.join().expect("no panic").expect("readable");
        wait_readable(&reader).expect("still readable");
    });
}

#[test]
fn a_killed_waiter_leaves_no_registration() {
    actors(|| {
        let (reader, mut writer) = pipe().expect("descriptors");
        let reader = Arc::new(reader);
        let descriptors = || std::fs::read_dir("/proc/self/fd").expect("a list").count();
        let before = descriptors();
        for _ in 0..100 {
            let waits = Arc::clone(&reader);
            let waits = spawn(move || wait_readable(&*waits));
            yield_now();
            waits.kill();
            assert!(matches!(waits.join(), Err(ExitReason::Killed)));
        }
        // Other tests of this process have descriptors, too.
        assert!(descriptors() < before + 90, "each wait has left a descriptor behind");
        writer.write_all(b"x").expect("a reader");
        wait_readable(&*reader).expect("readable");
    });
}

#[test]
fn a_close_ends_the_wait_with_an_error() {
    plain(|| {
        let runtime = runtime(1);
        let (reader, _writer) = pipe().expect("descriptors");
        let waits = waiting(&runtime, reader.as_raw_fd());
        close(OwnedFd::from(reader));
        assert_eq!(waits.join().expect("no panic").expect_err("closed").kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn a_number_that_is_used_again_can_be_waited_for_at_once() {
    plain(|| {
        let runtime = runtime(1);
        let (reader, mut old_writer) = pipe().expect("descriptors");
        let number = reader.as_raw_fd();
        let old = waiting(&runtime, number);
        let (other, mut writer) = pipe().expect("descriptors");
        // The number is another pipe's from here on; nobody has told the one who waits.
        let reused = replace_by(other.as_raw_fd(), reader);
        let new = runtime.handle().spawn(move || wait_readable_raw(number));
        while runtime.stats().io_parked_count() < 2 && !new.is_finished() {
            std::thread::sleep(MILLISECOND);
        }
        writer.write_all(b"x").expect("a reader");
        new.join().expect("no panic").expect("readable");
        old_writer.write_all(b"x").expect("the duplicate of the one who waits");
        old.join().expect("no panic").expect("readable");
        drop((reused, other));
    });
}

/// Has the number of `of` be one of the same file as `from`.
fn replace_by(from: RawFd, of: std::io::PipeReader) -> OwnedFd {
    let of = OwnedFd::from(of);
    // SAFETY: both are open; `of` is ours, and goes on to own its number.
    assert_eq!(unsafe { libc::dup2(from, of.as_raw_fd()) }, of.as_raw_fd());
    of
}

#[test]
fn a_file_is_always_ready() {
    actors(|| {
        let file = File::open("/proc/self/exe").expect("a file");
        wait_readable(&file).expect("ready");
        let mut magic = [0; 4];
        assert_eq!(read(&file, &mut magic).expect("bytes"), 4);
        assert_eq!(&magic, b"\x7fELF");
    });
}

#[test]
fn numbers_do_as_well() {
    actors(|| {
        let (reader, writer) = pipe().expect("descriptors");
        assert_eq!(write_raw(writer.as_raw_fd(), b"abc").expect("a reader"), 3);
        let mut bytes = [0; 8];
        assert_eq!(read_raw(reader.as_raw_fd(), &mut bytes).expect("bytes"), 3);
        assert!(wait_readable_raw(-1).is_err());
        assert!(wait_readable_raw(1_000_000).is_err());
    });
}

#[test]
fn plain_threads_block() {
    plain(|| {
        let (reader, mut writer) = pipe().expect("descriptors");
        assert_eq!(
            wait_readable_timeout(&reader, MILLISECOND).expect_err("empty").kind(),
            ErrorKind::TimedOut
        );
        let writes = std::thread::spawn(move || writer.write_all(b"x"));
        wait_readable(&reader.as_fd()).expect("readable");
        writes.join().expect("no panic").expect("a reader");
    });
}
