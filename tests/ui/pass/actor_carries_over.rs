//! Generics, bounds, visibility, docs, `#[cfg]`, `#[deprecated]`, `#[must_use]`, associated types: all reach the handle.

#![deny(missing_docs, deprecated, unused_must_use)]
#![allow(dead_code)]

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

/// What a cache asks when it does not know.
pub trait Source {
    /// What is known.
    type Value: Clone;
    /// How much.
    const SIZE: usize;
}

mod inner {
    use super::*;

    /// A cache.
    pub struct Cache<K, S: Source, const N: usize> {
        known: HashMap<K, S::Value>,
    }

    #[smarm::actor]
    impl<K, S, const N: usize> Cache<K, S, N>
    where
        K: Hash + Eq,
        S: Source,
        S::Value: Send + 'static,
    {
        /// An empty one.
        pub fn new() -> Self {
            Self { known: HashMap::new() }
        }

        /// Remembers.
        pub fn put(&mut self, key: K, value: S::Value) {
            self.known.insert(key, value);
        }

        /// What is known.
        pub fn get(&self, key: K) -> Option<<S as Source>::Value> {
            self.known.get(&key).cloned()
        }

        /// Many at once.
        pub(in crate::inner) fn many(&mut self, keys: [K; N]) -> Result<[Option<S::Value>; N], Vec<K>> {
            Ok(keys.map(|key| self.get(key)))
        }

        #[doc(hidden)]
        pub(super) fn swap(&mut self, mut other: Self) {
            std::mem::swap(&mut self.known, &mut other.known);
        }

        /// Other caches.
        pub(crate) fn peers(&self, peers: Vec<CacheHandle<K, S, N>>) -> usize {
            peers.len()
        }

        /// A callback.
        pub fn each(
            &self,
            call: Box<dyn Fn(&K, &mut S::Value) -> bool + Send>,
            by: for<'a> fn(&'a K) -> &'a str,
        ) {
            let _ = (call, by);
        }

        /// Words that live for ever.
        pub fn name(&self, prefix: &'static str, parts: Option<&'static [&'static str]>) -> &'static str {
            let _ = parts;
            prefix
        }
    }

    pub(super) fn uses<S: Source<Value = u8> + Send + 'static>(cache: &CacheHandle<String, S, 2>) {
        cache.put(String::new(), 1);
        let _: Result<[Option<u8>; 2], smarm::CallError<Vec<String>>> =
            cache.many([String::new(), String::new()]);
        cache.name("a", None).ok();
    }
}

/// Twice the same method, of which one is there.
pub struct Portable;

#[smarm::actor]
impl Portable {
    #[cfg(unix)]
    /// Here.
    pub fn system(&self) -> u8 {
        1
    }

    #[cfg(not(unix))]
    /// Here.
    pub fn system(&self, missing: Missing) -> Missing {
        missing
    }

    /// Gone.
    #[cfg(any())]
    pub fn never(&self, missing: Missing) -> Missing {
        missing
    }

    /// Old.
    #[deprecated = "use `system`"]
    pub fn old(&self) {}

    #[cfg(any())]
    #[on_exit]
    fn first(&mut self) {}

    #[on_exit]
    #[cfg(all())]
    fn second(&mut self) {}

    #[cfg(any())]
    #[every("1s")]
    fn none(&mut self, ctx: &mut missing::Ctx<Self>) {}

    #[cfg(all())]
    #[every(std::time::Duration::from_millis(5))]
    fn some(&mut self) {}
}

/// Two actors of one type, with names of their own.
pub struct Pair<T>(T);

#[smarm::actor(handle = Small, msg = SmallMsg)]
impl Pair<u8> {
    /// Gets.
    pub fn small(&self) -> u8 {
        self.0
    }
}

#[smarm::actor(handle = Large, msg = LargeMsg)]
impl Pair<u64> {
    /// Gets.
    pub fn large(&self) -> u64 {
        self.0
    }

    /// Not a message.
    #[skip]
    pub fn show(&self, with: &str) -> String {
        self.shown(with)
    }

    fn shown(&self, with: impl Display) -> String {
        format!("{}{with}", self.0)
    }
}

/// Unsized parameters.
pub struct Shared<T: ?Sized + Sync>(std::sync::Arc<T>);

#[smarm::actor]
impl<T: ?Sized + Sync> Shared<T> {
    /// The same.
    pub fn get(&self) -> std::sync::Arc<T> {
        self.0.clone()
    }
}

fn uses(portable: &PortableHandle, small: &Small, large: &Large, shared: &SharedHandle<str>) {
    let _: Result<u8, smarm::CallError> = portable.system();
    #[expect(deprecated)]
    portable.old();
    let _ = (small.small(), large.large(), shared.get());
    let _ = |message: SmallMsg| matches!(message, SmallMsg::Small { .. });
    let _ = |message: LargeMsg| matches!(message, LargeMsg::Large { .. });
}

/// The handle's own traits.
fn handles<H: smarm::Handle + std::fmt::Debug + Eq + Hash>() {}

fn main() {
    handles::<Small>();
    handles::<CacheHandleOfNothing>();
    assert_eq!(Pair(5_u64).show("!"), "5!");
}

type CacheHandleOfNothing = inner::CacheHandle<u8, Nothing, 3>;

/// Knows nothing.
pub struct Nothing;

impl Source for Nothing {
    type Value = ();
    const SIZE: usize = 0;
}
