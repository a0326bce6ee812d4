//! The server and its client in one program.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::support::{example, program, run};

#[test]
fn each_kind_of_request_gets_its_answer() {
    let run = run(&mut example("http"));
    assert_eq!(run.code, Some(0), "{run:?}");
    let expected = [
        "two at once: 200 OK, 404 Not Found",
        "a body: 200 OK",
        "nonsense: 400 Bad Request",
        "too slow: 408 Request Timeout",
        "stopped",
    ];
    assert!(run.out.lines().eq(expected), "{run:?}");
}

/// A server, which is killed if it does not end in time.
struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    address: String,
    /// Dropped, it ends the watch.
    _watched: mpsc::Sender<()>,
}

fn serve() -> Server {
    // Not by `timeout`, as in the other tests: that would pass a signal on twice, or, if it comes early, not at all.
    let mut child =
        Command::new(program("http")).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().expect("it starts");
    let (watched, watches) = mpsc::channel();
    let id = child.id();
    thread::spawn(move || {
        if watches.recv_timeout(Duration::from_secs(120)) == Err(RecvTimeoutError::Timeout) {
            send("KILL", id);
        }
    });
    let mut out = BufReader::new(child.stdout.take().expect("a pipe was asked for"));
    let mut line = String::new();
    out.read_line(&mut line).expect("it tells its address");
    let address = line.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
    Server { child, out, address, _watched: watched }
}

fn send(signal: &str, process: u32) {
    let sent = Command::new("kill").args([&format!("-{signal}"), &process.to_string()]).status();
    assert!(sent.expect("there is a `kill`").success());
}

/// Sends requests over one connection until that is closed. Each that was answered was answered in full.
fn ask(address: &str, answered: &AtomicUsize) -> bool {
    const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: keep-alive\r\n\r\nhello\n";
    const LAST: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    loop {
        // In two pieces, so that some are under way when the server is asked to end.
        if stream.write_all(b"GET / HT").and_then(|()| stream.write_all(b"TP/1.1\r\n\r\n")).is_err() {
            return true;
        }
        let mut answer = Vec::new();
        let mut block = [0; 256];
        while !answer.ends_with(b"hello\n") {
            match stream.read(&mut block) {
                Ok(bytes @ 1..) => answer.extend_from_slice(&block[..bytes]),
                Ok(0) | Err(_) => {
                    assert!(answer.is_empty(), "half an answer: {}", String::from_utf8_lossy(&answer));
                    return true;
                }
            }
        }
        let answer = String::from_utf8(answer).expect("text");
        answered.fetch_add(1, Ordering::Relaxed);
        if answer == LAST {
            return true;
        }
        assert_eq!(answer, ANSWER);
    }
}

#[test]
fn a_signal_under_load_ends_the_server_after_the_requests_that_have_begun() {
    for signal in ["TERM", "INT"] {
        let mut server = serve();
        let answered = Arc::new(AtomicUsize::new(0));
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let (address, answered) = (server.address.clone(), Arc::clone(&answered));
                thread::spawn(move || while ask(&address, &answered) {})
            })
            .collect();
        while answered.load(Ordering::Relaxed) < 300 {
            thread::yield_now();
        }
        send(signal, server.child.id());
        let mut rest = String::new();
        server.out.read_to_string(&mut rest).expect("it tells that it has stopped");
        assert_eq!(rest, "stopped\n");
        assert_eq!(server.child.wait().expect("it ends").code(), Some(0));
        clients.into_iter().for_each(|client| client.join().expect("whole answers"));
    }
}
