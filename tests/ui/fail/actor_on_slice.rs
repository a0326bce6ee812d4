#[smarm::actor]
impl [u8] {}

fn main() {}
