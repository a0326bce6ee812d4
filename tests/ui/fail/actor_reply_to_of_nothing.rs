use smarm::ReplyTo;

struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn get(&self, reply: ReplyTo) {
        let _ = reply;
    }
}

fn main() {}
