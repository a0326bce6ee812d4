//! What the compiler says of a program with two global allocators.

#[global_allocator]
static MINE: std::alloc::System = std::alloc::System;

#[smarm::main]
fn main() {}
