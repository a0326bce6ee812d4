//! Said although it is the default. A function called as the allocator is, or the crate's `alloc`, is not in its way.

extern crate alloc;

#[smarm::main(workers = 1, alloc = true)]
fn main() {
    assert_eq!(alloc::vec![1, 2].len(), 2);
}
