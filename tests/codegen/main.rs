//! What the compiler makes of a switch: no address of a thread-local is kept across one.
//!
//! The compiler takes the address of a thread-local for a constant of the function that asks for it. Of a switch it
//! knows nothing, and so it may keep the address from before to after. So smarm reads its thread-local in an accessor that
//! is never inlined; so does the allocator hook, which is in every allocation. Nothing in the language promises that this is enough; so the rules are applied to the
//! assembly of a release build, and of one with fat link-time optimization, where also the code of std can be inlined.
//!
//! Each rule is a function over assembly, tested on planted violations.

#![cfg(target_arch = "x86_64")]

mod assembly;
mod rules;

use assembly::Function;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Loops of the probe that switch, and how often each round has to ask who runs.
const LOOPS: [(&str, usize); 2] =
    [("13codegen_probe16names_and_yields", 2), ("13codegen_probe19computes_and_checks", 1)];

/// The library and the probe, as the release profile compiles them.
static RELEASE: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let build = Build { name: "release", lto: "off" };
    [build.assembly(&["-p", "smarm", "--lib"]), build.probe()].concat()
});

/// The probe with all that it links, std too, as one piece.
static FAT: LazyLock<Vec<Function>> = LazyLock::new(|| Build { name: "fat", lto: "fat" }.probe());

/// A folder of its own for each build, so that they do not undo or wait for each other.
struct Build {
    name: &'static str,
    lto: &'static str,
}

impl Build {
    fn probe(&self) -> Vec<Function> {
        self.assembly(&["-p", "smarm-tests", "--bin", "codegen-probe"])
    }

    /// Compiles this target, and gives back the functions of its assembly.
    fn assembly(&self, target: &[&str]) -> Vec<Function> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("codegen").join(self.name);
        let name = target.last().expect("a target has a name").trim_start_matches('-');
        let file = folder.join(name).with_extension("s");
        let output =
            self.command(target, &folder, &file).output().expect("cargo runs this test, so it can run");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} of {target:?}:\n{errors}", self.name);
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assembly::functions(&text)
    }

    fn command(&self, target: &[&str], folder: &Path, file: &Path) -> Command {
        let mut emit = std::ffi::OsString::from("asm=");
        emit.push(file);
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(workspace()).args([
            "rustc",
            "--release",
            "--locked",
            "--offline",
            "--target-dir",
        ]);
        command.arg(folder).args(target).args(["--", "-C", "codegen-units=1", "--emit"]).arg(emit);
        command.env("CARGO_PROFILE_RELEASE_LTO", self.lto);
        // What a tool wants of the tests, such as a sanitizer, would show in the assembly.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a member of a workspace").to_owned()
}

#[track_caller]
fn none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn the_accessor_is_a_function_and_reads_the_thread_local() {
    none(&rules::accessor_reads(&RELEASE));
}

#[test]
fn the_accessor_is_a_function_and_reads_the_thread_local_under_fat_lto() {
    none(&rules::accessor_reads(&FAT));
}

#[test]
fn the_allocator_hook_is_a_function_that_switches_nowhere() {
    none(&rules::hook_is_apart(&RELEASE));
}

#[test]
fn the_allocator_hook_is_a_function_that_switches_nowhere_under_fat_lto() {
    none(&rules::hook_is_apart(&FAT));
}

#[test]
fn the_switch_of_the_allocator_hook_is_a_function_that_asks_anew() {
    none(&rules::hook_switches_apart(&RELEASE));
}

#[test]
fn the_switch_of_the_allocator_hook_is_a_function_that_asks_anew_under_fat_lto() {
    none(&rules::hook_switches_apart(&FAT));
}

#[test]
fn what_switches_touches_no_thread_local() {
    none(&rules::switches_apart(&RELEASE));
}

#[test]
fn what_switches_touches_no_thread_local_under_fat_lto() {
    none(&rules::switches_apart(&FAT));
}

#[test]
fn a_loop_asks_anew_in_each_round() {
    none(&rules::loops_ask(&RELEASE, &LOOPS));
}

#[test]
fn a_loop_asks_anew_in_each_round_under_fat_lto() {
    none(&rules::loops_ask(&FAT, &LOOPS));
}
