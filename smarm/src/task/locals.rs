//! What the side that uses keeps for each runtime, such as the names of its actors. The side that runs has a place for it, and does not
//! know what it is.

use core::any::Any;
use std::sync::OnceLock;

use super::section::Section;

/// The place: empty until somebody asks for it, and emptied when nothing of the runtime is left.
#[derive(Default)]
pub(crate) struct Locals(OnceLock<Box<dyn Any + Send + Sync>>);

impl Locals {
    /// What lies there; it is made if there is nothing. There is one kind of it: whoever asks, asks for the same type.
    pub(crate) fn get<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> &T {
        let make = || -> Box<dyn Any + Send + Sync> {
            let _section = Section::begin();
            Box::new(make())
        };
        self.0.get_or_init(make).downcast_ref().expect("there is one kind of locals")
    }
}
