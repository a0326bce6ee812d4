//! The atomics and the lock of the protocols: the standard library's, or loom's when the models are checked (`--cfg loom`), or those of
//! the chaos build, which pause between the steps (`--cfg smarm_chaos`).

#[cfg(all(smarm_chaos, not(loom)))]
pub(crate) use super::chaos::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Mutex, MutexGuard,
};
#[cfg(not(any(loom, smarm_chaos)))]
pub(crate) use core::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64};

#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(any(loom, smarm_chaos)))]
pub(crate) use std::sync::{Mutex, MutexGuard};

pub(crate) use core::sync::atomic::Ordering;
