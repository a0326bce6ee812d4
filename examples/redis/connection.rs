//! The life of a connection: read, do, write, in this order.
//!
//! Nothing is read while replies wait to be written. So a client that sends and never reads stops itself: the system's buffers fill, the write
//! parks, and after a while the connection is closed.

use std::fmt;
use std::io::{self, Read, Write};
use std::mem;
use std::sync::Arc;

use smarm::CallError;
use smarm::net::TcpStream;

use super::commands::{self, Place, Verb};
use super::resp::{Arguments, ProtocolError, Reply, Requests};
use super::server::Server;
use super::shard::{Batch, Job, ShardHandle};

/// How much is read at once.
const PIECE_BYTES: usize = 4 << 10;
/// How many commands go to a shard at once: others wait for it, too.
const MOST_JOBS: usize = 128;

/// Why a connection has ended, if not by its client.
#[derive(Debug)]
pub(crate) enum End {
    Quit,
    Socket(io::Error),
    Protocol(ProtocolError),
    /// A shard did not answer.
    Shard(CallError),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quit => f.write_str("the client has left"),
            Self::Socket(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Shard(error) => write!(f, "ERR the store does not answer: {error}"),
        }
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

impl From<CallError> for End {
    fn from(error: CallError) -> Self {
        Self::Shard(error)
    }
}

pub(crate) struct Connection {
    server: Arc<Server>,
    stream: Arc<TcpStream>,
    requests: Requests,
    /// What has been read for one shard and not been done, behind replies that have not been sent.
    batch: Batch,
    shard: Option<ShardHandle>,
}

impl Connection {
    pub(crate) fn new(server: Arc<Server>, stream: Arc<TcpStream>) -> Self {
        Self { server, stream, requests: Requests::default(), batch: Batch::default(), shard: None }
    }

    /// Until the client leaves, or has to.
    pub(crate) fn serve(mut self) -> End {
        let end = match self.answer_all() {
            Ok(()) => End::Quit,
            Err(end) => end,
        };
        if matches!(end, End::Protocol(_) | End::Shard(_)) {
            self.batch.replies.error(&end.to_string());
        }
        match self.send() {
            Ok(()) => end,
            Err(error) => error,
        }
    }

    fn answer_all(&mut self) -> Result<(), End> {
        loop {
            self.answer_what_came()?;
            self.send()?;
            let mut piece = [0; PIECE_BYTES];
            let count = (&*self.stream).read(&mut piece)?;
            if count == 0 {
                return Ok(());
            }
            self.requests.feed(&piece[..count]);
        }
    }

    fn answer_what_came(&mut self) -> Result<(), End> {
        loop {
            match self.requests.next() {
                Ok(Some(request)) => self.answer(request)?,
                Ok(None) => return self.finish_batch(),
                Err(error) => {
                    self.finish_batch()?;
                    return Err(End::Protocol(error));
                }
            }
        }
    }

    fn send(&mut self) -> Result<(), End> {
        if !self.batch.replies.is_empty() {
            (&*self.stream).write_all(&self.batch.replies)?;
            self.batch.replies.clear();
            self.batch.replies.shrink_to(PIECE_BYTES);
        }
        Ok(())
    }

    fn answer(&mut self, request: Arguments) -> Result<(), End> {
        match commands::find(&request).map(|command| command.place) {
            Ok(Place::Shard(act)) => self.put_into_batch(Job { act, arguments: request }),
            Ok(Place::Connection(verb)) => {
                self.finish_batch()?;
                self.act(verb, request)
            }
            Err(why) => {
                self.finish_batch()?;
                self.batch.replies.error(&why);
                Ok(())
            }
        }
    }

    // ---- what shards do ----

    fn put_into_batch(&mut self, job: Job) -> Result<(), End> {
        let shard = self.server.shards.of(&job.arguments[1]);
        let goes_along = self.shard.as_ref() == Some(shard) && self.batch.jobs.len() < MOST_JOBS;
        if !goes_along {
            let shard = shard.clone();
            self.finish_batch()?;
            self.shard = Some(shard);
        }
        self.batch.jobs.push_back(job);
        Ok(())
    }

    /// Has done what has been read.
    fn finish_batch(&mut self) -> Result<(), End> {
        while !self.batch.jobs.is_empty() {
            let shard = self.shard.as_ref().expect("a batch has a shard");
            self.batch = shard.work(mem::take(&mut self.batch))?;
            self.send_if_many()?;
        }
        Ok(())
    }

    fn send_if_many(&mut self) -> Result<(), End> {
        if self.batch.is_full() { self.send() } else { Ok(()) }
    }

    // ---- what connections do ----

    fn act(&mut self, verb: Verb, mut words: Arguments) -> Result<(), End> {
        match verb {
            Verb::Ping if words.len() == 1 => self.batch.replies.simple("PONG"),
            Verb::Ping | Verb::Echo => self.batch.replies.bulk(&words[1]),
            Verb::Quit => {
                self.batch.replies.simple("OK");
                return Err(End::Quit);
            }
            Verb::Select if words[1] == b"0" => self.batch.replies.simple("OK"),
            Verb::Select => self.batch.replies.error("ERR DB index is out of range"),
            Verb::Client => self.batch.replies.simple("OK"),
            Verb::Command => self.batch.replies.array(0),
            Verb::Config => self.tell_configuration(&words),
            Verb::Info => self.tell_all()?,
            Verb::DbSize => {
                let (keys, _) = self.server.shards.size()?;
                self.batch.replies.integer(keys as i64);
            }
            Verb::FlushAll => {
                self.server.shards.all().iter().try_for_each(ShardHandle::clear)?;
                self.batch.replies.simple("OK");
            }
            Verb::Delete => self.count(words.split_off(1), true)?,
            Verb::Exists => self.count(words.split_off(1), false)?,
            Verb::GetAll => self.get_all(words.split_off(1))?,
            Verb::SetAll => self.set_all(words.split_off(1))?,
        }
        self.send_if_many()
    }

    /// `DEL` and `EXISTS`.
    fn count(&mut self, keys: Vec<Vec<u8>>, removed: bool) -> Result<(), End> {
        let mut parts = self.server.shards.share_out(keys.into_iter(), |key| key);
        let counted = parts
            .try_fold(0, |sum, (shard, _, keys)| Ok::<_, CallError>(sum + shard.count(keys, removed)?))?;
        self.batch.replies.integer(counted);
        Ok(())
    }

    fn get_all(&mut self, keys: Vec<Vec<u8>>) -> Result<(), End> {
        let mut texts = vec![None; keys.len()];
        for (shard, numbers, keys) in self.server.shards.share_out(keys.into_iter(), |key| key) {
            match shard.texts(keys)? {
                Ok(part) => numbers.into_iter().zip(part).for_each(|(number, text)| texts[number] = text),
                Err(refusal) => {
                    self.batch.replies.error(&refusal.to_string());
                    return Ok(());
                }
            }
        }
        let replies = &mut self.batch.replies;
        replies.array(texts.len());
        texts.iter().for_each(|text| replies.bulk_or_null(text.as_ref()));
        Ok(())
    }

    fn set_all(&mut self, words: Vec<Vec<u8>>) -> Result<(), End> {
        if !words.len().is_multiple_of(2) {
            self.batch.replies.error(&commands::wrong_count("MSET"));
            return Ok(());
        }
        let mut words = words.into_iter();
        let pairs = std::iter::from_fn(|| Some((words.next()?, words.next()?)));
        for (shard, _, pairs) in self.server.shards.share_out(pairs, |(key, _)| key) {
            if let Err(refusal) = shard.put_texts(pairs)? {
                self.batch.replies.error(&refusal.to_string());
                return Ok(());
            }
        }
        self.batch.replies.simple("OK");
        Ok(())
    }

    /// `CONFIG GET`, without patterns.
    fn tell_configuration(&mut self, words: &Arguments) {
        let limits = &self.server.limits;
        let known = [
            ("save", String::new()),
            ("appendonly", "no".to_owned()),
            ("databases", "1".to_owned()),
            ("maxmemory", limits.bytes.to_string()),
            ("maxclients", limits.clients.to_string()),
        ];
        let replies = &mut self.batch.replies;
        if !words[1].eq_ignore_ascii_case(b"GET") {
            replies.error("ERR only CONFIG GET is understood");
            return;
        }
        let is_asked = |name: &str| words[2..].iter().any(|word| word.eq_ignore_ascii_case(name.as_bytes()));
        let asked: Vec<_> = known.iter().filter(|(name, _)| is_asked(name)).collect();
        replies.array(2 * asked.len());
        for (name, value) in asked {
            replies.bulk(name.as_bytes());
            replies.bulk(value.as_bytes());
        }
    }

    /// `INFO`.
    fn tell_all(&mut self) -> Result<(), End> {
        let (keys, bytes) = self.server.shards.size()?;
        let info = format!(
            "# Server\r\nserver_name:smarm's example redis\r\nserver_time:{}\r\n\
             # Clients\r\nconnected_clients:{}\r\nmaxclients:{}\r\n\
             # Memory\r\nused_memory_dataset:{bytes}\r\nmaxmemory:{}\r\n\
             # Keyspace\r\ndb0:keys={keys}\r\n",
            commands::unix_seconds(),
            self.server.clients(),
            self.server.limits.clients,
            self.server.limits.bytes,
        );
        self.batch.replies.bulk(info.as_bytes());
        Ok(())
    }
}
