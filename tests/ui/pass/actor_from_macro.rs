//! An actor that a `macro_rules!` macro writes, and one in a function.

macro_rules! cell {
    ($name:ident, $value:ty, $reply:ty, $timeout:expr, $($body:tt)*) => {
        pub struct $name {
            value: $value,
        }

        #[smarm::actor(timeout = $timeout)]
        impl $name {
            pub fn put(&mut self, value: $value, ctx: &mut smarm::Ctx<Self>) {
                let _ = ctx;
                for _ in 0..1 {
                    self.value = value.clone();
                }
            }

            pub fn get(&self) -> $reply $($body)*

            #[every($timeout)]
            fn tick(&mut self) {}
        }
    };
}

macro_rules! method {
    ($name:ident, $method:ident, $argument:ident, $body:block) => {
        #[smarm::actor]
        impl $name {
            pub fn $method(&self, $argument: u8) -> u8 $body
        }
    };
}

cell!(Text, String, Result<usize, String>, "5s", { Ok(0) });

struct Double;

method!(Double, twice, n, { n * 2 });

#[allow(dead_code)]
fn uses(text: &TextHandle, double: &DoubleHandle) {
    text.put(String::new());
    let _: Result<usize, smarm::CallError<String>> = text.get();
    let _: Result<u8, smarm::CallError> = double.twice(1);
}

fn main() {
    struct Local(u8);

    #[smarm::actor]
    impl Local {
        pub fn get(&self) -> u8 {
            self.0
        }
    }

    let _ = |local: &LocalHandle| local.get().is_ok();
    assert_eq!(Local(1).get() + Double.twice(2), 5);
}
