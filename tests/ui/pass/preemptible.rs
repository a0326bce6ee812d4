//! Checks everywhere that they may be, and nowhere else: it compiles, and does what it did, outside an actor too.

#![deny(warnings)]

use std::cell::Cell;
use std::thread;

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

const SQUARES: [u32; 4] = {
    let mut squares = [0; 4];
    let mut n = 0;
    while n < 4 {
        squares[n as usize] = n * n;
        n += 1;
    }
    squares
};

#[smarm::preemptible]
fn sums(of: &[u32]) -> u32 {
    let mut sum = 0;
    'all: loop {
        for n in of {
            if *n > 100 {
                break 'all;
            }
            sum += n;
        }
        while let Some(n) = of.first() {
            sum += n;
            break;
        }
        #[no_check]
        loop {
            break 'all;
        }
    }
    sum
}

#[smarm::preemptible]
#[no_check]
fn unchecked() -> u32 {
    let mut n = 0;
    while n < 3 {
        n += 1;
    }
    n
}

#[smarm::preemptible]
fn reads(from: &[u8]) -> u32 {
    let mut sum = 0;
    for at in 0..from.len() {
        // SAFETY: `at` is below the length.
        sum += u32::from(unsafe { *from.get_unchecked(at) });
    }
    sum
}

mod parts {
    pub struct Part(pub u32);
}

#[smarm::preemptible]
impl parts::Part {
    fn up_to(&self, n: u32) -> u32 {
        (0..n)
            .map(|i| {
                let mut j = i;
                while j > self.0 {
                    j -= 1;
                }
                j
            })
            .sum()
    }

    const fn zero() -> u32 {
        let mut n = 3;
        while n > 0 {
            n -= 1;
        }
        n
    }
}

#[smarm::preemptible]
mod inner {
    pub trait Count {
        fn count(&self) -> u32 {
            let mut n = 0;
            loop {
                n += 1;
                if n == 3 {
                    break n;
                }
            }
        }
    }

    pub struct Loud;

    impl Count for Loud {}

    impl Drop for Loud {
        fn drop(&mut self) {
            for _ in 0..2 {
                super::COUNT.with(|count| count.set(count.get() + 1));
            }
        }
    }
}

fn main() {
    use inner::Count;
    assert_eq!(sums(&[1, 2]), 4);
    assert_eq!(unchecked(), 3);
    assert_eq!(reads(&[1, 2]), 3);
    assert_eq!(parts::Part(1).up_to(3) + parts::Part::zero(), 2);
    assert_eq!(inner::Loud.count() + SQUARES[2], 7);
    assert_eq!(COUNT.get(), 2);
    assert!(thread::spawn(|| sums(&[]) == 0).join().unwrap_or(false));
}
