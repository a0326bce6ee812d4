//! How smarm behaves, seen from a program that uses it: a module per concept, a sentence per test.

mod alloc_switch;
mod blocking;
mod channel_bounded;
mod channel_errors;
mod channel_match;
mod channel_unbounded;
mod current;
mod deadlock;
mod faults;
mod first_smarm;
mod first_smarm_park;
mod futures;
mod groups;
mod io;
mod join;
mod kill;
mod links;
mod locks;
mod monitors;
mod mutex;
mod names;
mod net;
mod oneshot;
mod outside;
mod panic;
mod pid;
mod preemption;
mod regressions;
mod rendezvous;
mod run;
mod scope;
mod select;
mod server_calls;
mod server_context;
mod server_end;
mod server_intervals;
mod server_life;
mod server_mailbox;
mod server_messages;
mod server_moves;
mod server_order;
mod several_runtimes;
mod shutdown;
mod spawn;
mod stack;
mod stalls;
mod stats;
mod supervisor;
mod threads;
mod together;
mod unwinding;
mod who_hears;
mod yield_sleep;

/// As `#[smarm::main]` makes it: all tests run with the hook in their allocations.
#[global_allocator]
static ALLOC: smarm::Alloc = smarm::Alloc::system();
