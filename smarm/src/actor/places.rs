//! Where a server is listed: under names, in groups. It is taken off all lists when its mailbox closes for good.
//!
//! A place belongs to the server, not to one life of it: a server that is restarted behind the same handle stays where it is.
//!
//! # Locks
//!
//! ```text
//!   the groups of a runtime  ──▶  a list (names: one of their shards; a group: its members)  ──▶  the mailbox, which has the places
//! ```
//!
//! Who holds one of these may take those to the right of it. Who enters a server in a list does so under the list's lock, and asks
//! ([`Core::enlist`]) whether the server is still to be had. The server, at its end, refuses from then on, and only then goes through its
//! places. So none is left on a list. What is taken off a list may own something of the user's, and is dropped outside of the locks.

use std::sync::{Arc, Weak};

use super::exit;
use super::registry::Registry;
use super::server::Core;

/// A server, whatever its messages are: where its block is. It is nobody else's as long as there is a handle, as each list has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Identity(usize);

/// A list that a server is on.
pub(super) enum Place {
    Name(Weak<Registry>, Arc<str>),
    Group(Weak<dyn Group>),
}

/// A group, whatever is sent to it.
pub(super) trait Group: Send + Sync {
    /// Takes off a member that has ended.
    fn strike(self: Arc<Self>, member: Identity);
}

/// All places of one server.
#[derive(Default)]
pub(super) struct Places {
    list: Vec<Place>,
    /// The server has ended.
    is_over: bool,
}

impl core::fmt::Debug for Places {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Places").field("len", &self.list.len()).field("is_over", &self.is_over).finish()
    }
}

impl Place {
    fn strike(&self, server: Identity) {
        match self {
            Self::Name(registry, name) => {
                if let Some(registry) = registry.upgrade() {
                    registry.take_name(name, server);
                }
            }
            Self::Group(group) => {
                if let Some(group) = group.upgrade() {
                    group.strike(server);
                }
            }
        }
    }

    /// Whether there is such a list still.
    fn exists(&self) -> bool {
        match self {
            Self::Name(registry, _) => registry.strong_count() > 0,
            Self::Group(group) => group.strong_count() > 0,
        }
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(here, name), Self::Name(there, other)) => here.ptr_eq(there) && name == other,
            (Self::Group(group), Self::Group(other)) => core::ptr::addr_eq(group.as_ptr(), other.as_ptr()),
            _ => false,
        }
    }
}

impl Places {
    fn add(&mut self, place: Place) {
        if self.list.len() == self.list.capacity() {
            // Those that are no more would add up.
            self.list.retain(Place::exists);
        }
        self.list.push(place);
    }
}

impl<M> Core<M> {
    pub(super) fn identity(&self) -> Identity {
        Identity(core::ptr::from_ref(self).addr())
    }

    /// Notes a place. False if the server has ended: then it must not be on that list. The caller holds the lock of the list.
    pub(super) fn enlist(&self, place: Place) -> bool {
        self.mailbox.end_mut(|end| {
            if !end.places.is_over {
                end.places.add(place);
            }
            !end.places.is_over
        })
    }

    /// Forgets a place where the server is no more. The caller holds the lock of that list.
    pub(super) fn delist(&self, place: &Place) {
        self.mailbox.end_mut(|end| end.places.list.retain(|other| other != place));
    }

    /// The names that it has, in the order in which it got them.
    pub(super) fn names(&self) -> Vec<String> {
        let name = |place: &Place| match place {
            Place::Name(_, name) if place.exists() => Some(String::from(&**name)),
            _ => None,
        };
        let names = |places: &Places| places.list.iter().filter_map(name).collect();
        self.mailbox.end(|end| end.map(|end| names(&end.places)).unwrap_or_default())
    }

    /// Takes the server off all lists, and keeps it off: it has ended.
    pub(super) fn leave_all_places(&self) {
        let places = self.mailbox.end_mut(|end| {
            end.places.is_over = true;
            core::mem::take(&mut end.places.list)
        });
        for place in places {
            exit::shielded(|| place.strike(self.identity()));
        }
    }
}
