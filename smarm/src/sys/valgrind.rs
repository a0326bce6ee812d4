//! Tells valgrind of a stack, so that it does not take a switch for an overflow. A few instructions without effect elsewhere.

/// The request that registers a stack, from valgrind's public header.
#[cfg(target_arch = "x86_64")]
const STACK_REGISTER: usize = 0x1501;

/// Registers the memory from `low` up to `high` as a stack.
#[cfg(target_arch = "x86_64")]
pub(super) fn register_stack(low: usize, high: usize) {
    let request: [usize; 6] = [STACK_REGISTER, low, high, 0, 0, 0];
    // SAFETY: on a real processor the rotations add up to nothing and the exchange swaps rbx with itself; valgrind recognises the
    // sequence, reads the request from rax and answers in rdx.
    unsafe {
        core::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            inout("rax") request.as_ptr() => _,
            inout("rdx") 0_usize => _,
            inout("rdi") 0_usize => _,
            options(nostack),
        );
    }
}
