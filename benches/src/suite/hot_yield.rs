//! What does a yield cost of an actor that is alone? An operation is one yield. Nobody else is there to run, which each runtime has to find
//! out; `yield` is the row in which there is. A thread asks the kernel.

use may::go;

use super::{Case, Group};

pub(super) const YIELD_IN_HOT_LOOP: Case = Case {
    name: "yield_in_hot_loop",
    title: "one actor yields to nobody, yields",
    group: Group::TokioFavoured,
    size: 1_000_000,
    smarm: |size| {
        let actor = smarm::spawn(move || (0..size).for_each(|_| smarm::yield_now()));
        actor.join().map_or(0, |()| size)
    },
    tokio: |size| Box::pin(by_tokio(size)),
    may: Some(|size| {
        let coroutine = go!(move || (0..size).for_each(|_| may::coroutine::yield_now()));
        coroutine.join().map_or(0, |()| size)
    }),
    threads: Some(|size| {
        let thread = std::thread::spawn(move || (0..size).for_each(|_| std::thread::yield_now()));
        thread.join().map_or(0, |()| size)
    }),
    ..Case::PLAIN
};

async fn by_tokio(size: u64) -> u64 {
    let task = tokio::spawn(async move {
        for _ in 0..size {
            tokio::task::yield_now().await;
        }
    });
    task.await.map_or(0, |()| size)
}
