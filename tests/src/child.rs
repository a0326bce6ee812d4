//! Tests whose body ends the process, or needs one of its own.
//!
//! The test binary is started again with the same test's name and an environment variable; the second process then runs
//! the body, the first one looks at how it ended. A shell stands between them to set limits.

use crate::watchdog::{Watchdog, test_name};
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

const MARK: &str = "SMARM_TEST_CHILD";

/// `SIGABRT`, as on every Linux.
const SIGABRT: i32 = 6;

/// Runs `body` in a process of its own, without special limits.
///
/// # Panics
///
/// When no process can be started.
pub fn in_child<F: FnOnce()>(body: F) -> Ended {
    Child::new().run(body)
}

/// A process to be.
#[derive(Debug, Default)]
pub struct Child {
    variables: Vec<(OsString, OsString)>,
    address_space_kib: Option<u64>,
    descriptors: Option<u64>,
    until: Option<&'static str>,
}

impl Child {
    /// A process without special limits.
    pub fn new() -> Child {
        Child::default()
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Child {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Limits the address space, as `ulimit -v` does.
    pub fn address_space_kib(mut self, kib: u64) -> Child {
        self.address_space_kib = Some(kib);
        self
    }

    /// Limits the open descriptors, as `ulimit -n` does.
    pub fn descriptors(mut self, most: u64) -> Child {
        self.descriptors = Some(most);
        self
    }

    /// Kills the process as soon as this text has shown up on its standard error.
    pub fn until(mut self, text: &'static str) -> Child {
        self.until = Some(text);
        self
    }

    /// Runs `body` in the process, or, in the process itself, runs it and exits.
    ///
    /// # Panics
    ///
    /// When no process can be started.
    pub fn run<F: FnOnce()>(self, body: F) -> Ended {
        let name = test_name::<F>();
        let _watchdog = Watchdog::start(name);
        if std::env::var_os(MARK).is_some() {
            body();
            std::process::exit(0);
        }
        let test = std::env::current_exe().expect("the path of this test");
        self.command(test.as_os_str(), &[name, "--exact", "--nocapture", "--test-threads=1"])
    }

    /// Runs a program.
    ///
    /// # Panics
    ///
    /// When no process can be started.
    pub fn program(self, path: &str, arguments: &[&str]) -> Ended {
        let _watchdog = Watchdog::start(path);
        self.command(path.as_ref(), arguments)
    }

    fn command(self, program: &std::ffi::OsStr, arguments: &[&str]) -> Ended {
        let mut script = String::from("ulimit -c 0; ");
        if let Some(kib) = self.address_space_kib {
            script += &format!("ulimit -v {kib}; ");
        }
        if let Some(most) = self.descriptors {
            script += &format!("ulimit -n {most}; ");
        }
        script += "exec \"$@\"";
        let mut child = Command::new("sh")
            .args(["-c", &script, "sh"])
            .arg(program)
            .args(arguments)
            .env(MARK, "1")
            .env_remove("RUST_BACKTRACE")
            .envs(self.variables)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell to start the child with");
        let mut pipe = child.stderr.take().expect("a pipe was asked for");
        let mut stderr = Vec::new();
        let mut block = [0; 4096];
        while let n @ 1.. = pipe.read(&mut block).expect("the child's standard error") {
            stderr.extend_from_slice(&block[..n]);
            if self.until.is_some_and(|text| String::from_utf8_lossy(&stderr).contains(text)) {
                child.kill().expect("to kill one's own child");
            }
        }
        let status = child.wait().expect("the child's end");
        Ended { status, stderr: without_seed(&String::from_utf8_lossy(&stderr)) }
    }
}

/// What the child itself wrote. The line by which the chaos build gives its seed goes on to who reads of a failure.
fn without_seed(stderr: &str) -> String {
    let is_seed = |line: &&str| line.starts_with("smarm: chaos,");
    stderr.lines().filter(is_seed).for_each(|line| eprintln!("child of {}: {line}", std::process::id()));
    stderr.split_inclusive('\n').filter(|line| !is_seed(line)).collect()
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    status: ExitStatus,
    /// All that it wrote to its standard error.
    pub stderr: String,
}

impl Ended {
    /// Checks that it ended by itself and well.
    ///
    /// # Panics
    ///
    /// When it did not.
    #[track_caller]
    pub fn is_success(&self) -> &Ended {
        assert!(self.status.success(), "it ended with {}:\n{}", self.status, self.stderr);
        self
    }

    /// Checks that it called `abort`.
    ///
    /// # Panics
    ///
    /// When it did not.
    #[track_caller]
    pub fn is_abort(&self) -> &Ended {
        self.has_signal(SIGABRT)
    }

    /// Checks that this signal ended it.
    ///
    /// # Panics
    ///
    /// When something else did.
    #[track_caller]
    pub fn has_signal(&self, signal: i32) -> &Ended {
        assert_eq!(self.status.signal(), Some(signal), "it ended with {}:\n{}", self.status, self.stderr);
        self
    }

    /// Whether it called `abort`.
    pub fn aborted(&self) -> bool {
        self.status.signal() == Some(SIGABRT)
    }

    /// Checks its exit code.
    ///
    /// # Panics
    ///
    /// When it is another, or a signal killed it.
    #[track_caller]
    pub fn has_code(&self, code: i32) -> &Ended {
        assert_eq!(self.status.code(), Some(code), "it ended with {}:\n{}", self.status, self.stderr);
        self
    }

    /// The one line of standard error that contains all these words.
    ///
    /// # Panics
    ///
    /// When there is none, or more than one.
    #[track_caller]
    pub fn line_with(&self, words: &[&str]) -> &str {
        let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
        let lines: Vec<&str> = self.stderr.lines().filter(has_all).collect();
        assert_eq!(lines.len(), 1, "one line is to contain {words:?}, in:\n{}", self.stderr);
        lines[0]
    }
}
