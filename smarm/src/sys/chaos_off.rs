//! No chaos: the constants that stand in every build but one for the answers of its twin, `chaos.rs`, which says what each question means.

#[inline(always)]
pub(crate) const fn small_number_below(_limit: usize) -> usize {
    0
}

#[inline(always)]
pub(crate) const fn looks_up() -> bool {
    false
}

#[inline(always)]
pub(crate) const fn ends_slice() -> bool {
    false
}

#[inline(always)]
pub(crate) const fn leaves_lifo() -> bool {
    false
}

#[inline(always)]
pub(crate) const fn leaves_heir() -> bool {
    false
}

#[inline(always)]
pub(crate) const fn overtakes() -> bool {
    false
}

#[inline(always)]
pub(crate) const fn wakes_early() -> bool {
    false
}

#[inline(always)]
pub(crate) const fn wakes_somebody() -> bool {
    false
}

#[inline(always)]
pub(crate) const fn returns_early() -> bool {
    false
}

#[inline(always)]
pub(crate) const fn moves() -> bool {
    false
}

#[inline(always)]
pub(crate) const fn takes_young() -> bool {
    false
}

#[inline(always)]
pub(crate) const fn trims_early() -> bool {
    false
}

#[inline(always)]
pub(crate) const fn pause() {}

/// # Safety
///
/// As its twin says; there is nothing to keep.
#[inline(always)]
pub(crate) const unsafe fn fill(_low: usize, _high: usize) {}

/// # Safety
///
/// As its twin says; there is nothing to keep.
#[inline(always)]
pub(crate) const unsafe fn check(_low: usize, _high: usize) {}

#[inline(always)]
pub(crate) fn also(_: impl FnOnce()) {}
