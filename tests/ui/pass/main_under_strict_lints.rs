//! Nothing that is generated trips a lint of the user, and nothing of it is `unsafe`.

#![deny(missing_docs, unused, unreachable_pub, unused_qualifications, unused_results, warnings)]
#![forbid(unsafe_code)]

/// The program.
#[smarm::main(workers = 1)]
pub fn main() {}
