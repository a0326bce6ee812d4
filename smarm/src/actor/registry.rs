//! What a runtime knows by name: servers and groups.

use core::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::actor_ref::ActorRef;
use super::names::{LookupError, RegisterError};
use super::places::{Identity, Place};
use super::traits::Handle;
use crate::pid::Pid;
use crate::task;
use crate::task::section::Section;

/// Names are looked up far more often than they change, and by all workers: readers of different names do not meet.
const SHARDS: usize = 16;

/// What one runtime knows by name. Servers of another runtime may be in it.
pub(super) struct Registry {
    names: [RwLock<Shard>; SHARDS],
    groups: Mutex<HashMap<Box<str>, Arc<dyn NamedGroup>>>,
}

type Shard = HashMap<Arc<str>, Entry>;

struct Entry {
    holder: Box<dyn Named>,
    /// By a handle of which type it was registered, if that is known: both kinds of supervisors take the same messages.
    handle: Option<HandleType>,
}

/// A type of handles.
pub(super) struct HandleType {
    id: TypeId,
    name: &'static str,
}

impl HandleType {
    pub(super) fn of<H: Handle>() -> Self {
        Self { id: TypeId::of::<H>(), name: type_name::<H>() }
    }
}

/// A server that has a name.
trait Named: Any + Send + Sync {
    fn identity(&self) -> Identity;
    fn pid(&self) -> Pid;
    fn handle_type(&self) -> &'static str;
    fn forget(&self, place: &Place);
}

impl<M: 'static> Named for ActorRef<M> {
    fn identity(&self) -> Identity {
        self.core().identity()
    }

    fn pid(&self) -> Pid {
        self.pid()
    }

    fn handle_type(&self) -> &'static str {
        self.core().handle_type()
    }

    fn forget(&self, place: &Place) {
        self.core().delist(place);
    }
}

/// A group that has a name, whatever is sent to it.
pub(super) trait NamedGroup: Any + Send + Sync {
    /// What is sent to it.
    fn message_type(&self) -> &'static str;

    /// Whether it has neither members nor listeners.
    fn is_vacant(&self) -> bool;
}

/// Looks at the registry of the runtime in force.
#[track_caller]
pub(super) fn in_force<R>(what: &str, look: impl FnOnce(&Arc<Registry>) -> R) -> R {
    match task::with_locals(|locals| look(locals.get(Registry::new))) {
        Some(result) => result,
        None => panic!(
            "{what} was called on a thread that is no actor, and names belong to a runtime: call it under `#[smarm::main]` or inside \
             `smarm::run`, or in `RuntimeHandle::enter(|| ..)`"
        ),
    }
}

impl Registry {
    fn new() -> Arc<Self> {
        Arc::new(Self { names: Default::default(), groups: Mutex::default() })
    }

    // ---- servers ------------------------------------------------------------------------------------------------------

    fn shard(&self, name: &str) -> &RwLock<Shard> {
        // Enough to spread what differs in length, or at an end, as numbered names do.
        let bytes = name.as_bytes();
        let ends = bytes.first().zip(bytes.last()).map_or(0, |(first, last)| first.wrapping_mul(7) ^ last);
        &self.names[(bytes.len() ^ usize::from(ends)) % SHARDS]
    }

    pub(super) fn add_name<M: 'static>(
        self: &Arc<Self>,
        name: &str,
        actor: &ActorRef<M>,
        handle: Option<HandleType>,
    ) -> Result<(), RegisterError> {
        let _section = Section::begin();
        // Nothing panics while a lock is held but an allocation failure, which leaves the maps as they were; so for all locks here.
        let mut shard = self.shard(name).write().unwrap_or_else(PoisonError::into_inner);
        if let Some(Entry { holder, .. }) = shard.get(name) {
            let (name, is_same) = (name.to_owned(), holder.identity() == actor.core().identity());
            return Err(if is_same {
                RegisterError::AlreadyRegistered { name }
            } else {
                RegisterError::Taken { name, holder: holder.pid() }
            });
        }
        let key: Arc<str> = name.into();
        // Lock order: the list, then the mailbox; see `places`.
        if !actor.core().enlist(Place::Name(Arc::downgrade(self), key.clone())) {
            return Err(RegisterError::Ended { name: name.to_owned(), pid: actor.pid() });
        }
        shard.insert(key, Entry { holder: Box::new(actor.clone()), handle });
        Ok(())
    }

    /// Takes the name from a server, which does not know of it any more.
    pub(super) fn take_name(&self, name: &str, server: Identity) {
        drop(self.remove_name(name, server, |_, _| ()));
    }

    /// Takes the name from a server, if it has it.
    pub(super) fn free_name(self: &Arc<Self>, name: &str, server: Identity) -> bool {
        let forget = |key: &Arc<str>, holder: &dyn Named| {
            holder.forget(&Place::Name(Arc::downgrade(self), key.clone()));
        };
        self.remove_name(name, server, forget).is_some()
    }

    /// What is removed is a handle, to be dropped outside of the lock.
    fn remove_name(
        &self,
        name: &str,
        server: Identity,
        before: impl FnOnce(&Arc<str>, &dyn Named),
    ) -> Option<Entry> {
        let _section = Section::begin();
        let mut shard = self.shard(name).write().unwrap_or_else(PoisonError::into_inner);
        let (key, entry) = shard.get_key_value(name)?;
        if entry.holder.identity() != server {
            return None;
        }
        before(key, &*entry.holder);
        shard.remove(name)
    }

    pub(super) fn find<H: Handle>(&self, name: &str) -> Result<H, LookupError> {
        let shard = self.shard(name).read().unwrap_or_else(PoisonError::into_inner);
        let Entry { holder, handle } = shard.get(name).ok_or(LookupError::NotFound)?;
        let any: &dyn Any = &**holder;
        match any.downcast_ref::<ActorRef<H::Msg>>() {
            Some(actor) if handle.as_ref().is_none_or(|handle| handle.id == TypeId::of::<H>()) => {
                Ok(H::__new(actor.clone()))
            }
            _ => {
                let registered = handle.as_ref().map_or_else(|| holder.handle_type(), |handle| handle.name);
                Err(LookupError::WrongType { registered, asked: type_name::<H>() })
            }
        }
    }

    /// All names, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let _section = Section::begin();
        let mut names = Vec::new();
        for shard in &self.names {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            names.extend(shard.keys().map(|name| String::from(&**name)));
        }
        names.sort_unstable();
        names
    }

    // ---- groups -------------------------------------------------------------------------------------------------------

    fn groups(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<dyn NamedGroup>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The group of this name; it is made if there is none. `asked`: what is to be sent to it.
    pub(super) fn group<G: NamedGroup>(
        &self,
        name: &str,
        asked: &'static str,
        make: impl FnOnce() -> Arc<G>,
    ) -> Result<Arc<G>, LookupError> {
        let _section = Section::begin();
        let mut groups = self.groups();
        // One of which nobody has anything may be left, if who had the last of it did not see that they were the last.
        let in_use = |known: &&Arc<dyn NamedGroup>| Arc::strong_count(known) > 1 || !known.is_vacant();
        let Some(known) = groups.get(name).filter(in_use) else {
            let group = make();
            groups.insert(name.into(), group.clone());
            return Ok(group);
        };
        let registered = known.message_type();
        let any: Arc<dyn Any + Send + Sync> = known.clone();
        any.downcast().map_err(|_| LookupError::WrongType { registered, asked })
    }

    /// Forgets the group of this name, of which the caller holds one share, if nobody else does, and it has neither members nor listeners.
    pub(super) fn drop_group(&self, name: &str) {
        let _section = Section::begin();
        let mut groups = self.groups();
        let is_last = |group: &Arc<dyn NamedGroup>| Arc::strong_count(group) <= 2 && group.is_vacant();
        // Not the last share: dropping it here drops nothing of the user's.
        if groups.get(name).is_some_and(is_last) {
            groups.remove(name);
        }
    }
}
