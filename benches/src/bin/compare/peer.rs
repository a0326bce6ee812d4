//! A rival that is a program in another language: see `benches/peers/README.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

use smarm_benches::workload::Workload;

use crate::sample::{Failure, ask};

/// The names of all there are. With two dashes, each is the option that says where its program is.
pub(crate) const NAMES: [&str; 2] = ["go", "erlang"];

/// One that runs here.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    name: &'static str,
    path: PathBuf,
    workloads: Vec<String>,
}

impl Peer {
    /// Asks the program at this path which workloads it has.
    ///
    /// # Errors
    ///
    /// If it is missing, or what it needs.
    pub(crate) fn meet(name: &'static str, path: PathBuf) -> Result<Self, Failure> {
        let answer = ask(Command::new(&path).arg("list"))?;
        Ok(Self { name, path, workloads: answer.lines().map(str::to_owned).collect() })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn has(&self, workload: Workload) -> bool {
        self.workloads.iter().any(|name| name == workload.name())
    }
}
