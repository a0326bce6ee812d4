struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    #[on_start]
    fn begin(&mut self) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
