//! A key-value server that redis-cli, redis-benchmark and clients of Redis can talk to: strings, lists, sets, hashes, times to live.
//!
//! ```sh
//! cargo run --release --example redis                         # talks to itself, and stops
//! cargo run --release --example redis -- serve 127.0.0.1:6379 # until it is interrupted
//! redis-benchmark -t get,set -P 16
//! ```
//!
//! ```text
//!   client ── bytes ──▶ connection ── jobs, in batches ──▶ shard (a server)      each key belongs to one shard
//!                         (a thread  ◀──── replies ───────
//!                          actor)     ── jobs ───────────▶ shard
//! ```
//!
//! A connection is an actor that reads, asks and writes, in this order and in plain blocking code. The keys are shared out among servers; each
//! has its part for itself, so there is no lock. What follows each other in a pipeline and concerns the same shard goes there as one
//! message. Commands of one connection take effect in their order; one that concerns several shards (`MSET`, `FLUSHALL`, `DEL` of several
//! keys) is not atomic, unlike in Redis.
//!
//! What a client can make the server keep is bounded everywhere: lengths of arguments and commands ([`resp`]), all data ([`Limits`]),
//! replies that are not read ([`connection`]), clients.
//!
//! | file | what |
//! |---|---|
//! | `resp.rs` | the protocol, both ways |
//! | `store.rs` | keys, values, times to live |
//! | `commands.rs` | what each command does to a store |
//! | `shard.rs` | a store as a server, and all of them |
//! | `connection.rs` | the life of a connection |
//! | `server.rs` | accepting connections, stopping |

mod commands;
mod connection;
mod resp;
mod server;
mod shard;
mod store;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use smarm::spawn;

use self::resp::Client;
use self::server::{Limits, Server};

#[smarm::main]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => talk_to_itself(),
        ["serve", address] => {
            let server = Server::bind(address, Limits::default())?;
            println!("redis://{}/", server.address()?);
            server.run();
            Ok(())
        }
        _ => Err("write `serve ADDRESS`, or nothing".into()),
    }
}

fn talk_to_itself() -> Result<(), Box<dyn Error>> {
    let server = Server::bind("127.0.0.1:0", Limits::default())?;
    let address = server.address()?;
    let running = {
        let server = Arc::clone(&server);
        spawn(move || server.run())
    };
    let mut client = Client::connect(address)?;
    for line in [
        "SET greeting hello",
        "GET greeting",
        "SET greeting again NX",
        "INCRBY n 41",
        "INCR n",
        "INCR greeting",
        "RPUSH list a b c",
        "LRANGE list 0 -1",
        "DANCE",
    ] {
        println!("{line}: {:?}", client.ask(&line.split(' ').collect::<Vec<_>>())?);
    }
    println!("{} pings in a row", ping_in_a_row(address, 1000)?);
    server.stop();
    running.join()?;
    println!("stopped");
    Ok(())
}

/// Sends so many requests before it reads an answer.
fn ping_in_a_row(server: SocketAddr, count: usize) -> io::Result<usize> {
    let mut client = Client::connect(server)?;
    for _ in 0..count {
        client.send(&["PING"])?;
    }
    (0..count)
        .map(|_| client.receive())
        .try_fold(0, |pongs, reply| Ok(pongs + usize::from(reply?.is("PONG"))))
}
