//! Connections that nobody speaks on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use crate::contender::Kind;
use crate::measure::Memory;
use crate::workloads::smarm_impl;

const MESSAGE_BYTES: usize = 64;
/// How long the last ones get to come back to their waits.
const SETTLE: Duration = Duration::from_millis(500);

/// Has a server accept so many connections of this process, sends a message over each and back, and measures while all wait for the
/// next one. Both ends are descriptors of this process; the clients have nothing else.
///
/// # Panics
///
/// If a runtime other than smarm and tokio is asked, or a connection is lost, or descriptors run out.
#[must_use]
pub fn hold(kind: Kind, workers: usize, count: usize) -> (Memory, Memory) {
    let (tell, told) = mpsc::channel();
    let server = thread::spawn(move || match kind {
        Kind::Smarm => smarm_impl::start(workers).run(move || serve_by_smarm(count, &tell)),
        Kind::Tokio => serve_by_tokio(workers, count, tell),
        _ => panic!("{kind} is not asked about connections"),
    });
    let measured = connect_all(count, &told);
    server.join().expect("the server ends when all clients have left");
    measured
}

fn connect_all(count: usize, told: &Receiver<SocketAddr>) -> (Memory, Memory) {
    let address = told.recv().expect("the server tells its address");
    let mut clients = Vec::with_capacity(count);
    let before = Memory::now();
    for _ in 0..count {
        let mut client = TcpStream::connect(address).expect("the server listens");
        client.write_all(&[7; MESSAGE_BYTES]).expect("the server reads");
        client.read_exact(&mut [0; MESSAGE_BYTES]).expect("the server answers");
        clients.push(client);
    }
    thread::sleep(SETTLE);
    (before, Memory::now())
}

fn serve_by_smarm(count: usize, tell: &Sender<SocketAddr>) {
    let listener = smarm::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    tell.send(listener.local_addr().expect("it has one")).expect("the client waits");
    for stream in listener.incoming().take(count) {
        let mut stream = stream.expect("a descriptor");
        drop(smarm::spawn(move || {
            let mut buffer = [0; MESSAGE_BYTES];
            while stream.read_exact(&mut buffer).is_ok() && stream.write_all(&buffer).is_ok() {}
        }));
    }
}

fn serve_by_tokio(workers: usize, count: usize, tell: Sender<SocketAddr>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut builder = match workers {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_io().build().expect("tokio starts");
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        tell.send(listener.local_addr().expect("it has one")).expect("the client waits");
        let mut served = Vec::with_capacity(count);
        for _ in 0..count {
            let (mut stream, _) = listener.accept().await.expect("a descriptor");
            served.push(tokio::spawn(async move {
                let mut buffer = [0; MESSAGE_BYTES];
                while stream.read_exact(&mut buffer).await.is_ok() && stream.write_all(&buffer).await.is_ok()
                {
                }
            }));
        }
        for connection in served {
            connection.await.expect("no panic");
        }
    });
}
