//! Stacks: one reserved range of addresses for the whole process, cut into size classes, cut into strides.
//!
//! ```text
//! base                                                                               base + classes << region_shift
//! |  class 0 (128 KiB strides)  |  class 1 (256 KiB)  |  ...                        |  class 6 (8 MiB)        |
//!    | stride 0 | stride 1 | .. committed (readable, writable) .. | still reserved (no access)  |
//!    |  guard 64 KiB  |          usable          | colour |      one stride; the stack grows down from the colour
//! ```
//!
//! - The class of an address is its offset shifted right: one compare and one shift tell whether the stack pointer is on a
//!   fiber at all, and which. The owner of each stack stands in a table beside the stacks, eight bytes each, not at a fixed
//!   place inside the strides: there, all owners would share one cache set.
//! - Guards are installed by `MADV_GUARD_INSTALL` (Linux 6.13), which costs no mapping each; before that kernel, or when
//!   `SMARM_STACK_GUARD=mprotect` asks for it, by `mprotect`, which costs two mappings a stack and so ends at about 32 000 stacks
//!   (`vm.max_map_count`).
//! - Memory is committed by the first touch of each page and stays with the stack in its pool. Idle workers give back the pages
//!   of pooled stacks above a watermark that nobody has needed for a second: a page that is touched again costs ten times as much as a
//!   spawn, and one that is given back interrupts every other processor.
//! - The range is never unmapped: the fault handler and a late reader of the owner table may look at any time.
//! - Tops are coloured: stack `i` begins `i % 16` cache lines below its stride's end, so that the hot ends of many stacks do not
//!   fall into the same sets.
//!
//! # Who may use a stack
//!
//! | state | who owns it |
//! |---|---|
//! | reserved | the right to take one, counted in `reserved` |
//! | taken | a [`Stack`], until it is given back |
//! | pooled | the worker's cache or the class's list: no live frames, contents arbitrary |
//!
//! Invariant: `reserved <= capacity` in each class, and what is taken or cached by a worker never exceeds `capacity`: workers keep a
//! cached stack only together with a reservation. So an actor that was spawned can start; only the kernel can still refuse memory.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering};
use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::{arch, chaos, clock, valgrind};

/// What lies at the low end of each stride and faults when touched. More than one page, for C code that is compiled without
/// stack probes.
pub(crate) const GUARD_BYTES: usize = 64 << 10;

const SMALLEST_CLASS_SHIFT: u32 = 17;
const LARGEST_CLASS_SHIFT: u32 = 23;
const CLASS_COUNT: usize = (LARGEST_CLASS_SHIFT - SMALLEST_CLASS_SHIFT + 1) as usize;

/// The smallest stride, 128 KiB.
pub(crate) const SMALLEST_STACK_BYTES: usize = 1 << SMALLEST_CLASS_SHIFT;
/// The largest stride, 8 MiB.
pub(crate) const LARGEST_STACK_BYTES: usize = 1 << LARGEST_CLASS_SHIFT;

/// Colours and their distance.
const COLOURS: usize = 16;
const CACHE_LINE_BYTES: usize = 64;

/// What a start is sure to touch.
const PREFETCHED_LINES: usize = 4;

/// How many stacks are made accessible at a time; one system call each.
const COMMIT_BATCH: u32 = 64;

/// Each class may fill a region of this size (as a power of two), tried from the largest: 1 TiB is four million default stacks;
/// the smaller ones serve limits on address space, strict overcommit and valgrind.
const REGION_SHIFTS: [u32; 9] = [40, 36, 33, 31, 29, 27, 25, 24, 23];

/// The advice that makes pages fault without a mapping of their own (Linux 6.13); not in libc yet.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// Pooled stacks of a class that may keep their pages while the runtime is idle.
const WARM_STACKS: usize = 256;

/// For how long stacks above that keep their pages in case they are needed again.
const DECAY_NS: u64 = 1_000_000_000;

/// How many stacks [`trim`] looks at in one call, so that an idle worker soon looks for work again.
const TRIM_BATCH: usize = 256;

/// A size class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StackClass(u8);

impl StackClass {
    pub(crate) const SMALLEST: Self = Self(0);

    /// The smallest class whose strides hold `bytes`; `None` above the largest.
    pub(crate) fn for_bytes(bytes: usize) -> Option<Self> {
        let stride = bytes.max(SMALLEST_STACK_BYTES).checked_next_power_of_two()?;
        let class = stride.trailing_zeros() - SMALLEST_CLASS_SHIFT;
        ((class as usize) < CLASS_COUNT).then_some(Self(class as u8))
    }

    pub(crate) fn stride_bytes(self) -> usize {
        1 << self.shift()
    }

    fn shift(self) -> u32 {
        SMALLEST_CLASS_SHIFT + u32::from(self.0)
    }

    fn region(self) -> &'static Region {
        &ARENA.regions[self.0 as usize]
    }
}

/// A stack that its holder alone uses. Plain numbers: dropping it leaks the stack (which is what must happen to a stack with live
/// frames); [`give_back`] returns it.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Stack {
    class: StackClass,
    index: u32,
}

impl Stack {
    pub(crate) fn class(&self) -> StackClass {
        self.class
    }

    /// The position in its class.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// A stack from its position.
    ///
    /// # Safety
    ///
    /// Nobody else holds the stack at that position, and it was taken before.
    pub(crate) unsafe fn from_index(class: StackClass, index: u32) -> Self {
        Self { class, index }
    }

    fn low(&self) -> usize {
        ARENA.region_base(self.class) + self.index as usize * self.class.stride_bytes()
    }

    /// Where the first frame begins; 16-byte aligned.
    pub(crate) fn top(&self) -> *mut u8 {
        let colour = self.index as usize % COLOURS * CACHE_LINE_BYTES;
        (self.low() + self.class.stride_bytes() - colour) as *mut u8
    }

    /// Has the processor fetch where the first frames will be.
    fn prefetch(&self) {
        for line in 1..=PREFETCHED_LINES {
            arch::prefetch(self.top().wrapping_sub(line * CACHE_LINE_BYTES));
        }
    }

    /// In the chaos build: overwrites what its last user has left.
    ///
    /// # Safety
    ///
    /// There are no live frames on it.
    #[inline(always)]
    pub(crate) unsafe fn fill_with_rubbish(&self) {
        // The addresses are not for nothing, not even unused: they are read from atomics.
        // SAFETY: between the guard, which ends at a page, and the top, which is aligned, lies what was committed for this stack.
        chaos::also(|| unsafe { chaos::fill(self.low() + GUARD_BYTES, self.top() as usize) });
    }

    /// In the chaos build: ends the process if somebody has used the stack since. Looks at what is used first.
    #[inline(always)]
    pub(crate) fn check_rubbish(&self) {
        const CHECKED_BYTES: usize = 4096;
        chaos::also(|| {
            let top = self.top() as usize;
            // SAFETY: as above; the holder of the stack has not begun to use it.
            unsafe { chaos::check(top - CHECKED_BYTES, top) };
        });
    }

    /// Says whose frames are on this stack from now on; null for nobody's.
    pub(crate) fn set_owner(&self, owner: *mut ()) {
        // Ordering: Relaxed. Read by code that runs on this very stack, or by the fault handler of the thread that does.
        owner_cell(self.class, self.index).store(owner, Ordering::Relaxed);
    }
}

/// Whose frames the stack under this address belongs to; `None` if the address is on no stack of ours, or on a stack that is not
/// in use.
#[inline]
pub(crate) fn owner_of(address: usize) -> Option<core::ptr::NonNull<()>> {
    let (class, index) = ARENA.find(address)?;
    // Ordering: Relaxed. See `set_owner`.
    core::ptr::NonNull::new(owner_cell(class, index).load(Ordering::Relaxed))
}

/// Whose stack this code runs on.
#[inline]
pub(crate) fn current_owner() -> Option<core::ptr::NonNull<()>> {
    owner_of(arch::stack_pointer())
}

/// Whether the address lies in the guard of one of our stacks, and how large that stack is.
pub(crate) fn guard_hit(address: usize) -> Option<usize> {
    let (class, _) = ARENA.find(address)?;
    let stride = class.stride_bytes();
    (address % stride < GUARD_BYTES).then_some(stride)
}

/// Why there is no stack.
#[derive(Debug)]
pub(crate) enum StackError {
    /// The class's region is full.
    Full { limit: u32, stride_bytes: usize },
    /// The kernel refused memory or a guard.
    Kernel { error: io::Error, stacks: u32, guard: Guard },
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { limit, stride_bytes } => write!(
                f,
                "all {limit} stacks of {} KiB are in use: wait for actors to end, or use smaller stacks",
                stride_bytes >> 10
            ),
            Self::Kernel { error, stacks, guard: Guard::Mprotect } => write!(
                f,
                "the kernel refused stack {stacks} ({error}): stacks guarded by mprotect cost two memory mappings each, and \
                 vm.max_map_count limits these; Linux 6.13 has guards that cost none"
            ),
            Self::Kernel { error, stacks, guard: Guard::Madvise } => {
                write!(f, "the kernel refused memory for stack {stacks} ({error})")
            }
        }
    }
}

impl From<StackError> for io::Error {
    fn from(error: StackError) -> Self {
        io::Error::new(io::ErrorKind::OutOfMemory, error.to_string())
    }
}

/// How guards are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Guard {
    Madvise,
    Mprotect,
}

/// The environment variable that forces one of them.
const GUARD_VARIABLE: &str = "SMARM_STACK_GUARD";

/// The whole range. `base` is zero until [`set_up`] ran, and then never changes.
struct Arena {
    base: AtomicUsize,
    region_shift: AtomicU8,
    owners: [AtomicPtr<AtomicPtr<()>>; CLASS_COUNT],
    regions: [Region; CLASS_COUNT],
}

struct Region {
    state: Mutex<RegionState>,
    /// More are warm than may stay so. A hint, written under the lock.
    has_excess: AtomicBool,
}

struct RegionState {
    capacity: u32,
    committed: u32,
    reserved: u32,
    /// Stacks below this position were taken at least once and have their guard.
    fresh: u32,
    /// Given back, pages kept. The last one is the warmest.
    warm: Vec<u32>,
    /// Given back, pages returned to the kernel.
    cold: Vec<u32>,
    /// When the excess goes back to the kernel; zero while there is none.
    trim_at_ns: u64,
    /// How many were warm all the time since that was set.
    unused: usize,
}

static ARENA: Arena = Arena {
    base: AtomicUsize::new(0),
    region_shift: AtomicU8::new(0),
    owners: [const { AtomicPtr::new(core::ptr::null_mut()) }; CLASS_COUNT],
    regions: [const { Region::new() }; CLASS_COUNT],
};

impl Arena {
    /// Class and position of the stride under an address.
    #[inline]
    fn find(&self, address: usize) -> Option<(StackClass, u32)> {
        // Ordering: Relaxed. Both are written once, before the first stack is taken; whoever runs on a stack has seen them, and
        // before that every address is "not ours" (a zero base makes the offset huge for any real stack).
        let (base, shift) = (self.base.load(Ordering::Relaxed), self.region_shift.load(Ordering::Relaxed));
        let offset = address.wrapping_sub(base);
        let class = offset >> shift;
        if base == 0 || class >= CLASS_COUNT {
            return None;
        }
        let class = StackClass(class as u8);
        let inside = offset & ((1 << shift) - 1);
        Some((class, (inside >> class.shift()) as u32))
    }

    fn region_base(&self, class: StackClass) -> usize {
        // Ordering: Relaxed. Written once, before the first stack is taken.
        let (base, shift) = (self.base.load(Ordering::Relaxed), self.region_shift.load(Ordering::Relaxed));
        base + (usize::from(class.0) << shift)
    }
}

#[inline]
fn owner_cell(class: StackClass, index: u32) -> &'static AtomicPtr<()> {
    // Ordering: Relaxed. Written once by `set_up`, before the first stack exists.
    let owners = ARENA.owners[class.0 as usize].load(Ordering::Relaxed);
    // SAFETY: the table has an entry for each stride of the region, is zeroed by the kernel and never unmapped.
    unsafe { &*owners.add(index as usize) }
}

impl Region {
    const fn new() -> Self {
        Self {
            state: Mutex::new(RegionState {
                capacity: 0,
                committed: 0,
                reserved: 0,
                fresh: 0,
                warm: Vec::new(),
                cold: Vec::new(),
                trim_at_ns: 0,
                unused: 0,
            }),
            has_excess: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, RegionState> {
        // Nothing panics while it is held, but a poisoned count is still a count.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reserves the range, once. Every error is the kernel's, for even the smallest range.
pub(crate) fn set_up() -> Result<(), &'static str> {
    static DONE: OnceLock<Result<Guard, &'static str>> = OnceLock::new();
    DONE.get_or_init(|| {
        arch::check_machine()?;
        reserve_range()?;
        let guard = choose_guard()?;
        // Ordering: Relaxed. Published by the OnceLock.
        GUARD.store(guard as u8, Ordering::Relaxed);
        Ok(guard)
    })
    .as_ref()
    .map(|_| ())
    .map_err(|error| *error)
}

static GUARD: AtomicU8 = AtomicU8::new(Guard::Madvise as u8);

fn guard() -> Guard {
    // Ordering: Relaxed. Written once, by `set_up`.
    if GUARD.load(Ordering::Relaxed) == Guard::Mprotect as u8 { Guard::Mprotect } else { Guard::Madvise }
}

fn reserve_range() -> Result<(), &'static str> {
    for shift in REGION_SHIFTS {
        let bytes = CLASS_COUNT << shift;
        // One stride more than needed, so that the base can be aligned to the largest stride.
        let Ok(start) = map(bytes + LARGEST_STACK_BYTES, libc::PROT_NONE) else { continue };
        let base = start.next_multiple_of(LARGEST_STACK_BYTES);
        if !leaves_room() || map_owners(shift).is_err() {
            // SAFETY: the range was mapped above and nobody knows of it yet.
            unsafe { libc::munmap(start as *mut libc::c_void, bytes + LARGEST_STACK_BYTES) };
            continue;
        }
        // Pages of many stacks in one huge page would make each parked actor cost 2 MiB.
        advise(base, bytes, libc::MADV_NOHUGEPAGE).ok();
        // Ordering: Relaxed, twice. Published to other threads by the OnceLock in `set_up`.
        ARENA.region_shift.store(shift as u8, Ordering::Relaxed);
        ARENA.base.store(base, Ordering::Relaxed);
        return Ok(());
    }
    Err("the kernel grants no address space for stacks (is RLIMIT_AS very low?)")
}

/// How much address space the range leaves to the rest of the program, at least: threads, libraries, the allocator.
const SPARE_BYTES: usize = 64 << 20;

/// Whether so much can still be mapped.
fn leaves_room() -> bool {
    let Ok(start) = map(SPARE_BYTES, libc::PROT_NONE) else { return false };
    // SAFETY: mapped in the line above, and nobody else knows of it.
    unsafe { libc::munmap(start as *mut libc::c_void, SPARE_BYTES) };
    true
}

/// Makes the owner tables and the capacities for regions of this size.
fn map_owners(shift: u32) -> io::Result<()> {
    for (class, region) in ARENA.regions.iter().enumerate() {
        let capacity = 1_usize << (shift - StackClass(class as u8).shift());
        let table = map(capacity * size_of::<AtomicPtr<()>>(), libc::PROT_READ | libc::PROT_WRITE)?;
        // Ordering: Relaxed. Published by the OnceLock in `set_up`.
        ARENA.owners[class].store(table as *mut AtomicPtr<()>, Ordering::Relaxed);
        region.lock().capacity = capacity as u32;
    }
    Ok(())
}

fn choose_guard() -> Result<Guard, &'static str> {
    match std::env::var(GUARD_VARIABLE).as_deref() {
        Err(_) => Ok(if guards_by_madvise() { Guard::Madvise } else { Guard::Mprotect }),
        Ok("mprotect") => Ok(Guard::Mprotect),
        Ok("madvise") if guards_by_madvise() => Ok(Guard::Madvise),
        Ok("madvise") => Err("SMARM_STACK_GUARD=madvise needs Linux 6.13 or later"),
        Ok(_) => Err("SMARM_STACK_GUARD must be `madvise` or `mprotect`"),
    }
}

/// Tries the advice on a page of its own.
fn guards_by_madvise() -> bool {
    const PROBE_BYTES: usize = 4096;
    let Ok(page) = map(PROBE_BYTES, libc::PROT_READ | libc::PROT_WRITE) else { return false };
    let works = advise(page, PROBE_BYTES, MADV_GUARD_INSTALL).is_ok();
    // SAFETY: the page was mapped above and nobody else knows of it.
    unsafe { libc::munmap(page as *mut libc::c_void, PROBE_BYTES) };
    works
}

fn map(bytes: usize, protection: libc::c_int) -> io::Result<usize> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
    let address = unsafe { libc::mmap(core::ptr::null_mut(), bytes, protection, flags, -1, 0) };
    if address == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(address as usize) }
}

fn advise(address: usize, bytes: usize, advice: libc::c_int) -> io::Result<()> {
    // SAFETY: every caller passes a range inside a mapping of this module, and advice that leaves live frames alone: guards go
    // below the usable part, DONTNEED on pooled stacks only.
    let answer = unsafe { libc::madvise(address as *mut libc::c_void, bytes, advice) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn protect(address: usize, bytes: usize, protection: libc::c_int) -> io::Result<()> {
    // SAFETY: every caller passes a range of the arena that holds no live frames.
    let answer = unsafe { libc::mprotect(address as *mut libc::c_void, bytes, protection) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// How many stacks of a class there can be.
pub(crate) fn capacity(class: StackClass) -> usize {
    class.region().lock().capacity as usize
}

/// Reserves the right to take `count` stacks of a class. To be undone by [`unreserve`] when they are given back.
pub(crate) fn reserve(class: StackClass, count: u32) -> Result<(), StackError> {
    let mut region = class.region().lock();
    let wanted = region.reserved + count;
    if wanted > region.capacity {
        return Err(StackError::Full { limit: region.capacity, stride_bytes: class.stride_bytes() });
    }
    while region.committed < wanted {
        commit(class, &mut region)?;
    }
    region.reserved = wanted;
    Ok(())
}

pub(crate) fn unreserve(class: StackClass, count: u32) {
    let mut region = class.region().lock();
    debug_assert!(region.reserved >= count, "more stacks were unreserved than reserved");
    region.reserved -= count;
}

/// Makes the next batch of a class accessible.
fn commit(class: StackClass, region: &mut RegionState) -> Result<(), StackError> {
    let first = region.committed;
    let count = COMMIT_BATCH.min(region.capacity - first);
    if count == 0 {
        return Err(StackError::Full { limit: region.capacity, stride_bytes: class.stride_bytes() });
    }
    let stride = class.stride_bytes();
    let start = ARENA.region_base(class) + first as usize * stride;
    let refused = |error| StackError::Kernel { error, stacks: first, guard: guard() };
    let accessible = libc::PROT_READ | libc::PROT_WRITE;
    if guard() == Guard::Madvise {
        protect(start, count as usize * stride, accessible).map_err(refused)?;
        region.committed += count;
        return Ok(());
    }
    // One by one, leaving the guards as they are: when the kernel's limit is reached, the stacks so far are good.
    for position in 0..count as usize {
        if !may_add_mappings() {
            let error = io::Error::from_raw_os_error(libc::ENOMEM);
            return if position == 0 { Err(refused(error)) } else { Ok(()) };
        }
        let low = start + position * stride + GUARD_BYTES;
        if let Err(error) = protect(low, stride - GUARD_BYTES, accessible) {
            return if position == 0 { Err(refused(error)) } else { Ok(()) };
        }
        region.committed += 1;
    }
    Ok(())
}

/// How many memory mappings stay free for the rest of the process: threads, libraries, the allocator.
const SPARE_MAPPINGS: usize = 4096;

/// Whether another stack guarded by `mprotect` fits. It counts two mappings; were they used up, the process could start no thread.
fn may_add_mappings() -> bool {
    static STACKS: AtomicUsize = AtomicUsize::new(0);
    static LIMIT: OnceLock<usize> = OnceLock::new();
    let limit = *LIMIT.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
        text.trim().parse().unwrap_or(DEFAULT_MAX_MAPPINGS).saturating_sub(SPARE_MAPPINGS) / 2
    });
    // Ordering: Relaxed. A count; two classes that grow at once may exceed the limit by a batch.
    STACKS.fetch_add(1, Ordering::Relaxed) < limit
}

/// The kernel's own default.
const DEFAULT_MAX_MAPPINGS: usize = 65_530;

/// Takes a stack. The caller holds a reservation.
pub(crate) fn take(class: StackClass) -> Result<Stack, StackError> {
    let mut region = class.region().lock();
    if let Some(index) = region.warm.pop() {
        region.unused = region.unused.min(region.warm.len());
        if let Some(next) = region.warm.last() {
            Stack { class, index: *next }.prefetch();
        }
        return Ok(Stack { class, index });
    }
    if let Some(index) = region.cold.pop() {
        return Ok(Stack { class, index });
    }
    if region.fresh == region.committed {
        // Some that were committed lie in a worker's cache, or are being trimmed.
        commit(class, &mut region)?;
    }
    let stack = Stack { class, index: region.fresh };
    install_guard(&stack)?;
    region.fresh += 1;
    drop(region);
    valgrind::register_stack(stack.low() + GUARD_BYTES, stack.low() + class.stride_bytes());
    Ok(stack)
}

fn install_guard(stack: &Stack) -> Result<(), StackError> {
    if guard() == Guard::Mprotect {
        return Ok(()); // it was left inaccessible when the stack was committed
    }
    advise(stack.low(), GUARD_BYTES, MADV_GUARD_INSTALL)
        .or_else(|_| protect(stack.low(), GUARD_BYTES, libc::PROT_NONE))
        .map_err(|error| StackError::Kernel { error, stacks: stack.index, guard: guard() })
}

/// Gives stacks back to their class. They hold no live frames.
pub(crate) fn give_back(class: StackClass, indexes: impl Iterator<Item = u32>) {
    let mut region = class.region().lock();
    region.warm.extend(indexes);
    if region.warm.len() > WARM_STACKS {
        // Ordering: Relaxed. A hint.
        class.region().has_excess.store(true, Ordering::Relaxed);
    }
}

/// Returns pages of pooled stacks above the watermark to the kernel, if nobody has needed them for a while; for workers with nothing
/// else to do. When there is more to do: zero for now, `u64::MAX` for never.
pub(crate) fn trim() -> u64 {
    let classes = (0..CLASS_COUNT as u8).map(StackClass);
    // Ordering: Relaxed. A hint; what a worker sees too late, the next one that falls asleep sees.
    let excessive = classes.filter(|class| class.region().has_excess.load(Ordering::Relaxed));
    excessive.map(|class| trim_class(class, clock::now_ns())).min().unwrap_or(u64::MAX)
}

fn trim_class(class: StackClass, now_ns: u64) -> u64 {
    let mut region = class.region().lock();
    if region.warm.len() <= WARM_STACKS {
        region.trim_at_ns = 0;
        // Ordering: Relaxed. A hint.
        class.region().has_excess.store(false, Ordering::Relaxed);
        return u64::MAX;
    }
    if region.trim_at_ns == 0 {
        region.trim_at_ns = now_ns + DECAY_NS;
        region.unused = region.warm.len();
    }
    if now_ns < region.trim_at_ns && !chaos::trims_early() {
        return region.trim_at_ns;
    }
    let batch = region.take_unused();
    if batch.is_empty() {
        region.trim_at_ns = 0;
    }
    drop(region);
    chill(class, batch);
    0
}

/// Returns at once what [`trim`] would return in a while; for the end of a runtime, after which there may be no worker.
pub(crate) fn trim_at_once() {
    for class in (0..CLASS_COUNT as u8).map(StackClass) {
        loop {
            let mut region = class.region().lock();
            region.unused = region.warm.len();
            let batch = region.take_unused();
            drop(region);
            if batch.is_empty() {
                break;
            }
            chill(class, batch);
        }
    }
}

/// Returns the pages of stacks that were warm.
fn chill(class: StackClass, mut batch: Vec<u32>) {
    batch.sort_unstable();
    for run in batch.chunk_by(|a, b| a + 1 == *b) {
        let start = ARENA.region_base(class) + run[0] as usize * class.stride_bytes();
        // Guards survive this advice. A refusal costs memory, nothing else.
        advise(start, run.len() * class.stride_bytes(), libc::MADV_DONTNEED).ok();
    }
    class.region().lock().cold.extend(batch);
}

impl RegionState {
    /// Some of those that nobody has needed, but for those that may stay warm.
    fn take_unused(&mut self) -> Vec<u32> {
        let excess = self.unused.saturating_sub(WARM_STACKS).min(TRIM_BATCH);
        self.unused -= excess;
        self.warm.drain(..excess).collect() // the coldest stand first
    }
}
