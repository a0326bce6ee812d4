//! What smarm costs, beside its rivals.
//!
//! One set of [workloads] is written once per runtime, in the shape a user of that runtime would write, and
//! measured by three programs:
//!
//! | program | question | how |
//! |---|---|---|
//! | `cargo bench -p smarm-benches` | has an operation become slower? | criterion, one process |
//! | `cargo run --release -p smarm-benches --bin compare` | how does smarm stand beside its rivals? | interleaved, a fresh process per sample |
//! | `cargo run --release -p smarm-benches --bin memory` | what does an actor occupy? | `/proc/self/status` |
//!
//! Starting a runtime is never measured. Every workload returns a sum that is checked, so that no work can be
//! left out.

pub mod connections;
pub mod contender;
pub mod measure;
pub mod suite;
pub mod timers;
pub mod workload;
pub mod workloads;
