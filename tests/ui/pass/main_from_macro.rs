//! The attribute, its values and the body as a `macro_rules!` macro hands them on.

macro_rules! program {
    ($workers:expr, $size:literal, $output:ty, $body:block) => {
        #[smarm::main(workers = $workers, stack_size = $size)]
        fn main() -> $output $body
    };
}

program!(1, "1M", (), { assert_eq!(6 * 7, 42) });
