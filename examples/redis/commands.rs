//! What each command is, and what it does to a store.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::resp::{Arguments, Reply, number};
use super::store::{ELEMENT_BYTES, Refusal, Store, Value};

/// Does a command of one key: the first argument after the name. Writes one reply, or nothing and says why.
pub(crate) type Act = fn(&mut Store, Arguments, &mut Vec<u8>) -> Result<(), Refusal>;

/// Who does a command.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// The shard of its key.
    Shard(Act),
    /// The connection, which asks shards if it has to.
    Connection(Verb),
}

/// What connections do themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verb {
    Client,
    Command,
    Config,
    DbSize,
    Delete,
    Echo,
    Exists,
    FlushAll,
    GetAll,
    Info,
    Ping,
    Quit,
    Select,
    SetAll,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// How many words it may have, with its name.
    words: RangeInclusive<usize>,
    pub(crate) place: Place,
}

const ANY: usize = usize::MAX;

/// By name.
pub(crate) const COMMANDS: &[Command] = &[
    at_shard("APPEND", 3..=3, append),
    at_connection("CLIENT", 2..=ANY, Verb::Client),
    at_connection("COMMAND", 1..=ANY, Verb::Command),
    at_connection("CONFIG", 2..=ANY, Verb::Config),
    at_connection("DBSIZE", 1..=1, Verb::DbSize),
    at_shard("DECR", 2..=2, |store, arguments, replies| add(store, arguments, -1, replies)),
    at_shard("DECRBY", 3..=3, |store, arguments, replies| {
        let by = integer(&arguments[2])?.checked_neg().ok_or(Refusal::Overflow)?;
        add(store, arguments, by, replies)
    }),
    at_connection("DEL", 2..=ANY, Verb::Delete),
    at_connection("ECHO", 2..=2, Verb::Echo),
    at_connection("EXISTS", 2..=ANY, Verb::Exists),
    at_shard("EXPIRE", 3..=3, |store, arguments, replies| expire(store, arguments, 1000, replies)),
    at_connection("FLUSHALL", 1..=2, Verb::FlushAll),
    at_shard("GET", 2..=2, get),
    at_shard("HDEL", 3..=ANY, hash_delete),
    at_shard("HGET", 3..=3, hash_get),
    at_shard("HGETALL", 2..=2, hash_get_all),
    at_shard("HLEN", 2..=2, |store, arguments, replies| length(store, arguments, "hash", replies)),
    at_shard("HSET", 4..=ANY, hash_set),
    at_shard("INCR", 2..=2, |store, arguments, replies| add(store, arguments, 1, replies)),
    at_shard("INCRBY", 3..=3, |store, arguments, replies| {
        let by = integer(&arguments[2])?;
        add(store, arguments, by, replies)
    }),
    at_connection("INFO", 1..=ANY, Verb::Info),
    at_shard("LLEN", 2..=2, |store, arguments, replies| length(store, arguments, "list", replies)),
    at_shard("LPOP", 2..=3, |store, arguments, replies| {
        list_pop(store, arguments, VecDeque::pop_front, replies)
    }),
    at_shard("LPUSH", 3..=ANY, |store, arguments, replies| {
        list_push(store, arguments, VecDeque::push_front, replies)
    }),
    at_shard("LRANGE", 4..=4, list_range),
    at_connection("MGET", 2..=ANY, Verb::GetAll),
    at_connection("MSET", 3..=ANY, Verb::SetAll),
    at_shard("PERSIST", 2..=2, persist),
    at_shard("PEXPIRE", 3..=3, |store, arguments, replies| expire(store, arguments, 1, replies)),
    at_connection("PING", 1..=2, Verb::Ping),
    at_shard("PTTL", 2..=2, |store, arguments, replies| time_to_live(store, arguments, 1, replies)),
    at_connection("QUIT", 1..=ANY, Verb::Quit),
    at_shard("RPOP", 2..=3, |store, arguments, replies| {
        list_pop(store, arguments, VecDeque::pop_back, replies)
    }),
    at_shard("RPUSH", 3..=ANY, |store, arguments, replies| {
        list_push(store, arguments, VecDeque::push_back, replies)
    }),
    at_shard("SADD", 3..=ANY, set_add),
    at_shard("SCARD", 2..=2, |store, arguments, replies| length(store, arguments, "set", replies)),
    at_connection("SELECT", 2..=2, Verb::Select),
    at_shard("SET", 3..=ANY, set),
    at_shard("SISMEMBER", 3..=3, set_contains),
    at_shard("SMEMBERS", 2..=2, set_members),
    at_shard("SPOP", 2..=2, set_pop),
    at_shard("SREM", 3..=ANY, set_remove),
    at_shard("STRLEN", 2..=2, |store, arguments, replies| length(store, arguments, "string", replies)),
    at_shard("TTL", 2..=2, |store, arguments, replies| time_to_live(store, arguments, 1000, replies)),
    at_shard("TYPE", 2..=2, type_name),
];

const fn at_shard(name: &'static str, words: RangeInclusive<usize>, act: Act) -> Command {
    Command { name, words, place: Place::Shard(act) }
}

const fn at_connection(name: &'static str, words: RangeInclusive<usize>, verb: Verb) -> Command {
    Command { name, words, place: Place::Connection(verb) }
}

/// What of an unknown name is said again.
const MOST_SHOWN_BYTES: usize = 128;

/// The command that these words are; else what to reply.
pub(crate) fn find(words: &Arguments) -> Result<&'static Command, String> {
    let name = words.first().map_or(&[][..], Vec::as_slice);
    let order = |command: &Command| command.name.bytes().cmp(name.iter().map(u8::to_ascii_uppercase));
    let Ok(place) = COMMANDS.binary_search_by(order) else {
        let shown = String::from_utf8_lossy(&name[..name.len().min(MOST_SHOWN_BYTES)]);
        return Err(format!("ERR unknown command '{shown}'"));
    };
    let command = &COMMANDS[place];
    match command.words.contains(&words.len()) {
        true => Ok(command),
        false => Err(wrong_count(command.name)),
    }
}

pub(crate) fn wrong_count(name: &str) -> String {
    format!("ERR wrong number of arguments for '{}' command", name.to_ascii_lowercase())
}

// ---- strings ----------------------------------------------------------------------------------------------------------

/// As long as a value may become by `APPEND`.
const MOST_TEXT_BYTES: usize = 64 << 20;

fn integer(text: &[u8]) -> Result<i64, Refusal> {
    number(text).ok_or(Refusal::NoInteger)
}

fn text<'a>(store: &'a mut Store, key: &[u8]) -> Result<Option<&'a mut Vec<u8>>, Refusal> {
    match store.get(key) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::WrongType),
    }
}

fn get(store: &mut Store, arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    replies.bulk_or_null(text(store, &arguments[1])?.as_deref());
    Ok(())
}

/// What `SET` says behind the value.
#[derive(Default)]
struct SetOptions {
    only_if_there: Option<bool>,
    deadline: Option<Instant>,
    keeps_deadline: bool,
    gives_old: bool,
}

impl SetOptions {
    fn parse(words: &[Vec<u8>]) -> Result<Self, Refusal> {
        let (mut options, mut words) = (Self::default(), words.iter());
        while let Some(word) = words.next() {
            let has_time = options.deadline.is_some() || options.keeps_deadline;
            match &word.to_ascii_uppercase()[..] {
                b"NX" if options.only_if_there.is_none() => options.only_if_there = Some(false),
                b"XX" if options.only_if_there.is_none() => options.only_if_there = Some(true),
                b"GET" => options.gives_old = true,
                b"KEEPTTL" if !has_time => options.keeps_deadline = true,
                unit @ (b"EX" | b"PX") if !has_time => {
                    let count = integer(words.next().ok_or(Refusal::Syntax)?)?;
                    let unit_ms = if unit == b"EX" { 1000 } else { 1 };
                    let time =
                        count.checked_mul(unit_ms).filter(|ms| *ms > 0).ok_or(Refusal::InvalidExpiry)?;
                    options.deadline = Some(after_ms(time)?);
                }
                _ => return Err(Refusal::Syntax),
            }
        }
        Ok(options)
    }
}

fn after_ms(ms: i64) -> Result<Instant, Refusal> {
    let time = Duration::from_millis(ms.max(0).unsigned_abs());
    Instant::now().checked_add(time).ok_or(Refusal::InvalidExpiry)
}

fn set(store: &mut Store, mut arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let options = SetOptions::parse(&arguments[3..])?;
    let (key, value) = (std::mem::take(&mut arguments[1]), std::mem::take(&mut arguments[2]));
    let old = match options.gives_old {
        true => Some(text(store, &key)?.cloned()),
        false => None,
    };
    let is_set = options.only_if_there.is_none_or(|wanted| store.contains(&key) == wanted);
    if is_set {
        store.make_room(key.len() + value.len())?;
        let deadline = options.deadline.or_else(|| store.deadline(&key).filter(|_| options.keeps_deadline));
        let bytes = value.len();
        match deadline {
            None => store.put(key, Value::Text(value), bytes),
            deadline => {
                store.put(key.clone(), Value::Text(value), bytes);
                store.set_deadline(&key, deadline);
            }
        }
    }
    match old {
        Some(old) => replies.bulk_or_null(old.as_ref()),
        None if is_set => replies.simple("OK"),
        None => replies.null(),
    }
    Ok(())
}

fn append(store: &mut Store, mut arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let (key, more) = (std::mem::take(&mut arguments[1]), std::mem::take(&mut arguments[2]));
    store.make_room(key.len() + more.len())?;
    let length = match text(store, &key)? {
        Some(text) if text.len() + more.len() > MOST_TEXT_BYTES => return Err(Refusal::TooLong),
        Some(text) => {
            text.extend_from_slice(&more);
            let length = text.len();
            store.resized(&key, more.len(), 0);
            length
        }
        None => {
            let length = more.len();
            store.put(key, Value::Text(more), length);
            length
        }
    };
    replies.integer(length as i64);
    Ok(())
}

fn add(store: &mut Store, mut arguments: Arguments, by: i64, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let key = std::mem::take(&mut arguments[1]);
    let sum = match text(store, &key)? {
        Some(text) => {
            let sum = integer(text)?.checked_add(by).ok_or(Refusal::Overflow)?;
            let (before, after) = (text.len(), sum.to_string().into_bytes());
            let now = after.len();
            *text = after;
            store.resized(&key, now, before);
            sum
        }
        None => {
            store.make_room(key.len())?;
            let text = by.to_string().into_bytes();
            let bytes = text.len();
            store.put(key, Value::Text(text), bytes);
            by
        }
    };
    replies.integer(sum);
    Ok(())
}

// ---- any value --------------------------------------------------------------------------------------------------------

/// `EXPIRE`, with the unit of the time in milliseconds.
fn expire(
    store: &mut Store,
    arguments: Arguments,
    unit_ms: i64,
    replies: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let key = &arguments[1];
    let ms = integer(&arguments[2])?.checked_mul(unit_ms).ok_or(Refusal::InvalidExpiry)?;
    let deadline = after_ms(ms)?;
    let is_there = store.contains(key);
    if is_there {
        store.set_deadline(key, Some(deadline));
    }
    replies.integer(i64::from(is_there));
    Ok(())
}

fn persist(store: &mut Store, arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let key = &arguments[1];
    let expires = store.contains(key) && store.deadline(key).is_some();
    store.set_deadline(key, None);
    replies.integer(i64::from(expires));
    Ok(())
}

/// `TTL`, with the unit of the time in milliseconds.
fn time_to_live(
    store: &mut Store,
    arguments: Arguments,
    unit_ms: u128,
    replies: &mut Vec<u8>,
) -> Result<(), Refusal> {
    const NO_SUCH_KEY: i64 = -2;
    const FOR_EVER: i64 = -1;
    let key = &arguments[1];
    let time = match (store.contains(key), store.deadline(key)) {
        (false, _) => NO_SUCH_KEY,
        (true, None) => FOR_EVER,
        (true, Some(deadline)) => {
            let left = deadline.saturating_duration_since(Instant::now()).as_millis();
            i64::try_from((left + unit_ms / 2) / unit_ms).unwrap_or(i64::MAX)
        }
    };
    replies.integer(time);
    Ok(())
}

fn type_name(store: &mut Store, arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    replies.simple(store.get(&arguments[1]).map_or("none", |value| value.type_name()));
    Ok(())
}

/// `LLEN` and its relatives, for values of this type.
fn length(
    store: &mut Store,
    arguments: Arguments,
    type_name: &str,
    replies: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let length = match store.get(&arguments[1]) {
        Some(value) if value.type_name() == type_name => value.len(),
        Some(_) => return Err(Refusal::WrongType),
        None => 0,
    };
    replies.integer(length as i64);
    Ok(())
}

// ---- collections ------------------------------------------------------------------------------------------------------

/// A collection, if there is one.
macro_rules! existing {
    ($store:expr, $key:expr, $kind:ident) => {
        match $store.get($key) {
            Some(Value::$kind(value)) => Some(value),
            Some(_) => return Err(Refusal::WrongType),
            None => None,
        }
    };
}

/// A collection, made if it is missing; the store has room for so many more bytes in so many elements.
macro_rules! collection {
    ($store:expr, $key:expr, $kind:ident, $new:expr, $added:expr) => {{
        let added: &[Vec<u8>] = $added;
        let bytes = added.iter().map(|element| element.len() + ELEMENT_BYTES).sum::<usize>();
        $store.make_room($key.len() + bytes)?;
        if !$store.contains($key) {
            $store.put($key.to_vec(), Value::$kind($new), 0);
        }
        existing!($store, $key, $kind).expect("it was there, or was put")
    }};
}

type List = VecDeque<Vec<u8>>;

fn list_push(
    store: &mut Store,
    mut arguments: Arguments,
    push: fn(&mut List, Vec<u8>),
    replies: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let elements = arguments.split_off(2);
    let key = &arguments[1];
    let list = collection!(store, key, List, List::new(), &elements);
    let mut more = 0;
    for element in elements {
        more += element.len() + ELEMENT_BYTES;
        push(list, element);
    }
    replies.integer(list.len() as i64);
    store.resized(key, more, 0);
    Ok(())
}

fn list_pop(
    store: &mut Store,
    arguments: Arguments,
    pop: fn(&mut List) -> Option<Vec<u8>>,
    replies: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let key = &arguments[1];
    let count = arguments.get(2).map(|count| integer(count)).transpose()?;
    let count_is_given = count.is_some();
    let count = usize::try_from(count.unwrap_or(1)).map_err(|_| Refusal::NoInteger)?;
    let Some(list) = existing!(store, key, List) else {
        replies.null();
        return Ok(());
    };
    let count = count.min(list.len());
    if count_is_given {
        replies.array(count);
    }
    let mut less = 0;
    for element in (0..count).map_while(|_| pop(list)) {
        less += element.len() + ELEMENT_BYTES;
        replies.bulk(&element);
    }
    store.resized(key, 0, less);
    Ok(())
}

fn list_range(store: &mut Store, arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let (first, last) = (integer(&arguments[2])?, integer(&arguments[3])?);
    let Some(list) = existing!(store, &arguments[1], List) else {
        replies.array(0);
        return Ok(());
    };
    // Numbers below zero count from the end.
    let length = list.len() as i64;
    let place = |n: i64| if n < 0 { n.saturating_add(length) } else { n };
    let (first, last) = (place(first).max(0), place(last).min(length - 1));
    if first > last {
        replies.array(0);
        return Ok(());
    }
    let range = first as usize..=last as usize;
    replies.array(range.clone().count());
    list.range(range).for_each(|element| replies.bulk(element));
    Ok(())
}

type Set = HashSet<Vec<u8>>;

fn set_add(store: &mut Store, mut arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let members = arguments.split_off(2);
    let key = &arguments[1];
    let set = collection!(store, key, Set, Set::new(), &members);
    let (mut added, mut more) = (0, 0);
    for member in members {
        let bytes = member.len() + ELEMENT_BYTES;
        if set.insert(member) {
            added += 1;
            more += bytes;
        }
    }
    store.resized(key, more, 0);
    replies.integer(added);
    Ok(())
}

fn set_remove(store: &mut Store, arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let (mut removed, mut less) = (0, 0);
    if let Some(set) = existing!(store, &arguments[1], Set) {
        for member in arguments[2..].iter().filter_map(|member| set.take(member)) {
            removed += 1;
            less += member.len() + ELEMENT_BYTES;
        }
        store.resized(&arguments[1], 0, less);
    }
    replies.integer(removed);
    Ok(())
}

fn set_pop(store: &mut Store, arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let Some(set) = existing!(store, &arguments[1], Set) else {
        replies.null();
        return Ok(());
    };
    // Redis takes a random one.
    let member = set.iter().next().cloned().expect("an empty set is none");
    set.remove(&member);
    store.resized(&arguments[1], 0, member.len() + ELEMENT_BYTES);
    replies.bulk(&member);
    Ok(())
}

fn set_contains(store: &mut Store, arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let is_in = existing!(store, &arguments[1], Set).is_some_and(|set| set.contains(&arguments[2]));
    replies.integer(i64::from(is_in));
    Ok(())
}

fn set_members(store: &mut Store, arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let Some(set) = existing!(store, &arguments[1], Set) else {
        replies.array(0);
        return Ok(());
    };
    replies.array(set.len());
    set.iter().for_each(|member| replies.bulk(member));
    Ok(())
}

type Hash = HashMap<Vec<u8>, Vec<u8>>;

fn hash_set(store: &mut Store, mut arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let fields = arguments.split_off(2);
    if !fields.len().is_multiple_of(2) {
        return Err(Refusal::WrongCount);
    }
    let key = &arguments[1];
    let hash = collection!(store, key, Hash, Hash::new(), &fields);
    let (mut added, mut more, mut less) = (0, 0, 0);
    let mut fields = fields.into_iter();
    while let (Some(field), Some(value)) = (fields.next(), fields.next()) {
        let (field_bytes, value_bytes) = (field.len() + ELEMENT_BYTES, value.len());
        more += value_bytes;
        match hash.insert(field, value) {
            Some(old) => less += old.len(),
            None => {
                more += field_bytes;
                added += 1;
            }
        }
    }
    store.resized(key, more, less);
    replies.integer(added);
    Ok(())
}

fn hash_get(store: &mut Store, arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let hash = existing!(store, &arguments[1], Hash);
    replies.bulk_or_null(hash.and_then(|hash| hash.get(&arguments[2])));
    Ok(())
}

fn hash_get_all(store: &mut Store, arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let Some(hash) = existing!(store, &arguments[1], Hash) else {
        replies.array(0);
        return Ok(());
    };
    replies.array(2 * hash.len());
    for (field, value) in hash {
        replies.bulk(field);
        replies.bulk(value);
    }
    Ok(())
}

fn hash_delete(store: &mut Store, arguments: Arguments, replies: &mut Vec<u8>) -> Result<(), Refusal> {
    let (mut removed, mut less) = (0, 0);
    if let Some(hash) = existing!(store, &arguments[1], Hash) {
        for (field, value) in arguments[2..].iter().filter_map(|field| hash.remove_entry(field)) {
            removed += 1;
            less += field.len() + value.len() + ELEMENT_BYTES;
        }
        store.resized(&arguments[1], 0, less);
    }
    replies.integer(removed);
    Ok(())
}

/// Seconds since 1970, for `INFO`.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
