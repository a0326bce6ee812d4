//! Server actors of smarm: the macro, with all its defaults; so calls have a timeout of 5 s, which no rival's have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smarm::ExitReason;
use smarm::runtime::Runtime;

use crate::measure::Memory;
use crate::workload::WAVE;

/// Adds up, and tells the sum in the end.
#[derive(Debug)]
pub(super) struct Counter {
    sum: u64,
    total: Option<Arc<AtomicU64>>,
}

#[smarm::actor]
impl Counter {
    /// Answers with the number.
    pub(super) fn echo(&self, number: u64) -> u64 {
        number
    }

    /// Adds to the sum.
    pub(super) fn add(&mut self, number: u64) {
        self.sum += number;
    }

    /// The sum.
    pub(super) fn get(&self) -> u64 {
        self.sum
    }

    #[on_exit]
    fn tell(&self, _why: &ExitReason) {
        if let Some(total) = &self.total {
            total.fetch_add(self.sum, Ordering::Relaxed);
        }
    }
}

fn start() -> CounterHandle {
    Counter { sum: 0, total: None }.start()
}

pub(super) fn call(size: u64) -> u64 {
    let counter = start();
    (0..size).map(|number| counter.echo(number).expect("the server answers")).sum()
}

pub(super) fn cast(size: u64) -> u64 {
    let counter = start();
    for number in 0..size {
        counter.add(number);
    }
    counter.get().expect("the server answers")
}

pub(super) fn start_stop(size: u64) -> u64 {
    let total = Arc::new(AtomicU64::new(0));
    for first in (0..size).step_by(WAVE) {
        let wave = first..size.min(first + WAVE as u64);
        let started = wave.map(|number| {
            let counter = Counter { sum: 0, total: Some(total.clone()) }.start();
            counter.add(number);
            counter.stop();
            counter
        });
        for counter in started.collect::<Vec<_>>() {
            counter.join();
        }
    }
    total.load(Ordering::Relaxed)
}

/// See [`Contender::keep`](crate::contender::Contender::keep).
///
/// # Panics
///
/// If the runtime loses a message.
pub fn keep<T: Send + 'static>(
    runtime: &Runtime,
    servers: usize,
    measure: impl FnOnce(Memory) -> T + Send + 'static,
) -> T {
    runtime.run(move || {
        let before = Memory::now();
        let mut kept = Vec::with_capacity(servers);
        for number in 0..servers as u64 {
            let counter = start();
            assert_eq!(counter.echo(number).expect("the server answers"), number);
            kept.push(counter);
        }
        let measured = measure(before);
        drop(kept);
        measured
    })
}
