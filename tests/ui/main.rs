//! What the macros refuse, word for word, and what they accept.
//!
//! `fail/` holds one mistake per file, with what rustc says about it beside it; `pass/` holds programs that are built
//! and run. rustc words its own share differently from one version to the next, so `fail/` is judged by the pinned
//! version only. After a change of the texts: `TRYBUILD=overwrite cargo test --test ui`, and read the difference.

use std::process::Command;

/// The one that wrote the `.stderr` files.
const PINNED: &str = "rustc 1.95.";

#[test]
fn macros_say_what_to_write_instead() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    let version = compiler_version();
    if version.starts_with(PINNED) {
        cases.compile_fail("ui/fail/*.rs");
    } else {
        println!("skipped: ui/fail was written by {PINNED}x, and this is {version}");
    }
}

fn compiler_version() -> String {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output =
        Command::new(compiler).arg("--version").output().expect("the compiler that built this can run");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
