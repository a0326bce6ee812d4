//! The rows of smarm.

use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use smarm::runtime::{Config, Runtime, init};
use smarm::{RuntimeHandle, channel, sleep, spawn};

use crate::{HOGS, NAP, PAUSE, TRIES, report};

/// As `#[smarm::main]` has it: allocations count.
#[global_allocator]
static ALLOC: smarm::Alloc = smarm::Alloc::system();

#[derive(Default)]
struct Clerk;

#[smarm::actor(timeout = none)]
impl Clerk {
    pub(crate) fn ask(&self) -> u64 {
        black_box(7)
    }
}

pub(crate) fn run(workers: usize, length: Duration) {
    let runtime = || init(Config::exact(workers).on_stall(|_| ()));
    report("smarm", "sleep", sleeps(&runtime(), length, false));
    report("smarm", "sleep, pinned", sleeps(&runtime(), length, true));
    let spins = Beside::new(runtime());
    report(
        "smarm",
        "spawn",
        spins.measure(length, |handle| handle.spawn(Instant::now).join().expect("it returns")),
    );
    let clerk = spins.handle.enter(|| Clerk.start());
    report(
        "smarm",
        "call",
        spins.measure(length, |_| {
            clerk.ask().expect("it answers");
            Instant::now()
        }),
    );
    std::mem::forget(spins); // its hogs end with the process
}

/// How late sleeps end beside hogs that allocate.
fn sleeps(runtime: &Runtime, length: Duration, pinned: bool) -> Vec<Duration> {
    runtime.run(move || {
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, all_ready) = channel::<()>();
        let mut gates = Vec::new();
        let hogs: Vec<_> = (0..HOGS)
            .map(|_| {
                let (gate, opens) = channel::<()>();
                gates.push(gate);
                let (stop, ready) = (Arc::clone(&stop), ready.clone());
                let hog = spawn(move || {
                    if pinned {
                        ready.send(()).expect("the root receives");
                        opens.recv().ok();
                    }
                    allocate_until(&stop);
                });
                if pinned {
                    smarm::yield_now(); // it begins here, before another worker can take it
                }
                hog
            })
            .collect();
        if pinned {
            (0..HOGS).for_each(|_| all_ready.recv().expect("the hogs send"));
        }
        drop(gates);
        let (begin, mut late) = (Instant::now(), Vec::new());
        while begin.elapsed() < length {
            let asleep = Instant::now();
            sleep(NAP);
            late.push(asleep.elapsed().saturating_sub(NAP));
        }
        stop.store(true, Ordering::Relaxed);
        hogs.into_iter().for_each(|hog| hog.join().expect("it returns"));
        late
    })
}

#[smarm::preemptible]
fn allocate_until(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        black_box(Box::new([0_u8; 64]));
    }
}

/// A runtime whose workers are all kept by hogs without safe points.
struct Beside {
    handle: RuntimeHandle,
    #[expect(dead_code, reason = "kept alive")]
    runtime: Runtime,
}

impl Beside {
    fn new(runtime: Runtime) -> Self {
        let handle = runtime.handle();
        for _ in 0..HOGS {
            drop(handle.spawn(|| {
                let keep: fn() = || loop {
                    spin_loop();
                };
                keep();
            }));
        }
        Self { handle, runtime }
    }

    /// How long things take that end at the instant which `what` gives.
    fn measure(&self, length: Duration, what: impl Fn(&RuntimeHandle) -> Instant) -> Vec<Duration> {
        let (begin, mut delays) = (Instant::now(), Vec::new());
        while delays.len() < TRIES && begin.elapsed() < length {
            std::thread::sleep(PAUSE);
            let before = Instant::now();
            delays.push(what(&self.handle).saturating_duration_since(before));
        }
        delays
    }
}
