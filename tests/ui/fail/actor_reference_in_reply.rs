struct Counter {
    n: u64,
}

#[smarm::actor]
impl Counter {
    pub fn get(&self) -> Result<Option<&str>, String> {
        Ok(None)
    }
}

fn main() {
    let c = Counter { n: 1 }.start();
    let _ = c.get().is_ok();
}
