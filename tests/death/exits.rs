//! Programs with a real `main`, one per argument: their exit codes are looked at by the tests of death/exit_codes.rs.

use smarm::{Builder, run, spawn};
use std::error::Error;
use std::process::{ExitCode, exit};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let program = std::env::args().nth(1).ok_or("which program?")?;
    match program.as_str() {
        "well" => run(|| spawn(|| ()).join().map_err(|reason| reason.to_string()))?,
        "panic" => run(|| panic!("the root gives up")),
        "panic-of-another" => run(|| drop(Builder::new().name("other").spawn(|| panic!("not the root")))),
        "panic-with-company" => run(|| {
            let (open, rx) = smarm::channel::<()>();
            drop(spawn(move || rx.recv()));
            let _open = open;
            panic!("the root gives up");
        }),
        "error" => run(|| Err("no luck today".to_owned()))?,
        "code" => return Ok(run(|| ExitCode::from(7))),
        "exit" => run(|| _ = spawn(|| exit(3)).join().map(|never: ()| never)),
        "unwrapped" => run(|| spawn(|| panic!("of the child")).join().unwrap()),
        other => return Err(format!("no program `{other}`").into()),
    }
    Ok(ExitCode::SUCCESS)
}
