//! What the chaos build alone notices.

use smarm::spawn;
use smarm_tests::{in_child, runtime};

#[test]
fn a_write_to_the_stack_of_an_actor_that_has_ended_is_noticed() {
    let ended = in_child(|| {
        runtime(1).run(|| {
            let former = spawn(|| {
                let local = std::hint::black_box(0_usize);
                (&raw const local).addr()
            });
            let address = former.join().expect("no panic");
            // SAFETY: none; that is what is to be noticed. Stacks stay mapped, and nobody uses this one.
            unsafe { std::ptr::with_exposed_provenance_mut::<usize>(address).write_volatile(1) };
            _ = spawn(|| ()).join();
        });
    });
    ended.is_abort();
    ended.line_with(&["0x1 was written", "below the top of a free stack"]);
}
