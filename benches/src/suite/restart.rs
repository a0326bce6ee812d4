//! How long is a server away that has panicked? A client tells it to panic, one frame deep; its supervisor starts it again; the new one tells
//! the client of itself as it starts; the client calls it. An operation is all of that: from the cast that makes it panic to the answer of
//! the next one.
//!
//! smarm's is a supervisor with its defaults, but for the intensity, which has to allow so many restarts. tokio has none: its is a task
//! that awaits the server's task and spawns another, as its users write it; it keeps no history, has no strategy and stops nobody. The
//! panic hook is empty for all of them. Threads have the same as tokio's tasks. kameo's child is supervised with its defaults but for the limit; its
//! mailbox survives, and so do references to it. ractor's supervisor has to start the next one itself when it is told of the failure, and does; it
//! has no limit. actix's supervisor starts an actor again that has stopped itself, but neither survives a panic: it has no figure.

mod by_kameo;
mod by_ractor;
mod by_threads;

use std::time::Duration;

use smarm::Ctx;
use smarm::channel::Sender;
use smarm::supervisor::{Child, Supervisor};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::{Case, Group, silence_panics};

pub(super) const RESTART: Case = Case {
    name: "restart",
    title: "from a server's panic to the next one's answer, restarts",
    group: Group::Servers,
    size: 20_000,
    smarm,
    tokio: |size| Box::pin(by_tokio(size)),
    kameo: Some(|size| Box::pin(by_kameo::run(size))),
    ractor: Some(|size| Box::pin(by_ractor::run(size))),
    threads: Some(by_threads::run),
    ..Case::PLAIN
};

struct Fragile {
    ready: Sender<FragileHandle>,
}

#[smarm::actor]
impl Fragile {
    #[on_start]
    fn begin(&mut self, ctx: &mut Ctx<Self>) {
        self.ready.send(ctx.handle()).expect("the client waits");
    }

    pub(crate) fn fail(&mut self) {
        panic!("on purpose");
    }

    pub(crate) fn get(&self) -> u64 {
        1
    }
}

fn smarm(size: u64) -> u64 {
    silence_panics();
    let (ready, started) = smarm::channel();
    let restarts = u32::try_from(size).expect("the sizes are small") + 1;
    let supervisor = Supervisor::one_for_one()
        .intensity(restarts, Duration::from_secs(1))
        .child(Child::new("fragile", move || Fragile { ready: ready.clone() }))
        .start()
        .expect("its child starts");
    let next = || started.recv().expect("the supervisor starts another one");
    let mut server = next();
    let mut sum = 0;
    for _ in 0..size {
        server.fail();
        server = next();
        sum += server.get().expect("it answers");
    }
    supervisor.stop();
    supervisor.join();
    sum
}

enum Message {
    Fail,
    Get(oneshot::Sender<u64>),
}

async fn by_tokio(size: u64) -> u64 {
    silence_panics();
    let (ready, mut started) = unbounded_channel();
    let supervisor = tokio::spawn(supervise(ready));
    let mut server = started.recv().await.expect("the supervisor starts one");
    let mut sum = 0;
    for _ in 0..size {
        server.send(Message::Fail).expect("it waits for mail");
        server = started.recv().await.expect("the supervisor starts another one");
        let (reply, answer) = oneshot::channel();
        server.send(Message::Get(reply)).expect("it waits for mail");
        sum += answer.await.expect("it answers");
    }
    drop(server);
    supervisor.await.expect("it only awaits");
    sum
}

/// Until the server ends without a panic.
async fn supervise(ready: UnboundedSender<UnboundedSender<Message>>) {
    loop {
        let (sender, mail) = unbounded_channel();
        let server = tokio::spawn(serve(mail));
        ready.send(sender).expect("the client waits");
        if server.await.is_ok() {
            return;
        }
    }
}

async fn serve(mut mail: UnboundedReceiver<Message>) {
    while let Some(message) = mail.recv().await {
        match message {
            Message::Fail => panic!("on purpose"),
            Message::Get(reply) => reply.send(1).expect("the client waits"),
        }
    }
}
