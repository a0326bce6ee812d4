//! Programs with a real `main`, one per argument: their exit codes are looked at by the tests of death/exit_codes.rs, and by one of
//! death/alloc_switch.rs.

use smarm::runtime::{Config, init};
use smarm::{Builder, run, spawn, yield_now};
use std::error::Error;
use std::process::{ExitCode, exit};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

#[global_allocator]
static ALLOC: smarm::Alloc = smarm::Alloc::system();

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
        "prints" => prints(Config::exact(1)),
        // SAFETY: none: that is what the program shows.
        "prints-in-alloc" => prints(unsafe { Config::exact(1).preempt_in_alloc() }),
        other => return Err(format!("no program `{other}`").into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Two actors print, and nobody has printed before. Aborts if that takes too long. The first one allocates before, as often as the second
/// argument says, so that for one number its slice is over with the allocation that printing makes.
fn prints(config: Config) {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    std::thread::spawn(|| {
        std::thread::sleep(std::time::Duration::from_secs(3));
        std::process::abort(); // `exit` would wait for standard output, too
    });
    let before: u32 = std::env::args().nth(2).map_or(0, |text| text.parse().expect("a number"));
    init(config.alloc_interval(1).timeslice_cycles(1)).run(move || {
        let second = spawn(|| {
            while !BEGUN.load(SeqCst) {
                yield_now();
            }
            println!("second");
        });
        let first = spawn(move || {
            yield_now();
            (0..before).for_each(|n| drop(std::hint::black_box(Box::new(n))));
            BEGUN.store(true, SeqCst);
            println!("first");
        });
        [first, second].into_iter().for_each(|actor| actor.join().expect("no panic"));
    });
}
