#[smarm::actor]
pub trait Count {
    fn get(&self) -> u64;
}

fn main() {}
