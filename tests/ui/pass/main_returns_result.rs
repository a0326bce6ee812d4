//! The error type is not `Send`: it becomes an exit code where it is.

#[smarm::main(workers = 1)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let answer: u8 = "42".parse()?;
    if answer == 42 {
        return Ok(());
    }
    Err("no answer".into())
}
