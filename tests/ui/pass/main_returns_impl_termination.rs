use std::process::{ExitCode, Termination};

#[smarm::main(workers = 1)]
fn main() -> impl Termination {
    ExitCode::SUCCESS
}
