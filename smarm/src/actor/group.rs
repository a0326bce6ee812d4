//! Groups: servers that take the same messages.
//!
//! A group is a list behind a lock. Who sends to all takes a copy of the list first, which is made once after each change and shared
//! from then on, so that no lock is held while a message is cloned or a full mailbox is waited for. The lock's place in the order of locks is
//! in [`places`](super::places).

use core::any::type_name;
use core::fmt;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::exit;
use super::names::LookupError;
use super::places::{self, Identity, Place};
use super::recipient::Recipient;
use super::registry::{self, NamedGroup, Registry};
use crate::channel::{Receiver, Sender, unbounded};
use crate::pid::Pid;
use crate::task::section::Section;

/// Servers that take messages of type `M`, whatever else they understand: each message that is sent to the group goes to all of them.
///
/// A group is a value ([`new`](Self::new)), shared by cloning it, or has a name in its runtime ([`named`](Self::named)). Members join by a
/// [`Recipient`], and leave by [`leave`](Self::leave) or by their end: a server is no member any more when its [`join`](crate::ActorRef::join)
/// returns and, if it has no supervisor, when links and monitors hear of the end. A server that its supervisor restarts stays a
/// member. A member's place counts as a handle, so a server that stops when its last handle is dropped (`stop_on_drop`) does not before it has
/// left.
///
/// All of it works on plain threads, too. Erlang's cousin is `pg`; there a process may join several times, and one that is restarted is a
/// new one.
///
/// ```
/// use smarm::{Group, Handle as _};
///
/// #[derive(Default)]
/// pub struct Screen { lines: Vec<String> }
/// #[smarm::actor]
/// impl Screen {
///     pub fn show(&mut self, line: String) { self.lines.push(line) }
///     pub fn lines(&self) -> usize { self.lines.len() }
/// }
///
/// smarm::run(|| {
///     let screens = [Screen::default().start(), Screen::default().start()];
///     let all = Group::new();
///     for screen in &screens {
///         all.join(&screen.actor().recipient_with(|line| ScreenMsg::Show { line }));
///     }
///     assert_eq!(all.broadcast("hello".to_owned()), 2);
///     assert_eq!(screens[1].lines().unwrap(), 1);
///
///     screens[0].stop();
///     screens[0].join();
///     assert_eq!(all.members(), [screens[1].pid()]);
/// });
/// ```
pub struct Group<M: 'static> {
    inner: Arc<Inner<M>>,
}

struct Inner<M> {
    /// Its name, and where it has it.
    name: Option<(Box<str>, Weak<Registry>)>,
    members: Mutex<Members<M>>,
}

struct Members<M> {
    /// In the order in which they joined.
    list: BTreeMap<u64, Member<M>>,
    numbers: HashMap<Identity, u64>,
    next_number: u64,
    /// The list, as those who send to all read it; `None` if it has changed.
    copy: Option<Arc<[Recipient<M>]>>,
    listeners: Vec<Sender<GroupEvent>>,
}

struct Member<M> {
    recipient: Recipient<M>,
    /// Its name when it joined.
    pid: Pid,
}

/// What happens in a group; see [`Group::events`].
///
/// A member that is restarted stays one: it leaves under the name with which it has joined.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum GroupEvent {
    /// A server has joined.
    Joined(Pid),
    /// A member has left, or has ended.
    Left(Pid),
}

impl<M: 'static> Group<M> {
    /// A group without members, which is known to those who have this value or a clone of it. Never parks.
    #[must_use]
    pub fn new() -> Self {
        Self { inner: Arc::new(Inner::new(None)) }
    }

    /// The group of this name, in the runtime of the caller, or in the one that this thread has [entered](crate::RuntimeHandle::enter); it
    /// is made if there is none. Never parks.
    ///
    /// A named group lasts as long as it has members, somebody listens to its [events](Self::events), or somebody holds it. Groups and
    /// servers may have the same names.
    ///
    /// # Errors
    ///
    /// [`LookupError::WrongType`] if the group of this name takes other messages.
    ///
    /// # Panics
    ///
    /// On a plain thread that has not entered a runtime.
    ///
    /// ```
    /// use smarm::Group;
    ///
    /// smarm::run(|| {
    ///     let chat = Group::<String>::named("chat").unwrap();
    ///     let error = Group::<u32>::named("chat").unwrap_err();
    ///     assert_eq!(error.to_string(), "the name belongs to a `alloc::string::String`, and a `u32` was asked for");
    ///     # drop(chat);
    /// });
    /// ```
    #[track_caller]
    pub fn named(name: &str) -> Result<Self, LookupError> {
        registry::in_force("`Group::named`", |registry| {
            let make = || Arc::new(Inner::new(Some((name.into(), Arc::downgrade(registry)))));
            registry.group(name, type_name::<M>(), make).map(|inner| Self { inner })
        })
    }

    /// Its name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.inner.name.as_ref().map(|(name, _)| &**name)
    }

    /// Makes a server a member. False if it has ended. Never parks.
    ///
    /// Who is a member already stays one, and takes messages by this recipient from now on.
    pub fn join(&self, member: &Recipient<M>) -> bool {
        let enlist = || member.enlist(self.inner.place());
        let outcome = self.inner.change(|members| members.add(member, enlist));
        outcome.is_some()
    }

    /// Takes a server off the list; by whichever recipient it has joined. False if it is no member. Never parks.
    pub fn leave(&self, member: &Recipient<M>) -> bool {
        let delist = || member.delist(&self.inner.place());
        let outcome = self.inner.change(|members| members.remove(member.identity(), delist));
        outcome.is_some()
    }

    /// The members, in the order in which they joined. Never parks; out of date at once.
    #[must_use]
    pub fn members(&self) -> Vec<Pid> {
        self.inner.copy().iter().map(Recipient::pid).collect()
    }

    /// The same, as references, to send to some of them only.
    #[must_use]
    pub fn recipients(&self) -> Vec<Recipient<M>> {
        self.inner.copy().to_vec()
    }

    /// How many members there are. Never parks; out of date at once.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.lock().list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends the message to all members, one after the other, in the order in which they joined; how many have got it. A safe point.
    ///
    /// To each it is a [cast](crate::ActorRef::cast): where the mailbox is full the member's own policy decides. Under `park`, the default,
    /// the sender waits until there is room, and the members behind wait with it; [`try_broadcast`](Self::try_broadcast) passes over
    /// such a member. Under the other policies nobody waits, and what is dropped is a [dead letter](crate::dead_letters). A member that has ended
    /// is passed over.
    ///
    /// Who joins while it is underway does not get the message. May park, on any thread.
    pub fn broadcast(&self, message: M) -> usize
    where
        M: Clone,
    {
        self.send_each(message, |member, message| member.deliver(message))
    }

    /// Sends the message to all members whose mailboxes have room; how many have got it. Never parks, and is no safe point.
    ///
    /// To each it is a [`try_send`](crate::ActorRef::try_send): what there is no room for is dropped.
    pub fn try_broadcast(&self, message: M) -> usize
    where
        M: Clone,
    {
        self.send_each(message, |member, message| member.try_send(message))
    }

    fn send_each(&self, message: M, mut send: impl FnMut(&Recipient<M>, M) -> bool) -> usize
    where
        M: Clone,
    {
        let members = self.inner.copy();
        let Some((last, others)) = members.split_last() else { return 0 };
        let got_it = others.iter().filter(|member| send(member, message.clone())).count();
        got_it + usize::from(send(last, message))
    }

    /// Tells who joins and who leaves, from now on; it begins with a [`Joined`](GroupEvent::Joined) for each who is a member now, so that
    /// what it has told always adds up to the members. Never parks.
    ///
    /// What is told waits in an unbounded channel until it is received; dropping the receiver ends that. The receiver is disconnected when
    /// the group is no more.
    #[must_use]
    pub fn events(&self) -> Receiver<GroupEvent> {
        let (tell, told) = unbounded();
        self.inner.change(|members| {
            let all_told =
                members.list.values().all(|member| tell.send(GroupEvent::Joined(member.pid)).is_ok());
            debug_assert!(all_told, "the receiver is here");
            members.listeners.push(tell);
        });
        told
    }
}

impl<M> Inner<M> {
    fn new(name: Option<(Box<str>, Weak<Registry>)>) -> Self {
        let members = Members {
            list: BTreeMap::new(),
            numbers: HashMap::new(),
            next_number: 0,
            copy: None,
            listeners: Vec::new(),
        };
        Self { name, members: Mutex::new(members) }
    }

    fn lock(&self) -> MutexGuard<'_, Members<M>> {
        // Nothing panics while it is held but an allocation failure, which leaves the lists as they were.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the list. What it gives back may own something of the user's, and is to be dropped outside of the lock.
    fn change<R>(&self, change: impl FnOnce(&mut Members<M>) -> R) -> R {
        let _section = Section::begin();
        change(&mut self.lock())
    }

    /// All members, as they are now.
    fn copy(&self) -> Arc<[Recipient<M>]> {
        self.change(|Members { list, copy, .. }| {
            copy.get_or_insert_with(|| list.values().map(|member| member.recipient.clone()).collect()).clone()
        })
    }

    /// The runtime may forget the group, if nobody has any use for it; the caller holds a share.
    fn drop_name(&self) {
        if let Some((name, registry)) = &self.name
            && let Some(registry) = registry.upgrade()
        {
            registry.drop_group(name);
        }
    }
}

impl<M: 'static> Inner<M> {
    /// What members are told of their place.
    fn place(self: &Arc<Self>) -> Place {
        Place::Group(Arc::downgrade(self) as Weak<dyn places::Group>)
    }
}

/// What is left of a change.
type Leftover<M> = (Option<Recipient<M>>, Option<Arc<[Recipient<M>]>>);

impl<M> Members<M> {
    /// `None` if it cannot be enlisted.
    fn add(&mut self, recipient: &Recipient<M>, enlist: impl FnOnce() -> bool) -> Option<Leftover<M>> {
        let identity = recipient.identity();
        if let Some(member) = self.numbers.get(&identity).and_then(|number| self.list.get_mut(number)) {
            let before = core::mem::replace(&mut member.recipient, recipient.clone());
            return Some((Some(before), self.copy.take()));
        }
        // Lock order: the list, then the mailbox; see `places`.
        if !enlist() {
            return None;
        }
        let pid = recipient.pid();
        self.numbers.insert(identity, self.next_number);
        self.list.insert(self.next_number, Member { recipient: recipient.clone(), pid });
        self.next_number += 1;
        self.tell(GroupEvent::Joined(pid));
        Some((None, self.copy.take()))
    }

    /// `None` if it is no member.
    fn remove(&mut self, identity: Identity, delist: impl FnOnce()) -> Option<Leftover<M>> {
        let number = self.numbers.remove(&identity)?;
        let Member { recipient, pid } = self.list.remove(&number)?;
        delist();
        self.tell(GroupEvent::Left(pid));
        Some((Some(recipient), self.copy.take()))
    }

    /// Tells those who listen still. A send to an unbounded channel neither parks nor runs anybody's code.
    fn tell(&mut self, event: GroupEvent) {
        self.listeners.retain(|listener| listener.send(event).is_ok());
    }
}

impl<M: 'static> places::Group for Inner<M> {
    fn strike(self: Arc<Self>, member: Identity) {
        let leftover = self.change(|members| members.remove(member, || ()));
        exit::shielded(|| drop(leftover));
        self.drop_name();
    }
}

impl<M: 'static> NamedGroup for Inner<M> {
    fn message_type(&self) -> &'static str {
        type_name::<M>()
    }

    fn is_vacant(&self) -> bool {
        let members = self.lock();
        members.list.is_empty() && members.listeners.is_empty()
    }
}

impl<M: 'static> Default for Group<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: 'static> Clone for Group<M> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<M: 'static> Drop for Group<M> {
    fn drop(&mut self) {
        self.inner.drop_name();
    }
}

impl<M: 'static> fmt::Debug for Group<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("name", &self.name()).field("len", &self.len()).finish()
    }
}
