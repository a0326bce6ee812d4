//! The twin of `polled.rs` without the feature `futures-io`: nobody polls.

#[derive(Debug)]
pub(crate) struct Polled;

impl Polled {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn close(&self) {}
}
