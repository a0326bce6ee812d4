//! The twin of `section.rs` for the models, in which nothing allocates by smarm's allocator.

/// See `section.rs`.
#[derive(Debug)]
pub(crate) struct Section;

impl Section {
    pub(crate) fn begin() -> Self {
        Self
    }
}
