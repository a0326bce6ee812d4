//! Context switch, one file per architecture, each with the same seven functions.
//!
//! | function | what |
//! |---|---|
//! | `switch(save, to)` | saves the callee-saved registers on this stack, its pointer in `*save`, and continues at `to` |
//! | `init_stack(top, entry, argument)` | writes the frame that makes the first switch call `entry(argument)` |
//! | `stack_pointer()` | this moment's stack pointer, read anew at each call |
//! | `prefetch(address)` | a hint that the cache line will be needed soon |
//! | `cycles()` | the processor's counter of time |
//! | `has_steady_cycles()` | whether that counter runs at a constant rate, also while a processor sleeps |
//! | `check_machine()` | why the switch cannot work on this machine, if so |

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{
    check_machine, cycles, has_steady_cycles, init_stack, prefetch, stack_pointer, switch,
};

#[cfg(not(target_arch = "x86_64"))]
compile_error!(
    "smarm has no context switch for this architecture yet: it needs a file in smarm/src/sys/arch with the seven functions \
     listed in sys/arch/mod.rs"
);

/// What a new stack begins with. Never returns: the fiber ends by switching away for good.
pub(crate) type Entry = unsafe extern "C" fn(argument: *mut ()) -> !;
