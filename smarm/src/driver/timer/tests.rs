//! The store against a sorted list, which is obviously right: whatever is done to both, they must agree.
//!
//! Every random test prints its seed when it fails.

use super::*;

const TICK: u64 = 1 << TICK_BITS;
const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;

/// Xorshift: enough randomness for a test, and the same on every machine.
struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    fn new(seed: u64) -> Self {
        // Spreads small seeds over all bits; the state must not be zero.
        Self { seed, state: (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A distance of any order of magnitude from nanoseconds to days.
    fn distance(&mut self) -> u64 {
        let magnitude =
            [1, 64, MICROSECOND, TICK, MILLISECOND, 64 * TICK, SECOND, 60 * SECOND, DAY, 30 * DAY];
        let limit = magnitude[self.below(magnitude.len() as u64) as usize];
        self.below(2 * limit)
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {}", self.seed);
        }
    }
}

/// All that the store must know, in the order in which it must fire.
#[derive(Default)]
struct Model {
    timers: Vec<(u64, u64)>,
}

impl Model {
    fn insert(&mut self, deadline: u64, payload: u64) {
        let place = self.timers.partition_point(|&(other, _)| other <= deadline);
        self.timers.insert(place, (deadline, payload));
    }

    fn remove(&mut self, payload: u64) -> bool {
        let place = self.timers.iter().position(|&(_, other)| other == payload);
        place.map(|place| self.timers.remove(place)).is_some()
    }

    fn earliest(&self) -> Option<u64> {
        self.timers.first().map(|&(deadline, _)| deadline)
    }

    fn pop_due(&mut self, now: u64) -> Option<u64> {
        self.earliest().filter(|&earliest| earliest <= now)?;
        Some(self.timers.remove(0).1)
    }
}

/// The store, the model, and every key that was ever given out. A payload is the number of its key.
struct Pair {
    store: TimerStore,
    model: Model,
    keys: Vec<TimerKey>,
    now: u64,
}

impl Pair {
    fn new(now: u64) -> Self {
        Self { store: TimerStore::new(), model: Model::default(), keys: Vec::new(), now }
    }

    fn insert(&mut self, deadline: u64) {
        let payload = self.keys.len() as u64;
        self.keys.push(self.store.insert(deadline, payload));
        self.model.insert(deadline, payload);
    }

    fn remove(&mut self, payload: u64) {
        assert_eq!(self.store.remove(self.keys[payload as usize]), self.model.remove(payload));
    }

    fn remove_earliest(&mut self) {
        if let Some(&(_, payload)) = self.model.timers.first() {
            self.remove(payload);
        }
    }

    fn pop(&mut self, now: u64) -> bool {
        let fired = self.model.pop_due(now);
        assert_eq!(self.store.pop_due(now), fired);
        fired.is_some()
    }

    fn advance_to(&mut self, now: u64) {
        self.now = now;
        while self.pop(now) {}
        assert!(self.store.next_deadline().is_none_or(|deadline| deadline > now), "a worker would spin");
    }

    /// What holds at any moment, as far as it can be seen from outside.
    fn check(&self) {
        assert_eq!(self.store.len(), self.model.timers.len());
        assert_eq!(self.store.is_empty(), self.model.timers.is_empty());
        match (self.store.next_deadline(), self.model.earliest()) {
            (Some(bound), Some(earliest)) => assert!(bound <= earliest, "{bound} is later than {earliest}"),
            (bound, earliest) => assert_eq!(bound, earliest),
        }
    }

    fn random_step(&mut self, random: &mut Random) {
        match random.below(16) {
            0..=4 => self.insert(self.now.saturating_add(random.distance())),
            // A deadline that many share.
            5 => self.insert((self.now | 0xFFFF).saturating_add(random.below(4) * TICK)),
            6 => self.insert(self.now.saturating_sub(random.distance())),
            7 => self.insert(u64::MAX - random.below(2)),
            8..=9 if !self.keys.is_empty() => self.remove(random.below(self.keys.len() as u64)),
            10 => self.remove_earliest(),
            11 => drop(self.pop(self.now)),
            12 => self
                .advance_to(self.store.next_deadline().map_or(self.now, |deadline| deadline.max(self.now))),
            13 => self.advance_to(
                self.model.earliest().map_or(self.now, |earliest| self.now.max(earliest.saturating_sub(1))),
            ),
            _ => self.advance_to(self.now.saturating_add(random.distance())),
        }
    }
}

/// What the fields promise each other.
fn check_fields(store: &TimerStore) {
    let in_wheel: usize = (0..LEVELS).map(|level| check_level(store, level)).sum();
    let in_run = store.run.entries.iter().filter(|entry| is_alive(store, entry)).count();
    let late =
        store.late.chains.iter().map(|(&deadline, chain)| check_late(store, deadline, *chain)).sum::<usize>();
    assert_eq!(in_wheel + in_run + late, store.len());
    assert!(
        store.run.entries.last().is_none_or(|entry| is_alive(store, entry)),
        "the run ends with a dead entry"
    );
    assert!(store.run.entries.is_sorted_by_key(|entry| Reverse(entry.deadline)));
    assert!(store.run.entries.iter().all(|entry| tick_of(entry.deadline) == store.wheel.reached));
}

fn is_alive(store: &TimerStore, entry: &RunEntry) -> bool {
    store.slab[entry.index].generation == entry.generation
}

fn check_late(store: &TimerStore, deadline: u64, chain: Chain) -> usize {
    let nodes = nodes_of(store, chain);
    assert!(!nodes.is_empty() && tick_of(deadline) <= store.wheel.reached);
    assert!(nodes.iter().all(|node| node.deadline == deadline && node.holder == Holder::Late));
    nodes.len()
}

fn check_level(store: &TimerStore, level: usize) -> usize {
    let word = store.wheel.occupied_slots[level];
    assert_eq!(store.wheel.occupied_levels >> level & 1 == 1, word != 0);
    (0..SLOTS_PER_LEVEL).map(|digit| check_slot(store, Place { level, digit })).sum()
}

fn check_slot(store: &TimerStore, place: Place) -> usize {
    let slot = store.wheel.slots.get(place.slot()).copied().unwrap_or(Slot::EMPTY);
    let nodes = nodes_of(store, slot.chain);
    assert_eq!(store.wheel.occupied_slots[place.level] >> place.digit & 1 == 1, !nodes.is_empty());
    for node in &nodes {
        assert_eq!(store.wheel.place(tick_of(node.deadline)), place);
        assert_eq!(node.holder, Holder::Wheel);
        assert!(slot.earliest <= node.deadline);
    }
    if !nodes.is_empty() {
        assert_eq!(store.wheel.place(tick_of(slot.earliest)), place);
    }
    nodes.len()
}

fn nodes_of(store: &TimerStore, chain: Chain) -> Vec<Node> {
    let (mut nodes, mut previous, mut next) = (Vec::new(), None, chain.first);
    while let Some(index) = next {
        let node = store.slab[index];
        assert_eq!(node.previous, previous);
        (previous, next) = (Some(index), node.next);
        nodes.push(node);
    }
    assert_eq!(chain.last, previous);
    nodes
}

fn run_random_steps(seed: u64, start: u64) {
    let mut random = Random::new(seed);
    let mut pair = Pair::new(start);
    for step in 0..1_000 {
        pair.random_step(&mut random);
        pair.check();
        if step % 16 == 0 {
            check_fields(&pair.store);
        }
    }
    pair.advance_to(u64::MAX);
    pair.check();
    check_fields(&pair.store);
    assert!(pair.store.is_empty());
}

#[test]
fn store_and_sorted_list_agree() {
    (0..100).for_each(|seed| run_random_steps(seed, 0));
}

#[test]
fn store_and_sorted_list_agree_late_in_the_life_of_a_machine() {
    (100..150).for_each(|seed| run_random_steps(seed, 400 * DAY + seed * 77_777_777_777));
}

#[test]
fn store_and_sorted_list_agree_at_the_end_of_time() {
    (150..200).for_each(|seed| run_random_steps(seed, u64::MAX - DAY));
}

#[test]
fn bound_is_exact_while_nothing_is_removed() {
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let mut pair = Pair::new(seed * DAY);
        for _ in 0..500 {
            pair.insert(pair.now.saturating_add(random.distance()));
            assert_eq!(pair.store.next_deadline(), pair.model.earliest());
            if random.below(4) == 0 {
                pair.advance_to(pair.now + random.distance());
            }
            assert_eq!(pair.store.next_deadline(), pair.model.earliest());
        }
    }
}

#[test]
fn bound_is_exact_within_the_tick_being_fired() {
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let mut pair = Pair::new(0);
        let tick = (1 + random.below(1_000_000)) * TICK;
        pair.insert(tick);
        (0..100).for_each(|_| pair.insert(tick + random.below(TICK)));
        pair.advance_to(tick);
        (0..20).for_each(|_| pair.insert(tick + random.below(TICK)));
        while !pair.store.is_empty() {
            assert_eq!(pair.store.next_deadline(), pair.model.earliest());
            pair.remove_earliest();
            check_fields(&pair.store);
        }
    }
}

/// Sleeps until the store says so, again and again, until a timer fires: how often, and when.
fn sleep_until_something_fires(pair: &mut Pair) -> usize {
    let pending = pair.store.len();
    let mut wakes = 0;
    while pair.store.len() == pending {
        let bound = pair.store.next_deadline().expect("a timer is pending");
        pair.check();
        assert!(bound >= pair.now);
        pair.advance_to(bound);
        assert!(pair.store.wheel.reached <= tick_of(bound), "the wheel is ahead of the clock");
        wakes += 1;
    }
    wakes
}

#[test]
fn lone_timer_wakes_its_worker_once() {
    let mut random = Random::new(0);
    for round in 0..2_000 {
        let mut pair = Pair::new(round * SECOND);
        pair.advance_to(pair.now);
        pair.insert(pair.now + random.distance());
        assert_eq!(sleep_until_something_fires(&mut pair), 1);
    }
}

#[test]
fn removed_timers_cost_their_worker_at_most_one_wake() {
    for seed in 0..1_000 {
        let mut random = Random::new(seed);
        let mut pair = Pair::new(seed * SECOND);
        let last = pair.now + 1 + random.distance();
        pair.insert(last);
        (0..20).for_each(|_| pair.insert(last - random.distance().min(last - pair.now)));
        (1..=20).for_each(|payload| pair.remove(payload));
        assert!(sleep_until_something_fires(&mut pair) <= 2);
        assert_eq!(pair.now, last);
    }
}

#[test]
fn timer_fires_at_its_nanosecond_on_every_level() {
    for level in 0..LEVELS as u32 {
        let span = TICK << (level * DIGIT_BITS);
        for start in [0, 1, TICK - 1, SECOND, 12_345_678_901_234] {
            let around = [span - 2, span - 1, span, span + 1, span + 2];
            let multiples = around.map(|deadline| deadline.saturating_mul(63));
            let deadlines = around.into_iter().chain(multiples).filter(|&deadline| deadline > start);
            deadlines.for_each(|deadline| fire_exactly(start, deadline));
        }
    }
}

fn fire_exactly(start: u64, deadline: u64) {
    let mut pair = Pair::new(start);
    pair.insert(start);
    pair.advance_to(start);
    for neighbour in [deadline, deadline.saturating_add(1), deadline - 1] {
        pair.insert(neighbour);
    }
    for now in [start, deadline - 1, deadline, deadline.saturating_add(1)] {
        pair.advance_to(now);
        pair.check();
        check_fields(&pair.store);
    }
    assert!(pair.store.is_empty());
}

#[test]
fn cascade_keeps_every_timer_at_each_boundary() {
    for level in 0..LEVELS as u32 {
        let mut pair = Pair::new(0);
        let span = TICK << (level * DIGIT_BITS);
        for digit in 1..SLOTS_PER_LEVEL as u64 {
            for deadline in [digit * span - 1, digit * span, digit * span + 1] {
                pair.insert(deadline);
            }
        }
        for digit in 1..SLOTS_PER_LEVEL as u64 {
            for now in [digit * span - 1, digit * span, digit * span + 1] {
                pair.advance_to(now);
            }
            pair.check();
        }
        assert!(pair.store.is_empty());
    }
}

#[test]
fn timers_of_one_deadline_fire_in_the_order_they_came() {
    let mut store = TimerStore::new();
    let deadline = 5 * SECOND + 123;
    for payload in 0..1_000 {
        // The clock moves meanwhile, so the later ones are filed on lower levels.
        assert_eq!(store.pop_due(payload * 5 * MILLISECOND), None);
        store.insert(deadline, payload);
    }
    let fired: Vec<u64> = std::iter::from_fn(|| store.pop_due(deadline)).collect();
    assert!(fired.into_iter().eq(0..1_000));
}

#[test]
fn deadline_in_the_past_is_due_at_once_and_in_order() {
    let mut store = TimerStore::new();
    store.insert(DAY, 0);
    assert_eq!(store.pop_due(DAY), Some(0));
    for (deadline, payload) in [(7, 7), (0, 1), (DAY, 9), (7, 8), (0, 2)] {
        store.insert(deadline, payload);
    }
    assert_eq!(store.next_deadline(), Some(0));
    let fired: Vec<u64> = std::iter::from_fn(|| store.pop_due(DAY)).collect();
    assert_eq!(fired, [1, 2, 7, 8, 9]);
}

#[test]
fn timer_at_the_end_of_time_never_fires_before() {
    let mut store = TimerStore::new();
    let key = store.insert(u64::MAX, 1);
    assert_eq!(store.next_deadline(), Some(u64::MAX));
    assert_eq!(store.pop_due(u64::MAX - 1), None);
    store.insert(u64::MAX, 2);
    assert!(store.remove(key));
    assert_eq!((store.pop_due(u64::MAX), store.pop_due(u64::MAX)), (Some(2), None));
}

#[test]
fn stale_key_never_touches_the_timer_that_has_its_node_now() {
    let mut store = TimerStore::new();
    let removed = store.insert(SECOND, 1);
    assert!(store.remove(removed));
    let fired = store.insert(SECOND, 2);
    assert_eq!(removed.index, fired.index);
    assert_eq!(store.pop_due(SECOND), Some(2));
    store.insert(SECOND, 3);
    assert!(!store.remove(removed) && !store.remove(fired));
    assert_eq!((store.len(), store.pop_due(SECOND)), (1, Some(3)));
}

#[test]
fn node_that_has_used_up_its_generations_is_not_used_again() {
    let mut store = TimerStore::new();
    let first = store.insert(1, 1);
    store.remove(first);
    store.slab[first.index].generation = u32::MAX - 1;
    let last = store.insert(1, 2);
    assert!(last.index == first.index && store.remove(last));
    let next = store.insert(1, 3);
    assert_ne!(next.index, last.index);
    assert!(!store.remove(last) && store.remove(next));
}

#[test]
fn removed_timers_leave_no_memory_behind() {
    let mut store = TimerStore::new();
    store.insert(SECOND, 0);
    assert_eq!(store.pop_due(SECOND), Some(0));
    for round in 0..10_000 {
        for deadline in [0, SECOND, SECOND + 1, 6 * SECOND, u64::MAX] {
            let key = store.insert(deadline, round);
            assert!(store.remove(key) && store.is_empty() && store.next_deadline().is_none());
        }
    }
    assert_eq!(store.slab.nodes.len(), 1);
    assert!(store.run.is_empty() && store.late.is_empty());
}

#[test]
fn empty_store_owns_no_memory_and_a_timer_half_a_cache_line() {
    let store = TimerStore::new();
    assert_eq!(store.wheel.slots.capacity() + store.slab.nodes.capacity() + store.run.entries.capacity(), 0);
    assert_eq!((size_of::<Node>(), size_of::<RunEntry>(), size_of::<Option<TimerKey>>()), (32, 16, 8));
}

#[test]
fn wheel_follows_the_clock_while_nothing_fires() {
    let mut store = TimerStore::new();
    for hour in 1..10_000 {
        let now = hour * 3_600 * SECOND;
        let key = store.insert(now + 5 * SECOND, hour);
        assert_eq!(store.pop_due(now), None);
        assert!(tick_of(now) - store.wheel.reached < SLOTS_PER_LEVEL as u64);
        assert!(store.remove(key));
    }
}

#[test]
fn clock_that_steps_back_fires_nothing_early() {
    let mut pair = Pair::new(0);
    for deadline in [SECOND, 2 * SECOND, DAY] {
        pair.insert(deadline);
    }
    for now in [2 * SECOND - 1, 5, SECOND, DAY - 1, 0, DAY] {
        pair.advance_to(now);
        pair.insert(now + 3);
        pair.check();
        check_fields(&pair.store);
    }
}

#[test]
fn million_timers_fire_in_order_and_the_removed_ones_do_not() {
    const TIMERS: u64 = 1_000_000;
    let mut random = Random::new(0);
    let mut store = TimerStore::new();
    let deadlines: Vec<u64> = (0..TIMERS).map(|_| random.below(60 * SECOND)).collect();
    let keys: Vec<TimerKey> =
        (0..TIMERS).map(|payload| store.insert(deadlines[payload as usize], payload)).collect();
    assert!(keys.iter().step_by(2).all(|&key| store.remove(key)));
    assert!(!keys.iter().step_by(2).any(|&key| store.remove(key)));
    let mut expected: Vec<(u64, u64)> = (1..TIMERS).step_by(2).map(|p| (deadlines[p as usize], p)).collect();
    expected.sort_unstable();
    let mut expected = expected.into_iter().peekable();
    for now in (0..=60 * SECOND).step_by(MILLISECOND as usize) {
        while let Some((_, payload)) = expected.next_if(|&(deadline, _)| deadline <= now) {
            assert_eq!(store.pop_due(now), Some(payload));
        }
        assert_eq!(store.pop_due(now), None);
    }
    assert!(store.is_empty() && expected.next().is_none());
    assert!(keys.into_iter().all(|key| !store.remove(key)));
}

#[test]
fn what_is_cleared_is_given_out_once_and_its_keys_are_stale() {
    let mut random = Random::new(11);
    let mut store = TimerStore::new();
    let mut now = 0;
    for round in 0..20 {
        let mut keys = Vec::new();
        let mut expected = Vec::new();
        for payload in 0..random.below(60) {
            let key = store.insert(now + random.distance(), payload);
            if random.below(3) == 0 {
                assert!(store.remove(key));
            } else {
                keys.push(key);
                expected.push(payload);
            }
        }
        now += random.distance();
        while let Some(payload) = store.pop_due(now) {
            expected.retain(|other| *other != payload);
        }
        let mut cleared = store.clear();
        cleared.sort_unstable();
        assert_eq!(cleared, expected, "in round {round}");
        assert_eq!((store.len(), store.next_deadline()), (0, None));
        assert!(keys.into_iter().all(|key| !store.remove(key)));
    }
}
