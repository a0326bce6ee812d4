//! The server seen by its clients.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use smarm::net::TcpStream;
use smarm::spawn;

use super::commands::COMMANDS;
use super::resp::{Answer, Client, MOST_LINE_BYTES};
use super::server::{Limits, Server};

fn with_limits(limits: Limits, body: impl FnOnce(SocketAddr) + Send + 'static) {
    smarm::run(move || {
        let server = Server::bind("127.0.0.1:0", limits).expect("a port");
        let running = {
            let server = Arc::clone(&server);
            spawn(move || server.run())
        };
        body(server.address().expect("an address"));
        server.stop();
        running.join().expect("no panic");
    });
}

fn with_a_server(body: impl FnOnce(SocketAddr) + Send + 'static) {
    with_limits(Limits::default(), body);
}

fn connect(server: SocketAddr) -> Client {
    Client::connect(server).expect("it listens")
}

fn ask(client: &mut Client, line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    format!("{:?}", client.ask(&words).expect("an answer"))
}

/// Asks these, one after the other, and compares the answers.
fn check(exchanges: &'static [(&'static str, &'static str)]) {
    with_a_server(move |server| {
        let mut client = connect(server);
        for (line, expected) in exchanges {
            assert_eq!(ask(&mut client, line), *expected, "{line}");
        }
    });
}

const WRONG_TYPE: &str = "(WRONGTYPE Operation against a key holding the wrong kind of value)";
const NO_INTEGER: &str = "(ERR value is not an integer or out of range)";

#[test]
fn commands_are_sorted_by_name() {
    assert!(COMMANDS.is_sorted_by(|one, other| one.name < other.name));
}

#[test]
fn strings() {
    check(&[
        ("PING", "PONG"),
        ("ping hello", "hello"),
        ("ECHO hello", "hello"),
        ("GET k", "(nothing)"),
        ("SET k v", "OK"),
        ("get k", "v"),
        ("SET k w NX", "(nothing)"),
        ("SET k w XX GET", "v"),
        ("SET other w XX", "(nothing)"),
        ("SET k w NX XX", "(ERR syntax error)"),
        ("SET k w EX", "(ERR syntax error)"),
        ("SET k w EX 0", "(ERR invalid expire time)"),
        ("SET k w EX 9223372036854775807", "(ERR invalid expire time)"),
        ("SET k w EX 1 PX 1", "(ERR syntax error)"),
        ("SET k w EX many", NO_INTEGER),
        ("APPEND k xyz", "4"),
        ("STRLEN k", "4"),
        ("GET k", "wxyz"),
        ("MSET a 1 b 2 c 3", "OK"),
        ("MSET a 1 b", "(ERR wrong number of arguments for 'mset' command)"),
        ("MGET c nothing a b", "[3, (nothing), 1, 2]"),
        ("EXISTS a b b nothing", "3"),
        ("DEL a b nothing", "2"),
        ("EXISTS a b c", "1"),
        ("TYPE c", "string"),
        ("TYPE a", "none"),
        ("DBSIZE", "2"),
        ("FLUSHALL", "OK"),
        ("DBSIZE", "0"),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("INCR n", "1"),
        ("INCRBY n 41", "42"),
        ("DECR n", "41"),
        ("DECRBY n 50", "-9"),
        ("GET n", "-9"),
        ("INCRBY n x", NO_INTEGER),
        ("SET n 9223372036854775807", "OK"),
        ("INCR n", "(ERR increment or decrement would overflow)"),
        ("DECRBY n -9223372036854775808", "(ERR increment or decrement would overflow)"),
        ("GET n", "9223372036854775807"),
        ("SET n 01", "OK"),
        ("INCR n", NO_INTEGER),
    ]);
}

#[test]
fn collections() {
    check(&[
        ("RPUSH l a b c", "3"),
        ("LPUSH l x y", "5"),
        ("LLEN l", "5"),
        ("LRANGE l 0 -1", "[y, x, a, b, c]"),
        ("LRANGE l -2 100", "[b, c]"),
        ("LRANGE l 3 1", "[]"),
        ("LRANGE l 5 5", "[]"),
        ("LRANGE l -100 0", "[y]"),
        ("LRANGE l -9223372036854775808 9223372036854775807", "[y, x, a, b, c]"),
        ("LPOP l", "y"),
        ("RPOP l 2", "[c, b]"),
        ("RPOP l 0", "[]"),
        ("LPOP l -1", NO_INTEGER),
        ("LPOP l 100", "[x, a]"),
        ("LPOP l", "(nothing)"),
        ("EXISTS l", "0"),
        ("SADD s a b a", "2"),
        ("SADD s b c", "1"),
        ("SCARD s", "3"),
        ("SISMEMBER s c", "1"),
        ("SREM s a b x", "2"),
        ("SMEMBERS s", "[c]"),
        ("SPOP s", "c"),
        ("SPOP s", "(nothing)"),
        ("HSET h a 1 b 2", "2"),
        ("HSET h b 3", "0"),
        ("HSET h b", "(ERR wrong number of arguments for 'hset' command)"),
        ("HGET h b", "3"),
        ("HLEN h", "2"),
        ("HDEL h a x", "1"),
        ("HGETALL h", "[b, 3]"),
        ("GET h", WRONG_TYPE),
        ("INCR h", WRONG_TYPE),
        ("APPEND h x", WRONG_TYPE),
        ("LPUSH h x", WRONG_TYPE),
        ("SADD h x", WRONG_TYPE),
        ("LLEN h", WRONG_TYPE),
        ("SET h x", "OK"),
        ("HSET h a 1", WRONG_TYPE),
    ]);
}

#[test]
fn what_is_not_understood_is_answered() {
    check(&[
        ("DANCE now", "(ERR unknown command 'DANCE')"),
        ("GET", "(ERR wrong number of arguments for 'get' command)"),
        ("GET a b", "(ERR wrong number of arguments for 'get' command)"),
        ("SELECT 0", "OK"),
        ("SELECT 1", "(ERR DB index is out of range)"),
        ("CONFIG GET save maxclients", "[save, , maxclients, 10000]"),
        ("CONFIG SET save 1", "(ERR only CONFIG GET is understood)"),
        ("COMMAND DOCS", "[]"),
    ]);
}

#[test]
fn keys_expire() {
    with_a_server(|server| {
        let mut client = connect(server);
        for (line, expected) in [
            ("TTL k", "-2"),
            ("SET k v", "OK"),
            ("TTL k", "-1"),
            ("EXPIRE k 100", "1"),
            ("TTL k", "100"),
            ("SET k w KEEPTTL", "OK"),
            ("TTL k", "100"),
            ("INCRBY n 1", "1"),
            ("EXPIRE n 9223372036854775807", "(ERR invalid expire time)"),
            ("PERSIST k", "1"),
            ("PERSIST k", "0"),
            ("TTL k", "-1"),
            ("SET k v EX 100", "OK"),
            ("SET k v", "OK"),
            ("TTL k", "-1"),
            ("EXPIRE k -1", "1"),
            ("EXISTS k", "0"),
            ("EXPIRE k 100", "0"),
            ("SET soon v PX 1", "OK"),
        ] {
            assert_eq!(ask(&mut client, line), expected, "{line}");
        }
        while ask(&mut client, "GET soon") != "(nothing)" {
            smarm::yield_now();
        }
        assert_eq!(ask(&mut client, "DBSIZE"), "1");
    });
}

#[test]
fn pipelined_commands_are_answered_in_their_order() {
    with_a_server(|server| {
        let mut client = connect(server);
        let mut requests = Vec::new();
        for n in 0..1000 {
            write!(requests, "SET k{n} {n}\r\nGET k{n}\r\nMGET k{n} nothing\r\nINCR sum\r\nNONSENSE\r\n")
                .expect("a vector takes everything");
        }
        let (half, other_half) = requests.split_at(requests.len() / 2 + 1);
        client.send_bytes(half).expect("a reader");
        client.send_bytes(other_half).expect("a reader");
        for n in 0..1000 {
            let answers: Vec<_> =
                (0..5).map(|_| format!("{:?}", client.receive().expect("an answer"))).collect();
            let expected = [
                "OK",
                &n.to_string(),
                &format!("[{n}, (nothing)]"),
                &(n + 1).to_string(),
                "(ERR unknown command 'NONSENSE')",
            ];
            assert_eq!(answers, expected);
        }
    });
}

#[test]
fn many_clients_count_together() {
    with_a_server(|server| {
        let clients: Vec<_> = (0..200)
            .map(|_| {
                spawn(move || {
                    let mut client = connect(server);
                    for _ in 0..10 {
                        client.ask(&["INCR", "n"]).expect("an answer");
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().expect("no panic"));
        assert_eq!(ask(&mut connect(server), "GET n"), "2000");
    });
}

/// All that the server says to these bytes, until it closes the connection.
fn last_words(server: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server).expect("it listens");
    stream.write_all(bytes).expect("room");
    let mut said = Vec::new();
    // What is not read of a bad request becomes a reset behind the words.
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn a_protocol_error_is_answered_behind_what_came_before_and_closes_the_connection() {
    with_a_server(|server| {
        let mut other = connect(server);
        for (bytes, expected) in [
            (&b"PING\r\n*1\r\nx\r\n"[..], "+PONG\r\n-ERR Protocol error: expected '$'\r\n"),
            (
                b"SET k v\r\nGET k\r\n*x\r\n",
                "+OK\r\n$1\r\nv\r\n-ERR Protocol error: invalid multibulk length\r\n",
            ),
            (b"GET 'k\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
            (&[b'x'; MOST_LINE_BYTES], "-ERR Protocol error: a line is too long\r\n"),
            (b"PING\r\nQUIT\r\n", "+PONG\r\n+OK\r\n"),
        ] {
            assert_eq!(last_words(server, bytes), expected);
        }
        assert_eq!(ask(&mut other, "PING"), "PONG");
    });
}

#[test]
fn a_store_that_is_full_refuses_what_adds_and_does_the_rest() {
    const FULL: &str = "(OOM command not allowed when used memory > 'maxmemory')";
    with_limits(Limits { bytes: 10_000, shards: 1, ..Limits::default() }, |server| {
        let mut client = connect(server);
        let long = "x".repeat(9000);
        assert_eq!(ask(&mut client, &format!("SET k {long}")), "OK");
        for line in ["SET other", "APPEND k", "LPUSH l", "SADD s", "HSET h f", "MSET m"] {
            assert_eq!(ask(&mut client, &format!("{line} {long}")), FULL, "{line}");
        }
        assert_eq!(ask(&mut client, "STRLEN k"), "9000");
        assert_eq!(ask(&mut client, "DEL k"), "1");
        assert_eq!(ask(&mut client, &format!("SET other {long}")), "OK");
    });
}

#[test]
fn long_replies_come_in_turn() {
    with_a_server(|server| {
        let mut client = connect(server);
        let value = "x".repeat(1 << 20);
        assert_eq!(ask(&mut client, &format!("SET k {value}")), "OK");
        let expected = Answer::Text(value.into_bytes());
        client.send_bytes("GET k\r\n".repeat(50).as_bytes()).expect("a reader");
        for _ in 0..50 {
            assert!(client.receive().expect("an answer") == expected);
        }
        let keys = [&["MGET"][..], &["k"; 100][..]].concat();
        let refused = client.ask(&keys).expect("an answer");
        assert_eq!(format!("{refused:?}"), "(ERR string exceeds maximum allowed size)");
    });
}

#[test]
fn a_client_too_many_is_told_and_another_one_may_come_later() {
    with_limits(Limits { clients: 2, ..Limits::default() }, |server| {
        let (mut one, mut two) = (connect(server), connect(server));
        assert_eq!((ask(&mut one, "PING"), ask(&mut two, "PING")), ("PONG".into(), "PONG".into()));
        assert_eq!(last_words(server, b""), "-ERR max number of clients reached\r\n");
        assert_eq!(ask(&mut one, "QUIT"), "OK");
        assert!(one.receive().is_err(), "it is closed");
        while connect(server).ask(&["PING"]).is_err() {
            smarm::yield_now(); // until the server has seen that one is gone
        }
        assert_eq!(ask(&mut two, "PING"), "PONG");
    });
}

#[test]
fn a_server_that_stops_closes_connections_that_are_idle() {
    smarm::run(|| {
        let server = Server::bind("127.0.0.1:0", Limits::default()).expect("a port");
        let address = server.address().expect("an address");
        let running = {
            let server = Arc::clone(&server);
            spawn(move || server.run())
        };
        let mut client = connect(address);
        assert_eq!(ask(&mut client, "SET k v"), "OK");
        server.stop();
        running.join().expect("no panic");
        assert!(client.receive().is_err(), "it is closed");
    });
}
