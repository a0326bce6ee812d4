//! The pending timers of one worker: who is to be told what, and when.
//!
//! Most timers never fire: the five seconds of a call that is answered after one microsecond are filed and
//! forgotten. So filing and forgetting cost the same however many timers are pending, and order is made only
//! for those that are about to fire. It is a plain data structure: the clock is an argument, and the lock
//! around it is somebody else's.
//!
//! # Picture
//!
//! A deadline is a number of nanoseconds. Its low 16 bits are the time within a tick (65.5 us), the other 48
//! bits are the tick, read as eight digits of six bits. The wheel stands in the tick `reached`. A timer is
//! filed by the highest digit in which its tick differs from `reached`: the digit's number is the level, its
//! value the slot.
//!
//! ```text
//!             level 7          level 2     level 1     level 0     within the tick
//!  deadline  [6 bits]   ...    [6 bits]    [6 bits]    [6 bits]    [16 bits]
//!  a slot is  9.1 years         268 ms      4.2 ms      65.5 us
//!
//!  reached    ..   3    17     9   |          wheel                        deadline in
//!                  =    =   > 9    |   level 0, slots 10 ..= 63    this 4.2 ms, a later tick
//!                  =  > 17    *    |   level 1, slots 18 ..= 63    this 268 ms
//!                > 3    *     *    |   level 2, slots  4 ..= 63    these 17 s
//!                  =    =     9    |   not in the wheel: `late`    this tick, or before
//!
//!  insert --> wheel --enter--> lower level --enter--> run --pop_due--> fired
//!     `-----> late  -------------------------------------pop_due-------^
//! ```
//!
//! When the earliest timer of the wheel is due, the wheel *enters* its tick: the one slot with that tick in
//! it is spread over the levels below, and the timers of the tick itself become the *run*, sorted, from which
//! they fire at their exact nanosecond. What comes for that tick, or for one before it, when the run has been
//! made already is *late*, and is kept in a search tree.
//!
//! # Invariants
//!
//! 1. Tick > `reached` in the wheel, tick = `reached` in the run, tick <= `reached` among the late. So
//!    nothing in the wheel is due before the run and the late are empty, and a timer's place in the wheel
//!    follows from its deadline.
//! 2. The first occupied slot of the lowest occupied level holds the earliest timer of the wheel. The levels
//!    below it are empty, so the order of arrival survives a spread.
//! 3. A slot's `earliest` is not after any of its deadlines, and exact until that timer is removed. The
//!    earliest of the run and of the late are always exact. So `next_deadline` is never too late; if it is
//!    too early, the `pop_due` that it led to makes it exact: removals cost a sleeping worker one wake for
//!    nothing, whatever their number.
//! 4. `reached` never passes the clock given to `pop_due`, and never turns back. A clock that does is only a
//!    clock at which less is due.
//! 5. A free node has a generation that no key has had yet.
//!
//! # Costs
//!
//! 32 bytes a timer, 16 more while its tick is fired, 8 KiB for the slots from the first timer on. The memory
//! of the most timers ever pending at once, and of the fullest tick, is kept. On an EPYC, 2 cores, 2026-11,
//! 100 000 timers pending, medians, beside a `BTreeMap<(u64, u64), u64>`:
//!
//! | ns a timer | here | tree |
//! |---|---|---|
//! | insert, 1 to 10 ms ahead | 11 | 135 |
//! | insert and remove, 5 s ahead | 19 | 150 |
//! | insert 100 000, then remove them all | 24 | 270 |
//! | insert 100 000, then fire them all | 70 | 170 |
//! | fire one, insert one | 85 | 195 |
//! | `pop_due` with nothing due | 4 | 3 |
//!
//! The price is paid in one piece: to enter a slot is to visit each timer in it, for 8 ns if they came one
//! after the other, more if their nodes lie scattered. With all of them in one slot that stops the worker for
//! 0.8 ms at 100 000 timers and for 8 ms at a million; the tree has no such stop. A timer moves at most eight
//! times, in practice two or three. With a million pending each move misses the cache: firing one costs 210
//! ns (tree: 70), inserting one 15 (tree: 320).
//!
//! # Rejected
//!
//! - *A binary heap or a search tree alone*: the usual timer, removed at once, costs as much as one that
//!   fires. A heap that only marks the removed ones dead keeps five seconds of answered calls in memory.
//! - *A wheel down to the nanosecond* (eleven levels, no run): exact without sorting, but a timer that is
//!   inserted and fires costs 107 ns instead of 70, for the additional moves.
//! - *A heap for the tick being fired*: its removals are exact, but every step of it touches a node, and
//!   timers of one deadline would fire in no particular order; a stable sort keeps theirs. Equal deadlines
//!   are common, since they are made from a clock that is read once a slice.
//! - *Rounding deadlines to ticks*, as most wheels do: every sleeper would be late by half a tick, and woken
//!   in no particular order among those of its tick, to save one short sort.
//! - *Another tick*: between 2^15 and 2^18 ns no difference could be measured; 2^16 leaves 48 bits, eight
//!   whole digits.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// A tick is 2^16 ns, 65.5 us: what is due within one is put in order by sorting, not by the wheel.
const TICK_BITS: u32 = 16;
/// How many bits of a tick's number one level of the wheel looks at: with 6, the slots of a level are the
/// bits of a `u64`.
const DIGIT_BITS: u32 = 6;
const SLOTS_PER_LEVEL: usize = 1 << DIGIT_BITS;
const DIGIT_MASK: u64 = SLOTS_PER_LEVEL as u64 - 1;
/// Eight levels: enough for every deadline that a `u64` can hold.
const LEVELS: usize = (u64::BITS - TICK_BITS).div_ceil(DIGIT_BITS) as usize;

/// Names one timer for ever: once it has fired or was removed, its key fits nothing. A key means something
/// only to the store that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    index: NodeIndex,
    generation: u32,
}

/// The pending timers of one worker. Nanoseconds since the clock epoch of the process are plain `u64`.
#[derive(Debug)]
pub(crate) struct TimerStore {
    slab: Slab,
    wheel: Wheel,
    run: Run,
    late: Late,
}

impl TimerStore {
    /// An empty store. Nothing is allocated before the first timer.
    pub(crate) const fn new() -> Self {
        Self { slab: Slab::new(), wheel: Wheel::new(), run: Run::new(), late: Late::new() }
    }

    /// How many timers are pending: neither fired nor removed.
    pub(crate) fn len(&self) -> usize {
        self.slab.pending
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Files a timer. A deadline in the past is due at the next `pop_due`; `u64::MAX` is due when the clock
    /// says so.
    pub(crate) fn insert(&mut self, deadline_ns: u64, payload: u64) -> TimerKey {
        let index = self.slab.acquire(deadline_ns, payload);
        if tick_of(deadline_ns) > self.wheel.reached {
            self.wheel.push(&mut self.slab, index);
        } else {
            self.late.push(&mut self.slab, index);
        }
        TimerKey { index, generation: self.slab[index].generation }
    }

    /// What all timers are to do, in no order.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = u64> {
        self.slab.pending_keys().into_iter().map(|key| self.slab[key.index].payload)
    }

    /// Forgets all timers, without turning the wheel; what they were to do.
    pub(crate) fn clear(&mut self) -> Vec<u64> {
        let pending = self.slab.pending_keys();
        let forget = |key: TimerKey| {
            let payload = self.slab[key.index].payload;
            self.remove(key).then_some(payload)
        };
        pending.into_iter().filter_map(forget).collect()
    }

    /// Forgets a timer. False if it has fired or was removed already.
    pub(crate) fn remove(&mut self, key: TimerKey) -> bool {
        if !self.slab.is_pending(key) {
            return false;
        }
        match self.slab[key.index].holder {
            Holder::Wheel => self.wheel.unlink(&mut self.slab, key.index),
            Holder::Late => self.late.unlink(&mut self.slab, key.index),
            // The run cannot close a gap in its middle: the entry goes with the tick, or as soon as it is the
            // next.
            Holder::Run => {}
        }
        self.slab.release(key.index);
        self.run.drop_dead(&self.slab);
        true
    }

    /// When to ask `pop_due` again. Never later than the earliest deadline, and equal to it unless a timer
    /// that shared its slot of the wheel, and was earlier, has been removed since. A `pop_due` at the time
    /// given here settles that.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        match (self.run.earliest(), self.late.earliest()) {
            (Some(run), Some(late)) => Some(run.min(late)),
            // Invariant: whatever is in the wheel is in a later tick than all else.
            (run, late) => run.or(late).or_else(|| self.wheel.earliest()),
        }
    }

    /// The payload of the earliest timer whose deadline is not after `now_ns`; of several with one deadline,
    /// that which came first. The caller repeats until `None`.
    pub(crate) fn pop_due(&mut self, now_ns: u64) -> Option<u64> {
        if self.next_deadline()? > now_ns {
            self.follow(now_ns);
            return None;
        }
        self.fill_run(now_ns);
        let index = self.take_first(now_ns)?;
        Some(self.slab.release(index))
    }

    /// Turns the wheel until there is something in the run, or nothing due in the wheel.
    fn fill_run(&mut self, now: u64) {
        // A stale bound can lead to a tick without a timer. Each turn spreads a slot over lower levels, so
        // there are at most as many of them as levels.
        while self.run.is_empty()
            && self.late.is_empty()
            && let Some(earliest) = self.wheel.earliest().filter(|&earliest| earliest <= now)
        {
            self.wheel.enter(&mut self.slab, tick_of(earliest), &mut self.run);
        }
    }

    /// Takes the first timer of the run or of the late ones, whichever is earlier, if it is due.
    fn take_first(&mut self, now: u64) -> Option<NodeIndex> {
        let (run, late) = (self.run.earliest(), self.late.earliest());
        // Of one deadline, what is in the run came first.
        let is_in_run = run.is_some_and(|run| late.is_none_or(|late| run <= late));
        let earliest = if is_in_run { run } else { late };
        earliest.filter(|&earliest| earliest <= now)?;
        if is_in_run { self.run.pop(&self.slab) } else { self.late.pop(&mut self.slab) }
    }

    /// Lets the wheel follow the clock while nothing is due, so that a timeout of seconds is filed by its
    /// distance from now and not from whatever fired last.
    fn follow(&mut self, now: u64) {
        // In strides of a slot of level 1 (4.2 ms): a deadline taken from a clock read a moment ago is seldom
        // before it.
        let stride = tick_of(now) & !DIGIT_MASK;
        if stride > self.wheel.reached {
            self.wheel.enter(&mut self.slab, stride, &mut self.run);
        }
    }
}

fn tick_of(deadline: u64) -> u64 {
    deadline >> TICK_BITS
}

/// The timers of one slot, in the order they came.
#[derive(Clone, Copy, Debug)]
struct Slot {
    chain: Chain,
    /// Not after any deadline in the chain, and within the span of the slot. It is the true minimum until
    /// that timer is removed.
    earliest: u64,
}

impl Slot {
    const EMPTY: Self = Self { chain: Chain::EMPTY, earliest: u64::MAX };
}

/// Names a slot: `level` is the number of the digit that decides, `digit` its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    level: usize,
    digit: usize,
}

impl Place {
    fn slot(self) -> usize {
        self.level * SLOTS_PER_LEVEL + self.digit
    }
}

/// The timers of all ticks after `reached`.
#[derive(Debug)]
struct Wheel {
    /// The tick that the wheel stands in. It never turns back.
    reached: u64,
    /// Bit n: some slot of level n is occupied.
    occupied_levels: u32,
    /// Bit n of word l: slot n of level l is occupied.
    occupied_slots: [u64; LEVELS],
    /// All levels, one behind the other. Empty until the first timer comes.
    slots: Vec<Slot>,
}

impl Wheel {
    const fn new() -> Self {
        Self { reached: 0, occupied_levels: 0, occupied_slots: [0; LEVELS], slots: Vec::new() }
    }

    /// The level is the highest digit in which the tick differs from `reached`, the slot is the tick's digit
    /// there.
    fn place(&self, tick: u64) -> Place {
        debug_assert!(tick > self.reached);
        let level = (tick ^ self.reached).ilog2() / DIGIT_BITS;
        let digit = (tick >> (level * DIGIT_BITS)) & DIGIT_MASK;
        Place { level: level as usize, digit: digit as usize }
    }

    fn push(&mut self, slab: &mut Slab, index: NodeIndex) {
        let node = &mut slab[index];
        node.holder = Holder::Wheel;
        let deadline = node.deadline;
        let place = self.place(tick_of(deadline));
        self.occupied_slots[place.level] |= 1 << place.digit;
        self.occupied_levels |= 1 << place.level;
        let slot = self.slot_mut(place);
        slot.earliest = slot.earliest.min(deadline);
        slot.chain.push_back(slab, index);
    }

    fn slot_mut(&mut self, place: Place) -> &mut Slot {
        if self.slots.is_empty() {
            self.slots = vec![Slot::EMPTY; LEVELS * SLOTS_PER_LEVEL];
        }
        &mut self.slots[place.slot()]
    }

    fn unlink(&mut self, slab: &mut Slab, index: NodeIndex) {
        // Invariant: `reached` has not passed the slot since, so this is the place that `push` found.
        let place = self.place(tick_of(slab[index].deadline));
        let chain = &mut self.slots[place.slot()].chain;
        chain.unlink(slab, index);
        if chain.is_empty() {
            self.take(place);
        }
    }

    /// Empties a slot and gives what was in it.
    fn take(&mut self, place: Place) -> Chain {
        self.occupied_slots[place.level] &= !(1 << place.digit);
        if self.occupied_slots[place.level] == 0 {
            self.occupied_levels &= !(1 << place.level);
        }
        std::mem::replace(self.slot_mut(place), Slot::EMPTY).chain
    }

    /// The lower bound of the first occupied slot.
    fn earliest(&self) -> Option<u64> {
        if self.occupied_levels == 0 {
            return None;
        }
        // Invariant: a tick on a lower level agrees with `reached` in a higher digit than one above, and is
        // therefore earlier. On one level no occupied slot is behind `reached`: nothing wraps around.
        let level = self.occupied_levels.trailing_zeros() as usize;
        let digit = self.occupied_slots[level].trailing_zeros() as usize;
        Some(self.slots[Place { level, digit }.slot()].earliest)
    }

    /// Turns the wheel to `tick`, before which there must be nothing, and spreads the slot that it stands in
    /// then: the timers of that very tick become the run, the others move to lower levels.
    fn enter(&mut self, slab: &mut Slab, tick: u64, run: &mut Run) {
        debug_assert!(run.is_empty() && self.earliest().is_none_or(|earliest| tick_of(earliest) >= tick));
        let place = self.place(tick);
        self.reached = tick;
        let mut next = self.take(place).first;
        while let Some(index) = next {
            next = slab[index].next;
            if tick_of(slab[index].deadline) == tick {
                run.add(slab, index);
            } else {
                // Invariant: all levels below were empty, so timers of one deadline keep their order.
                self.push(slab, index);
            }
        }
        run.sort();
    }
}

/// One timer of the tick that is being fired.
#[derive(Clone, Copy, Debug)]
struct RunEntry {
    deadline: u64,
    index: NodeIndex,
    /// Differs from that of the node once the timer has been removed.
    generation: u32,
}

/// The timers that the wheel gave out when it entered the tick it stands in: the earliest is the last.
#[derive(Debug)]
struct Run {
    // Invariant: the last entry is pending.
    entries: Vec<RunEntry>,
}

impl Run {
    const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn earliest(&self) -> Option<u64> {
        self.entries.last().map(|entry| entry.deadline)
    }

    fn add(&mut self, slab: &mut Slab, index: NodeIndex) {
        let node = &mut slab[index];
        node.holder = Holder::Run;
        self.entries.push(RunEntry { deadline: node.deadline, index, generation: node.generation });
    }

    fn sort(&mut self) {
        // Turned around first, and then with a stable sort, so that of one deadline the first to come is the
        // last.
        self.entries.reverse();
        self.entries.sort_by_key(|entry| Reverse(entry.deadline));
    }

    fn pop(&mut self, slab: &Slab) -> Option<NodeIndex> {
        let entry = self.entries.pop()?;
        self.drop_dead(slab);
        Some(entry.index)
    }

    /// Drops removed timers from the end.
    fn drop_dead(&mut self, slab: &Slab) {
        while self.entries.pop_if(|entry| slab[entry.index].generation != entry.generation).is_some() {}
    }
}

/// Timers that came when the wheel had already entered their tick: one chain for each deadline.
#[derive(Debug)]
struct Late {
    chains: BTreeMap<u64, Chain>,
}

impl Late {
    const fn new() -> Self {
        Self { chains: BTreeMap::new() }
    }

    fn is_empty(&self) -> bool {
        self.chains.is_empty()
    }

    fn earliest(&self) -> Option<u64> {
        self.chains.first_key_value().map(|(&deadline, _)| deadline)
    }

    fn push(&mut self, slab: &mut Slab, index: NodeIndex) {
        let node = &mut slab[index];
        node.holder = Holder::Late;
        let chain = self.chains.entry(node.deadline).or_default();
        chain.push_back(slab, index);
    }

    fn pop(&mut self, slab: &mut Slab) -> Option<NodeIndex> {
        let first = self.chains.first_key_value().and_then(|(_, chain)| chain.first)?;
        self.unlink(slab, first);
        Some(first)
    }

    fn unlink(&mut self, slab: &mut Slab, index: NodeIndex) {
        let Entry::Occupied(mut entry) = self.chains.entry(slab[index].deadline) else {
            unreachable!("a late timer is in the chain of its deadline");
        };
        entry.get_mut().unlink(slab, index);
        if entry.get().is_empty() {
            entry.remove();
        }
    }
}

/// A list of nodes, linked both ways.
#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    first: Option<NodeIndex>,
    last: Option<NodeIndex>,
}

impl Chain {
    const EMPTY: Self = Self { first: None, last: None };

    fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    fn push_back(&mut self, slab: &mut Slab, index: NodeIndex) {
        let node = &mut slab[index];
        node.previous = self.last;
        node.next = None;
        match self.last {
            Some(last) => slab[last].next = Some(index),
            None => self.first = Some(index),
        }
        self.last = Some(index);
    }

    fn unlink(&mut self, slab: &mut Slab, index: NodeIndex) {
        let Node { previous, next, .. } = slab[index];
        match previous {
            Some(previous) => slab[previous].next = next,
            None => self.first = next,
        }
        match next {
            Some(next) => slab[next].previous = previous,
            None => self.last = previous,
        }
    }
}

/// Where a node is in the slab, counted from one so that `Option` costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NodeIndex(NonZeroU32);

impl NodeIndex {
    fn after(count: usize) -> Self {
        let next = u32::try_from(count + 1).ok().and_then(NonZeroU32::new);
        Self(next.expect("fewer than 2^32 timers fit the memory of a worker"))
    }

    fn position(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Who has to be told when a pending timer is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Wheel,
    Run,
    Late,
}

/// Half a cache line.
#[derive(Clone, Copy, Debug)]
struct Node {
    deadline: u64,
    payload: u64,
    next: Option<NodeIndex>,
    previous: Option<NodeIndex>,
    /// That of the key to come while the node is free, of the key in use while it is pending.
    generation: u32,
    holder: Holder,
}

/// All nodes of a store. It grows to the largest number of timers that were pending at once, and stays so:
/// the generations in it are what makes old keys harmless.
#[derive(Debug)]
struct Slab {
    nodes: Vec<Node>,
    /// The nodes to use again, linked by `next`; the last one freed is the first one used, its cache line is
    /// warm.
    free: Option<NodeIndex>,
    pending: usize,
}

impl Slab {
    const fn new() -> Self {
        Self { nodes: Vec::new(), free: None, pending: 0 }
    }

    fn acquire(&mut self, deadline: u64, payload: u64) -> NodeIndex {
        self.pending += 1;
        match self.free {
            Some(index) => self.reuse(index, deadline, payload),
            None => self.grow(deadline, payload),
        }
    }

    fn reuse(&mut self, index: NodeIndex, deadline: u64, payload: u64) -> NodeIndex {
        let node = &mut self.nodes[index.position()];
        self.free = node.next;
        node.deadline = deadline;
        node.payload = payload;
        index
    }

    fn grow(&mut self, deadline: u64, payload: u64) -> NodeIndex {
        let index = NodeIndex::after(self.nodes.len());
        self.nodes.push(Node {
            deadline,
            payload,
            next: None,
            previous: None,
            generation: 0,
            holder: Holder::Wheel,
        });
        index
    }

    fn is_pending(&self, key: TimerKey) -> bool {
        self.nodes.get(key.index.position()).is_some_and(|node| node.generation == key.generation)
    }

    fn pending_keys(&self) -> Vec<TimerKey> {
        let mut is_free = vec![false; self.nodes.len()];
        let mut free = self.free;
        while let Some(index) = free {
            is_free[index.position()] = true;
            free = self[index].next;
        }
        let nodes = self.nodes.iter().zip(is_free).enumerate();
        let pending = nodes.filter(|(_, (node, is_free))| !is_free && node.generation < u32::MAX);
        pending
            .map(|(n, (node, _))| TimerKey { index: NodeIndex::after(n), generation: node.generation })
            .collect()
    }

    /// Frees a node and gives its payload. From here on its key is stale.
    fn release(&mut self, index: NodeIndex) -> u64 {
        let free = self.free;
        let node = &mut self[index];
        node.generation += 1;
        node.next = free;
        let (payload, is_spent) = (node.payload, node.generation == u32::MAX);
        // A node that has used up its generations is never used again: 32 bytes lost in four thousand million
        // timers, and no old key ever fits a new one.
        if !is_spent {
            self.free = Some(index);
        }
        self.pending -= 1;
        payload
    }
}

impl Index<NodeIndex> for Slab {
    type Output = Node;

    fn index(&self, index: NodeIndex) -> &Node {
        &self.nodes[index.position()]
    }
}

impl IndexMut<NodeIndex> for Slab {
    fn index_mut(&mut self, index: NodeIndex) -> &mut Node {
        &mut self.nodes[index.position()]
    }
}

#[cfg(test)]
mod tests;
