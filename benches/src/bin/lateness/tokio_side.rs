//! The rows of tokio.

use std::hint::{black_box, spin_loop};
use std::mem::ManuallyDrop;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::{HOGS, NAP, PAUSE, TRIES, report};

pub(crate) fn run(workers: usize, length: Duration) {
    let runtime =
        || Builder::new_multi_thread().worker_threads(workers).enable_time().build().expect("threads");
    // Each runtime is lost to its hogs, which end with the process: dropping it would wait for them.
    let kept = [runtime(), runtime()].map(ManuallyDrop::new);
    report("tokio", "sleep", sleeps(kept[0].handle(), length));
    let handle = kept[1].handle();
    let (clerk, mut questions) = tokio::sync::mpsc::unbounded_channel::<oneshot::Sender<u64>>();
    handle.spawn(async move {
        while let Some(question) = questions.recv().await {
            question.send(black_box(7)).ok();
        }
    });
    for _ in 0..HOGS {
        handle.spawn(async {
            loop {
                spin_loop();
            }
        });
    }
    let spawned = || {
        let (tell, told) = mpsc::channel();
        handle.spawn(async move { tell.send(Instant::now()) });
        told
    };
    report("tokio", "spawn", measure(length, |left| spawned().recv_timeout(left).ok()));
    let asked = |left| {
        let (answer, answered) = oneshot::channel();
        clerk.send(answer).ok()?;
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || answered.blocking_recv().map(|_| tell.send(Instant::now())));
        told.recv_timeout(left).ok()
    };
    report("tokio", "call", measure(length, asked));
}

/// How late sleeps end beside hogs that allocate. None, if the sleeper never comes back.
fn sleeps(handle: &Handle, length: Duration) -> Vec<Duration> {
    let (tell, told) = mpsc::channel();
    handle.spawn(async move {
        loop {
            let asleep = Instant::now();
            tokio::time::sleep(NAP).await;
            if tell.send(asleep.elapsed().saturating_sub(NAP)).is_err() {
                return;
            }
        }
    });
    for _ in 0..HOGS {
        handle.spawn(async {
            loop {
                black_box(Box::new([0_u8; 64]));
            }
        });
    }
    std::thread::sleep(length);
    let late: Vec<_> = told.try_iter().collect();
    // Who has not come back by now is at least so late.
    if late.len() < 2 { vec![length] } else { late }
}

/// How long things take that end at the instant which `what` gives, within the time that is left; who does not is at least so late.
fn measure(length: Duration, what: impl Fn(Duration) -> Option<Instant>) -> Vec<Duration> {
    let (begin, mut delays) = (Instant::now(), Vec::new());
    while delays.len() < TRIES && begin.elapsed() < length {
        std::thread::sleep(PAUSE);
        let before = Instant::now();
        let left = length.saturating_sub(begin.elapsed());
        delays.push(what(left).map_or(left, |end| end.saturating_duration_since(before)));
    }
    delays
}
