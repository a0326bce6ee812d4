//! A counter that is an actor: its methods are its messages. When it fails it takes nobody along, and says why.

struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    /// No return type: a cast. It is sent, and the sender goes on.
    pub fn add(&mut self, by: u64) {
        self.n += by;
    }

    /// A return type: a call. The caller waits for the answer.
    pub fn get(&self) -> u64 {
        self.n
    }

    pub fn share(&self, among: u64) -> u64 {
        self.n / among
    }
}

#[smarm::main]
fn main() -> Result<(), smarm::CallError> {
    let counter = Counter { n: 0 }.start();
    for n in [1, 2, 39] {
        counter.add(n);
    }
    println!("the sum is {}", counter.get()?);

    // A panic ends its own actor only. Who waits for an answer gets the reason, and so does who asks later.
    if let Err(error) = counter.share(0) {
        println!("no answer: {error}");
    }
    println!("the counter has {}", counter.join());
    Ok(())
}

// The methods are still plain ones: they are tested without an actor.
#[test]
fn a_counter_adds() {
    let mut counter = Counter { n: 40 };
    counter.add(2);
    assert_eq!((counter.get(), counter.share(6)), (42, 7));
}
