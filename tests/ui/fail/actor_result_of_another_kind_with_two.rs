struct Result<T, E>(T, E);

struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn get(&self) -> Result<u64, u8> {
        Result(self.n, 0)
    }
}

fn main() {}
