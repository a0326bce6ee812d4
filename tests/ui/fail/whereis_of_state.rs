//! A name leads to a handle, not to the state.

struct Counter;

#[smarm::actor]
impl Counter {
    pub fn get(&self) -> u64 {
        1
    }
}

fn main() {
    smarm::run(|| {
        Counter.start().actor().register("counter").unwrap();
        smarm::whereis::<Counter>("counter").unwrap();
    });
}
