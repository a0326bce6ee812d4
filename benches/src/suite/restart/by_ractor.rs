//! The restart on ractor: a supervisor that starts the next one when it is told of a failure.

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::suite::silence_panics;

type Ready = UnboundedSender<ActorRef<Message>>;

struct Root;

impl Actor for Root {
    type Msg = ();
    type State = Ready;
    type Arguments = Ready;

    async fn pre_start(&self, root: ActorRef<()>, ready: Ready) -> Result<Ready, ActorProcessingErr> {
        Actor::spawn_linked(None, Fragile, ready.clone(), root.get_cell()).await?;
        Ok(ready)
    }

    async fn handle_supervisor_evt(
        &self,
        root: ActorRef<()>,
        event: SupervisionEvent,
        ready: &mut Ready,
    ) -> Result<(), ActorProcessingErr> {
        if matches!(event, SupervisionEvent::ActorFailed(..)) {
            Actor::spawn_linked(None, Fragile, ready.clone(), root.get_cell()).await?;
        }
        Ok(())
    }
}

struct Fragile;

enum Message {
    Fail,
    Get(RpcReplyPort<u64>),
}

impl Actor for Fragile {
    type Msg = Message;
    type State = ();
    type Arguments = Ready;

    async fn pre_start(&self, server: ActorRef<Message>, ready: Ready) -> Result<(), ActorProcessingErr> {
        ready.send(server)?;
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Fail => panic!("on purpose"),
            Message::Get(reply) => reply.send(1)?,
        }
        Ok(())
    }
}

pub(super) async fn run(size: u64) -> u64 {
    silence_panics();
    let (ready, mut started) = unbounded_channel();
    let (supervisor, end) = Actor::spawn(None, Root, ready).await.expect("its child starts");
    let mut server = started.recv().await.expect("the supervisor starts one");
    let mut sum = 0;
    for _ in 0..size {
        server.cast(Message::Fail).expect("it lives until then");
        server = started.recv().await.expect("the supervisor starts another one");
        sum += server.call(Message::Get, None).await.expect("it lives").expect("it answers");
    }
    supervisor.stop(None);
    end.await.expect("the supervisor does not panic");
    sum
}
