//! The restart on kameo: a supervised child.

use std::convert::Infallible;
use std::time::Duration;

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::message::{Context, Message};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::suite::silence_panics;

struct Root;

impl Actor for Root {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(root: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(root)
    }
}

struct Fragile;

impl Actor for Fragile {
    type Args = UnboundedSender<ActorRef<Self>>;
    type Error = Infallible;

    async fn on_start(ready: Self::Args, server: ActorRef<Self>) -> Result<Self, Infallible> {
        ready.send(server).expect("the client waits");
        Ok(Self)
    }
}

struct Fail;

impl Message<Fail> for Fragile {
    type Reply = ();

    async fn handle(&mut self, Fail: Fail, _: &mut Context<Self, ()>) {
        panic!("on purpose");
    }
}

struct Get;

impl Message<Get> for Fragile {
    type Reply = u64;

    async fn handle(&mut self, Get: Get, _: &mut Context<Self, u64>) -> u64 {
        1
    }
}

pub(super) async fn run(size: u64) -> u64 {
    silence_panics();
    let (ready, mut started) = unbounded_channel();
    let supervisor = Root::spawn(Root);
    let restarts = u32::try_from(size).expect("the sizes are small") + 1;
    let child = Fragile::supervise(&supervisor, ready).restart_limit(restarts, Duration::from_secs(1));
    let mut server = child.spawn().await;
    started.recv().await.expect("it tells of itself");
    let mut sum = 0;
    for _ in 0..size {
        server.tell(Fail).await.expect("its mailbox is there");
        server = started.recv().await.expect("the supervisor starts another one");
        sum += server.ask(Get).await.expect("it answers");
    }
    supervisor.stop_gracefully().await.expect("it lives to the end");
    supervisor.wait_for_shutdown().await;
    sum
}
