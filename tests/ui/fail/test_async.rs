#[smarm::test]
async fn waits() {}

fn main() {}
