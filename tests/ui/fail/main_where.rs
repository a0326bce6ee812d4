#[smarm::main]
fn main()
where
    String: Clone,
{
}
