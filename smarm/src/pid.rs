//! Names of actors.

use core::fmt;
use core::num::NonZeroU64;

/// The name of one actor: an index into the slot table and the generation of that slot.
///
/// A `Pid` is unique in the process, for all runtimes and for its whole life: when a slot is used again its generation is
/// higher, so a stale `Pid` never reaches a new actor. It is plain data: `Copy`, ordered, hashable, and free to be sent
/// anywhere. It displays as `<index.generation>`.
///
/// Erlang's cousin is the `pid()`; this one is local to the process.
///
/// ```
/// let (mine, child) = smarm::run(|| (smarm::current(), smarm::spawn(|| smarm::current()).join().unwrap()));
/// assert_ne!(mine, child);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(NonZeroU64);

impl Pid {
    /// Invariant: slot indexes start at 1, so that a packed `Pid` is never zero.
    #[inline]
    pub(crate) fn new(index: u32, generation: u32) -> Self {
        let packed = u64::from(index) << 32 | u64::from(generation);
        Self(NonZeroU64::new(packed).expect("slot indexes start at 1"))
    }

    /// The `Pid` as one word, to be stored in an atomic; zero is free to mean "nobody".
    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        self.0.get()
    }

    /// The opposite of [`to_bits`](Self::to_bits); `None` for zero.
    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        NonZeroU64::new(bits).map(Self)
    }

    /// The index of the actor's slot. Slots are used again: two actors that live one after the other may share it.
    #[inline]
    #[must_use]
    pub fn index(self) -> u32 {
        (self.0.get() >> 32) as u32
    }

    /// How many actors used the slot before this one.
    #[inline]
    #[must_use]
    pub fn generation(self) -> u32 {
        self.0.get() as u32
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}.{}>", self.index(), self.generation())
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
