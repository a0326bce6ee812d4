//! Keys, their values, and when they expire. A plain data structure: a shard is one, with a mailbox.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::time::Instant;

pub(crate) type Key = Box<[u8]>;

#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Value {
    Text(Vec<u8>),
    List(VecDeque<Vec<u8>>),
    Set(HashSet<Vec<u8>>),
    Hash(HashMap<Vec<u8>, Vec<u8>>),
}

impl Value {
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Hash(_) => "hash",
        }
    }

    /// How many bytes it has, or elements.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(list) => list.len(),
            Self::Set(set) => set.len(),
            Self::Hash(hash) => hash.len(),
        }
    }

    fn is_empty_collection(&self) -> bool {
        !matches!(self, Self::Text(_)) && self.len() == 0
    }
}

/// Why a command has done nothing: its reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    WrongType,
    NoInteger,
    Overflow,
    Syntax,
    WrongCount,
    InvalidExpiry,
    TooLong,
    OutOfMemory,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::NoInteger => "ERR value is not an integer or out of range",
            Self::Overflow => "ERR increment or decrement would overflow",
            Self::Syntax => "ERR syntax error",
            Self::WrongCount => "ERR wrong number of arguments",
            Self::InvalidExpiry => "ERR invalid expire time",
            Self::TooLong => "ERR string exceeds maximum allowed size",
            Self::OutOfMemory => "OOM command not allowed when used memory > 'maxmemory'",
        })
    }
}

/// What a key costs beside its bytes, which are there twice if it expires, and its value's; and each element of a collection. About what the
/// standard library takes.
const ENTRY_BYTES: usize = 160;
pub(crate) const ELEMENT_BYTES: usize = 64;

#[derive(Debug)]
struct Entry {
    value: Value,
    /// What it counts in `Store::bytes`.
    bytes: usize,
    deadline: Option<Instant>,
}

/// A map from keys to values that forgets keys in time, and knows about how much memory it takes.
#[derive(Debug)]
pub(crate) struct Store {
    entries: HashMap<Key, Entry>,
    /// Of all entries that have one.
    deadlines: BTreeSet<(Instant, Key)>,
    bytes: usize,
    most_bytes: usize,
}

impl Store {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self { entries: HashMap::new(), deadlines: BTreeSet::new(), bytes: 0, most_bytes }
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many keys there are.
    pub(crate) fn len(&mut self) -> usize {
        self.expire(Instant::now());
        self.entries.len()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.most_bytes);
    }

    /// Forgets what is over at this time.
    pub(crate) fn expire(&mut self, now: Instant) {
        while self.deadlines.first().is_some_and(|(deadline, _)| *deadline <= now) {
            let (_, key) = self.deadlines.first().cloned().expect("looked at above");
            self.remove(&key);
        }
    }

    /// For a command that adds.
    ///
    /// # Errors
    ///
    /// If so many more bytes are too many.
    pub(crate) fn make_room(&mut self, more: usize) -> Result<(), Refusal> {
        if self.bytes.saturating_add(more) > self.most_bytes {
            return Err(Refusal::OutOfMemory);
        }
        Ok(())
    }

    pub(crate) fn get(&mut self, key: &[u8]) -> Option<&mut Value> {
        if self.deadline(key).is_some_and(|deadline| deadline <= Instant::now()) {
            self.remove(key);
        }
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    pub(crate) fn contains(&mut self, key: &[u8]) -> bool {
        self.get(key).is_some()
    }

    /// Puts a value in place of another one, if there was one, and of its deadline.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Value, value_bytes: usize) {
        let bytes = ENTRY_BYTES + 2 * key.len() + value_bytes;
        match self.entries.get_mut(&key[..]) {
            Some(entry) => {
                self.bytes = self.bytes - entry.bytes + bytes;
                entry.value = value;
                entry.bytes = bytes;
                if entry.deadline.is_some() {
                    self.set_deadline(&key, None);
                }
            }
            None => {
                self.bytes += bytes;
                self.entries.insert(key.into(), Entry { value, bytes, deadline: None });
            }
        }
    }

    /// Notes that a value takes more, or less. What is left empty goes.
    pub(crate) fn resized(&mut self, key: &[u8], more: usize, less: usize) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.bytes = entry.bytes + more - less;
        self.bytes = self.bytes + more - less;
        if entry.value.is_empty_collection() {
            self.remove(key);
        }
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let Some((key, entry)) = self.entries.remove_entry(key) else { return false };
        self.bytes -= entry.bytes;
        match entry.deadline {
            Some(deadline) => self.deadlines.remove(&(deadline, key)) && deadline > Instant::now(),
            None => true,
        }
    }

    pub(crate) fn deadline(&self, key: &[u8]) -> Option<Instant> {
        self.entries.get(key)?.deadline
    }

    pub(crate) fn set_deadline(&mut self, key: &[u8], deadline: Option<Instant>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if let Some(old) = std::mem::replace(&mut entry.deadline, deadline) {
            self.deadlines.remove(&(old, key.into()));
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, key.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn store() -> Store {
        Store::new(10_000)
    }

    #[test]
    fn what_is_over_is_gone_and_what_is_put_anew_stays() {
        let mut store = store();
        let now = Instant::now();
        for key in ["soon", "later", "anew"] {
            store.put(key.into(), Value::Text(vec![]), 0);
            store.set_deadline(key.as_bytes(), Some(now + Duration::from_secs(3600)));
        }
        store.set_deadline(b"soon", Some(now));
        store.put("anew".into(), Value::Text(vec![]), 0);
        assert!(!store.contains(b"soon"));
        assert!(store.contains(b"later"));
        store.expire(now + Duration::from_secs(7200));
        assert_eq!((store.len(), store.contains(b"anew")), (1, true));
        assert_eq!(store.deadlines.len(), 0);
    }

    #[test]
    fn all_that_is_counted_is_given_back() {
        let mut store = store();
        for round in 0..3 {
            store.put(b"text".to_vec(), Value::Text(vec![0; 10 * round]), 10 * round);
            store.set_deadline(b"text", Some(Instant::now() + Duration::from_secs(3600)));
        }
        store.put(b"list".to_vec(), Value::List(VecDeque::from([vec![]])), ELEMENT_BYTES);
        assert_eq!(store.bytes, 2 * ENTRY_BYTES + 2 * 8 + 20 + ELEMENT_BYTES);
        match store.get(b"list") {
            Some(Value::List(list)) => list.clear(),
            other => panic!("{other:?}"),
        }
        store.resized(b"list", 0, ELEMENT_BYTES);
        assert!(!store.contains(b"list"), "an empty list is none");
        assert!(store.remove(b"text"));
        assert_eq!((store.bytes, store.deadlines.len(), store.len()), (0, 0, 0));
    }

    #[test]
    fn a_full_store_says_so() {
        let mut store = store();
        assert_eq!(store.make_room(10_000), Ok(()));
        store.put(b"k".to_vec(), Value::Text(vec![]), 0);
        assert_eq!(store.make_room(10_000), Err(Refusal::OutOfMemory));
        assert_eq!(store.make_room(usize::MAX), Err(Refusal::OutOfMemory));
    }
}
