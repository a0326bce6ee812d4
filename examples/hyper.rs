//! A crate that needs tokio, called by actors: hyper's client, with its pool of connections.
//!
//! ```sh
//! cargo run --release --features smarm-examples/tokio --example hyper
//! ```
//!
//! The client has sockets and timers of tokio's, and spawns tasks. Each actor polls its own request, on its own stack, by
//! [`smarm::tokio::block_on`]; it parks while it waits, and its worker runs others. tokio's reactor has one thread beside smarm's workers. The
//! server is in plain blocking code, and knows nothing of it.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use smarm::net::{TcpListener, TcpStream};
use smarm::spawn;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;
type HttpClient = Client<HttpConnector, Empty<Bytes>>;

/// How many actors ask at once, and how often each of them.
const ACTORS: usize = 100;
const REQUESTS: usize = 5;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same where none comes.
const SHORT_PATIENCE: Duration = Duration::from_millis(50);

#[smarm::main]
fn main() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = spawn(move || serve(&listener));

    let client: HttpClient = Client::builder(TokioExecutor::new()).build_http();
    let asking: Vec<_> = (0..ACTORS)
        .map(|n| {
            let client = client.clone();
            spawn(move || ask_often(&client, address, n))
        })
        .collect();
    let mut answers = 0;
    for actor in asking {
        answers += actor.join()??;
    }
    println!("{answers} answers to {ACTORS} actors");
    match get(&client, address, "silence", SHORT_PATIENCE) {
        Ok(answer) => println!("silence: {answer}"),
        Err(error) => println!("silence: {error}"),
    }
    server.kill();
    Ok(())
}

/// How many answers were right.
fn ask_often(client: &HttpClient, server: SocketAddr, n: usize) -> Outcome<usize> {
    for request in 0..REQUESTS {
        let path = format!("{n}/{request}");
        let answer = get(client, server, &path, PATIENCE)?;
        if answer != format!("you asked for /{path}\n") {
            return Err(format!("{answer:?} is no answer to {path}").into());
        }
    }
    Ok(REQUESTS)
}

/// A request and its answer: async code, in a function that is not.
fn get(client: &HttpClient, server: SocketAddr, path: &str, patience: Duration) -> Outcome<String> {
    let uri: Uri = format!("http://{server}/{path}").parse()?;
    smarm::tokio::block_on(async {
        let response = tokio::time::timeout(patience, client.get(uri)).await??;
        let body = response.into_body().collect().await?.to_bytes();
        Ok(String::from_utf8(body.to_vec())?)
    })
}

// ---- the server -------------------------------------------------------------------------------------------------------

fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        match stream {
            Ok(stream) => drop(spawn(move || answer_all(&stream))),
            Err(error) => {
                eprintln!("cannot accept: {error}");
                smarm::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// Answers each `GET` with its path, and `/silence` not at all. What is wrong with a connection, its client will tell.
fn answer_all(stream: &TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let (mut lines, mut writer) = (BufReader::new(stream).lines(), stream);
    loop {
        let request = lines.next()?.ok()?;
        while !lines.next()?.ok()?.is_empty() {}
        let path = request.split(' ').nth(1)?;
        if path != "/silence" {
            let body = format!("you asked for {path}\n");
            write!(writer, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()?;
        }
    }
}
