struct Opaque;

struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[cast]
    pub fn add(&mut self) -> Result<(), Opaque> {
        self.n += 1;
        Ok(())
    }
}

fn main() {}
