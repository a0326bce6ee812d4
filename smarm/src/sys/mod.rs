//! What the machine gives: context switch, stacks, epoll, futex, clock. All assembly, all system calls and most of the
//! `unsafe` code of smarm live here.

#[cfg(not(loom))]
pub(crate) mod arch;
pub(crate) mod atomic;
pub(crate) mod cell;
#[cfg(not(loom))]
#[cfg_attr(not(smarm_chaos), path = "chaos_off.rs")]
pub(crate) mod chaos;
#[cfg(not(loom))]
pub(crate) mod clock;
#[cfg(not(loom))]
pub(crate) mod epoll;
#[cfg(not(loom))]
pub(crate) mod errno;
#[cfg(not(loom))]
pub(crate) mod fault;
#[cfg(not(loom))]
pub(crate) mod futex;
#[cfg(not(loom))]
pub(crate) mod membarrier;
#[cfg(not(loom))]
pub(crate) mod poll;
#[cfg(not(loom))]
pub(crate) mod signal;
#[cfg(not(loom))]
pub(crate) mod stack;
#[cfg(not(loom))]
pub(crate) mod stderr;
#[cfg(not(loom))]
pub(crate) mod thread;
#[cfg(not(loom))]
mod valgrind;

#[cfg(not(target_os = "linux"))]
compile_error!(
    "smarm runs on Linux only: its stacks, its parkers and its readiness rest on mmap, futex and epoll"
);
