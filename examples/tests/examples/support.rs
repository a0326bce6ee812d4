//! What the tests share: running an example under a watchdog, and folders to play in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An example that takes longer hangs. On two busy cores none takes a tenth of this.
const WATCHDOG_SECONDS: &str = "120";

/// A command that runs an example, and kills it if it hangs.
///
/// # Panics
///
/// If the example is not built: cargo builds examples for a whole `cargo test`, not for `cargo test --test examples`.
pub(crate) fn example(name: &str) -> Command {
    let mut command = Command::new("timeout");
    // In the foreground: else a signal that it passes on comes twice.
    command.args(["--foreground", "--kill-after=1", WATCHDOG_SECONDS]).arg(program(name));
    command
}

/// Where it is.
pub(crate) fn program(name: &str) -> PathBuf {
    let this_test = std::env::current_exe().expect("the system knows what it runs");
    let profile_folder = this_test.ancestors().nth(2).expect("tests are built in <profile>/deps");
    let program = profile_folder.join("examples").join(name);
    assert!(program.is_file(), "{} is missing: run `cargo test -p smarm-examples`", program.display());
    program
}

/// How a run ended and what it wrote.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn run(command: &mut Command) -> Run {
    let Output { status, stdout, stderr } = command.output().expect("coreutils' timeout is installed");
    let text = |bytes| String::from_utf8(bytes).expect("examples write UTF-8");
    Run { code: status.code(), out: text(stdout), err: text(stderr) }
}

/// An empty folder for one test, left behind for inspection until its next run.
pub(crate) fn empty_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("a folder of ours");
    }
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// The root of the workspace.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the examples are a folder of the workspace")
}
