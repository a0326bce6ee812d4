use smarm::Ctx;

struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn add(&mut self, one: &mut Ctx<Self>, two: &mut Ctx<Self>) {
        let _ = (one, two);
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    c.add();
}
