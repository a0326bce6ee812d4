//! The atomics and the lock of the protocols, with pauses between the steps: see `sys::atomic`.
//!
//! A pause comes before each operation, so between any two of them another thread may do all it wants.

#![allow(dead_code, reason = "which operations the protocols need is not this module's business")]

use core::sync::atomic::{self, Ordering};
use std::sync::{LockResult, TryLockResult};

use super::{Event, happens, pause};

/// What all of them have.
macro_rules! operations {
    ($inner:ty, $value:ty) => {
        pub(crate) const fn new(value: $value) -> Self {
            Self(<$inner>::new(value))
        }

        pub(crate) const fn as_ptr(&self) -> *mut $value {
            self.0.as_ptr()
        }

        pub(crate) fn get_mut(&mut self) -> &mut $value {
            self.0.get_mut()
        }

        pub(crate) fn load(&self, order: Ordering) -> $value {
            pause();
            self.0.load(order)
        }

        pub(crate) fn store(&self, value: $value, order: Ordering) {
            pause();
            self.0.store(value, order);
        }

        pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
            pause();
            self.0.swap(value, order)
        }

        pub(crate) fn compare_exchange(
            &self,
            current: $value,
            new: $value,
            success: Ordering,
            failure: Ordering,
        ) -> Result<$value, $value> {
            pause();
            self.0.compare_exchange(current, new, success, failure)
        }

        pub(crate) fn compare_exchange_weak(
            &self,
            current: $value,
            new: $value,
            success: Ordering,
            failure: Ordering,
        ) -> Result<$value, $value> {
            pause();
            if happens(Event::FailWeakly) {
                return Err(self.0.load(failure));
            }
            self.0.compare_exchange_weak(current, new, success, failure)
        }
    };
}

macro_rules! integers {
    ($($name:ident: $value:ty),*) => {$(
        #[derive(Debug, Default)]
        #[repr(transparent)]
        pub(crate) struct $name(atomic::$name);

        impl $name {
            operations!(atomic::$name, $value);

            pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                pause();
                self.0.fetch_add(value, order)
            }

            pub(crate) fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                pause();
                self.0.fetch_sub(value, order)
            }

            pub(crate) fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                pause();
                self.0.fetch_or(value, order)
            }

            pub(crate) fn fetch_xor(&self, value: $value, order: Ordering) -> $value {
                pause();
                self.0.fetch_xor(value, order)
            }

            pub(crate) fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                pause();
                self.0.fetch_and(value, order)
            }
        }
    )*};
}

integers!(AtomicI64: i64, AtomicU8: u8, AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize);

#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct AtomicBool(atomic::AtomicBool);

impl AtomicBool {
    operations!(atomic::AtomicBool, bool);
}

#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct AtomicPtr<T>(atomic::AtomicPtr<T>);

impl<T> AtomicPtr<T> {
    operations!(atomic::AtomicPtr<T>, *mut T);
}

pub(crate) use std::sync::MutexGuard;

#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        pause();
        let guard = self.0.lock();
        pause();
        guard
    }

    pub(crate) fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        pause();
        self.0.try_lock()
    }

    pub(crate) fn get_mut(&mut self) -> LockResult<&mut T> {
        self.0.get_mut()
    }

    pub(crate) fn into_inner(self) -> LockResult<T> {
        self.0.into_inner()
    }
}
