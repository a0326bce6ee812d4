//! smarm under another name, and two actors in one module.

mod vendored {
    pub use smarm as actors;
}

struct One;
struct Two;

#[vendored::actors::actor(crate = vendored::actors, overflow = reject, timeout = none)]
impl One {
    pub fn get(&self, of: TwoHandle) -> u8 {
        let mut sum = 0;
        for _ in 0..3 {
            sum += of.get().unwrap_or(0);
        }
        sum
    }

    #[cast]
    pub fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

#[vendored::actors::actor(crate = crate::vendored::actors, mailbox = unbounded, timeout = std::time::Duration::MAX)]
impl Two {
    pub fn get(&self) -> u8 {
        2
    }

    #[call(nested)]
    pub fn check(&self) -> Result<u8, String> {
        Ok(2)
    }
}

#[allow(dead_code)]
fn uses(one: &OneHandle, two: &TwoHandle) {
    one.check();
    let _: Result<Result<u8, String>, smarm::CallError> = two.check();
}

fn main() {
    assert_eq!(Two.get(), 2);
    assert_eq!(One.check(), Ok(()));
}
