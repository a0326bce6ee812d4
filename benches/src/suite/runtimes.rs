//! What does a runtime cost that is started for one small thing and stopped? With one worker, on a plain thread. An operation is one runtime's
//! life.
//!
//! tokio's is the current-thread runtime, which has no thread of its own and here no drivers; with `multi_thread` it has one.

use super::Case;

pub(super) const START_STOP_RUNTIME: Case = Case {
    name: "runtime",
    title: "start a runtime of one worker, run nothing, stop it, runtimes",
    size: 500,
    smarm: |size| {
        let (tell, told) = smarm::channel::oneshot();
        std::thread::spawn(move || tell.send(by_smarm(size)).expect("the root waits"));
        told.recv().expect("the thread tells")
    },
    tokio: |size| {
        Box::pin(async move {
            let (tell, told) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || tell.send(by_tokio(size)).expect("the root waits"));
            told.await.expect("the thread tells")
        })
    },
    ..Case::PLAIN
};

fn by_smarm(size: u64) -> u64 {
    let one = |_| smarm::runtime::init(smarm::runtime::Config::exact(1)).run(|| 1);
    (0..size).map(one).sum()
}

fn by_tokio(size: u64) -> u64 {
    let one = |_| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it starts");
        runtime.block_on(async { tokio::spawn(async { 1 }).await.expect("it does nothing") })
    };
    (0..size).map(one).sum()
}
