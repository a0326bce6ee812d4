use smarm::Ctx;

struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn add(&mut self, ctx: &Ctx<Self>) {
        let _ = ctx;
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.add();
}
