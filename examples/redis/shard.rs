//! The store, in parts: each is a server, and has its keys for itself.

use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use smarm::CallError;

use super::commands::Act;
use super::resp::{Arguments, Reply};
use super::store::{Refusal, Store, Value};

/// Replies of so many bytes are sent on before more is done.
const MOST_REPLY_BYTES: usize = 256 << 10;
/// How much the values of one `MGET` may have together, of one shard.
const MOST_VALUES_BYTES: usize = 64 << 20;

/// A command on its way.
pub(crate) struct Job {
    pub(crate) act: Act,
    pub(crate) arguments: Arguments,
}

/// Commands in their order, and the replies to those that are done.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) jobs: std::collections::VecDeque<Job>,
    pub(crate) replies: Vec<u8>,
}

impl Batch {
    /// Whether its replies should be sent before anything else is done.
    pub(crate) fn is_full(&self) -> bool {
        self.replies.len() >= MOST_REPLY_BYTES
    }
}

pub(crate) struct Shard {
    store: Store,
}

#[smarm::actor(timeout = "60s")]
impl Shard {
    /// Does the commands in their order until the replies are many; the others come back.
    pub fn work(&mut self, mut batch: Batch) -> Batch {
        while !batch.is_full() {
            let Some(job) = batch.jobs.pop_front() else { break };
            let begin = batch.replies.len();
            if let Err(refusal) = (job.act)(&mut self.store, job.arguments, &mut batch.replies) {
                batch.replies.truncate(begin);
                batch.replies.error(&refusal.to_string());
            }
        }
        batch
    }

    /// How many of these keys there are, which are removed if so wished.
    pub fn count(&mut self, keys: Vec<Vec<u8>>, removed: bool) -> i64 {
        let store = &mut self.store;
        let is_counted = |key: &Vec<u8>| if removed { store.remove(key) } else { store.contains(key) };
        keys.iter().map(is_counted).map(i64::from).sum()
    }

    /// The strings of these keys.
    #[call(nested)]
    pub fn texts(&mut self, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Vec<u8>>>, Refusal> {
        let mut bytes = 0;
        let mut texts = Vec::with_capacity(keys.len());
        for key in keys {
            let text = match self.store.get(&key) {
                Some(Value::Text(text)) => Some(&*text),
                _ => None,
            };
            bytes += text.map_or(0, Vec::len);
            if bytes > MOST_VALUES_BYTES {
                return Err(Refusal::TooLong);
            }
            texts.push(text.cloned());
        }
        Ok(texts)
    }

    /// Puts strings, all of them or none.
    #[call(nested)]
    pub fn put_texts(&mut self, texts: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), Refusal> {
        self.store.make_room(texts.iter().map(|(key, text)| key.len() + text.len()).sum())?;
        for (key, text) in texts {
            let bytes = text.len();
            self.store.put(key, Value::Text(text), bytes);
        }
        Ok(())
    }

    /// How many keys there are, and about how much memory they take.
    pub fn size(&mut self) -> (usize, usize) {
        (self.store.len(), self.store.bytes())
    }

    #[call]
    pub fn clear(&mut self) {
        self.store.clear();
    }

    #[every("1s")]
    fn expire(&mut self) {
        self.store.expire(Instant::now());
    }
}

/// All of them.
pub(crate) struct Shards {
    shards: Vec<ShardHandle>,
    hasher: RandomState,
}

impl Shards {
    pub(crate) fn start(count: usize, most_bytes: usize) -> Self {
        let shards = (0..count).map(|_| Shard { store: Store::new(most_bytes / count) }.start()).collect();
        Self { shards, hasher: RandomState::new() }
    }

    /// Where this key is.
    pub(crate) fn of(&self, key: &[u8]) -> &ShardHandle {
        match &self.shards[..] {
            [only] => only,
            shards => &shards[self.place(key)],
        }
    }

    pub(crate) fn all(&self) -> &[ShardHandle] {
        &self.shards
    }

    fn place(&self, key: &[u8]) -> usize {
        self.hasher.hash_one(key) as usize % self.shards.len()
    }

    /// Shares items out by their keys, with the shard of each part; each item also has its number.
    pub(crate) fn share_out<T>(
        &self,
        items: impl Iterator<Item = T>,
        key: impl Fn(&T) -> &[u8],
    ) -> impl Iterator<Item = (&ShardHandle, Vec<usize>, Vec<T>)> {
        let mut parts: Vec<(Vec<usize>, Vec<T>)> = self.shards.iter().map(|_| Default::default()).collect();
        for (number, item) in items.enumerate() {
            let part = &mut parts[self.place(key(&item))];
            part.0.push(number);
            part.1.push(item);
        }
        let parts = self.shards.iter().zip(parts);
        parts.filter(|(_, (_, part))| !part.is_empty()).map(|(shard, (numbers, part))| (shard, numbers, part))
    }

    /// Keys and bytes of all.
    pub(crate) fn size(&self) -> Result<(usize, usize), CallError> {
        self.all().iter().map(ShardHandle::size).try_fold((0, 0), |sum, size| {
            let size = size?;
            Ok((sum.0 + size.0, sum.1 + size.1))
        })
    }
}
