//! x86-64, System V.
//!
//! # A stack at rest
//!
//! ```text
//!   higher addresses
//!   | frames of the fiber           |
//!   | return address of `switch`    |  where it continues
//!   | rbp                           |
//!   | rbx                           |
//!   | r12                           |
//!   | r13                           |
//!   | r14                           |
//!   | r15                           |  <- saved stack pointer
//! ```
//!
//! # A stack at birth
//!
//! ```text
//!   | (top, 16-byte aligned)        |
//!   | 0, 0                          |  so that the stack is 16-byte aligned where `first_frame` calls
//!   | address of `first_frame`      |  the return address that the first switch jumps to
//!   | rbp = 0                       |  ends frame-pointer walks (perf, gdb)
//!   | rbx = 0                       |
//!   | r12 = argument                |
//!   | r13 = entry                   |
//!   | r14 = 0                       |
//!   | r15 = 0                       |  <- initial stack pointer
//! ```
//!
//! # Why so
//!
//! - The last instruction is `jmp`, not `ret`: a `ret` to an address that no `call` on this stack pushed mispredicts each
//!   time (8.9 ns against 2.4 ns a switch; EPYC, 2 cores, 2026-11).
//! - MXCSR and the x87 control word are not saved: Rust code may not run with a changed floating-point environment.
//! - Vector registers are caller-saved in this ABI, and `switch` is an ordinary call to the compiler.
//! - The entry frame marks its return address undefined, so unwinders and debuggers stop there. It uses a real `call`: the
//!   return address then lies inside the described range.

use core::arch::{asm, naked_asm};

use super::Entry;

/// Saves this context and continues another one.
///
/// # Safety
///
/// `save` is writable; `to` is a stack pointer that `switch` saved or [`init_stack`] made, its stack is mapped, and nobody else
/// continues it. It must be continued on the OS thread on which it was saved.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn switch(save: *mut *mut u8, to: *mut u8) {
    naked_asm!(
        ".cfi_startproc",
        "push rbp", // the callee-saved registers, as the compiler expects them back
        ".cfi_adjust_cfa_offset 8",
        "push rbx",
        ".cfi_adjust_cfa_offset 8",
        "push r12",
        ".cfi_adjust_cfa_offset 8",
        "push r13",
        ".cfi_adjust_cfa_offset 8",
        "push r14",
        ".cfi_adjust_cfa_offset 8",
        "push r15",
        ".cfi_adjust_cfa_offset 8",
        "mov [rdi], rsp", // this context is complete: whoever reads `save` may continue it
        "mov rsp, rsi",   // from here on we are on the other stack
        "pop r15",
        ".cfi_adjust_cfa_offset -8",
        "pop r14",
        ".cfi_adjust_cfa_offset -8",
        "pop r13",
        ".cfi_adjust_cfa_offset -8",
        "pop r12",
        ".cfi_adjust_cfa_offset -8",
        "pop rbx",
        ".cfi_adjust_cfa_offset -8",
        "pop rbp",
        ".cfi_adjust_cfa_offset -8",
        "pop rcx", // the return address of the `switch` that suspended this context
        ".cfi_adjust_cfa_offset -8",
        ".cfi_register rip, rcx",
        "jmp rcx", // not `ret`: see above
        ".cfi_endproc",
    )
}

/// The outermost frame of every fiber.
#[unsafe(naked)]
unsafe extern "C" fn first_frame() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip", // nobody called us: unwinding ends here
        "mov rdi, r12",       // the argument
        "call r13",           // the entry, which never returns
        "ud2",                // so this is never reached
        ".cfi_endproc",
    )
}

/// How many words [`init_stack`] writes below the top.
const BIRTH_WORDS: usize = 9;

/// Prepares a stack so that the first switch to the returned pointer calls `entry(argument)` on it.
///
/// # Safety
///
/// `top` is 16-byte aligned and the [`BIRTH_WORDS`] words below it are writable and unused.
pub(crate) unsafe fn init_stack(top: *mut u8, entry: Entry, argument: *mut ()) -> *mut u8 {
    debug_assert_eq!(top as usize % 16, 0);
    let words: [usize; BIRTH_WORDS] = [
        0,                                 // r15
        0,                                 // r14
        entry as usize,                    // r13
        argument as usize,                 // r12
        0,                                 // rbx
        0,                                 // rbp
        first_frame as *const () as usize, // where `switch` jumps
        0,                                 // alignment, two words
        0,
    ];
    // SAFETY: the caller grants these words.
    let pointer = unsafe { top.cast::<[usize; BIRTH_WORDS]>().sub(1) };
    // SAFETY: as above; `top` is aligned to 16, so the array is aligned to 8.
    unsafe { pointer.write(words) };
    pointer.cast()
}

/// The stack pointer at this moment.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads a register. Not `pure`: the compiler must not reuse an answer from before a switch.
    unsafe { asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

/// Has the processor fetch the cache line of an address, which need not be valid.
#[inline(always)]
pub(crate) fn prefetch(address: *const u8) {
    // SAFETY: a hint that never faults.
    unsafe { core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(address.cast()) };
}

/// The time-stamp counter.
#[inline]
pub(crate) fn cycles() -> u64 {
    // SAFETY: RDTSC exists on every x86-64 processor and is not disabled for user code on Linux unless asked for by prctl.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The CPUID leaf on power management, and its bit in EDX for a time-stamp counter that runs at one rate in all states (AMD's and Intel's
/// manuals: "invariant TSC").
const POWER_LEAF: u32 = 0x8000_0007;
const INVARIANT_TSC: u32 = 1 << 8;

/// Whether the time-stamp counter may be used as a clock. Takes microseconds on a virtual machine.
pub(crate) fn has_steady_cycles() -> bool {
    let highest = core::arch::x86_64::__cpuid(POWER_LEAF & 0x8000_0000).eax;
    highest >= POWER_LEAF && core::arch::x86_64::__cpuid(POWER_LEAF).edx & INVARIANT_TSC != 0
}

/// `arch_prctl` code that tells which shadow-stack features are on (Linux 6.6).
const ARCH_SHSTK_STATUS: libc::c_long = 0x5005;

/// Whether the switch can work here: shadow stacks (CET) would fault at the first `ret` above a switch.
pub(crate) fn check_machine() -> Result<(), &'static str> {
    let mut status: u64 = 0;
    // SAFETY: the kernel writes one u64 to the address, or fails with EINVAL where it knows no shadow stacks.
    let answer = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SHSTK_STATUS, &raw mut status) };
    if answer == 0 && status != 0 {
        return Err(
            "shadow stacks (CET) are on for this process, and smarm cannot switch stacks under them: start it with \
                    GLIBC_TUNABLES=glibc.cpu.x86_shstk=off",
        );
    }
    Ok(())
}
