//! One direction of a descriptor between a waiter, events and a close. The descriptor itself is a flag: an event comes after it was set, and
//! a try that finds it not set would block.
//!
//! And a stream with its input, which two read: one byte at a time, or all there is.
//!
//! Not modelled: the park, which is the state word's; an unpark here is a flag that the waiter finds later.

use loom::model;
use loom::sync::Arc;
use loom::thread;

use super::{Begin, End, Readiness};
use crate::sys::atomic::{AtomicU32, Mutex, Ordering};
use crate::task::input::Input;

const ME: u64 = 7;

struct Direction {
    readiness: Readiness,
    /// Whether the descriptor is ready.
    data: AtomicU32,
    /// Whether the waiter was unparked.
    unparked: AtomicU32,
}

impl Direction {
    fn new() -> Arc<Self> {
        Arc::new(Self { readiness: Readiness::new(), data: AtomicU32::new(0), unparked: AtomicU32::new(0) })
    }

    fn event(&self) {
        // Ordering: Relaxed. The word publishes it.
        self.data.store(1, Ordering::Relaxed);
        self.unpark(self.readiness.fire());
    }

    fn unpark(&self, waiter: Option<u64>) {
        if let Some(waiter) = waiter {
            assert_eq!(waiter, ME);
            // Ordering: AcqRel, as the state word's.
            self.unparked.swap(1, Ordering::AcqRel);
        }
    }

    fn would_block(&self) -> bool {
        // Ordering: Relaxed; see `event`.
        self.data.load(Ordering::Relaxed) == 0
    }

    fn was_unparked(&self) -> bool {
        // Ordering: AcqRel; see `unpark`.
        self.unparked.swap(0, Ordering::AcqRel) == 1
    }
}

#[test]
fn loom_an_event_is_seen_or_unparks() {
    model(|| {
        let direction = Direction::new();
        let other = Arc::clone(&direction);
        let event = thread::spawn(move || other.event());
        let waits = direction.would_block() && direction.readiness.begin(ME) == Begin::Waits;
        event.join().unwrap();
        if waits {
            assert!(direction.was_unparked(), "the event was missed");
            assert_eq!(direction.readiness.end(ME), End::Ready);
        }
        assert!(!direction.would_block(), "the event is not visible");
    });
}

#[test]
fn loom_who_leaves_a_wait_leaves_nothing_behind() {
    model(|| {
        let direction = Direction::new();
        assert_eq!(direction.readiness.begin(ME), Begin::Waits);
        let other = Arc::clone(&direction);
        let event = thread::spawn(move || other.event());
        let end = direction.readiness.end(ME);
        assert!(!direction.readiness.has_waiter());
        event.join().unwrap();
        // What came too late is there for the next one.
        let next = direction.readiness.begin(ME + 1);
        assert_eq!(end == End::Nothing, next == Begin::Ready);
    });
}

#[test]
fn loom_a_close_ends_the_wait_and_forbids_others() {
    model(|| {
        let direction = Direction::new();
        let others = [Arc::clone(&direction), Arc::clone(&direction)];
        let [one, two] = others;
        let event = thread::spawn(move || one.event());
        let close = thread::spawn(move || two.unpark(two.readiness.close()));
        let waits = direction.readiness.begin(ME) == Begin::Waits;
        event.join().unwrap();
        close.join().unwrap();
        if waits {
            assert!(direction.was_unparked());
            assert_eq!(direction.readiness.end(ME), End::Closed);
        }
        assert_eq!(direction.readiness.begin(ME), Begin::Closed);
    });
}

/// What the kernel has of a stream.
#[derive(Default)]
struct Kernel {
    bytes: u32,
    /// Something has arrived since the last event.
    is_in_line: bool,
}

struct Stream {
    readiness: Readiness,
    input: Input,
    kernel: Mutex<Kernel>,
    unparked: AtomicU32,
}

impl Stream {
    /// With so many bytes, which an event has told of.
    fn with(bytes: u32) -> Arc<Self> {
        let kernel = Kernel { bytes, is_in_line: true };
        let stream = Self {
            readiness: Readiness::new(),
            input: Input::new(),
            kernel: Mutex::new(kernel),
            unparked: AtomicU32::new(0),
        };
        stream.give_event();
        Arc::new(stream)
    }

    fn arrive(&self) {
        let mut kernel = self.kernel.lock().unwrap();
        kernel.bytes += 1;
        kernel.is_in_line = true;
    }

    /// A worker asks for events.
    fn give_event(&self) {
        let is_event = {
            let mut kernel = self.kernel.lock().unwrap();
            core::mem::take(&mut kernel.is_in_line) && kernel.bytes > 0
        };
        if is_event {
            self.input.arrived(false);
            if self.readiness.fire().is_some() {
                // Ordering: AcqRel, as the state word's.
                self.unparked.swap(1, Ordering::AcqRel);
            }
        }
    }

    /// A read into room for so many bytes.
    fn read(&self, room: u32) -> u32 {
        let known = self.input.arrivals();
        let count = {
            let mut kernel = self.kernel.lock().unwrap();
            let count = kernel.bytes.min(room);
            kernel.bytes -= count;
            count
        };
        if 0 < count && count < room {
            self.input.is_empty_since(known);
        }
        count
    }
}

/// Who waits without a read, and is not told, has missed nothing, whoever else reads.
#[test]
fn loom_who_knows_that_there_is_no_input_misses_none() {
    model(|| {
        let stream = Stream::with(1);
        let (kernel, reader) = (Arc::clone(&stream), Arc::clone(&stream));
        let kernel = thread::spawn(move || {
            kernel.arrive();
            kernel.arrive();
            kernel.give_event();
        });
        // Takes the readiness, and one byte of those that it stands for.
        let reader = thread::spawn(move || {
            if reader.readiness.begin(ME + 1) == Begin::Waits {
                _ = reader.readiness.end(ME + 1);
            }
            reader.read(1)
        });
        stream.read(8);
        let mut waits = false;
        if stream.input.is_empty() {
            waits = stream.readiness.begin(ME) == Begin::Waits;
            if waits && !stream.input.is_empty() {
                _ = stream.readiness.end(ME);
                waits = false;
            }
        }
        kernel.join().unwrap();
        reader.join().unwrap();
        stream.give_event();
        // Ordering: AcqRel, as the state word's.
        if waits && stream.unparked.swap(0, Ordering::AcqRel) == 0 {
            assert_eq!(stream.kernel.lock().unwrap().bytes, 0, "nobody tells of what is left");
        }
    });
}
