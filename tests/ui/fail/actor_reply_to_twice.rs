use smarm::ReplyTo;

struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn get(&self, one: ReplyTo<u8>, two: ReplyTo<u8>) {
        let _ = (one, two);
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    let _ = c.get();
}
