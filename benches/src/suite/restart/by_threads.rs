//! The restart on threads: one that joins the server and starts another.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::suite::silence_panics;

enum Message {
    Fail,
    Get(Sender<u64>),
}

pub(super) fn run(size: u64) -> u64 {
    silence_panics();
    let (ready, started) = channel();
    let supervisor = thread::spawn(move || supervise(&ready));
    let mut server = started.recv().expect("the supervisor starts one");
    let mut sum = 0;
    for _ in 0..size {
        server.send(Message::Fail).expect("it waits for mail");
        server = started.recv().expect("the supervisor starts another one");
        let (reply, answer) = channel();
        server.send(Message::Get(reply)).expect("it waits for mail");
        sum += answer.recv().expect("it answers");
    }
    drop(server);
    supervisor.join().expect("it only joins");
    sum
}

/// Until the server ends without a panic.
fn supervise(ready: &Sender<Sender<Message>>) {
    loop {
        let (sender, mail) = channel();
        let server = thread::spawn(move || serve(&mail));
        ready.send(sender).expect("the client waits");
        if server.join().is_ok() {
            return;
        }
    }
}

fn serve(mail: &Receiver<Message>) {
    for message in mail {
        match message {
            Message::Fail => panic!("on purpose"),
            Message::Get(reply) => reply.send(1).expect("the client waits"),
        }
    }
}
