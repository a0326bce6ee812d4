//! What smarm does with its optional features: a module per feature.

mod futures_io;
mod tokio;

/// As `#[smarm::main]` makes it.
#[global_allocator]
static ALLOC: smarm::Alloc = smarm::Alloc::system();
