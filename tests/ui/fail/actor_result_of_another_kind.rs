struct Result<T>(T);

struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn get(&self) -> Result<u64> {
        Result(self.n)
    }
}

fn main() {}
