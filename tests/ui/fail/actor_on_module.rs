#[smarm::actor]
mod counter {}

fn main() {}
